"""Tasks of rows that nobody's domain brings: features, answers with gaps, and the datasets they make."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from morningline.features.matrix import FeatureMatrix
from morningline.training.dataset import Source
from morningline.training.judging import judging_of
from morningline.training.models.learner import Fitting, chosen_parameters, learner_of
from morningline.training.row_dataset import make_row_dataset
from morningline.training.splits import PeriodSplit
from morningline.training.task import Task
from synthetic_rows import FIRST_DAY, draw_rows

if TYPE_CHECKING:
    from morningline.training.judging import Result
    from morningline.training.observations import Observations
    from morningline.training.row_dataset import RowDataset

FITTING = Fitting(seed=1, threads=1, progress=lambda _doing, _done: None)
FEW = {"rounds": 30, "early_stopping_rounds": 10, "booster": {"min_data_in_leaf": 40}}
DAYS = 120
SPLIT = PeriodSplit(*(date.fromordinal(FIRST_DAY + day) for day in (69, 90, 119)))


def task(kind: str, **said: Any) -> Task:
    nothing: Any = None
    target = {"binary": "sold", "regression": "amount"}[kind]
    given = {"name": f"shop.{target}", "target": target, **said}
    return Task(kind=kind, events=nothing, cutoffs=nothing, answers=nothing, seasons=nothing, **given)  # type: ignore[arg-type]


def drawn(seed: int = 5, *, drift: float = 0.0) -> Observations:
    return draw_rows(seed, DAYS, entities=15, drift=drift)


def features_of(rows: Observations) -> pl.DataFrame:
    columns = {name: rows.features[:, place] for place, name in enumerate(rows.names)}
    return identity(rows).with_columns(**{name: pl.Series(values) for name, values in columns.items()})


def identity(rows: Observations) -> pl.DataFrame:
    days = [date.fromordinal(int(day)) for day in rows.days]
    return pl.DataFrame({"event_id": [f"d{day}" for day in rows.days], "entrant_id": list(rows.entities), "day": days})


def amounts(rows: Observations) -> pl.DataFrame:
    return identity(rows).with_columns(pl.Series("amount", rows.target), pl.lit(None, pl.String).alias("excluded"))


def sales(rows: Observations) -> pl.DataFrame:
    """Whether the amount is above zero, and a rumour of it that is too bold."""
    sold = (rows.target > 0).astype(np.float64)
    rumour = 1 / (1 + np.exp(-4 * rows.features[:, 0]))
    return identity(rows).with_columns(
        pl.Series("sold", sold), pl.Series("rumour", rumour), pl.lit(None, pl.String).alias("excluded")
    )


def source(task: Task) -> Source:
    return Source(task=task.name, feature_version="v1", delta_version=3, first=None, last=None, gate=None)


def dataset(task: Task, rows: Observations, answers: pl.DataFrame | None = None) -> RowDataset:
    known = answers if answers is not None else (sales if task.kind == "binary" else amounts)(rows)
    return make_row_dataset(task, FeatureMatrix.of(features_of(rows), rows.names), known, source(task))


def backtest(
    task: Task, rows: Observations, *folds: PeriodSplit, learner: str = "", parameters: dict[str, Any] | None = None
) -> Result:
    name = learner or task.usual.learner
    chosen = chosen_parameters(learner_of(name, task.kind), FEW if parameters is None else parameters)
    return judging_of(task.kind).backtest(task, dataset(task, rows), folds or (SPLIT,), (name, chosen), FITTING)
