"""Comparing two versions of stored features: which rows are in one only, and which values are others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from morningline.features.state import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class ChangedFeature:
    """A feature whose values are not the same in both.

    Attributes:
        name: Its column.
        rows: Rows with another value, null against a number included.
        became_null: Of these, rows that have none any more.
        largest: The largest difference of two numbers, None where none differ.
        example: Event and entrant of it, or of the first row that differs.
    """

    name: str
    rows: int
    became_null: int
    largest: float | None
    example: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How two frames of features differ.

    Attributes:
        rows: Rows in both.
        only_before: Rows in the first only.
        only_after: Rows in the second only.
        features: What differs, most rows first.
    """

    rows: int
    only_before: int
    only_after: int
    features: Sequence[ChangedFeature]

    @property
    def equal(self) -> bool:
        """Whether there is no difference, to the last bit."""
        return not (self.only_before or self.only_after or self.features)


def compare(before: pl.DataFrame, after: pl.DataFrame, names: Sequence[str]) -> Difference:
    """Compare two frames of features.

    Args:
        before: `event_id`, `entrant_id` and the features.
        after: The same.
        names: Which features.
    """
    both = before.select(*IDENTITY, *names).join(after.select(*IDENTITY, *names), on=IDENTITY, suffix="#after")
    changed = [found for name in names if (found := _changed(both, name))]
    return Difference(
        rows=both.height,
        only_before=before.height - both.height,
        only_after=after.height - both.height,
        features=sorted(changed, key=lambda feature: -feature.rows),
    )


def _changed(both: pl.DataFrame, name: str) -> ChangedFeature | None:
    was, became = pl.col(name), pl.col(f"{name}#after")
    rows = both.filter(was.ne_missing(became)).select(
        *IDENTITY, (became.cast(pl.Float64) - was.cast(pl.Float64)).abs().alias("apart"), became.is_null().alias("gone")
    )
    if rows.is_empty():
        return None
    worst = rows.sort("apart", descending=True, nulls_last=True).row(0, named=True)
    return ChangedFeature(
        name=name,
        rows=rows.height,
        became_null=int(rows["gone"].sum()),
        largest=worst["apart"],
        example=(worst["event_id"], worst["entrant_id"]),
    )
