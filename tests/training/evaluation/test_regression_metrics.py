import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from morningline.kit.errors import InputError
from morningline.training.evaluation.regression_metrics import (
    coverage_by,
    interval_scores,
    pinball_losses,
    row_losses,
    score_forecast,
)
from morningline.training.forecast import Forecast

TARGET = np.array([0.0, 2.0, -4.0, 10.0])
SAID = Forecast([1.0, 1.0, -4.0, 5.0], [0.0, -1.0, -5.0, 4.0], [2.0, 1.0, -3.0, 8.0], 0.8)


def test_the_scores_are_those_of_the_formulas_written_out():
    found = score_forecast(SAID, TARGET)
    assert found.mae == (1 + 1 + 0 + 5) / 4
    assert found.rmse == pytest.approx(((1 + 1 + 0 + 25) / 4) ** 0.5)
    assert found.r2 == pytest.approx(1 - 27 / ((TARGET - 2) ** 2).sum())
    assert found.coverage == 2 / 4
    assert found.coverage_not_zero == 1 / 3
    assert found.width == (2 + 2 + 2 + 4) / 4
    # 2 / (1 - 0.8) = 10 for each unit outside: 1 above in the second row, 2 above in the fourth.
    assert found.winkler == pytest.approx((2 + (2 + 10) + 2 + (4 + 20)) / 4)
    assert found.pinball_low == pytest.approx((0 * 0.1 + 3 * 0.1 + 1 * 0.1 + 6 * 0.1) / 4)
    assert found.pinball_high == pytest.approx((2 * 0.1 + 1 * 0.9 + 1 * 0.1 + 2 * 0.9) / 4)
    assert found.pinball_point == pytest.approx(found.mae / 2)
    assert (found.level, found.rows) == (0.8, 4)


def test_the_percentage_error_leaves_out_zeros_and_says_how_many():
    found = score_forecast(SAID, TARGET)
    assert found.mape == pytest.approx((1 / 2 + 0 / 4 + 5 / 10) / 3)
    assert found.mape_left_out == 1
    nothing = score_forecast(SAID, np.zeros(4))
    assert (nothing.mape, nothing.mape_left_out) == (None, 4)
    assert nothing.coverage_not_zero is None
    assert nothing.r2 is None


@pytest.mark.parametrize("level", [0.05, 0.5, 0.9])
def test_the_pinball_loss_is_smallest_at_the_true_quantile(level):
    target = np.random.default_rng(1).normal(size=4000)
    best = minimize_scalar(lambda q: pinball_losses(np.full(4000, q), target, level).mean(), bounds=(-4, 4))
    assert best.x == pytest.approx(np.quantile(target, level), abs=0.01)
    assert best.x == pytest.approx(norm.ppf(level), abs=0.1)


def test_the_interval_score_is_smallest_at_the_true_quantiles_and_is_made_of_pinballs():
    target = np.random.default_rng(2).normal(size=20_000)

    def score(low, high):
        said = Forecast(np.zeros(20_000), np.full(20_000, low), np.full(20_000, high), 0.9)
        return interval_scores(said, target).mean()

    true = norm.ppf(0.95)
    assert score(-true, true) < min(score(-true - 0.3, true), score(-true, true - 0.3), score(-true + 0.3, true + 0.3))
    low, high = (pinball_losses(np.full(20_000, q), target, p) for q, p in ((-true, 0.05), (true, 0.95)))
    assert score(-true, true) == pytest.approx(2 / 0.1 * (low + high).mean())


def test_one_loss_for_each_row_has_the_mean_that_the_scores_say():
    found = score_forecast(SAID, TARGET)
    assert row_losses("absolute", SAID, TARGET).mean() == found.mae
    assert row_losses("squared", SAID, TARGET).mean() == pytest.approx(found.rmse**2)
    assert row_losses("winkler", SAID, TARGET).mean() == pytest.approx(found.winkler)
    pinballs = (found.pinball_low + found.pinball_point + found.pinball_high) / 3
    assert row_losses("pinball", SAID, TARGET).mean() == pytest.approx(pinballs)


def test_coverage_is_shown_for_each_label_the_worst_first():
    found = coverage_by(SAID, TARGET, ("a", "b", "a", "a"))
    assert [(each.label, each.coverage, each.width, each.rows) for each in found] == [
        ("b", 0.0, 2.0, 1),
        ("a", pytest.approx(2 / 3), pytest.approx(8 / 3), 3),
    ]
    assert [each.label for each in coverage_by(SAID, TARGET, np.array([7, 7, 8, 8]))] == ["7", "8"]


@pytest.mark.parametrize("target", [np.zeros(3), np.array([0.0, 1.0, np.nan, 2.0]), np.zeros((4, 1))])
def test_targets_that_do_not_fit_are_refused(target):
    with pytest.raises(InputError, match="Targets of shape"):
        score_forecast(SAID, target)
    with pytest.raises(InputError, match="Targets of shape"):
        row_losses("absolute", SAID, target)


def test_labels_and_levels_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="labels for 4 rows"):
        coverage_by(SAID, TARGET, ("a",))
    with pytest.raises(InputError, match=r"level is 1\.5"):
        pinball_losses(SAID.low, TARGET, 1.5)
