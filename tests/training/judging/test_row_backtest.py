"""The backtest of rows: later days only, baselines on the same rows, the same training twice is the same model."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from morningline.kit.errors import DataError
from morningline.training.evaluation.comparison import clustered_interval
from morningline.training.evaluation.row_comparison import compare_losses
from morningline.training.judging.amounts import forecast_of, series_of
from morningline.training.judging.kinds import judging_of
from morningline.training.models.amount_model import AmountModel
from morningline.training.models.binary_calibration import AsSaid, SaidAlone, calibrate_alone
from morningline.training.models.chance_model import ChanceModel
from morningline.training.models.conformal import SplitConformal
from morningline.training.models.learner import chosen_parameters, learner_of
from morningline.training.models.reading import read_model
from morningline.training.models.rolling import RollingConformal
from morningline.training.models.stored import write_files
from morningline.training.splits import PeriodSplit, WalkForward
from row_tasks import FEW, FITTING, SPLIT, amounts, backtest, dataset, drawn, sales, task
from synthetic_rows import FIRST_DAY

ROWS = drawn()
AMOUNT = task("regression", unit="pounds")
SALE = task("binary", references=("rumour",))
ROLLING = task("regression", interval="rolling")


@pytest.fixture(scope="module")
def amount():
    return backtest(AMOUNT, ROWS)


@pytest.fixture(scope="module")
def sale():
    return backtest(SALE, ROWS)


@pytest.fixture(scope="module")
def rolling():
    return backtest(ROLLING, drawn(drift=3.0))


def on_test(result) -> pl.DataFrame:
    return result.outcomes.filter(pl.col("part") == "test")


@pytest.mark.parametrize("name", ["amount", "sale", "rolling"])
def test_no_day_is_on_two_sides_and_every_row_of_the_test_is_judged_once(name, request):
    outcomes = request.getfixturevalue(name).outcomes
    days = {part: set(outcomes.filter(pl.col("part") == part)["day"]) for part in ("train", "validation", "test")}
    assert max(days["train"]) < min(days["validation"])
    assert max(days["validation"]) < min(days["test"]) == SPLIT.test_from
    assert outcomes.select("event_id", "entrant_id").is_duplicated().sum() == 0
    assert on_test(request.getfixturevalue(name)).height == 15 * 30
    # Whoever is compared said something of every row.
    assert on_test(request.getfixturevalue(name)).null_count().sum_horizontal().item() == 0


def test_a_binary_training_shows_scores_beside_the_rate_and_what_others_said(sale):
    told = sale.summary("races")
    assert (told["kind"], told["metric"], told["rows"], told["days"]) == ("binary", "log_loss", 450, 30)
    assert set(told["models"]) == {"model", "uncalibrated", "base_rate", "rumour", "rumour_calibrated"}
    assert set(told["over"]) == {"base_rate", "rumour", "rumour_calibrated"}
    assert told["over"]["base_rate"]["estimate"] > 0.1
    # The rumour is too bold: calibrated on the days before the test it is a harder rival.
    scores = told["models"]
    assert scores["rumour_calibrated"]["log_loss"] < scores["rumour"]["log_loss"]
    assert told["delta"]["over"] == min(told["over"], key=lambda one: scores[one]["log_loss"])
    assert set(told["calibration"]) == {"kind", "ece_before", "log_loss_before"}
    assert told["calibration"]["log_loss_before"] == scores["uncalibrated"]["log_loss"]


def test_scores_and_comparisons_are_those_of_an_independent_reading_of_the_outcomes(sale, amount):
    rows = on_test(sale)
    y, p, q = (rows[name].to_numpy() for name in ("target", "model", "base_rate"))
    losses = [-np.log(np.where(y == 1, one, 1 - one)) for one in (p, q)]
    told = sale.summary("")
    assert told["models"]["model"]["log_loss"] == pytest.approx(losses[0].mean())
    days = np.array([day.toordinal() for day in rows["day"]])
    own = clustered_interval(losses[0], days)
    assert told["models"]["model"]["log_loss_low"] == pytest.approx(own.low)
    assert told["over"]["base_rate"]["low"] == pytest.approx(compare_losses(*losses, days).low)
    of = on_test(amount)
    said, came = of["model"].struct.unnest(), of["target"].to_numpy()
    held = (said["low"].to_numpy() <= came) & (came <= said["high"].to_numpy())
    scores = amount.summary("")["models"]["model"]
    assert scores["coverage"] == pytest.approx(held.mean())
    assert scores["mae"] == pytest.approx(np.abs(said["point"].to_numpy() - came).mean())
    assert scores["rmse_low"] < scores["rmse"] < scores["rmse_high"]


def test_an_amount_is_judged_beside_memories_of_the_past_at_the_same_level(amount):
    told = amount.summary("")
    assert set(told["over"]) == {"past_quantiles", "mean", "last_value"}
    assert all(over["estimate"] > 0 for over in told["over"].values())
    levels = {on_test(amount)[name].struct.field("level").unique().item() for name in told["models"]}
    assert levels == {0.9}
    assert (told["calibration"]["kind"], told["unit"]) == ("validation", "pounds")
    assert 0.8 < told["models"]["model"]["coverage"] < 0.98


@pytest.mark.parametrize(("which", "kind"), [(AMOUNT, "amount"), (SALE, "sale")])
def test_the_same_training_twice_is_the_same_model_and_says_the_same(which, kind, request):
    first, again = request.getfixturevalue(kind), backtest(which, ROWS)
    assert again.model.files() == first.model.files()
    assert again.outcomes.equals(first.outcomes)
    told = [{k: v for k, v in one.summary("").items() if k != "seconds"} for one in (first, again)]
    assert told[0] == told[1]


def test_a_calibration_and_an_interval_are_fitted_to_the_validation_alone(amount):
    long = PeriodSplit(date.fromordinal(FIRST_DAY + 49), SPLIT.test_from, SPLIT.test_to)
    model = backtest(SALE, ROWS, long).model
    days = dataset(SALE, ROWS).rows
    validation = days.take_rows(long.masks(days.days).validation)
    said = SaidAlone(model.first_stage.probability(validation), validation.target, validation.days)
    assert model.calibration == calibrate_alone(said).chosen != AsSaid()
    days = dataset(AMOUNT, ROWS).rows
    validation = days.take_rows(SPLIT.masks(days.days).validation)
    assert amount.model.margin == SplitConformal.fit(amount.model.first_stage.predict(validation), validation.target)


@pytest.mark.parametrize(("which", "kind", "answers"), [(AMOUNT, "amount", amounts), (SALE, "sale", sales)])
def test_what_comes_in_the_test_changes_no_model(which, kind, answers, request):
    of_test = pl.col("day") >= SPLIT.test_from
    other = answers(ROWS).with_columns(
        pl.when(of_test).then(1 - pl.col(which.target)).otherwise(which.target).alias("#")
    )
    other = other.drop(which.target).rename({"#": which.target})
    name = which.usual.learner
    chosen = chosen_parameters(learner_of(name, which.kind), FEW)
    again = judging_of(which.kind).backtest(which, dataset(which, ROWS, other), (SPLIT,), (name, chosen), FITTING)
    assert again.model.files() == request.getfixturevalue(kind).model.files()


@pytest.mark.parametrize("kind", ["amount", "sale", "rolling"])
def test_a_model_that_was_written_says_the_same_when_it_is_read(kind, request, tmp_path):
    model = request.getfixturevalue(kind).model
    digest = write_files(model.files(), tmp_path)
    again = read_model(tmp_path, digest, threads=1)
    assert type(again) is type(model)
    rows = drawn(9)
    if isinstance(model, ChanceModel):
        assert again.probability(rows).tolist() == model.probability(rows).tolist()
    else:
        assert isinstance(model, AmountModel)
        one, other = again.predict(rows), model.predict(rows)
        assert (one.low.tolist(), one.high.tolist()) == (other.low.tolist(), other.high.tolist())


def test_an_interval_that_rolls_knows_of_each_day_only_the_days_before_it(rolling):
    data = dataset(ROLLING, drawn(drift=3.0))
    test = data.take(SPLIT.masks(data.days).test)
    kept = on_test(rolling)["model"].struct.unnest()
    # What comes on the last day must not move what was said of it, or of any day before it.
    other = ROLLING, drawn(drift=3.0)
    changed = amounts(other[1]).with_columns(
        pl.when(pl.col("day") == SPLIT.test_to).then(pl.col("amount") + 1000).otherwise("amount").alias("amount")
    )
    chosen = chosen_parameters(learner_of("quantile_trees", "regression"), FEW)
    again = judging_of("regression").backtest(
        ROLLING, dataset(ROLLING, other[1], changed), (SPLIT,), ("quantile_trees", chosen), FITTING
    )
    assert on_test(again)["model"].equals(on_test(rolling)["model"])
    before = forecast_of(series_of(rolling.model.unwidened(test.rows)))
    assert len(np.unique((kept["high"].to_numpy() - before.high).round(9))) > 5


def test_the_state_of_a_rolling_interval_is_kept_as_it_is_after_the_test(rolling):
    margin = rolling.model.margin
    assert isinstance(margin, RollingConformal)
    assert date.fromordinal(int(margin.days.max())) == SPLIT.test_to
    assert "rolling_interval.json" in rolling.model.files()
    again = AmountModel.from_files(rolling.model.files(), threads=1)
    later = draw_later(7)
    one, two = rolling.model.live_through(later), again.live_through(later)
    assert one[0].high.tolist() == two[0].high.tolist()
    assert one[1].files() == two[1].files()


def draw_later(days: int):
    rows = drawn(11, drift=3.0)
    kept = rows.take_rows(rows.days < FIRST_DAY + days)
    object.__setattr__(kept, "days", kept.days + 400)
    return kept


def test_no_forecast_goes_below_the_least_that_can_be(amount):
    least = task("regression", least=-1.5)
    told = on_test(backtest(least, ROWS))
    assert all(told[name].struct.field("low").min() == -1.5 for name in ("model", "uncalibrated", "mean"))
    unbounded = on_test(amount)["model"].struct.field("low")
    assert unbounded.min() < -1.5


def test_a_walk_forward_judges_every_day_once_by_models_of_the_days_before():
    end = SPLIT.test_to
    walk = WalkForward(test_from=end - timedelta(days=29), test_to=end, test_days=15, validation_days=20)
    result = backtest(AMOUNT, ROWS, *walk.folds(), learner="mean", parameters={})
    told = result.summary("")
    assert [fold["rows"] for fold in told["folds"]] == [225, 225]
    assert told["rows"] == 450
    assert result.periods[-1].test_to == end
    assert on_test(result).select("event_id", "entrant_id").is_duplicated().sum() == 0


@pytest.mark.parametrize(("kind", "answers"), [("regression", amounts), ("binary", sales)])
def test_a_feature_that_tells_the_target_is_refused_by_name(kind, answers):
    rows = drawn()
    which = task(kind)
    told = answers(rows)[which.target].to_numpy()
    leaky = rows.features.copy()
    leaky[:, 2] = -told if kind == "regression" else told + 0.3
    leaky[::9, 2] = np.nan
    object.__setattr__(rows, "features", leaky)
    with pytest.raises(DataError, match="The feature 'x2' tells the target of every row"):
        backtest(which, rows)


def test_a_feature_that_nearly_tells_the_target_is_none_of_that_kind():
    rows = drawn()
    close = rows.features.copy()
    close[:, 2] = rows.target
    # One row in the wrong place is enough to show that it was not made from the target.
    close[[3, 8], 2] = close[[8, 3], 2]
    object.__setattr__(rows, "features", close)
    assert backtest(AMOUNT, rows, learner="mean", parameters={}).summary("")["rows"] == 450


def test_a_forecast_of_two_levels_in_one_column_is_refused(amount):
    said = on_test(amount)["model"]
    mixed = said.struct.unnest().with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(0.5).otherwise("level").alias("level")
    )
    with pytest.raises(DataError, match=r"levels 0\.5, 0\.9"):
        forecast_of(mixed.to_struct())
