"""How one row stands among those of its group: the entrants of an event, the results of a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morningline.features.definitions import Within
    from morningline.features.folding import Floats, Integers

# Values that differ by less than a millionth of their size differ by rounding: Float32 holds seven digits.
ALIKE = 1e-6


@dataclass(frozen=True)
class Groups:
    """Rows in groups; sums run in the order of the rows, so equal groups give equal bits.

    Attributes:
        of_row: Number of each row's group.
        count: How many groups there are.
    """

    of_row: Integers
    count: int

    @classmethod
    def of(cls, frame: pl.DataFrame, names: Sequence[str]) -> Groups:
        """Group the rows that agree in some columns, nulls with nulls."""
        groups = frame.select(names).unique(maintain_order=True).with_row_index("#group")
        joined = frame.select(names).join(groups, on=list(names), how="left", maintain_order="left", nulls_equal=True)
        return cls(joined["#group"].cast(pl.Int64).to_numpy(), groups.height)

    def total(self, values: Floats) -> Floats:
        """Sum of each row's group, NaN left out."""
        totals: Floats = np.bincount(self.of_row, np.nan_to_num(values, nan=0.0), self.count).astype(np.float64)
        return totals[self.of_row]

    def size(self, values: Floats) -> Floats:
        """How many values each row's group has."""
        return self.total((~np.isnan(values)).astype(np.float64))

    def mean(self, values: Floats) -> Floats:
        """Mean of each row's group, NaN where it has no value."""
        with np.errstate(invalid="ignore"):
            return self.total(values) / self.size(values)

    def highest(self, values: Floats) -> Floats:
        """Highest value of each row's group, NaN where it has none."""
        found = np.full(self.count, -np.inf)
        np.maximum.at(found, self.of_row, np.where(np.isnan(values), -np.inf, values))
        return np.where(np.isinf(found), np.nan, found)[self.of_row]


def within_event(how: Within, values: Floats, events: Groups) -> Floats:
    """Stand of each entrant among those of its event.

    Args:
        how: As `WithinEvent` says.
        values: Of the entrants, NaN where there is none.
        events: The events of the entrants.

    Returns:
        Of each entrant, NaN or infinite where it cannot be said.
    """
    if how == "rank":
        return _rank(values, events)
    if how == "gap_to_best":
        return values - events.highest(values)
    with np.errstate(all="ignore"):
        if how == "share":
            return values / events.total(values)
        apart = values - events.mean(values)
        deviation = np.sqrt(events.total(apart * apart) / (events.size(values) - 1))
        return np.where(deviation > ALIKE * events.highest(np.abs(values)), apart / deviation, np.nan)


def _rank(values: Floats, events: Groups) -> Floats:
    # Ranked as they are stored: two histories with the same numbers in another order are a tie, not luck.
    shown = np.where(np.isnan(values), np.nan, values.astype(np.float32))
    frame = pl.DataFrame({"event": events.of_row, "value": pl.Series(shown, nan_to_null=True).cast(pl.Float32)})
    return frame.select(pl.col("value").rank("average", descending=True).over("event").cast(pl.Float64))[
        "value"
    ].to_numpy()
