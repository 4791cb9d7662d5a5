import dataclasses

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from morningline.kit.errors import InputError, IntegrityError
from morningline.training import ConditionalLogit, SoftmaxBooster, group_sums, score
from morningline.training.models import boosting
from morningline.training.models.boosting import softmax_derivatives
from morningline.training.models.ranking_trees import RankingBooster
from synthetic_events import draw_sample, true_probabilities

SMALL = {"learning_rate": 0.1, "min_data_in_leaf": 50, "num_leaves": 7}
WEIGHTS = [0.5, 0.0, 0.0, 0.0]


def hump(features):
    """A signal that no straight line can follow."""
    return 1.2 * np.cos(2 * features[:, 1])


@pytest.fixture(scope="module")
def train():
    return draw_sample(1, 2500, WEIGHTS, missing=0.02, twist=hump)


@pytest.fixture(scope="module")
def validation():
    return draw_sample(2, 800, WEIGHTS, missing=0.02, twist=hump)


@pytest.fixture(scope="module")
def fitted(train, validation):
    return SoftmaxBooster(SMALL, rounds=300, early_stopping_rounds=20, seed=3).fit(train, validation)


def test_gradient_and_curvature_equal_finite_differences(validation):
    sample = validation.take_events(np.arange(validation.events) < 6)
    scores = np.random.default_rng(1).normal(size=sample.rows)

    def loss(s):
        parts = np.split(np.exp(s), sample.starts[1:-1])
        return sum(np.log(part.sum()) for part in parts) - s[sample.won == 1].sum()

    def gradient_at(s):
        return softmax_derivatives(s, sample.starts, sample.won)[0]

    gradient, curvature = softmax_derivatives(scores, sample.starts, sample.won)
    np.testing.assert_allclose(gradient, approx_fprime(scores, loss, 1e-7), atol=1e-5)
    np.testing.assert_allclose(curvature, np.diag(approx_fprime(scores, gradient_at, 1e-7)), atol=1e-5)


@given(events=st.integers(1, 40), threads=st.integers(1, 3), rows=st.integers(1, 30), seed=st.integers(0, 9))
def test_derivatives_of_parts_side_by_side_are_those_of_all_events_at_once(events, threads, rows, seed):
    sample, losses = draw_sample(seed, events, WEIGHTS), []
    scores = np.random.default_rng(seed).normal(size=sample.rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boosting, "ROWS_AT_ONCE", rows)
        booster = SoftmaxBooster(SMALL, threads=threads)
        objective = booster.goal(sample, lambda *step: losses.append(step))["objective"]
        first, second = objective(-scores, None)[0].copy(), objective(scores, None)
    at_once = [softmax_derivatives(one, sample.starts, sample.won) for one in (-scores, scores)]
    np.testing.assert_array_equal(first, np.float32(at_once[0][0]))
    np.testing.assert_array_equal(second, np.float32(at_once[1]))
    means = [-np.log(slopes[sample.winner_rows()] + 1).mean() for slopes, _ in at_once]
    assert losses == [("training_loss", step, pytest.approx(mean)) for step, mean in enumerate(means)]


def test_a_planted_signal_is_learnt_where_a_straight_line_fails(train, fitted):
    later = draw_sample(4, 1500, WEIGHTS, missing=0.02, twist=hump)
    p = np.exp(fitted.log_scores(later))
    np.testing.assert_allclose(group_sums(p, later.starts), 1.0)
    possible = score(true_probabilities(later), later).r2
    straight = score(np.exp(ConditionalLogit(1.0).fit(train).log_scores(later)), later).r2
    assert straight < 0.5 * possible
    assert score(p, later).r2 > 0.85 * possible
    importance = fitted.importance()
    assert list(importance)[:2] == ["x1", "x0"]
    assert sum(importance.values()) == pytest.approx(1.0)


def test_two_fits_give_the_same_text_and_another_seed_does_not(train, validation, fitted):
    again = SoftmaxBooster(SMALL, rounds=300, early_stopping_rounds=20, seed=3).fit(train, validation)
    assert again.to_text() == fitted.to_text()
    assert again.validation_losses == fitted.validation_losses
    other = SoftmaxBooster(SMALL, rounds=300, early_stopping_rounds=20, seed=4).fit(train, validation)
    assert other.to_text() != fitted.to_text()


def test_a_stored_model_predicts_the_same_bits(validation, fitted):
    stored = SoftmaxBooster.from_text(fitted.to_text())
    assert stored.to_text() == fitted.to_text()
    assert stored.trees == fitted.trees
    np.testing.assert_array_equal(stored.log_scores(validation), fitted.log_scores(validation))


@pytest.mark.parametrize("booster", [SoftmaxBooster, RankingBooster])
@pytest.mark.parametrize("patience", [5, 100, None])
def test_what_was_heard_of_growing_trees_is_what_they_predict(train, validation, booster, patience):
    grown = booster(SMALL, rounds=40, early_stopping_rounds=patience, seed=3).fit(train, validation)
    # Other events that are equal were heard of by nobody.
    same = validation.take_events(np.ones(validation.events, dtype=bool))
    np.testing.assert_array_equal(grown.log_scores(validation), grown.log_scores(same))


def test_the_number_of_threads_for_predicting_changes_no_bit(validation, fitted):
    stored = SoftmaxBooster.from_text(fitted.to_text(), threads=1)
    np.testing.assert_array_equal(stored.log_scores(validation), fitted.log_scores(validation))


def test_an_event_is_predicted_to_the_same_bits_whatever_stands_beside_it(validation, fitted):
    together = fitted.log_scores(validation)
    for event in range(0, 800, 97):
        alone = validation.take_events(np.arange(800) == event)
        rows = slice(validation.starts[event], validation.starts[event + 1])
        np.testing.assert_array_equal(fitted.log_scores(alone), together[rows])


def test_lightgbm_itself_reads_the_stored_text(validation, fitted):
    plain = lightgbm.Booster(model_str=fitted.to_text())
    scores = plain.predict(validation.features, raw_score=True)
    mine = fitted.log_scores(validation)
    for first, end in zip(validation.starts[:-1], validation.starts[1:], strict=True):
        np.testing.assert_allclose(np.ptp(scores[first:end] - mine[first:end]), 0.0, atol=1e-12)


def test_growing_stops_where_the_validation_loss_is_least(validation, fitted):
    losses = fitted.validation_losses
    assert fitted.trees == int(np.argmin(losses)) + 1 < 300
    assert len(losses) == fitted.trees + 20
    kept = score(np.exp(fitted.log_scores(validation)), validation).winner_log_loss
    assert kept == pytest.approx(min(losses), rel=1e-9)


def test_without_early_stopping_all_rounds_are_grown(train):
    assert SoftmaxBooster(SMALL, rounds=12, early_stopping_rounds=None).fit(train).trees == 12


def test_a_changed_or_cut_text_is_refused_before_lightgbm_sees_it(fitted):
    text = fitted.to_text()
    place = text.index("leaf_value=") + 12
    with pytest.raises(IntegrityError, match="SHA-256 differs"):
        SoftmaxBooster.from_text(text[:place] + "x" + text[place + 1 :])
    with pytest.raises(InputError, match="does not end with a seal"):
        SoftmaxBooster.from_text(text[: len(text) // 2])


def test_other_columns_than_those_of_the_fit_are_refused(validation, fitted):
    swapped = dataclasses.replace(validation, names=("x1", "x0", "x2", "x3"))
    with pytest.raises(InputError, match="order differs"):
        fitted.log_scores(swapped)


@pytest.mark.parametrize(
    "settings",
    [
        {"rounds": 0},
        {"early_stopping_rounds": 0},
        {"threads": 0},
        {"seed": -1},
        {"parameters": {"objective": "binary"}},
        {"parameters": {"num_leafs": 7}},
        {"parameters": {"min_child_samples": 7}},
    ],
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(InputError, match="parameters that are not taken"):
        SoftmaxBooster(**settings)


def test_a_model_that_cannot_be_fitted_or_is_not_says_so(train):
    with pytest.raises(InputError, match="without validation events"):
        SoftmaxBooster(rounds=5).fit(train)
    with pytest.raises(InputError, match="no trees yet"):
        SoftmaxBooster().to_text()
    spaced = dataclasses.replace(train, names=("win rate", "x1", "x2", "x3"))
    with pytest.raises(InputError, match="win rate"):
        SoftmaxBooster(rounds=5, early_stopping_rounds=None).fit(spaced)


def test_bins_that_are_shared_change_no_tree_where_all_parts_have_the_same_values():
    drawn = draw_sample(5, 600, WEIGHTS, missing=0.02, twist=hump)
    coarse = dataclasses.replace(drawn, features=np.round(drawn.features).clip(-1, 1))
    first = np.arange(coarse.events) < 450
    earlier, later = coarse.take_events(first), coarse.take_events(~first)

    def fit(*samples, shared):
        booster = SoftmaxBooster(SMALL, rounds=30, early_stopping_rounds=10 if len(samples) > 1 else None, seed=3)
        return booster.fit(*samples, bins=booster.bins(coarse) if shared else None)

    for samples in ((earlier, later), (coarse,)):
        one, other = (fit(*samples, shared=shared) for shared in (False, True))
        assert one.to_text() == other.to_text()
        assert one.validation_losses == other.validation_losses
    assert fit(earlier, later, shared=True).to_text() != fit(later, earlier, shared=True).to_text()


def test_bins_of_other_events_are_refused(train, validation):
    booster = SoftmaxBooster(SMALL, rounds=5, early_stopping_rounds=None)
    apart = train.take_events(np.arange(train.events) % 2 == 0)
    elsewhere = dataclasses.replace(validation, event_ids=[f"other {number}" for number in range(validation.events)])
    for other in (elsewhere, apart):
        with pytest.raises(InputError, match="are not a part of the 2500"):
            booster.fit(other, bins=booster.bins(train))
