"""Judging how much something is: pinball and interval scores, errors and coverage beside memories of the past."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from morningline.kit.errors import DataError
from morningline.training.evaluation.comparison import clustered_interval
from morningline.training.evaluation.regression_metrics import row_losses, score_forecast
from morningline.training.forecast import Forecast
from morningline.training.judging.row_backtest import MODEL, UNCALIBRATED
from morningline.training.judging.rows import RowJudging
from morningline.training.models.amount_model import AmountModel, IntervalChoice, at_least, fit
from morningline.training.models.conformal import SplitConformal
from morningline.training.models.learner import chosen_parameters, regression_learner

if TYPE_CHECKING:
    from collections.abc import Mapping

    import msgspec

    from morningline.training.evaluation.comparison import ClusteredInterval
    from morningline.training.evaluation.regression_metrics import RowLoss
    from morningline.training.grouped import Floats, Integers
    from morningline.training.models.learner import Fitting, RegressionLearner
    from morningline.training.row_dataset import RowDataset
    from morningline.training.task import Task

OF_ROWS: Mapping[str, RowLoss] = {"pinball": "pinball", "winkler": "winkler", "mae": "absolute", "rmse": "squared"}
"""Metric to the loss it is the mean of; of `rmse` the root."""


class Amounts:
    """Regressions: a point and an interval of each row."""

    def fit(
        self, task: Task, parts: tuple[RowDataset, RowDataset], chosen: tuple[str, msgspec.Struct], fitting: Fitting
    ) -> AmountModel:
        """Fit the model to training, its interval to validation."""
        interval = IntervalChoice(kind=task.interval, least=task.least)
        return fit((parts[0].rows, parts[1].rows), *chosen, interval, fitting)

    def say(self, model: AmountModel, rows: RowDataset) -> tuple[dict[str, pl.Series], AmountModel]:
        """Forecasts with the interval of the validation, or one that goes on with the days, and without."""
        forecast, after = model.live_through(rows.rows)
        return {MODEL: series_of(forecast), UNCALIBRATED: series_of(model.unwidened(rows.rows))}, after

    def beside(
        self, task: Task, past: RowDataset, test: RowDataset, parameters: msgspec.Struct, fitting: Fitting
    ) -> dict[str, pl.Series]:
        """Baselines with intervals of the same level."""
        level = {"level": getattr(parameters, "level", 0.9)}
        found = {}
        for name in task.baselines:
            learner = regression_learner(name)
            model = learner.fit(past.rows, chosen_parameters(learner, level), fitting)
            found[name] = series_of(at_least(model.predict(test.rows), task.least))
        return found

    def values(self, said: pl.Series, target: Floats) -> dict[str, float | None]:
        """Every metric."""
        forecast = forecast_of(said)
        scores = score_forecast(forecast, target)
        names = ("mae", "rmse", "mape", "winkler", "coverage", "width")
        pinball = float(row_losses("pinball", forecast, target).mean())
        return {"pinball": pinball, **{name: getattr(scores, name) for name in names}}

    def losses(self, metric: str, said: pl.Series, target: Floats) -> Floats | None:
        """The metric of each row."""
        forecast = forecast_of(said)
        if metric == "coverage":
            return forecast.covers(target).astype(np.float64)
        if metric == "width":
            return forecast.high - forecast.low
        return row_losses(OF_ROWS[metric], forecast, target) if metric in OF_ROWS else None

    def require_alike(self, one: pl.Series, other: pl.Series) -> None:
        """Intervals that should hold equally often can; raises `DataError` where they should not."""
        levels = [forecast_of(each).level for each in (one, other)]
        if levels[0] != levels[1]:
            raise DataError(
                f"One interval should hold in {levels[0]:g} of rows, the other in {levels[1]:g}.",
                allowed="two models with the same level",
                do="Train one of them with the level of the other.",
            )

    def interval(self, metric: str, losses: Floats, days: Integers) -> ClusteredInterval:
        """Their mean; of `rmse` its root."""
        found = clustered_interval(losses, days)
        if metric != "rmse":
            return found
        estimate, low, high = (float(np.sqrt(end)) for end in (found.estimate, found.low, found.high))
        # By the delta method, for what is told of it; the ends are the roots of the ends.
        error = found.standard_error / (2 * estimate) if estimate else 0.0
        return replace(found, estimate=estimate, low=low, high=high, standard_error=error)

    def repair(self, model: AmountModel, models: Mapping[str, Mapping[str, float | None]]) -> dict[str, Any]:
        """How far the ends were moved, and coverage and width before that."""
        before = models[UNCALIBRATED]
        found = {f"{name}_before": before[name] for name in ("coverage", "width") if name in before}
        kind = "validation" if isinstance(model.margin, SplitConformal) else "rolling"
        return {"kind": kind, "level": model.margin.level, "margin": model.margin.margin, **found}

    def try_out(
        self, parts: tuple[RowDataset, RowDataset], chosen: tuple[RegressionLearner, msgspec.Struct], fitting: Fitting
    ) -> pl.Series:
        """Forecasts of later days by what a learner makes of earlier ones."""
        model = chosen[0].fit(parts[0].rows, chosen[1], fitting)
        return series_of(model.predict(parts[1].rows))


AMOUNTS = RowJudging(Amounts())


def series_of(forecast: Forecast) -> pl.Series:
    """A forecast as a column of outcomes: point, low, high and level of each row."""
    parts = {"point": forecast.point, "low": forecast.low, "high": forecast.high}
    return pl.DataFrame({**parts, "level": np.full(forecast.rows, forecast.level)}).to_struct()


def forecast_of(said: pl.Series) -> Forecast:
    """The forecast that such a column holds.

    Raises:
        DataError: Its rows are of several levels.
    """
    levels = said.struct.field("level").unique()
    if len(levels) != 1:
        raise DataError(
            f"Intervals of the levels {', '.join(f'{level:g}' for level in levels.sort())} stand in one column.",
            allowed="one level",
            do="Train all folds with the same `level`.",
        )
    point, low, high = (said.struct.field(name).to_numpy() for name in ("point", "low", "high"))
    return Forecast(point, low, high, float(levels[0]))
