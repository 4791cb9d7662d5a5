"""Histories: what the earlier rows of its key say of each entrant."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from morningline.features.columns import single_of
from morningline.features.listings import DAY
from morningline.features.order_statistics import OrderStatistics
from morningline.features.scans import fading, first_of_key, highest_between
from morningline.features.sums import More, RunningSums, differences, running
from morningline.features.windows import Days, Decay, Expanding, Rivals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from morningline.features.columns import Singles
    from morningline.features.definitions import History
    from morningline.features.listings import Listing, Ranges
    from morningline.features.sorting import Integers, Places
    from morningline.features.sums import Floats

SUMMED = ("count", "sum", "mean", "rate")
"""What is made of sums, to which the rows of a correction are added without looking at the others again."""

ALIKE = 1e-6
"""Values that differ by less than this share of their size differ by rounding: single precision holds seven digits."""


class KeyHistories:
    """All histories of one key; what several of them need is computed once.

    Args:
        ranges: The rows that each pair of key and cut-off may use.
        values: History columns by name, NaN where there is no value, in the order of the history rows.
    """

    def __init__(self, ranges: Ranges, values: Mapping[str, Singles]) -> None:
        self._ranges = ranges
        self._values = values
        self._columns: dict[tuple[str, str], Column] = {}

    def feature(self, feature: History) -> Singles:
        """A feature of every entrant, NaN where it cannot be known."""
        with np.errstate(all="ignore"):
            return single_of(self._of_pairs(feature), self._ranges.pair_of)

    def forget(self) -> None:
        """Forget what was made of values, to have the memory back."""
        self._columns.clear()
        # Only where they were asked for.
        for _, histories in vars(self).get("_as_known_then", ()):
            histories.forget()

    def _of_pairs(self, feature: History) -> Floats:
        column, ranges = self._column(feature), self._ranges
        if feature.aggregate in SUMMED and isinstance(feature.window, Expanding | Days):
            return column.summed(feature, ranges.low(feature.window), ranges.high, self._alive(feature))
        if isinstance(feature.window, Decay):
            found = column.faded(feature, feature.window)
        else:
            found = column.aggregate(feature, ranges.low(feature.window), ranges.high)
        for pairs, histories in self._as_known_then:
            found[pairs] = histories.feature(feature)
        return found

    @cached_property
    def _as_known_then(self) -> list[tuple[Integers, KeyHistories]]:
        """Histories of the pairs that know rows which were corrected since."""
        return [(pairs, KeyHistories(then, self._values)) for pairs, then in self._ranges.as_known_then()]

    def _alive(self, feature: History) -> More | None:
        """What the rows that were corrected since add to the sums of those that know them: sums are exact."""
        corrected = self._ranges.corrected
        if corrected is None:
            return None
        of, row = self._ranges.concerned, self._ranges.alive
        if isinstance(feature.window, Days):
            recent = corrected.usable_at[row] > self._ranges.cutoff[of] - feature.window.days * DAY
            of, row = of[recent], row[recent]
        return More(of, self._of_rows(corrected, *_compared(feature))[row])

    def _column(self, feature: History) -> Column:
        known = _compared(feature)
        if known not in self._columns:
            values = self._of_rows(self._ranges.listing, *known)
            self._columns[known] = Column(values, self._ranges)
        return self._columns[known]

    def _of_rows(self, listing: Listing, value: str, compare: str) -> Floats:
        """A value of listed rows; without one, that they are there."""
        if not value:
            return np.ones(len(listing.row))
        own = self._values[value][listing.row].astype(np.float64)
        if not compare or listing.rival is None:
            return own
        apart = own - self._values[value][listing.rival]
        return apart if compare == "difference" else np.where(np.isnan(apart), np.nan, (1 - np.sign(apart)) / 2)


def _compared(feature: History) -> tuple[str, str]:
    """The value a history is of, and how both sides of a meeting are compared."""
    return feature.value, feature.key.compare if isinstance(feature.key, Rivals) else ""


class Column:
    """A value of the rows of keys, and what ranges of them say.

    Args:
        values: In the order of the ranges' listing, NaN where there is none.
        ranges: The rows that each pair of key and cut-off may use.
    """

    def __init__(self, values: Floats, ranges: Ranges) -> None:
        self._values = values
        self._ranges = ranges
        self._usable_at = ranges.listing.usable_at
        self._faded: dict[int, tuple[Floats, Floats]] = {}

    def summed(self, feature: History, low: Places, high: Places, more: More | None) -> Floats:
        """Number, sum, mean or rate of the rows `low <= i < high` of each pair, and of some more."""
        count = self._count(low, high)
        if more is not None:
            np.add.at(count, more.of, ~np.isnan(more.values))
        if feature.aggregate == "count":
            return count
        return mean(feature, self._sums.between(low, high, more), count)

    def aggregate(self, feature: History, low: Places, high: Places) -> Floats:
        """What the rows `low <= i < high` of each pair say."""
        count = self._count(low, high)
        match feature.aggregate:
            case "min" | "max":
                return self._highest(feature, low, high)
            case "std":
                return self._deviation(count, low, high)
            case "slope":
                return self._slope(count, low, high)
            case "quantile":
                return self._quantile(feature.quantile, low, high)
            case "last" | "days_since":
                return self._newest_of(feature, low, high)
        return self.summed(feature, low, high, None)

    def faded(self, feature: History, window: Decay) -> Floats:
        """What all usable rows of each pair say, the older the less."""
        total, weight = self._fading(window.half_life_days)
        some = self._ranges.high > self._ranges.begin
        newest = np.maximum(self._ranges.high - 1, 0)
        total, weight = (np.where(some, np.append(part, 0.0)[newest], 0.0) for part in (total, weight))
        if feature.aggregate == "mean":
            return np.where(weight > 0, total / weight, np.nan)
        age = (self._ranges.cutoff - np.append(self._usable_at, 0)[newest]) / DAY
        # With no rows the sums are zero, and so they stay, whatever the fade.
        fade = np.where(weight > 0, np.exp2(-age / window.half_life_days), 0.0)
        if feature.aggregate == "count":
            return weight * fade
        return mean(feature, total * fade, weight * fade)

    @cached_property
    def _present(self) -> NDArray[np.bool_]:
        return ~np.isnan(self._values)

    @cached_property
    def _filled(self) -> Floats:
        return np.where(self._present, self._values, 0.0)

    @cached_property
    def _counts(self) -> Integers:
        return running(self._present)

    def _count(self, low: Places, high: Places) -> Floats:
        """How many values the rows `low <= i < high` of each pair have."""
        return differences(self._counts, low, high)

    @cached_property
    def _sums(self) -> RunningSums:
        return RunningSums(self._values)

    @cached_property
    def _newest(self) -> Integers:
        """The newest row with a value before each row; one more than there are rows."""
        return np.maximum.accumulate(np.append(-1, np.where(self._present, np.arange(len(self._values)), -1)))

    @cached_property
    def _begin_of_row(self) -> Integers:
        begins = self._ranges.begins
        return np.repeat(begins[:-1], np.diff(begins))

    @cached_property
    def _first_of_key(self) -> Floats:
        """The first value of each row's key: less it, values that hardly differ are small, and so are their squares."""
        return first_of_key(self._values, self._ranges.begins)

    @cached_property
    def _apart(self) -> Floats:
        return self._values - self._first_of_key

    @cached_property
    def _sums_apart(self) -> tuple[RunningSums, RunningSums]:
        return RunningSums(self._apart), RunningSums(self._apart**2)

    @cached_property
    def _days(self) -> Floats:
        """Days since the first row of the key, of the rows with a value."""
        since = self._usable_at - self._usable_at[self._begin_of_row]
        return np.where(self._present, since / DAY, np.nan)

    @cached_property
    def _sums_of_days(self) -> tuple[RunningSums, RunningSums, RunningSums]:
        return RunningSums(self._days), RunningSums(self._days**2), RunningSums(self._days * self._apart)

    def _highest(self, feature: History, low: Places, high: Places) -> Floats:
        sign = -1.0 if feature.aggregate == "min" else 1.0
        return sign * highest_between(sign * self._values, low, high)

    def _deviation(self, count: Floats, low: Places, high: Places) -> Floats:
        first, second = (sums.between(low, high) for sums in self._sums_apart)
        variance = np.maximum(second - first * first / count, 0.0) / (count - 1)
        return np.where(count > 1, np.sqrt(variance), np.nan)

    def _slope(self, count: Floats, low: Places, high: Places) -> Floats:
        days, squares, products = (sums.between(low, high) for sums in self._sums_of_days)
        spread = count * squares - days * days
        total = self._sums_apart[0].between(low, high)
        # Rows of one instant have no slope; their spread is zero but for rounding.
        alike = spread <= (ALIKE * np.maximum(days, 1.0)) ** 2
        return np.where(alike, np.nan, (count * products - days * total) / spread)

    @cached_property
    def _ordered(self) -> OrderStatistics:
        return OrderStatistics(self._values[self._present])

    def _quantile(self, share: float, low: Places, high: Places) -> Floats:
        first, last = self._counts[low], self._counts[high]
        some = np.flatnonzero(last > first)
        first, last = first[some], last[some]
        place = share * (last - first - 1)
        below = np.floor(place).astype(np.int64)
        lower = self._ordered.smallest(first, last, below)
        upper = self._ordered.smallest(first, last, np.minimum(below + 1, last - first - 1))
        found = np.full(len(low), np.nan)
        found[some] = lower + (place - below) * (upper - lower)
        return found

    def _newest_of(self, feature: History, low: Places, high: Places) -> Floats:
        row = self._newest[high]
        found = row >= low
        if feature.aggregate == "last":
            return np.where(found, np.append(self._values, np.nan)[row], np.nan)
        age = self._ranges.cutoff - np.append(self._usable_at, 0)[row]
        return np.where(found, age / DAY, np.nan)

    def _fading(self, half_life_days: int) -> tuple[Floats, Floats]:
        """Fading sums of the values and of their weights, as of each row."""
        if half_life_days not in self._faded:
            fades = np.exp2(np.diff(self._usable_at, prepend=0) / -DAY / half_life_days)
            begins = self._ranges.begins
            total, weight = (fading(part, fades, begins) for part in (self._filled, self._present.astype(float)))
            self._faded[half_life_days] = total, weight
        return self._faded[half_life_days]


def mean(feature: History, total: Floats, count: Floats) -> Floats:
    """The sum, mean or rate of rows of which the sum and the number are known; NaN is the mean of none."""
    if feature.aggregate == "sum":
        return total
    if feature.aggregate == "rate":
        return (total + feature.prior * feature.prior_rows) / (count + feature.prior_rows)
    return total / count
