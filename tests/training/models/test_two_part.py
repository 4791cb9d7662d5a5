from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm

from morningline.kit.errors import DataError, InputError
from morningline.training.models.conformal import SplitConformal
from morningline.training.models.learner import chosen_parameters
from morningline.training.models.two_part import amount_levels, learner, mixture_quantile
from synthetic_rows import FITTING, draw_rows, probability_of_some

DAYS = 250
BOOSTER = {"learning_rate": 0.15, "min_data_in_leaf": 50, "num_leaves": 7}
FINE = tuple(np.linspace(0.001, 0.999, 999))


def parameters(**changes):
    return chosen_parameters(learner, {"booster": BOOSTER, "rounds": 100, "early_stopping_rounds": 10, **changes})


@pytest.fixture(scope="module")
def train():
    return draw_rows(1, DAYS, zeros=0.5, missing=0.02)


@pytest.fixture(scope="module")
def unseen():
    return draw_rows(2, DAYS, zeros=0.5, missing=0.02)


@pytest.fixture(scope="module")
def model(train):
    return learner.fit(train, parameters(), FITTING)


# --- the mixture ---------------------------------------------------------------------------------------------


def of_normal(level, happens, mean, deviation):
    """The same quantile from the distribution function alone: 1 - π at zero, and π times the amount's."""

    def below(number, *, at=True):
        zero = (1 - happens) * (number > 0 or (at and number == 0))
        return zero + happens * norm.cdf(number, mean, deviation)

    if below(0.0, at=False) <= level <= below(0.0):
        return 0.0
    return brentq(lambda number: below(number) - level, mean - 20 * deviation, mean + 20 * deviation)


@pytest.mark.parametrize("level", [0.05, 0.3, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("happens", [0.03, 0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("mean", [-3.0, -0.4, 0.0, 1.0, 5.0])
def test_the_quantile_is_that_of_the_mixtures_distribution(level, happens, mean):
    amounts = norm.ppf(FINE, mean, 1.0)[None, :]
    found = mixture_quantile(level, np.array([happens]), FINE, amounts)
    assert found[0] == pytest.approx(of_normal(level, happens, mean, 1.0), abs=0.02)


def test_the_quantile_is_that_of_many_draws():
    random = np.random.default_rng(1)
    happens, amount = 0.6, norm(0.5, 2.0)
    draws = np.where(random.random(400_000) < happens, amount.rvs(400_000, random_state=random), 0.0)
    for level in (0.05, 0.25, 0.5, 0.75, 0.95):
        found = mixture_quantile(level, np.array([happens]), FINE, amount.ppf(FINE)[None, :])
        assert found[0] == pytest.approx(np.quantile(draws, level), abs=0.03)


@given(
    st.lists(st.floats(-100, 100), min_size=4, max_size=4).map(sorted),
    st.floats(0, 1),
    st.lists(st.floats(0.001, 0.999), min_size=2, max_size=8).map(sorted),
)
def test_a_higher_level_never_gives_a_smaller_number(amounts, happens, levels):
    known = (0.1, 0.4, 0.6, 0.9)
    found = [mixture_quantile(level, np.array([happens]), known, np.array([amounts]))[0] for level in levels]
    # What is straight between two numbers may round below the smaller one.
    assert all(np.diff(found) >= -1e-9)
    assert all(min(0.0, amounts[0]) - 1e-9 <= number <= max(0.0, amounts[-1]) + 1e-9 for number in found)


def test_what_always_happens_has_the_amounts_quantiles_and_what_never_does_has_zero():
    levels, amounts = amount_levels(0.9), np.array([[-4.0, -2.0, -1.0, 0.5, 1.0, 3.0, 9.0]])
    for level, amount in zip(levels, amounts[0], strict=True):
        assert mixture_quantile(level, np.ones(1), levels, amounts)[0] == pytest.approx(amount, abs=1e-9)
        assert mixture_quantile(level, np.zeros(1), levels, amounts)[0] == 0.0


def test_the_levels_of_the_amount_end_where_the_interval_does():
    assert amount_levels(0.9) == (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    assert amount_levels(0.5) == (0.25, 0.5, 0.75)


# --- the model -----------------------------------------------------------------------------------------------


def test_most_rows_that_are_likely_zero_are_said_to_be_zero(model, unseen):
    forecast = model.predict(unseen)
    likely = probability_of_some(unseen.features, 0.5)
    assert (forecast.point[likely < 0.3] == 0).mean() > 0.95
    assert (forecast.point[likely > 0.8] > 0).mean() > 0.95


def test_the_interval_holds_more_often_where_it_ends_at_zero_and_about_as_often_elsewhere(model, unseen):
    forecast = model.predict(unseen)
    assert 0.88 <= forecast.covers(unseen.target).mean() <= 0.96
    some = unseen.target != 0
    assert forecast.covers(unseen.target)[some].mean() > 0.82


def test_no_low_end_is_below_zero_where_no_target_ever_was(model, train, unseen):
    assert (train.target >= 0).all()
    wide = msgspec.structs.replace(model.mixture, conformal=SplitConformal(0.9, 1.0, 1000))
    assert (replace(model, mixture=wide).predict(unseen).low >= 0).all()
    # The sign alone is learnt: amounts of both signs keep their low ends.
    both = replace(train, target=np.where(np.arange(train.rows) % 2, train.target, -train.target))
    assert (learner.fit(both, parameters(rounds=20), FITTING).predict(unseen).low < 0).any()


def test_the_mean_adds_up_where_the_median_does_not(train, unseen, model):
    fitted = learner.fit(train, parameters(point="mean"), FITTING)
    means, medians = fitted.predict(unseen), model.predict(unseen)
    assert means.point.sum() == pytest.approx(unseen.target.sum(), rel=0.06)
    assert medians.point.sum() < 0.85 * unseen.target.sum()
    read = learner.read(fitted.files(), threads=1)
    np.testing.assert_array_equal(read.predict(unseen).point, means.point)


@pytest.mark.parametrize("target", [0.0, 3.0])
def test_targets_that_are_all_zero_or_never_are_refused(train, target):
    with pytest.raises(DataError, match=r"(0|4000) of 4000 targets are not zero"):
        learner.fit(replace(train, target=np.full(train.rows, target)), parameters(), FITTING)


def test_files_of_another_model_are_refused(model):
    with pytest.raises(InputError, match="not a stored mixture"):
        learner.read({**model.files(), "mixture.json": "{}"}, threads=1)
