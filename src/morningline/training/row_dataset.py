"""A dataset of rows that stand for themselves: stored features joined with what came, everything left out counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from morningline.kit.errors import DataError, InputError
from morningline.training.dataset import (
    IDENTITY,
    PLACE,
    Gathered,
    labels_of,
    local_days,
    ordinals,
    table_at_places,
    with_places,
    within,
)
from morningline.training.observations import Observations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from morningline.features.matrix import FeatureMatrix
    from morningline.training.dataset import Source
    from morningline.training.grouped import Flags, Floats, Integers, Singles
    from morningline.training.task import Task


@dataclass(frozen=True, kw_only=True)
class RowDataset(Gathered):
    """Rows whose target is known, and why the others are left out.

    Attributes:
        rows: The rows in the order of day, event and entrant; the entrant is the entity.
        events: Event of each row.
        references: Name to what somebody else said of each row, shape (rows,).
    """

    rows: Observations
    events: Sequence[str]
    references: Mapping[str, Floats]

    @property
    def days(self) -> Integers:
        """Local day (ordinal) of each row."""
        return self.rows.days

    @property
    def size(self) -> int:
        """How many rows there are."""
        return self.rows.rows

    def take(self, mask: Flags) -> RowDataset:
        """Some rows, in their order, by flags of shape (rows,)."""
        return replace(
            self,
            rows=self.rows.take_rows(mask),
            events=[self.events[row] for row in np.flatnonzero(mask).tolist()],
            references={name: said[mask] for name, said in self.references.items()},
        )

    def told(self, said: Mapping[str, pl.Series], part: str) -> pl.DataFrame:
        """One row a row: `event_id`, `entrant_id`, `day`, `part`, `target`, and what each model said of it."""
        return pl.DataFrame(
            {
                "event_id": list(self.events),
                "entrant_id": list(self.rows.entities),
                "day": local_days(self.days),
                "part": [part] * self.size,
                "target": self.rows.target,
                **said,
            }
        )


def make_row_dataset(task: Task, features: FeatureMatrix, answers: pl.DataFrame, source: Source) -> RowDataset:
    """Join features and answers, row by row.

    Args:
        task: Whose target and references.
        features: What a model sees; given away, for its values are put in order where they stand.
        answers: What the task's `answers` gave; those outside the source's days are left out.
        source: Where the rows are from.

    Returns:
        Only entrants that took part. A row is left out where the answers say so, where its target is not known
        (`unknown_target`: it is never filled in), where nobody else said what it is compared with (`no_<reference>`),
        or where it has no features (`no_features`).

    Raises:
        InputError: A feature has the name of a column of the answers.
        DataError: No row is left.
    """
    clash = sorted(set(features.names) & set(answers.columns))
    if clash:
        raise InputError(
            f"{', '.join(clash)} is a feature and a column of the answers of {task.name}.",
            allowed="other names, so that no answer can be taken for a feature",
            do="Rename the feature.",
        )
    answers = within(answers, source)
    labels = labels_of(answers)
    joined = with_places(answers, features.rows).sort("day", *IDENTITY)
    missing = {
        task.target: "unknown_target",
        **{name: f"no_{name}" for name in task.references},
        PLACE: "no_features",
    }
    reasons = [pl.when(pl.col(column).is_null()).then(pl.lit(reason)) for column, reason in missing.items()]
    marked = joined.with_columns(pl.coalesce("excluded", *reasons).alias("excluded"), _row_id().alias("#row"))
    left_out, rows = marked.filter(pl.col("excluded").is_not_null()), marked.filter(pl.col("excluded").is_null())
    if rows.is_empty():
        raise DataError(
            f"No row of {task.name} has features and a known target.",
            do="Run `morningline features compute` after importing results.",
        )
    found = observations_of(rows, features.names, table_at_places(features, rows), task.target)
    return RowDataset(
        rows=found,
        events=rows["event_id"].to_list(),
        references={name: rows[name].cast(pl.Float64).to_numpy() for name in task.references},
        excluded=dict(left_out.select("#row", "excluded").iter_rows()),
        excluded_days={row: day.toordinal() for row, day in left_out.select("#row", "day").iter_rows()},
        fingerprint=found.fingerprint(),
        source=source,
        labels=labels(),
    )


def observations_of(rows: pl.DataFrame, names: Sequence[str], table: Floats | Singles, target: str) -> Observations:
    """Rows as observations, in their order.

    Args:
        rows: `event_id`, `entrant_id`, `day` and the target.
        names: The features a model sees, in their order.
        table: Their values, shape (rows, n_features).
        target: Column of what came.
    """
    return Observations(
        features=table,
        names=tuple(names),
        target=rows[target].cast(pl.Float64).to_numpy(),
        days=ordinals(rows["day"]),
        entities=tuple(rows["entrant_id"]),
        row_ids=tuple(rows.select(_row_id().alias("id"))["id"]),
    )


def _row_id() -> pl.Expr:
    return pl.format("{} {}", "event_id", "entrant_id")
