"""How one row stands among those of its group: the entrants of an event, the results of a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from morningline.features.columns import single
from morningline.features.histories import ALIKE
from morningline.kit.compiled import compiled

if TYPE_CHECKING:
    import polars as pl

    from morningline.features.columns import Singles
    from morningline.features.definitions import Within
    from morningline.features.sorting import Integers
    from morningline.features.sums import Floats


@dataclass(frozen=True)
class Groups:
    """Rows in groups; sums run in the order of the rows, so equal groups give equal bits.

    Attributes:
        of_row: Number of each row's group; the rows of one stand together.
    """

    of_row: Integers

    @classmethod
    def of(cls, values: pl.Series) -> Groups:
        """Group rows that agree in a column and stand together."""
        new = (values != values.shift()).fill_null(value=True).to_numpy()
        return cls(np.cumsum(new) - 1)

    def total(self, values: Floats) -> Floats:
        """Sum of each row's group, NaN left out."""
        return _total(values, self.of_row)

    def size(self, values: Floats) -> Floats:
        """How many values each row's group has."""
        return self.total((~np.isnan(values)).astype(np.float64))

    def mean(self, values: Floats) -> Floats:
        """Mean of each row's group, NaN where it has no value."""
        with np.errstate(invalid="ignore"):
            return self.total(values) / self.size(values)

    def highest(self, values: Floats) -> Floats:
        """Highest value of each row's group, NaN where it has none."""
        return _highest(values, self.of_row)


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
        # Ranked as they are stored: two histories with the same numbers in another order are a tie, not luck.
        return _rank(single(values), events.of_row)
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


@compiled
def _total(values: Floats, of_row: Integers) -> Floats:
    found, begin = np.empty(len(values)), 0
    while begin < len(values):
        total, end = 0.0, begin
        while end < len(values) and of_row[end] == of_row[begin]:
            total += 0.0 if np.isnan(values[end]) else values[end]
            end += 1
        found[begin:end] = total
        begin = end
    return found


@compiled
def _highest(values: Floats, of_row: Integers) -> Floats:
    found, begin = np.empty(len(values)), 0
    while begin < len(values):
        highest, end = np.nan, begin
        while end < len(values) and of_row[end] == of_row[begin]:
            highest = highest if values[end] <= highest or np.isnan(values[end]) else values[end]
            end += 1
        found[begin:end] = highest
        begin = end
    return found


@compiled
def _rank(shown: Singles, of_row: Integers) -> Floats:
    """One more than there are better ones, those who tie in the middle of their places."""
    found, begin = np.full(len(shown), np.nan), 0
    while begin < len(shown):
        end = begin
        while end < len(shown) and of_row[end] == of_row[begin]:
            end += 1
        known = begin + np.flatnonzero(~np.isnan(shown[begin:end]))
        best_first = known[np.argsort(-shown[known])]
        place = 0
        while place < len(best_first):
            after = place
            while after < len(best_first) and shown[best_first[after]] == shown[best_first[place]]:
                after += 1
            found[best_first[place:after]] = (place + after + 1) / 2
            place = after
        begin = end
    return found
