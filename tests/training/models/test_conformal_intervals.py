import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom

from morningline.kit.errors import DataError, InputError
from morningline.training.forecast import Forecast
from morningline.training.models.conformal import SplitConformal, rank_of, shortfalls
from morningline.training.models.learner import chosen_parameters
from morningline.training.models.quantile_trees import learner
from morningline.training.models.rolling import RollingConformal
from synthetic_rows import FIRST_DAY, FITTING, draw_rows


def flat(rows, *, low=-1.0, high=1.0, level=0.9):
    return Forecast(np.zeros(rows), np.full(rows, low), np.full(rows, high), level)


# --- split ---------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(-400, 400), min_size=9, max_size=60), st.sampled_from([0.5, 0.8, 0.9]))
def test_the_margin_is_the_smallest_that_enough_unseen_rows_need(targets, level):
    target = np.array(targets) / 8
    margin = SplitConformal.fit(flat(len(target), level=level), target).margin
    needed = rank_of(len(target), level)
    # Brute force: of all margins that could matter, the smallest whose interval holds often enough.
    enough = [m for m in shortfalls(flat(len(target)), target) if (np.abs(target) <= 1.0 + m).sum() >= needed]
    assert margin == min(enough)


def test_the_coverage_of_exchangeable_rows_is_distributed_as_theory_says():
    """Of 100 new rows the number covered is beta-binomial with k and n + 1 - k (Vovk 2012)."""
    random, held_back, rank = np.random.default_rng(1), 99, 90
    covered = []
    for _ in range(2000):
        target = random.standard_cauchy(held_back + 100)
        fitted = SplitConformal.fit(flat(held_back), target[:held_back])
        covered.append(fitted.apply(flat(100)).covers(target[held_back:]).sum())
    theory = betabinom(100, rank, held_back + 1 - rank)
    assert np.mean(covered) == pytest.approx(90.0, abs=0.25)
    assert np.std(covered) == pytest.approx(theory.std(), rel=0.05)
    assert np.mean(np.array(covered) <= 85) == pytest.approx(theory.cdf(85), abs=0.025)


@pytest.mark.parametrize(("rows", "level", "rank"), [(9, 0.9, 9), (29, 0.9, 27), (99, 0.9, 90), (100, 0.9, 91)])
def test_the_rank_is_not_pushed_up_by_rounding(rows, level, rank):
    assert rank_of(rows, level) == rank


def test_a_margin_below_zero_draws_in_what_was_too_wide():
    random = np.random.default_rng(2)
    fitted = SplitConformal.fit(flat(2000, low=-10.0, high=10.0), random.normal(size=2000))
    assert fitted.margin == pytest.approx(1.645 - 10, abs=0.1)
    forecast = fitted.apply(flat(2000, low=-10.0, high=10.0))
    assert forecast.covers(random.normal(size=2000)).mean() == pytest.approx(0.9, abs=0.02)


def test_eight_rows_cannot_say_how_wide_nine_tenths_are():
    with pytest.raises(DataError, match="8 held-back rows cannot say how wide an interval of 90%"):
        SplitConformal.fit(flat(8), np.zeros(8))
    assert SplitConformal.fit(flat(9), np.arange(9.0)).margin == 7.0
    with pytest.raises(InputError, match="Targets of shape"):
        SplitConformal.fit(flat(9), np.full(9, np.nan))


def test_a_stored_margin_reads_back_to_the_same_bits():
    fitted = SplitConformal(0.9, 0.1 + 0.2, 77)
    assert SplitConformal.from_json(fitted.to_json()) == fitted
    with pytest.raises(InputError, match="not a stored margin"):
        SplitConformal.from_json('{"margin":1}')


# --- rolling -------------------------------------------------------------------------------------------------


def drifting(seed, days=300, rows_a_day=8):
    """Targets whose spread grows fourfold, and their days."""
    random = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), rows_a_day)
    return random.normal(size=len(day)) * (1 + 3 * day / days), FIRST_DAY + day


def started(target, days, first, **changes):
    before = days < first
    return RollingConformal.start(flat(int(before.sum())), target[before], days[before], **changes)


def test_days_are_walked_as_the_formula_says_day_by_day():
    target, days = drifting(1)
    first = FIRST_DAY + 60
    state = started(target, days, first, step=0.03, window_days=40)
    rows = days >= first
    forecast, last = state.walk(flat(int(rows.sum())), target[rows], days[rows])
    miss, margins = 0.1, []
    for day in range(first, FIRST_DAY + 300):
        scores = np.sort(np.abs(target[(days >= day - 40) & (days < day)]) - 1.0)
        rank = min(max(int(np.ceil((len(scores) + 1) * (1 - miss) - 1e-9)), 1), len(scores))
        margins.append(scores[rank - 1])
        miss += 0.03 * (0.1 - (np.abs(target[days == day]) > 1.0 + margins[-1]).mean())
    np.testing.assert_array_equal(forecast.high, np.repeat(1.0 + np.array(margins), 8))
    assert last.miss == pytest.approx(miss, abs=1e-12)


def test_a_days_interval_does_not_know_what_comes_of_it_or_after_it():
    target, days = drifting(2)
    first, cut = FIRST_DAY + 60, FIRST_DAY + 200
    rows, later = days >= first, days >= cut
    state = started(target, days, first)
    whole, _ = state.walk(flat(int(rows.sum())), target[rows], days[rows])
    other, _ = state.walk(flat(int(rows.sum())), np.where(later, 1000.0, target)[rows], days[rows])
    known = days[rows] <= cut
    np.testing.assert_array_equal(other.high[known], whole.high[known])
    assert (other.high[~known] != whole.high[~known]).any()


def test_walking_in_two_parts_shuffled_or_from_a_stored_state_is_the_same():
    target, days = drifting(3)
    first, middle = FIRST_DAY + 60, FIRST_DAY + 150
    rows = np.flatnonzero(days >= first)
    state = started(target, days, first)
    whole, end = state.walk(flat(len(rows)), target[rows], days[rows])
    head, tail = rows[days[rows] < middle], rows[days[rows] >= middle]
    one, between = state.walk(flat(len(head)), target[head], days[head])
    stored = RollingConformal.from_json(between.to_json())
    two, other_end = stored.walk(flat(len(tail)), target[tail], days[tail])
    np.testing.assert_array_equal(np.concatenate([one.high, two.high]), whole.high)
    assert other_end.to_json() == end.to_json()
    order = np.random.default_rng(1).permutation(len(rows))
    shuffled, _ = state.walk(flat(len(rows)), target[rows][order], days[rows][order])
    np.testing.assert_array_equal(shuffled.high, whole.high[order])


@pytest.mark.parametrize("seed", range(3))
def test_ninety_per_cent_are_held_while_the_world_drifts_where_a_margin_of_the_past_fails(seed):
    days, cut = 600, FIRST_DAY + 400
    rows = draw_rows(seed, days, drift=2.0)
    train, unseen = rows.take_rows(rows.days < cut), rows.take_rows(rows.days >= cut)
    chosen = chosen_parameters(learner, {"rounds": 60, "booster": {"learning_rate": 0.1, "min_data_in_leaf": 100}})
    model = learner.fit(train, chosen, FITTING)
    held_back = train.split_days(chosen.held_back_share)[1]
    state = RollingConformal.start(model.predict(held_back), held_back.target, held_back.days)
    forecast = model.predict(unseen)
    rolled, _ = state.walk(forecast, unseen.target, unseen.days)
    assert forecast.covers(unseen.target).mean() < 0.88
    held = rolled.covers(unseen.target)
    assert 0.88 <= held.mean() <= 0.92
    # In every half of the period, not only on the whole.
    half = unseen.days < cut + 100
    assert 0.87 <= held[half].mean() <= 0.93
    assert 0.87 <= held[~half].mean() <= 0.93


def test_coverage_is_held_although_nothing_is_exchangeable():
    """Calm and wild months in turn, one row a day, as Gibbs & Candès drew them."""
    random = np.random.default_rng(5)
    days = FIRST_DAY + np.arange(3000)
    target = random.normal(size=3000) * np.where((np.arange(3000) // 30) % 2, 4.0, 1.0)
    state = started(target, days, FIRST_DAY + 100)
    rows = days >= FIRST_DAY + 100
    rolled, _ = state.walk(flat(int(rows.sum())), target[rows], days[rows])
    assert 0.88 <= rolled.covers(target[rows]).mean() <= 0.92


def test_where_the_papers_margin_would_be_infinite_it_is_the_largest_remembered():
    target, days = drifting(6)
    state = started(target, days, FIRST_DAY + 60, step=10.0)
    after = state.after(flat(2), np.array([1e6, -1e6]), FIRST_DAY + 60)
    assert after.miss < 0
    assert after.margin == 1e6 - 1.0
    calm = state.after(flat(2), np.zeros(2), FIRST_DAY + 60)
    assert calm.miss > 1
    assert calm.margin == calm.scores.min()


def test_only_the_window_is_remembered():
    target, days = drifting(7)
    state = started(target, days, FIRST_DAY + 60, window_days=10)
    assert np.unique(state.days).tolist() == list(range(FIRST_DAY + 50, FIRST_DAY + 60))
    after = state.after(flat(3), np.zeros(3), FIRST_DAY + 75)
    assert np.unique(after.days).tolist() == [*range(FIRST_DAY + 51, FIRST_DAY + 60), FIRST_DAY + 75]


def test_days_out_of_order_and_impossible_states_are_refused():
    target, days = drifting(8)
    state = started(target, days, FIRST_DAY + 60)
    with pytest.raises(InputError, match="cannot follow day"):
        state.after(flat(1), np.zeros(1), FIRST_DAY + 59)
    with pytest.raises(InputError, match=r"level 0\.8 cannot follow"):
        state.after(flat(1, level=0.8), np.zeros(1), FIRST_DAY + 60)
    with pytest.raises(InputError, match="Targets of shape"):
        state.after(flat(1), np.array([np.nan]), FIRST_DAY + 60)
    with pytest.raises(InputError, match="step is 0"):
        started(target, days, FIRST_DAY + 60, step=0.0)
    with pytest.raises(InputError, match="window_days is 0"):
        started(target, days, FIRST_DAY + 60, window_days=0)
    with pytest.raises(InputError, match="not a stored margin"):
        RollingConformal.from_json("{}")
