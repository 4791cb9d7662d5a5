import dataclasses
import itertools

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize

from morningline.kit.errors import DataError, InputError
from morningline.training import ConditionalLogit, Sample, group_sums, score
from morningline.training.models.likelihood import Likelihood
from morningline.training.models.standardiser import Standardiser
from synthetic_events import draw_sample


def naive_loss(X, starts, won, l2):
    """The penalised likelihood as a textbook writes it, one event at a time."""

    def loss(weights):
        total = l2 / 2 * sum(w * w for w in weights)
        for first, end in itertools.pairwise(starts):
            powers = np.exp(X[first:end] @ weights)
            total -= np.log(powers[won[first:end] == 1][0] / powers.sum())
        return total

    return loss


def twisted(features):
    return 0.5 * np.sin(2 * features[:, 0])


@pytest.mark.parametrize("events_at_once", [7, 1000])
def test_gradient_and_hessian_equal_finite_differences(events_at_once, monkeypatch):
    monkeypatch.setattr("morningline.training.models.likelihood._FEWEST_EVENTS", 1)
    monkeypatch.setattr("morningline.training.models.likelihood._EVENT_COLUMNS", 3 * events_at_once)
    sample = draw_sample(1, 40, [0.5, -0.3, 0.0])
    likelihood = Likelihood(sample.features, sample.starts, sample.won, l2=2.5)
    weights = np.array([0.4, 0.1, -0.8])

    def gradient_at(w):
        return likelihood.derivatives(likelihood.log_probabilities(w), w)[0]

    gradient, hessian = likelihood.derivatives(likelihood.log_probabilities(weights), weights)
    np.testing.assert_allclose(gradient, approx_fprime(weights, likelihood.value, 1e-7), rtol=1e-4)
    np.testing.assert_allclose(hessian, approx_fprime(weights, gradient_at, 1e-7), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("l2", [0.0, 3.0, 200.0])
def test_the_fit_is_scipys_minimum_of_a_naive_likelihood(l2):
    sample = draw_sample(2, 120, [0.9, -0.4, 0.0, 0.2], twist=twisted)
    Z = (sample.features - sample.features.mean(axis=0)) / sample.features.std(axis=0)
    loss = naive_loss(Z, sample.starts, sample.won, l2)
    expected = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-7, "xrtol": 1e-9}).x
    found = ConditionalLogit(l2).fit(sample).coefficients()
    np.testing.assert_allclose([found[name] for name in sample.names], expected, atol=2e-6)


def test_known_coefficients_are_recovered():
    weights = np.array([0.6, -0.3, 0.0, 0.15])
    sample = draw_sample(3, 8000, weights)
    found = ConditionalLogit(0.0).fit(sample).coefficients()
    raw = [found[name] / sample.features[:, i].std() for i, name in enumerate(sample.names)]
    np.testing.assert_allclose(raw, weights, atol=0.05)
    assert next(iter(found)) == "x0"


def test_a_missing_value_speaks_through_its_indicator_between_the_two_shares():
    sample = draw_sample(4, 3000, [0.5, 0.5, 0.5])
    random = np.random.default_rng(4)
    features = sample.features.copy()
    # Winners miss x0 more often; x1 is missing too rarely and x2 too often for an indicator.
    features[random.random(sample.rows) < np.where(sample.won == 1, 0.4, 0.1), 0] = np.nan
    features[:5, 1] = np.nan
    features[5:, 2] = np.nan
    found = ConditionalLogit(1.0).fit(dataclasses.replace(sample, features=features)).coefficients()
    assert set(found) == {"x0", "x1", "x2", "x0 (missing)"}
    assert found["x0 (missing)"] > 0.3


def test_means_and_scales_come_from_the_training_rows_alone():
    train = np.array([[1.0, 5.0], [3.0, 5.0], [np.nan, 5.0], [5.0, 5.0]])
    standardiser = Standardiser.fit(train, 0.01, 0.99)
    scale = np.sqrt(8 / 3)
    indicator = (np.array([1, 0]) - 0.25) / np.sqrt(0.25 * 0.75)
    later = standardiser.transform(np.array([[np.nan, 7.0], [3.0 + scale, 5.0]]))
    np.testing.assert_allclose(later, np.column_stack([[0.0, 1.0], [2.0, 0.0], indicator]))


def test_a_feature_that_never_varies_within_training_events_gets_no_weight():
    sample = draw_sample(5, 200, [0.5, 0.5, 0.5])
    features = sample.features.copy()
    features[:, 1] = 0.1
    features[:, 2] = np.repeat(np.arange(200.0), sample.sizes)
    found = ConditionalLogit(0.0).fit(dataclasses.replace(sample, features=features)).coefficients()
    assert found["x1"] == 0.0
    assert found["x2"] == pytest.approx(0.0, abs=1e-9)


def test_two_identical_features_share_the_weight_equally():
    sample = draw_sample(6, 300, [0.5, 0.5])
    twin = dataclasses.replace(sample, features=sample.features[:, [0, 0]])
    found = ConditionalLogit(0.0).fit(twin).coefficients()
    assert found["x0"] == pytest.approx(found["x1"], rel=1e-9)


def test_two_fits_are_equal_and_a_stored_model_predicts_the_same_bits():
    sample = draw_sample(7, 400, [0.5, -0.2, 0.1], missing=0.05)
    model = ConditionalLogit(5.0).fit(sample)
    text = model.to_json()
    assert ConditionalLogit(5.0).fit(sample).to_json() == text
    stored = ConditionalLogit.from_json(text)
    assert stored.to_json() == text
    np.testing.assert_array_equal(stored.log_scores(sample), model.log_scores(sample))


def test_an_event_is_predicted_to_the_same_bits_whatever_stands_beside_it():
    sample = draw_sample(8, 300, np.linspace(-0.5, 0.5, 37), missing=0.05)
    model = ConditionalLogit(5.0).fit(sample)
    together = model.log_scores(sample)
    for event in range(0, 300, 7):
        alone = sample.take_events(np.arange(300) == event)
        rows = slice(sample.starts[event], sample.starts[event + 1])
        np.testing.assert_array_equal(model.log_scores(alone), together[rows])


def test_predictions_are_log_probabilities_and_beat_chance_on_later_events():
    weights = [0.6, -0.3, 0.2]
    model = ConditionalLogit(1.0).fit(draw_sample(9, 1500, weights))
    later = draw_sample(10, 500, weights)
    p = np.exp(model.log_scores(later))
    np.testing.assert_allclose(group_sums(p, later.starts), 1.0)
    assert score(p, later).r2 > 0.08


def test_a_feature_that_tells_the_winner_is_called_a_leak():
    sample = draw_sample(11, 200, [0.5, 0.5])
    leaking = dataclasses.replace(sample, features=np.column_stack([sample.won, sample.features[:, 1]]))
    with pytest.raises(DataError, match="tell the winner"):
        ConditionalLogit(0.0).fit(leaking)
    assert ConditionalLogit(1.0).fit(leaking).coefficients()["x0"] > 1


def test_other_columns_than_those_of_the_fit_are_refused():
    sample = draw_sample(12, 50, [0.5, 0.5])
    model = ConditionalLogit(1.0).fit(sample)
    swapped = Sample(**{**sample.__dict__, "names": ("x1", "x0")})
    with pytest.raises(InputError, match="order differs"):
        model.log_scores(swapped)


def test_impossible_settings_and_texts_are_refused():
    for settings in ({"l2": -1.0}, {"l2": np.nan}, {"l2": 1.0, "indicator_from": 0.9, "indicator_to": 0.1}):
        with pytest.raises(InputError, match="l2 is"):
            ConditionalLogit(**settings)
    with pytest.raises(InputError, match="no weights yet"):
        ConditionalLogit(1.0).to_json()
    text = ConditionalLogit(1.0).fit(draw_sample(13, 50, [0.5, 0.5])).to_json()
    for broken in ("{}", text[:-5], text.replace('"x0",', ""), text.replace('"means":[', '"means":[0.0,')):
        with pytest.raises(InputError, match="not a stored conditional logit"):
            ConditionalLogit.from_json(broken)
