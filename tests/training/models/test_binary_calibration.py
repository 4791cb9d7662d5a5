import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit

from morningline.kit.errors import DataError, InputError
from morningline.training.models.binary_calibration import (
    AsSaid,
    Logistic,
    Rising,
    SaidAlone,
    binary_calibration_from_json,
    binary_calibration_to_json,
    calibrate_alone,
)
from morningline.training.models.monotone_curve import MonotoneCurve

EVERY_KIND = (
    AsSaid(),
    Logistic(a=0.7, b=0.7, c=0.2),
    Logistic(a=1.3, b=0.0, c=-0.1),
    Rising(curve=MonotoneCurve(said=(0.2, 0.5), came=(0.1, 0.8))),
)


def overheard(seed, rows, distort=None):
    """Draw what comes of true chances, of which the model says something distorted."""
    random = np.random.default_rng(seed)
    truth = expit(random.normal(-0.5, 1.2, rows))
    came = (random.random(rows) < truth).astype(np.float64)
    return SaidAlone(distort(truth) if distort else truth, came, 738_000 + np.arange(rows) // 20)


def overconfident(p):
    return expit(logit(p) / 0.6 - 0.5)


def wavy(p):
    return expit(logit(p) + 0.45 * np.sin(2 * logit(p)))


def test_a_known_slope_and_constant_are_recovered():
    found = Logistic.platt(overheard(1, 20_000, overconfident))
    assert (found.a, found.b, found.c) == pytest.approx((0.6, 0.6, 0.3), abs=0.04)


@pytest.mark.parametrize(("fit", "free"), [(Logistic.platt, [1.0, 0.0]), (Logistic.beta, [1.0, 1.0, 0.0])])
def test_slopes_are_scipys_maximum_of_a_naive_likelihood(fit, free):
    said = overheard(2, 500, overconfident)

    def naive(weights):
        a, b = weights[0], weights[-2] if len(weights) == 3 else weights[0]
        score = a * np.log(said.p) - b * np.log(1 - said.p) + weights[-1]
        return -(said.came * np.log(expit(score)) + (1 - said.came) * np.log(expit(-score))).sum()

    expected = minimize(naive, free, method="BFGS", options={"gtol": 1e-8}).x
    found = fit(said)
    assert (found.a, found.c) == pytest.approx((expected[0], expected[-1]), abs=1e-5)
    assert found.b == pytest.approx(expected[-2], abs=1e-5)


def test_where_nothing_is_wrong_the_choice_costs_next_to_nothing():
    later = overheard(7, 20_000)
    chosen = [calibrate_alone(overheard(seed, 3000)).chosen for seed in range(12)]
    costs = [later.losses(one).mean() - later.losses(AsSaid()).mean() for one in chosen]
    assert np.mean(costs) < 1e-3
    assert sum(isinstance(one, AsSaid) for one in chosen) >= 6


def test_the_right_kind_is_chosen_by_log_loss_on_later_days():
    choice = calibrate_alone(overheard(3, 5000, overconfident))
    assert isinstance(choice.chosen, Logistic)
    assert choice.losses["platt"] < choice.losses["none"] - 0.01
    assert isinstance(calibrate_alone(overheard(4, 10_000, wavy)).chosen, Rising)


def test_a_reversed_model_is_flattened_and_never_turned_round():
    said = overheard(5, 2000, lambda p: 1 - p)
    share = said.came.mean()
    for fit in (Logistic.platt, Logistic.beta):
        q = fit(said).predict(np.array([0.1, 0.5, 0.9]))
        assert (np.diff(q) >= 0).all()
    np.testing.assert_allclose(Logistic.platt(said).predict(np.array([0.1, 0.9])), share, atol=1e-6)


@given(st.integers(0, 10_000), st.sampled_from(EVERY_KIND))
def test_every_calibration_rises_within_zero_and_one(seed, kind):
    p = np.sort(np.random.default_rng(seed).random(30))
    q = kind.predict(np.concatenate([[0.0], p, [1.0]]))
    assert (np.diff(q) >= 0).all()
    assert q[0] >= 0.0
    assert q[-1] <= 1.0


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_a_calibration_reads_back_to_the_same_bits(kind):
    assert binary_calibration_from_json(binary_calibration_to_json(kind)) == kind


@pytest.mark.parametrize(
    "text", ["[1]", '{"kind":"magic"}', '{"kind":"logistic","a":-1.0,"b":1.0,"c":0.0}', '{"kind":"isotonic"}']
)
def test_a_text_that_is_no_calibration_is_refused(text):
    with pytest.raises(InputError, match="not a stored calibration"):
        binary_calibration_from_json(text)


def test_outcomes_that_are_all_alike_teach_nothing():
    said = overheard(6, 900)
    never = SaidAlone(said.p, np.zeros(900), said.days)
    for fit in (Logistic.platt, Logistic.beta, Rising.fit):
        with pytest.raises(DataError):
            fit(never)
    assert calibrate_alone(never).chosen == AsSaid()
