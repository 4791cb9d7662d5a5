import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningline.kit.errors import DataError, InputError
from morningline.training.evaluation.binary_metrics import binary_losses, score_binary


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=2, max_size=40))
def test_the_area_is_the_share_of_pairs_in_the_right_order(rows):
    p = np.array([each / 10 for each, _ in rows])
    target = np.array([float(each) for _, each in rows])
    pairs = [(a, b) for a in p[target == 1] for b in p[target == 0]]
    found = score_binary(p, target).auc
    if pairs:
        assert found == pytest.approx(np.mean([(a > b) + 0.5 * (a == b) for a, b in pairs]))
    else:
        assert found is None


def test_the_scores_are_those_of_the_formulas_written_out():
    p, target = np.array([0.9, 0.2, 0.5, 0.5]), np.array([1.0, 0.0, 0.0, 0.0])
    found = score_binary(p, target)
    assert found.log_loss == pytest.approx(-(np.log(0.9) + np.log(0.8) + 2 * np.log(0.5)) / 4)
    assert found.brier == pytest.approx((0.01 + 0.04 + 0.25 + 0.25) / 4)
    chance = -(np.log(0.25) + 3 * np.log(0.75)) / 4
    assert found.r2 == pytest.approx(1 - found.log_loss / chance)
    # Three bins, as equal probabilities share one: 0.2 came 0, 0.5 came 0 twice, 0.9 came 1.
    assert found.ece == pytest.approx((0.2 + 2 * 0.5 + 0.1) / 4)
    assert (found.share, found.rows) == (0.25, 4)


def test_knowing_only_how_often_it_happens_is_worth_nothing():
    target = (np.random.default_rng(1).random(5000) < 0.3).astype(float)
    found = score_binary(np.full(5000, target.mean()), target)
    assert found.r2 == pytest.approx(0.0, abs=1e-12)
    assert found.auc == 0.5
    assert found.ece == pytest.approx(0.0, abs=1e-12)


def test_the_truth_scores_best_and_is_calibrated():
    random = np.random.default_rng(2)
    p = random.beta(2, 5, 40_000)
    target = (random.random(40_000) < p).astype(float)
    true, sharp = score_binary(p, target), score_binary(np.clip(1.4 * p, 0, 0.999), target)
    assert true.log_loss < sharp.log_loss
    assert true.brier < sharp.brier
    assert true.ece < 0.012 < sharp.ece
    assert true.auc == pytest.approx(sharp.auc, abs=0.002)


def test_all_alike_have_neither_ranking_nor_chance():
    found = score_binary(np.array([0.4, 0.6]), np.ones(2))
    assert (found.auc, found.r2) == (None, None)


def test_what_was_called_impossible_and_came_is_told():
    with pytest.raises(DataError, match="row number 1 had probability 0"):
        binary_losses(np.array([0.5, 1.0]), np.array([1.0, 0.0]))
    assert binary_losses(np.array([0.0, 1.0]), np.array([0.0, 1.0])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("p", "target"),
    [([0.5], [1.0, 0.0]), ([1.5], [1.0]), ([np.nan], [1.0]), ([0.5], [0.3]), ([], []), ([[0.5]], [[1.0]])],
)
def test_what_is_no_probability_or_no_outcome_is_refused(p, target):
    with pytest.raises(InputError, match="Probabilities of shape"):
        score_binary(np.array(p), np.array(target))
