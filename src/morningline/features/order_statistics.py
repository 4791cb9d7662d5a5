"""The k-th smallest value of any range of rows, without sorting a long one."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from morningline.kit.compiled import compiled

if TYPE_CHECKING:
    from morningline.features.sorting import Integers, Places
    from morningline.features.sums import Floats


SHORT = 32
"""Rows of a range up to which it is faster to sort it."""


class OrderStatistics:
    """A wavelet matrix over a column of values (Claude, Navarro & Ordonez 2015, The wavelet matrix).

    Short ranges are sorted instead. The values' ranks are sorted bit by bit, the highest first, zeros before ones and
    otherwise in the order of the rows; a range of rows stays a range at every level, and running counts of zeros say
    which.

    Args:
        values: Finite numbers.
    """

    def __init__(self, values: Floats) -> None:
        self._values = values

    @cached_property
    def _matrix(self) -> tuple[Floats, Integers]:
        """The distinct values in order, and for each level how many zeros there are before each row."""
        known, ranks = np.unique(self._values, return_inverse=True)
        bits = max(int(len(known) - 1).bit_length(), 1) if len(known) else 0
        zeros = np.zeros((bits, len(self._values) + 1), dtype=np.int64)
        for level, bit in enumerate(reversed(range(bits))):
            ones = (ranks >> bit & 1).astype(bool)
            np.cumsum(~ones, out=zeros[level, 1:])
            ranks = np.concatenate([ranks[~ones], ranks[ones]])
        return known, zeros

    def smallest(self, low: Integers | Places, high: Integers | Places, place: Integers) -> Floats:
        """The value of each range `low <= i < high` that `place` others of it come before.

        Args:
            low: First row of each range.
            high: The row after its last.
            place: From 0 to `high - low - 1`.
        """
        found = _smallest_of_short(self._values, low, high, place)
        long = np.flatnonzero(high - low > SHORT)
        if len(long):
            known, zeros = self._matrix
            found[long] = known[_ranks(zeros, low[long], high[long], place[long])]
        return found


@compiled
def _smallest_of_short(values: Floats, low: Integers | Places, high: Integers | Places, place: Integers) -> Floats:
    """The values of ranges of up to `SHORT` rows, which are sorted; others are left as chance has them."""
    found, in_order = np.empty(len(low)), np.empty(SHORT)
    for one in range(len(low)):
        if high[one] - low[one] > SHORT:
            continue
        for count in range(high[one] - low[one]):
            value, at = values[low[one] + count], count
            while at > 0 and in_order[at - 1] > value:
                in_order[at] = in_order[at - 1]
                at -= 1
            in_order[at] = value
        found[one] = in_order[place[one]]
    return found


@compiled
def _ranks(zeros: Integers, low: Integers | Places, high: Integers | Places, place: Integers) -> Integers:
    found = np.empty(len(low), np.int64)
    rows = zeros.shape[1] - 1
    for one in range(len(low)):
        first, last, nth, rank = low[one], high[one], place[one], 0
        for level in range(len(zeros)):
            before, until = zeros[level, first], zeros[level, last]
            rank *= 2
            if nth < until - before:
                first, last = before, until
            else:
                nth -= until - before
                rank += 1
                first, last = zeros[level, rows] + first - before, zeros[level, rows] + last - until
        found[one] = rank
    return found
