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
        begins: The first row of each group, in order, and the number of rows at the end.
    """

    begins: Integers

    @classmethod
    def of(cls, values: pl.Series) -> Groups:
        """Group rows that agree in a column and stand together."""
        new = (values != values.shift()).fill_null(value=True).to_numpy()
        return cls(np.append(np.flatnonzero(new), len(new)))

    def total(self, values: Floats) -> Floats:
        """Sum of each row's group, NaN left out."""
        return _total(values, self.begins)

    def size(self, values: Floats) -> Floats:
        """How many values each row's group has."""
        return self.total((~np.isnan(values)).astype(np.float64))

    def mean(self, values: Floats) -> Floats:
        """Mean of each row's group, NaN where it has no value."""
        with np.errstate(invalid="ignore"):
            return self.total(values) / self.size(values)

    def highest(self, values: Floats) -> Floats:
        """Highest value of each row's group, NaN where it has none."""
        return _highest(values, self.begins)


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
        return _rank(single(values), events.begins)
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
def _total(values: Floats, begins: Integers) -> Floats:
    found = np.empty(len(values))
    for group in range(len(begins) - 1):
        total = 0.0
        for row in range(begins[group], begins[group + 1]):
            total += 0.0 if np.isnan(values[row]) else values[row]
        found[begins[group] : begins[group + 1]] = total
    return found


@compiled
def _highest(values: Floats, begins: Integers) -> Floats:
    found = np.empty(len(values))
    for group in range(len(begins) - 1):
        highest = np.nan
        for row in range(begins[group], begins[group + 1]):
            highest = highest if values[row] <= highest or np.isnan(values[row]) else values[row]
        found[begins[group] : begins[group + 1]] = highest
    return found


@compiled
def _rank(shown: Singles, begins: Integers) -> Floats:
    """One more than there are better ones, those who tie in the middle of their places."""
    found = np.full(len(shown), np.nan)
    for group in range(len(begins) - 1):
        known = begins[group] + np.flatnonzero(~np.isnan(shown[begins[group] : begins[group + 1]]))
        best_first = known[np.argsort(-shown[known])]
        place = 0
        while place < len(best_first):
            after = place
            while after < len(best_first) and shown[best_first[after]] == shown[best_first[place]]:
                after += 1
            found[best_first[place:after]] = (place + after + 1) / 2
            place = after
    return found
