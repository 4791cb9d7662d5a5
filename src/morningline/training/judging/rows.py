"""Judging rows that stand for themselves: proper losses on the same rows, clustered by day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from morningline.kit.errors import DataError
from morningline.training.evaluation.row_comparison import LossComparison, compare_losses
from morningline.training.judging.row_backtest import (
    MODEL,
    RowBacktest,
    RowKind,
    days_of,
    models_of,
    run_rows,
    target_of,
)
from morningline.training.judging.scored import ScoredBy, scored
from morningline.training.row_dataset import RowDataset, make_row_dataset

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec

    from morningline.features.matrix import FeatureMatrix
    from morningline.training.dataset import Source
    from morningline.training.grouped import Flags, Floats
    from morningline.training.models.learner import Fitting
    from morningline.training.splits import PeriodSplit
    from morningline.training.task import Task


@dataclass(frozen=True)
class RowJudging:
    """Whether something happens, or how much it is.

    Args:
        kind: What the two do differently.
    """

    kind: RowKind
    predicted: str = MODEL
    against: str = "the baselines"

    def gather(self, task: Task, features: FeatureMatrix, answers: pl.DataFrame, source: Source) -> RowDataset:
        """Join stored features and answers, row by row."""
        return make_row_dataset(task, features, answers, source)

    def backtest(
        self,
        task: Task,
        dataset: RowDataset,
        splits: Sequence[PeriodSplit],
        chosen: tuple[str, msgspec.Struct],
        fitting: Fitting,
    ) -> RowBacktest:
        """Fit on the past and judge on the test, beside the task's baselines."""
        return run_rows(self.kind, task, dataset, splits, chosen, fitting)

    def tell(self, model: Any, dataset: RowDataset) -> pl.DataFrame:  # noqa: ANN401 - of its kind
        """What a model makes of later rows that are over."""
        return dataset.told(self.kind.say(model, dataset)[0], "test").drop("part")

    def scores(self, test: pl.DataFrame, metrics: Sequence[str]) -> list[ScoredBy]:
        """The scores of the model, of itself before the validation, and of its baselines."""
        rows = test.sort("day", "event_id", "entrant_id")
        return [one for name in models_of(rows) for one in self._scores(name, rows, metrics)]

    def _scores(self, name: str, rows: pl.DataFrame, metrics: Sequence[str]) -> list[ScoredBy]:
        target, days = target_of(rows), days_of(rows)
        values, found = self.kind.values(rows[name], target), []
        for metric in metrics:
            losses, value = self.kind.losses(metric, rows[name], target), values[metric]
            if losses is not None:
                found.append(scored(name, metric, self.kind.interval(metric, losses, days), rows.height))
            elif value is not None:
                bare = ScoredBy(
                    model=name,
                    metric=metric,
                    estimate=value,
                    low=None,
                    high=None,
                    events=rows.height,
                    days=rows["day"].n_unique(),
                )
                found.append(bare)
        return found

    def marked(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """A row counts where both were judged on it, with the same target."""
        known = pl.col("target").is_not_null() & pl.col("target_other").is_not_null()
        agree = pl.col("target") == pl.col("target_other")
        return pairs.with_columns(
            pl.when(~known).then(pl.lit("judged_once")).when(~agree).then(pl.lit("corrected")).alias("left_out")
        )

    def counted(self, marked: pl.DataFrame) -> dict[str, int]:
        """Reason to number of rows."""
        return dict(marked.drop_nulls("left_out").group_by("left_out").len().sort("left_out").iter_rows())

    def compare(self, rows: pl.DataFrame, metric: str, *, seed: int = 1) -> LossComparison:
        """How much smaller the loss of `p` is than that of `p_other`.

        Raises:
            DataError: Their intervals are of two levels, or the metric cannot be compared row by row.
        """
        target = target_of(rows)
        self.kind.require_alike(rows["p"], rows["p_other"])
        new, reference = (self.kind.losses(metric, rows[name], target) for name in ("p", "p_other"))
        if new is None or reference is None:
            raise DataError(f"Two models cannot be compared by {metric}, which is no mean of rows.")
        return compare_losses(new, reference, days_of(rows), seed=seed)

    def trained_on(self, dataset: RowDataset, split: PeriodSplit) -> RowDataset:
        """The training rows of a fold."""
        return dataset.take(split.masks(dataset.days).train)

    def take(self, part: RowDataset, mask: Flags) -> RowDataset:
        """Some rows."""
        return part.take(mask)

    def trial(
        self,
        parts: tuple[RowDataset, RowDataset],
        chosen: tuple[Any, msgspec.Struct],
        metric: str,
        fitting: Fitting,
    ) -> Floats:
        """Losses of the task's deciding metric, before any repair by a validation."""
        losses = self.kind.losses(metric, self.kind.try_out(parts, chosen, fitting), parts[1].rows.target)
        if losses is None:
            raise DataError(f"Nothing can be tuned by {metric}, which is no mean of rows.")
        return losses
