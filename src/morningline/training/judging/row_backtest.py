"""The backtest of rows that stand for themselves: fitted on the past, judged on later days beside its baselines."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import polars as pl

from morningline.training.dataset import ordinals
from morningline.training.evaluation.row_comparison import LossComparison, compare_losses
from morningline.training.judging.leaks import require_no_answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import msgspec

    from morningline.training.evaluation.comparison import ClusteredInterval
    from morningline.training.grouped import Floats, Integers
    from morningline.training.models.learner import Fitting
    from morningline.training.models.reading import TrainedModel
    from morningline.training.row_dataset import RowDataset
    from morningline.training.splits import PeriodSplit
    from morningline.training.task import Task

MODEL = "model"
"""What the model says, in the outcomes: calibrated, or with its interval fitted on the validation."""

UNCALIBRATED = "uncalibrated"
"""The same before that: shown beside it, never used."""

VERDICT = ("estimate", "low", "high", "mde", "verdict", "skill")


class RowKind(Protocol):
    """What binary tasks and regressions do differently."""

    def fit(
        self,
        task: Task,
        parts: tuple[RowDataset, RowDataset],
        chosen: tuple[str, msgspec.Struct],
        fitting: Fitting,
    ) -> Any:  # noqa: ANN401 - a model of the kind
        """Fit to training and validation."""

    def say(self, model: Any, rows: RowDataset) -> tuple[dict[str, pl.Series], Any]:  # noqa: ANN401 - the same
        """What `model` and `uncalibrated` say of days that are over, and the model as it is after them."""

    def beside(
        self, task: Task, past: RowDataset, test: RowDataset, parameters: msgspec.Struct, fitting: Fitting
    ) -> dict[str, pl.Series]:
        """What baselines and references say of the test, fitted to all days before it."""

    def values(self, said: pl.Series, target: Floats) -> dict[str, float | None]:
        """Every metric of the kind."""

    def losses(self, metric: str, said: pl.Series, target: Floats) -> Floats | None:
        """The metric row by row, where it is a mean of rows, or the root of one."""

    def require_alike(self, one: pl.Series, other: pl.Series) -> None:
        """Make sure that what two models say can be compared; raises `DataError`."""

    def interval(self, metric: str, losses: Floats, days: Integers) -> ClusteredInterval:
        """The metric with its day-clustered interval."""

    def try_out(
        self, parts: tuple[RowDataset, RowDataset], chosen: tuple[Any, msgspec.Struct], fitting: Fitting
    ) -> pl.Series:
        """What a learner that was fitted to earlier days says of later ones, as it comes out of the fit."""

    def repair(self, model: Any, models: Mapping[str, Mapping[str, float | None]]) -> dict[str, Any]:  # noqa: ANN401
        """How the validation changed what the model says, with scores before it."""


@dataclass(frozen=True, kw_only=True)
class RowsJudged:
    """Scores of a model on rows it has not seen.

    Attributes:
        split: The periods.
        rows: How many rows were judged.
        days: On how many days.
        models: Name to its scores, each with the ends of its interval where it has one (`<metric>_low`).
        over: Baseline to how much better the model is on the same rows, by the task's deciding metric.
    """

    split: PeriodSplit
    rows: int
    days: int
    models: dict[str, dict[str, float | None]]
    over: dict[str, LossComparison]

    def plain(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        over = {name: {key: asdict(one)[key] for key in VERDICT} for name, one in self.over.items()}
        # The hardest one of them is the one that counts.
        hardest = min(self.over, key=lambda name: self.over[name].loss_reference)
        return {"models": self.models, "over": over, "delta": {"over": hardest, **over[hardest]}}


@dataclass(frozen=True, kw_only=True)
class RowBacktest:
    """A fitted model and its honest scores.

    Attributes:
        task: What is predicted.
        model: Of the last fold: fitted on the rows until its `train_until`, repaired on those before its test.
        judged: On the test rows of all folds together; the split is the last fold's.
        folds: On those of each fold, by the model of that fold.
        excluded: Reason to number of test rows left out.
        repair: How the validation changed what the model says.
        outcomes: One row a row: `event_id`, `entrant_id`, `day`, `part`, `target`, and of the test what the model,
            its baselines and its references say. Of several folds, what lies before the first test is that fold's.
        first_day: First local day of training, ISO.
        seconds: Stage to seconds.
    """

    task: Task
    model: TrainedModel
    judged: RowsJudged
    folds: Sequence[RowsJudged]
    excluded: dict[str, int]
    repair: dict[str, Any]
    outcomes: pl.DataFrame
    first_day: str
    seconds: dict[str, float]

    @property
    def periods(self) -> Sequence[PeriodSplit]:
        """The periods of each fold; the last are the model's own."""
        return [fold.split for fold in self.folds]

    def summary(self, events_word: str) -> dict[str, Any]:
        """The result as plain values, ready for JSON; rows are rows, whatever events are called."""
        del events_word
        told = {
            "kind": self.task.kind,
            "target": self.task.target,
            "unit": self.task.unit,
            "metric": self.task.metric,
            "first_day": self.first_day,
            "rows": self.judged.rows,
            "days": self.judged.days,
            "excluded": self.excluded,
            **self.judged.plain(),
            "calibration": self.repair,
        }
        if len(self.folds) > 1:
            told["folds"] = [
                {
                    "test_from": fold.split.test_from.isoformat(),
                    "test_to": fold.split.test_to.isoformat(),
                    "rows": fold.rows,
                    **fold.plain(),
                }
                for fold in self.folds
            ]
        return {**told, "seconds": self.seconds}


@dataclass(frozen=True, kw_only=True)
class _Fold:
    """One fold: its model, what was said of its test, and what of the parts before."""

    model: Any
    test: pl.DataFrame
    before: pl.DataFrame


def run_rows(
    kind: RowKind,
    task: Task,
    dataset: RowDataset,
    splits: Sequence[PeriodSplit],
    chosen: tuple[str, msgspec.Struct],
    fitting: Fitting,
) -> RowBacktest:
    """Fit on the past and score on the test period, fold after fold.

    Args:
        kind: What kind of task it is.
        task: What is predicted.
        dataset: Rows whose targets are known.
        splits: The periods of each fold, by whole local days; the tests follow each other.
        chosen: Name of the learner, and its parameters.
        fitting: How it is fitted.

    Raises:
        InputError: A period has no rows.
        DataError: A feature tells the target.
    """
    started = perf_counter()
    folds = []
    for number, split in enumerate(splits):
        name = f"fold_{number + 1}" if len(splits) > 1 else ""
        share = fitting.part(0.95 * number / len(splits), 0.95 * (number + 1) / len(splits), name)
        folds.append(_fold(kind, task, dataset, split, chosen, share))
    fitted = perf_counter()
    fitting.progress("Scoring the test period", 0.97)
    judged = [_judged(kind, task, fold.test, split, fitting.seed) for fold, split in zip(folds, splits, strict=True)]
    test = pl.concat([fold.test for fold in folds])
    whole = judged[0] if len(folds) == 1 else _judged(kind, task, test, splits[-1], fitting.seed)
    first, last = splits[0].test_from.toordinal(), splits[-1].test_to.toordinal()
    training = dataset.days[splits[-1].masks(dataset.days).train]
    return RowBacktest(
        task=task,
        model=folds[-1].model,
        judged=whole,
        folds=judged,
        excluded=dataset.excluded_between(first, last),
        repair=kind.repair(folds[-1].model, whole.models),
        outcomes=pl.concat([folds[0].before, test], how="diagonal"),
        first_day=date.fromordinal(int(training.min())).isoformat(),
        seconds={"fit": round(fitted - started, 2), "score": round(perf_counter() - fitted, 2)},
    )


def _fold(
    kind: RowKind,
    task: Task,
    dataset: RowDataset,
    split: PeriodSplit,
    chosen: tuple[str, msgspec.Struct],
    fitting: Fitting,
) -> _Fold:
    masks = split.masks(dataset.days)
    train, validation, test = (dataset.take(mask) for mask in masks)
    require_no_answer(train.rows)
    model = kind.fit(task, (train, validation), chosen, fitting.part(0.0, 0.9))
    said, model = kind.say(model, test)
    fitting.progress("Fitting what it has to beat", 0.9)
    past = dataset.take(masks.train | masks.validation)
    beside = kind.beside(task, past, test, chosen[1], fitting.part(0.9, 1.0, "baselines"))
    before = pl.concat([train.told({}, "train"), validation.told({}, "validation")], how="diagonal")
    return _Fold(model=model, test=test.told({**said, **beside}, "test"), before=before)


def _judged(kind: RowKind, task: Task, test: pl.DataFrame, split: PeriodSplit, seed: int) -> RowsJudged:
    target, days = target_of(test), days_of(test)
    names = models_of(test)
    losses = {name: _losses(kind, task.metric, test[name], target) for name in names}
    rivals = [name for name in names if name not in {MODEL, UNCALIBRATED}]
    return RowsJudged(
        split=split,
        rows=test.height,
        days=len(np.unique(days)),
        models={name: _scores(kind, task, test[name], target, days) for name in names},
        over={name: compare_losses(losses[MODEL], losses[name], days, seed=seed) for name in rivals},
    )


def _scores(kind: RowKind, task: Task, said: pl.Series, target: Floats, days: Integers) -> dict[str, float | None]:
    values, found = kind.values(said, target), dict[str, float | None]()
    for metric in task.metrics:
        found[metric] = values[metric]
        losses = kind.losses(metric, said, target)
        if losses is not None:
            interval = kind.interval(metric, losses, days)
            found |= {f"{metric}_low": interval.low, f"{metric}_high": interval.high}
    return found


def _losses(kind: RowKind, metric: str, said: pl.Series, target: Floats) -> Floats:
    losses = kind.losses(metric, said, target)
    if losses is None:
        raise TypeError(f"{metric} is no mean of rows")
    return losses


def models_of(rows: pl.DataFrame) -> list[str]:
    """The names of those who said something, in their order."""
    return [name for name in rows.columns if name not in {"event_id", "entrant_id", "day", "part", "target"}]


def target_of(rows: pl.DataFrame) -> Floats:
    """What came of each row, shape (rows,)."""
    return rows["target"].to_numpy()


def days_of(rows: pl.DataFrame) -> Integers:
    """Local day (ordinal) of each row, shape (rows,)."""
    return ordinals(rows["day"])
