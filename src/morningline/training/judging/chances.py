"""Judging whether something happens: log loss and Brier score beside the rate of the past and what others said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from morningline.training.evaluation.binary_metrics import binary_losses, score_binary
from morningline.training.evaluation.comparison import clustered_interval
from morningline.training.judging.row_backtest import MODEL, UNCALIBRATED
from morningline.training.judging.rows import RowJudging
from morningline.training.models.binary_calibration import SaidAlone, calibrate_alone
from morningline.training.models.chance_model import ChanceModel, fit, kind_of
from morningline.training.models.learner import binary_learner, chosen_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    import msgspec

    from morningline.training.evaluation.comparison import ClusteredInterval
    from morningline.training.grouped import Floats, Integers
    from morningline.training.models.learner import BinaryLearner, Fitting
    from morningline.training.row_dataset import RowDataset
    from morningline.training.task import Task

CALIBRATED = "_calibrated"
"""What is added to the name of a reference that was calibrated on all days before the test."""


class Chances:
    """Binary tasks: a probability of each row."""

    def fit(
        self, task: Task, parts: tuple[RowDataset, RowDataset], chosen: tuple[str, msgspec.Struct], fitting: Fitting
    ) -> ChanceModel:
        """Fit the model to training, its calibration to validation."""
        del task
        return fit(parts[0].rows, parts[1].rows, *chosen, fitting)

    def say(self, model: ChanceModel, rows: RowDataset) -> tuple[dict[str, pl.Series], ChanceModel]:
        """Probabilities, calibrated and not."""
        before = model.uncalibrated(rows.rows)
        said = {MODEL: pl.Series(model.calibration.predict(before)), UNCALIBRATED: pl.Series(before)}
        return said, model

    def beside(
        self, task: Task, past: RowDataset, test: RowDataset, parameters: msgspec.Struct, fitting: Fitting
    ) -> dict[str, pl.Series]:
        """Baselines, and references as they are and calibrated like the model."""
        del parameters
        found = {}
        for name in task.baselines:
            learner = binary_learner(name)
            model = learner.fit(past.rows, chosen_parameters(learner, {}), fitting)
            found[name] = pl.Series(model.probability(test.rows))
        for name in task.references:
            said = SaidAlone(past.references[name], past.rows.target, past.days)
            found[name] = pl.Series(test.references[name])
            found[f"{name}{CALIBRATED}"] = pl.Series(calibrate_alone(said).chosen.predict(test.references[name]))
        return found

    def values(self, said: pl.Series, target: Floats) -> dict[str, float | None]:
        """Every metric."""
        scores = score_binary(said.to_numpy(), target)
        return {name: getattr(scores, name) for name in ("log_loss", "r2", "brier", "auc", "ece")}

    def losses(self, metric: str, said: pl.Series, target: Floats) -> Floats | None:
        """Log loss or squared distance of each row."""
        p = said.to_numpy()
        if metric == "log_loss":
            return binary_losses(p, target)
        return np.asarray((p - target) ** 2) if metric == "brier" else None

    def require_alike(self, one: pl.Series, other: pl.Series) -> None:
        """Probabilities always can."""

    def interval(self, metric: str, losses: Floats, days: Integers) -> ClusteredInterval:
        """Their mean."""
        del metric
        return clustered_interval(losses, days)

    def repair(self, model: ChanceModel, models: Mapping[str, Mapping[str, float | None]]) -> dict[str, Any]:
        """Which calibration was chosen, and scores before it."""
        before = models[UNCALIBRATED]
        found = {f"{name}_before": before[name] for name in ("ece", "log_loss") if name in before}
        return {"kind": kind_of(model.calibration), **found}

    def try_out(
        self, parts: tuple[RowDataset, RowDataset], chosen: tuple[BinaryLearner, msgspec.Struct], fitting: Fitting
    ) -> pl.Series:
        """Probabilities of later days by what a learner makes of earlier ones."""
        model = chosen[0].fit(parts[0].rows, chosen[1], fitting)
        return pl.Series(model.probability(parts[1].rows))


CHANCES = RowJudging(Chances())
