"""Histories: which earlier rows of its key each entrant may use, and what they say together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from morningline.features.definitions import Days, Decay, Last
from morningline.features.folding import add, fading, fold, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from morningline.features.definitions import History, Window
    from morningline.features.folding import Floats, Integers

DAY = 86_400_000_000
"""Microseconds in a day."""

PLAIN_ZERO = 0.0
"""Added to a number it makes minus zero plain zero: the two are equal, and equal values are to be equal bits."""

NEVER = np.iinfo(np.int64).min
"""A cut-off before all time, for an entrant that has none."""


def usable_instants(instants: Integers, cutoffs: Integers) -> Integers:
    """How many of the sorted instants are at each cut-off or before it: the one comparison of clocks there is."""
    return np.searchsorted(instants, cutoffs, side="right")


def microseconds(instants: pl.Series) -> Integers:
    """UTC instants as whole numbers that sort alike; null is before all time."""
    return instants.dt.epoch("us").fill_null(NEVER).to_numpy()


def numbers(values: pl.Series) -> Floats:
    """Values as floats, NaN where there is no finite number."""
    found = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return np.where(np.isfinite(found), found, np.nan)


def as_series(name: str, values: Floats, dtype: type[np.floating[Any]] = np.float64) -> pl.Series:
    """Floats as a column of a precision, null where there is no finite number."""
    with np.errstate(over="ignore"):
        found = values.astype(dtype, copy=False) + dtype(PLAIN_ZERO)
    return pl.Series(name, np.where(np.isfinite(found), found, dtype("nan")), nan_to_null=True)


class Codes:
    """Small whole numbers for the values of key columns, the same in entrants and history rows.

    Numbers sort and match many times faster than texts; which number a value gets does not matter to any feature.

    Args:
        entrants: The entrants.
        history: The history rows.
    """

    def __init__(self, entrants: pl.DataFrame, history: pl.DataFrame) -> None:
        both = pl.concat([entrants.select(history.columns), history]) if history.width else entrants.clear()
        self._split = entrants.height
        self._columns = {name: _dense(both[name]) for name in both.columns}

    def of(self, key: Sequence[str]) -> tuple[Integers, Integers]:
        """Codes of the entrants' and the history rows' keys, -1 where a part of the key is null."""
        code = self._columns[key[0]]
        for name in key[1:]:
            other = self._columns[name]
            pair = np.where((code < 0) | (other < 0), -1, code * (other.max(initial=0) + 1) + other)
            # Made dense again, the products of many columns stay far from the largest whole number.
            known, dense = np.unique(pair, return_inverse=True)
            code = dense - int(known.min(initial=0) < 0)
        return code[: self._split], code[self._split :]


def _dense(values: pl.Series) -> Integers:
    known = values.drop_nulls().unique(maintain_order=True).to_frame("key").with_row_index("code")
    codes = values.to_frame("key").join(known, on="key", how="left", maintain_order="left")["code"]
    return codes.cast(pl.Int64).fill_null(-1).to_numpy()


@dataclass
class Ranges:
    """For each pair of key and cut-off that is asked for, the rows of the key that are usable.

    Attributes:
        order: Positions of the history rows, sorted by key and by when they became usable.
        usable_at: Of those rows, microseconds.
        cutoff: Of each pair, microseconds.
        high: The row after the last usable one.
        pair_of: The pair of each entrant.
        first_since: For a cut-off of each pair, the first row of its key that became usable after it.
    """

    order: Integers
    usable_at: Integers
    cutoff: Integers
    high: Integers
    pair_of: NDArray[np.intp]
    first_since: Callable[[Integers], Integers]
    _lows: dict[Window, Integers] = field(default_factory=dict)

    @classmethod
    def of(cls, codes: tuple[Integers, Integers], cutoffs: Integers, usable_at: Integers) -> Ranges:
        """Find them; history rows come in the order of `usable_at`."""
        asked, kept = codes
        order = np.flatnonzero(kept >= 0)
        order = order[np.argsort(kept[order], kind="stable")]
        instants = np.unique(usable_at)
        base = len(instants) + 1
        place = kept[order] * base + np.searchsorted(instants, usable_at[order])
        moments, moment = np.unique(cutoffs, return_inverse=True)
        pairs, pair_of = np.unique(asked * max(len(moments), 1) + moment, return_inverse=True)
        code, cutoff = pairs // max(len(moments), 1), moments[pairs % max(len(moments), 1)]

        def first_since(until: Integers) -> Integers:
            found: Integers = np.searchsorted(place, code * base + usable_instants(instants, until))
            return found

        return cls(order, usable_at[order], cutoff, first_since(cutoff), pair_of, first_since)

    def low(self, window: Window) -> Integers:
        """The first row of each pair's window."""
        if window not in self._lows:
            # Before all time no row is usable: that is where a key's rows begin.
            begin = self.first_since(np.full_like(self.cutoff, NEVER))
            if isinstance(window, Last):
                begin = np.maximum(begin, self.high - window.rows)
            elif isinstance(window, Days):
                begin = self.first_since(np.maximum(self.cutoff, NEVER + window.days * DAY) - window.days * DAY)
            self._lows[window] = begin
        return self._lows[window]


class KeyHistories:
    """All histories of one key; what several of them need is computed once.

    Args:
        ranges: The rows that each pair of key and cut-off may use.
        values: History columns by name, NaN where there is no value, in the order of the history rows.
    """

    def __init__(self, ranges: Ranges, values: dict[str, Floats]) -> None:
        self._ranges = ranges
        self._values = {name: column[ranges.order] for name, column in values.items()}
        self._sums: dict[tuple[str, Window], Floats] = {}

    def feature(self, feature: History) -> Floats:
        """A feature of every entrant, NaN where it cannot be known."""
        with np.errstate(all="ignore"):
            return self._of_pairs(feature)[self._ranges.pair_of]

    def _of_pairs(self, feature: History) -> Floats:
        if isinstance(feature.window, Decay):
            return self._faded(feature, feature.window)
        if feature.aggregate in {"last", "days_since"}:
            return self._newest(feature)
        count = self._count(feature)
        if feature.aggregate == "count":
            return count
        if feature.aggregate in {"min", "max"}:
            extreme = np.fmin if feature.aggregate == "min" else np.fmax
            found = self._fold(extreme, self._values[feature.value][np.newaxis], feature.window)[0]
            return np.where(count > 0, found, np.nan)
        if feature.aggregate == "std":
            return self._deviation(feature, count)
        return _mean(feature, self._sum(feature), count)

    def _deviation(self, feature: History, count: Floats) -> Floats:
        single = np.stack([self._present(feature), self._filled(feature), np.zeros(len(self._ranges.order))])
        squares = self._fold(spread, single, feature.window)[2]
        return np.where(count > 1, np.sqrt(squares / (count - 1)), np.nan)

    def _fold(self, combine: Callable[[Floats, Floats], Floats], rows: Floats, window: Window) -> Floats:
        return fold(combine, rows, self._ranges.low(window), self._ranges.high)

    def _filled(self, feature: History) -> Floats:
        if not feature.value:
            return np.zeros(len(self._ranges.order))
        return np.nan_to_num(self._values[feature.value], nan=0.0)

    def _present(self, feature: History) -> NDArray[np.bool_]:
        if not feature.value:
            return np.ones(len(self._ranges.order), dtype=np.bool_)
        return ~np.isnan(self._values[feature.value])

    def _count(self, feature: History) -> Floats:
        # Whole numbers have no rounding, so here a difference of running sums is exact.
        total = np.concatenate([[0], np.cumsum(self._present(feature))])
        found: Integers = total[self._ranges.high] - total[self._ranges.low(feature.window)]
        return found.astype(np.float64)

    def _sum(self, feature: History) -> Floats:
        known = (feature.value, feature.window)
        if known not in self._sums:
            self._sums[known] = self._fold(add, self._filled(feature)[np.newaxis], feature.window)[0]
        return self._sums[known]

    def _newest(self, feature: History) -> Floats:
        present = self._present(feature)
        newest = np.maximum.accumulate(np.append(-1, np.where(present, np.arange(len(present)), -1)))
        row = newest[self._ranges.high]
        found = row >= self._ranges.low(feature.window)
        if feature.aggregate == "last":
            return np.where(found, np.append(self._values[feature.value], np.nan)[row], np.nan)
        age = self._ranges.cutoff - np.append(self._ranges.usable_at, 0)[row]
        return np.where(found, age / DAY, np.nan)

    def _faded(self, feature: History, window: Decay) -> Floats:
        days = self._ranges.usable_at / DAY
        state = np.stack([days, self._filled(feature), self._present(feature)])
        newest: Floats
        total: Floats
        weight: Floats
        newest, total, weight = self._fold(fading(window.half_life_days), state, window)
        if feature.aggregate == "mean":
            return np.where(weight > 0, total / weight, np.nan)
        # With no rows the sums are zero, and so they stay, whatever the fade.
        fade = np.where(weight > 0, np.exp2((newest - self._ranges.cutoff / DAY) / window.half_life_days), 0.0)
        if feature.aggregate == "count":
            faded: Floats = weight * fade
            return faded
        return _mean(feature, total * fade, weight * fade)


def _mean(feature: History, total: Floats, count: Floats) -> Floats:
    if feature.aggregate == "sum":
        return total
    if feature.aggregate == "rate":
        return (total + feature.prior * feature.prior_rows) / (count + feature.prior_rows)
    return np.where(count > 0, total / count, np.nan)
