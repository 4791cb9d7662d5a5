"""How one row stands among those of its group: the entrants of an event, the results of a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from morningline.features.histories import ALIKE

if TYPE_CHECKING:
    import polars as pl

    from morningline.features.definitions import Within
    from morningline.features.sums import Floats, Integers


@dataclass(frozen=True)
class Groups:
    """Rows in groups; sums run in the order of the rows, so equal groups give equal bits.

    Attributes:
        of_row: Number of each row's group.
        starts: The first row of each group.
    """

    of_row: Integers
    starts: Integers

    @classmethod
    def of(cls, values: pl.Series) -> Groups:
        """Group rows that agree in a column and stand together."""
        new = (values != values.shift()).fill_null(value=True).to_numpy()
        return cls(np.cumsum(new) - 1, np.flatnonzero(new))

    def total(self, values: Floats) -> Floats:
        """Sum of each row's group, NaN left out."""
        totals: Floats = np.add.reduceat(np.where(np.isnan(values), 0.0, values), self.starts)
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
        highest: Floats = np.fmax.reduceat(values, self.starts)
        return highest[self.of_row]


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
    if how == "others_best":
        return _others_best(values, events)
    with np.errstate(all="ignore"):
        if how == "share":
            return values / events.total(values)
        if how == "others_mean":
            own = np.where(np.isnan(values), 0.0, values)
            return (events.total(values) - own) / (events.size(values) - ~np.isnan(values))
        apart = values - events.mean(values)
        deviation = np.sqrt(events.total(apart * apart) / (events.size(values) - 1))
        return np.where(deviation > ALIKE * events.highest(np.abs(values)), apart / deviation, np.nan)


def _others_best(values: Floats, events: Groups) -> Floats:
    highest = events.highest(values)
    best = values == highest
    alone = best & (events.total(best.astype(np.float64)) == 1)
    return np.where(alone, events.highest(np.where(alone, np.nan, values)), highest)


def _rank(values: Floats, events: Groups) -> Floats:
    # Ranked as they are stored: two histories with the same numbers in another order are a tie, not luck.
    shown = values.astype(np.float32) + np.float32(0.0)
    bits = shown.view(np.int32).astype(np.int64)
    # The bits of a float sort as whole numbers do, those of negative ones the other way round.
    rising = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    missing = np.isnan(shown)
    sorting = (events.of_row << 33) | np.where(missing, 1 << 32, (1 << 31) - 1 - rising)
    order = np.argsort(sorting)
    in_order = sorting[order]
    tie = np.flatnonzero(np.diff(in_order, prepend=-1))
    ends = np.append(tie[1:], len(in_order))
    first = np.searchsorted(in_order, events.of_row[order[tie]] << 33)
    found = np.empty(len(values))
    found[order] = np.repeat((tie + ends - 1) / 2 - first + 1, ends - tie)
    return np.where(missing, np.nan, found)
