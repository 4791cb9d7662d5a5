import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize

from morningline.kit.errors import DataError, InputError
from morningline.training import group_log_softmax, group_sums
from morningline.training.models.calibration import (
    Bent,
    Isotonic,
    Said,
    Temperature,
    Unchanged,
    calibrate,
    calibration_from_json,
    calibration_to_json,
)
from morningline.training.models.monotone_curve import MonotoneCurve
from synthetic_events import draw_starts, draw_winners

EVERY_KIND = (
    Unchanged(),
    Temperature(exponent=0.8),
    Bent(slope=0.7, bend=0.06),
    Isotonic(curve=MonotoneCurve(said=(0.1, 0.5), came=(0.05, 0.6))),
    Isotonic(
        curve=MonotoneCurve(
            said=tuple((np.arange(1, 30) / 30).tolist()), came=tuple(((np.arange(1, 30) / 30) ** 2).tolist())
        )
    ),
)


def overheard(seed, events, distort=None, *, events_per_day=8, contrast=1.0):
    """Draw winners from true probabilities, of which the model says something distorted."""
    random = np.random.default_rng(seed)
    starts = draw_starts(random, events)
    truth = group_log_softmax(contrast * random.normal(size=starts[-1]), starts)
    won = draw_winners(random, truth, starts)
    return Said(
        distort(truth, starts) if distort else truth, starts, won, 738_000 + np.arange(events) // events_per_day
    )


def overconfident(log_p, starts):
    return group_log_softmax(log_p / 0.7, starts)


def underbent(log_p, starts):
    """What `Bent(slope=0.8, bend=0.1)` undoes: ln p + c = 0.8 x + 0.1 x² solved for x, with c that sums to one."""
    said = np.empty_like(log_p)
    for first, end in itertools.pairwise(starts):

        def logs(c, mine=log_p[first:end]):
            return 4 - np.sqrt(16 - 10 * (mine + c))

        c = brentq(lambda c, logs=logs: np.exp(logs(c)).sum() - 1, -50, -log_p[first:end].max())
        said[first:end] = logs(c)
    np.testing.assert_allclose(Bent(slope=0.8, bend=0.1).log_scores(said, starts), log_p, atol=1e-9)
    return said


def wavy(log_p, starts):
    """Now too large, now too small, in turn."""
    return group_log_softmax(log_p + 0.45 * np.sin(2 * log_p), starts)


def test_a_known_temperature_is_recovered():
    assert Temperature.fit(overheard(1, 4000, overconfident)).exponent == pytest.approx(0.7, abs=0.03)


def test_a_known_bend_is_recovered():
    found, later = Bent.fit(overheard(2, 4000, underbent, contrast=1.7)), overheard(40, 4000, underbent, contrast=1.7)
    assert found.slope == pytest.approx(0.8, abs=0.15)
    assert found.bend == pytest.approx(0.1, abs=0.04)
    truth = overheard(40, 4000, contrast=1.7).losses(Unchanged()).mean()
    assert later.losses(found).mean() - truth < 0.02 * (later.losses(Unchanged()).mean() - truth)


def test_a_bend_is_scipys_maximum_of_a_naive_likelihood():
    said = overheard(3, 400, underbent, contrast=1.7)

    def naive(weights):
        slope, bend = weights
        total = 0.0
        for first, end in itertools.pairwise(said.starts):
            mine = said.log_p[first:end]
            q = np.exp(slope * mine - bend * mine**2)
            total -= np.log(q[said.won[first:end] == 1][0] / q.sum())
        return total

    expected = minimize(naive, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10}).x
    found = Bent.fit(said)
    assert (found.slope, found.bend) == pytest.approx(tuple(expected), abs=1e-5)


def test_an_isotonic_curve_straightens_what_no_power_can():
    said, later = overheard(4, 4000, wavy), overheard(5, 4000, wavy)
    plain, powered, curved = (
        later.losses(one).mean() for one in (Unchanged(), Temperature.fit(said), Isotonic.fit(said))
    )
    truth = overheard(5, 4000).losses(Unchanged()).mean()
    assert truth < curved < powered - 0.01
    assert powered < plain


def test_the_curve_passes_through_the_blocks_of_the_min_max_formula():
    random = np.random.default_rng(6)
    values = np.linspace(0.3, 0.8, 25)
    p = random.choice(values, 400)
    came = (random.random(400) < p**1.2).astype(float)
    # Robertson, Wright & Dykstra (1988), "Order restricted statistical inference", theorem 1.4.4.
    fitted = np.array(
        [
            max(min(came[(p >= low) & (p <= high)].mean() for high in values[place:]) for low in values[: place + 1])
            for place in range(len(values))
        ]
    )
    assert 0.0 < fitted[0] < fitted[-1] < 1.0
    shares = np.unique(np.round(fitted, 10))
    blocks = [np.isin(p, values[np.isclose(fitted, share)]) for share in shares]
    curve = MonotoneCurve.fit(p, came)
    np.testing.assert_allclose(curve.came, shares)
    np.testing.assert_allclose(curve.said, [p[block].mean() for block in blocks])
    np.testing.assert_allclose(curve.values(curve.said), curve.came)


def test_no_number_of_rows_shows_that_something_is_impossible_or_certain():
    p = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9])
    curve = MonotoneCurve.fit(p, np.array([0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0]))
    assert 0 < curve.values(np.array([0.01]))[0] < curve.values(np.array([0.99]))[0] < 1
    assert (np.diff(curve.values(np.linspace(0, 1, 200))) > 0).all()
    for hopeless in (np.zeros(8), np.ones(8)):
        with pytest.raises(DataError, match="came true"):
            MonotoneCurve.fit(p, hopeless)


@given(st.integers(0, 10_000))
def test_a_curve_rises_and_says_as_much_in_sum_as_came(seed):
    random = np.random.default_rng(seed)
    p = random.choice([0.0, 0.1, 0.25, 0.25000001, 0.5, 0.9, 1.0], 40)
    came = (random.random(40) < p).astype(float)
    inside = (p > 0) & (p < 1)
    if not 0 < came[inside].sum() < inside.sum():
        return
    curve = MonotoneCurve.fit(p, came)
    assert (np.diff(curve.values(np.linspace(0, 1, 100))) > 0).all()
    assert curve.values(np.array([0.0, 1.0])).tolist() == [0.0, 1.0]


def test_calibrating_what_is_calibrated_costs_next_to_nothing():
    later = overheard(8, 5000)
    plain = later.losses(Unchanged()).mean()
    for seed in range(5):
        said = overheard(10 + seed, 1500)
        for fit, least in ((Temperature.fit, 3e-3), (Bent.fit, 4e-3), (Isotonic.fit, 1e-2)):
            assert later.losses(fit(said)).mean() - plain < least


def test_where_nothing_is_wrong_the_choice_costs_next_to_nothing():
    later = overheard(9, 4000)
    chosen = [calibrate(overheard(seed, 800)).chosen for seed in range(12)]
    costs = [later.losses(one).mean() - later.losses(Unchanged()).mean() for one in chosen]
    assert np.mean(costs) < 1.5e-3
    assert sum(isinstance(one, Unchanged) for one in chosen) >= 6


def test_what_helps_on_later_days_is_chosen_by_its_log_loss():
    choice = calibrate(overheard(20, 1500, overconfident))
    assert isinstance(choice.chosen, Temperature)
    assert set(choice.losses) == {"none", "temperature", "bent", "isotonic"}
    assert choice.losses["temperature"] < choice.losses["none"] - 0.01
    assert isinstance(calibrate(overheard(21, 3000, wavy)).chosen, Isotonic)


def test_a_choice_never_sees_the_days_it_is_judged_by():
    said = overheard(22, 600, overconfident)
    parts = np.array_split(np.unique(said.days), 5)
    losses = []
    for part in parts[2:]:
        fitted = Temperature.fit(said.take(said.days < part[0]))
        losses.append(said.take(np.isin(said.days, part)).losses(fitted))
    assert calibrate(said).losses["temperature"] == pytest.approx(np.concatenate(losses).mean(), abs=1e-12)


def test_few_days_choose_nothing():
    choice = calibrate(overheard(23, 29 * 40, overconfident, events_per_day=40))
    assert choice.chosen == Unchanged()
    assert choice.losses == {}


@given(st.integers(0, 10_000), st.sampled_from(EVERY_KIND))
def test_every_calibration_sums_to_one_and_keeps_the_order_within_the_event(seed, kind):
    random = np.random.default_rng(seed)
    starts = draw_starts(random, 5, smallest=1)
    log_p = group_log_softmax(3 * random.normal(size=starts[-1]), starts)
    log_q = kind.log_scores(log_p, starts)
    np.testing.assert_allclose(group_sums(np.exp(log_q), starts), 1.0, atol=1e-12)
    for first, end in itertools.pairwise(starts):
        order = np.argsort(log_p[first:end])
        assert (np.diff(log_q[first:end][order]) >= -1e-9).all()


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_an_events_numbers_are_the_same_bits_in_any_company(kind):
    said = overheard(30, 50)
    whole = kind.log_scores(said.log_p, said.starts)
    for first, end in itertools.pairwise(said.starts):
        alone = kind.log_scores(said.log_p[first:end], np.array([0, end - first]))
        assert alone.tobytes() == whole[first:end].tobytes()


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_what_is_almost_certain_or_impossible_stays_finite(kind):
    log_p = group_log_softmax(np.array([0.0, -900.0, -60.0, 0.0]), np.array([0, 3, 4]))
    log_q = kind.log_scores(log_p, np.array([0, 3, 4]))
    assert np.isfinite(log_q).all()
    assert log_q[3] == pytest.approx(0.0)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_a_calibration_reads_back_to_the_same_bits(kind):
    assert calibration_from_json(calibration_to_json(kind)) == kind


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        '{"kind":"magic"}',
        '{"exponent":1.0}',
        '{"kind":"isotonic","curve":{"said":[0.5,0.4],"came":[0.1,0.2]}}',
        '{"kind":"temperature","exponent":-1.0}',
        '{"kind":"bent","slope":1.0,"bend":-0.1}',
    ],
)
def test_a_text_that_is_no_calibration_is_refused(text):
    with pytest.raises(InputError, match="not a stored calibration"):
        calibration_from_json(text)


def test_a_reversed_model_is_flattened_and_never_turned_round():
    said = overheard(31, 1000, lambda log_p, starts: group_log_softmax(-log_p, starts))
    assert Temperature.fit(said).exponent == 0.0
    found = Bent.fit(said)
    assert min(found.slope, found.bend) >= 0


def test_a_model_that_knows_every_winner_is_refused():
    said = overheard(32, 100)
    knowing = Said(group_log_softmax(10 * said.won, said.starts), said.starts, said.won, said.days)
    with pytest.raises(DataError, match="tell the winner"):
        Temperature.fit(knowing)
    assert calibrate(knowing).chosen == Unchanged()
