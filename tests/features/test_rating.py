"""Ratings against openskill and plain duels, and to the last bit whatever else is rated beside them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openskill.models import PlackettLuce as OpenSkill

from morningline.features.rating import Elo, PlackettLuce, Ratings, decayed, rate
from morningline.kit.errors import InputError

ENTITIES = 7
HOUR = 3_600_000_000
DAY = 24 * HOUR
SYSTEMS = (Elo(), Elo(half_life_days=30), PlackettLuce(), PlackettLuce(growth_a_day=0.0))
FIND = settings(deadline=None, max_examples=60)

# A row of a contest: an entity or -1 for an unknown one, and a result that may be shared or missing.
FIELDS = st.lists(
    st.tuples(st.integers(-1, ENTITIES - 1), st.sampled_from([1.0, 2.0, 3.0, math.nan])),
    min_size=1,
    max_size=12,
    unique_by=lambda row: row[0] if row[0] >= 0 else object(),
)
# Contests with the hours since the one before: several at an instant, several a day, long absences.
HISTORIES = st.lists(st.tuples(st.sampled_from([0, 1, 24, 24 * 400]), FIELDS), min_size=1, max_size=12)


def columns(history):
    """The four arrays that `rate` takes."""
    at = np.cumsum([hours * HOUR for hours, _ in history])
    contest = np.repeat(np.arange(len(history)), [len(field) for _, field in history])
    rows = [row for _, field in history for row in field]
    who, results = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    return contest, who, results, at[contest]


def chance_columns(sizes, entities=400, seed=1):
    """Contests of given sizes, a day apart, of chance entities and results with a few ties."""
    chance = np.random.default_rng(seed)
    contest = np.repeat(np.arange(len(sizes)), sizes)
    who = np.concatenate([chance.choice(entities, size, replace=False) for size in sizes])
    return contest, who, chance.integers(0, 40, len(who)).astype(float), contest * DAY


def carried(before, who, after):
    """Ratings of the entities once the contests are over."""
    state = Ratings(before.mean.copy(), before.spread.copy(), before.at.copy())
    for row in np.flatnonzero((who >= 0) & ~np.isnan(after.mean)):
        state.mean[who[row]], state.spread[who[row]] = after.mean[row], after.spread[row]
        state.at[who[row]] = after.at[row]
    return state


def some(ratings, rows):
    return Ratings(ratings.mean[rows], ratings.spread[rows], ratings.at[rows])


def require_same_bits(one, other):
    rated = ~np.isnan(one.mean)
    assert one.mean.tobytes() == other.mean.tobytes()
    assert one.spread.tobytes() == other.spread.tobytes()
    assert one.at[rated].tolist() == other.at[rated].tolist()


def duels(system, means, spreads, results):
    """Elo's rating, duel by duel."""
    moves = []
    for i, mine in enumerate(means):
        total = 0.0
        for j, theirs in enumerate(means):
            if i != j:
                gave = 1.0 if results[i] < results[j] else 0.5 if results[i] == results[j] else 0.0
                total += gave - 1 / (1 + 10 ** ((theirs - mine) / system.scale))
        moves.append(system.k * total / (len(means) - 1))
    return [mine + move for mine, move in zip(means, moves, strict=True)], spreads


def openskill(system, means, spreads, results):
    """The library's Plackett-Luce, each competitor a team of its own."""
    model = OpenSkill(mu=system.mean, sigma=system.spread, beta=system.beta, tau=0.0)
    teams = [[model.rating(mu=mean, sigma=spread)] for mean, spread in zip(means, spreads, strict=True)]
    rated = [team[0] for team in model.rate(teams, ranks=list(results))]
    return [player.mu for player in rated], [player.sigma for player in rated]


def aged(system, mean, spread, days):
    if isinstance(system, Elo):
        fade = 1.0 if system.half_life_days is None else 0.5 ** (days / system.half_life_days)
        return system.start + (mean - system.start) * fade, 0.0
    return mean, min(math.sqrt(spread**2 + system.growth_a_day**2 * days), system.spread)


def one_by_one(history, system):
    """Means and spreads after each row, by plain loops; None where never rated."""
    learn, start = duels, (1500.0, 0.0)
    if isinstance(system, PlackettLuce):
        learn, start = openskill, (system.mean, system.spread)
    state, at, found = {}, 0, []
    for hours, field in history:
        at += hours
        playing = [(who, result) for who, result in field if not math.isnan(result)]
        if len(playing) > 1:
            brought = [
                aged(system, *state[who][:2], (at - state[who][2]) / 24) if who in state else start
                for who, _ in playing
            ]
            learned = learn(system, *map(list, zip(*brought, strict=True)), [result for _, result in playing])
            for (who, _), mean, spread in zip(playing, *learned, strict=True):
                state[who] = (mean, spread, at)
            state.pop(-1, None)
        found += [state.get(who) for who, _ in field]
    return found


@pytest.mark.parametrize("system", SYSTEMS, ids=repr)
@given(history=HISTORIES)
@FIND
def test_ratings_equal_those_of_openskill_and_of_plain_duels_contest_by_contest(system, history):
    after = rate(*columns(history), Ratings.unrated(ENTITIES), system)
    for row, expected in enumerate(one_by_one(history, system)):
        if expected is None:
            assert np.isnan(after.mean[row])
            assert np.isnan(after.spread[row])
        else:
            assert (after.mean[row], after.spread[row]) == pytest.approx(expected[:2], rel=1e-12)
            assert after.at[row] == expected[2] * HOUR


@pytest.mark.parametrize("system", SYSTEMS, ids=repr)
@given(history=HISTORIES, data=st.data())
@FIND
def test_cutting_the_future_or_going_on_later_changes_no_bit(system, history, data):
    contest, who, results, at = columns(history)
    before = Ratings.unrated(ENTITIES)
    whole = rate(contest, who, results, at, before, system)
    past = contest < data.draw(st.integers(0, len(history)))
    first = rate(contest[past], who[past], results[past], at[past], before, system)
    require_same_bits(some(whole, past), first)
    state = carried(before, who[past], first)
    rest = rate(contest[~past], who[~past], results[~past], at[~past], state, system)
    require_same_bits(some(whole, ~past), rest)


@pytest.mark.parametrize("system", SYSTEMS, ids=repr)
@given(history=HISTORIES, data=st.data())
@FIND
def test_the_order_of_the_rows_of_a_contest_changes_no_bit(system, history, data):
    contest, who, results, at = columns(history)
    order = np.array(data.draw(st.permutations(range(len(contest)))))
    order = order[np.argsort(contest[order], kind="stable")]
    before = Ratings.unrated(ENTITIES)
    shuffled = rate(contest, who[order], results[order], at, before, system)
    require_same_bits(some(rate(contest, who, results, at, before, system), order), shuffled)


@pytest.mark.parametrize("system", SYSTEMS, ids=repr)
def test_equal_contests_give_equal_bits_wherever_they_stand_among_others(system):
    # Sizes on both sides of where vector instructions and pairwise sums begin to work in another order.
    sizes = [2, 3, 5, 7, 8, 9, 12, 15, 16, 17, 31, 33, 64, 65, 127, 128, 129, 200] * 3
    contest, who, results, at = chance_columns(sizes)
    before = Ratings.unrated(400)
    whole = rate(contest, who, results, at, before, system)
    state = before
    for number in range(len(sizes)):
        rows = contest == number
        alone = rate(contest[rows], who[rows], results[rows], at[rows], state, system)
        require_same_bits(some(whole, rows), alone)
        state = carried(state, who[rows], alone)


@pytest.mark.parametrize("system", SYSTEMS, ids=repr)
def test_the_order_of_rows_changes_no_bit_in_large_fields_with_ties(system):
    contest, who, results, at = chance_columns([30, 40, 150, 20, 300])
    order = np.lexsort((np.random.default_rng(2).random(len(contest)), contest))
    whole = rate(contest, who, results, at, Ratings.unrated(400), system)
    require_same_bits(some(whole, order), rate(contest, who[order], results[order], at, Ratings.unrated(400), system))


@pytest.mark.parametrize("system", SYSTEMS, ids=repr)
def test_contests_beside_it_that_share_nobody_change_no_bit(system):
    contest, who, results, at = chance_columns([12] * 40, entities=60)
    alone = rate(contest, who, results, at, Ratings.unrated(60), system)
    # The same contests twice at each instant, the second time of another sixty entities.
    twice = np.concatenate([contest * 2, contest * 2 + 1])
    order = np.argsort(twice, kind="stable")
    both = [np.concatenate(pair)[order] for pair in ((who, who + 60), (results, results), (at, at))]
    found = rate(twice[order], *both, Ratings.unrated(120), system)
    for half in (order < len(contest), order >= len(contest)):
        require_same_bits(alone, some(found, half))


@pytest.mark.parametrize("system", SYSTEMS, ids=repr)
def test_who_does_not_compete_keeps_rating_doubt_and_date(system):
    contest = np.array([0, 0, 1, 2, 2, 3, 3, 4])
    who = np.array([0, 1, 0, 0, 2, 0, -1, 3])
    results = np.array([1.0, 2.0, 1.0, 1.0, np.nan, np.nan, 1.0, 1.0])
    after = rate(contest, who, results, contest * DAY, Ratings.unrated(4), system)
    # Alone, alone with a non-finisher, and a non-finisher itself: as after the first contest, nobody else ever rated.
    for row in (2, 3, 5):
        require_same_bits(some(after, [0]), some(after, [row]))
    assert after.at[[2, 3, 5]].tolist() == [0, 0, 0]
    assert np.isnan(after.mean[[4, 6, 7]]).all()


@pytest.mark.parametrize("system", SYSTEMS, ids=repr)
@given(history=HISTORIES)
@FIND
def test_the_unknown_compete_as_beginners_and_are_forgotten(system, history):
    contest, who, results, at = columns(history)
    unknown = who < 0
    newcomers = np.where(unknown, ENTITIES + np.cumsum(unknown) - 1, who)
    after = rate(contest, who, results, at, Ratings.unrated(ENTITIES), system)
    named = rate(contest, newcomers, results, at, Ratings.unrated(ENTITIES + int(unknown.sum())), system)
    require_same_bits(some(after, ~unknown), some(named, ~unknown))
    assert np.isnan(after.mean[unknown]).all()
    assert np.isnan(after.spread[unknown]).all()


def test_absence_is_counted_in_exact_time_over_leap_days():
    def microseconds(*date):
        return (datetime(*date, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    at = np.array([microseconds(2023, 2, 28), microseconds(2024, 2, 28), microseconds(2024, 2, 28)])
    then = np.array([microseconds(2023, 3, 1), microseconds(2024, 3, 1), microseconds(2024, 2, 28, 12)])
    days = np.array([1.0, 2.0, 0.5])
    ratings = Ratings(np.full(3, 1900.0), np.full(3, 2.0), at)
    faded = decayed(ratings, then, Elo(half_life_days=2))
    assert faded.mean == pytest.approx(1500 + 400 * 0.5 ** (days / 2), rel=1e-14)
    assert faded.at.tolist() == then.tolist()
    doubted = decayed(ratings, then, PlackettLuce(growth_a_day=0.5))
    assert doubted.spread**2 == pytest.approx(4 + 0.25 * days, rel=1e-14)
    assert doubted.mean.tolist() == ratings.mean.tolist()


@pytest.mark.parametrize("system", SYSTEMS, ids=repr)
def test_no_absence_changes_no_bit_and_the_never_rated_stay_so(system):
    mean, spread = np.array([1517.3, np.nan, 1e-3]), np.array([math.pi, np.nan, 0.1])
    at = np.array([5, 0, 7]) * DAY
    require_same_bits(Ratings(mean, spread, at), decayed(Ratings(mean, spread, at), at, system))


def test_doubt_grows_to_that_about_a_beginner_and_no_further():
    ratings = Ratings(np.array([30.0]), np.array([1.0]), np.array([0]))
    assert decayed(ratings, np.array([10**6 * DAY]), PlackettLuce()).spread.tolist() == [25 / 3]


def test_one_contest_moves_elo_by_less_than_k_and_no_sum_of_ratings():
    contest, who, results, at = chance_columns([2, 300, 12, 5] * 10)
    before = Ratings.unrated(400)
    after = rate(contest, who, results, at, before, Elo())
    state = Ratings(np.full(400, 1500.0), np.zeros(400), np.zeros(400, dtype=np.int64))
    for number in range(40):
        rows = contest == number
        assert np.abs(after.mean[rows] - state.mean[who[rows]]).max() < 32
        assert after.mean[rows].sum() == pytest.approx(state.mean[who[rows]].sum(), rel=1e-13)
        state = carried(state, who[rows], some(after, rows))


@pytest.mark.parametrize("system", SYSTEMS, ids=repr)
def test_infinite_results_are_results_like_others(system):
    def rated(results):
        return rate(np.zeros(4, int), np.arange(4), np.array(results), np.zeros(4, int), Ratings.unrated(4), system)

    require_same_bits(rated([1.0, 2.0, 3.0, 3.0]), rated([-math.inf, 2.0, math.inf, math.inf]))


@pytest.mark.parametrize("system", SYSTEMS, ids=repr)
def test_no_contest_gives_no_rating(system):
    none = np.array([], dtype=np.int64)
    assert len(rate(none, none, none.astype(float), none, Ratings.unrated(3), system).mean) == 0


@pytest.mark.parametrize(
    ("system", "parameters"),
    [
        (Elo, {"k": 0.0}),
        (Elo, {"scale": -400.0}),
        (Elo, {"half_life_days": 0}),
        (Elo, {"start": math.nan}),
        (PlackettLuce, {"beta": 0.0}),
        (PlackettLuce, {"spread": math.inf}),
        (PlackettLuce, {"growth_a_day": math.nan}),
    ],
)
def test_parameters_that_no_rating_could_come_from_are_refused_by_name(system, parameters):
    with pytest.raises(InputError, match=next(iter(parameters))):
        system(**parameters)
