"""The k-th smallest value of any range of rows, without sorting one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from morningline.kit.compiled import compiled

if TYPE_CHECKING:
    from morningline.features.sums import Floats, Integers


class OrderStatistics:
    """A wavelet matrix over a column of values (Claude, Navarro & Ordonez 2015, The wavelet matrix).

    The values' ranks are sorted bit by bit, the highest first, zeros before ones and otherwise in the order of the
    rows; a range of rows stays a range at every level, and running counts of zeros say which.

    Args:
        values: Finite numbers.
    """

    def __init__(self, values: Floats) -> None:
        self._known, ranks = np.unique(values, return_inverse=True)
        bits = max(int(len(self._known) - 1).bit_length(), 1) if len(self._known) else 0
        self._zeros = np.zeros((bits, len(values) + 1), dtype=np.int64)
        for level, bit in enumerate(reversed(range(bits))):
            ones = (ranks >> bit & 1).astype(bool)
            np.cumsum(~ones, out=self._zeros[level, 1:])
            ranks = np.concatenate([ranks[~ones], ranks[ones]])

    def smallest(self, low: Integers, high: Integers, place: Integers) -> Floats:
        """The value of each range `low <= i < high` that `place` others of it come before.

        Args:
            low: First row of each range.
            high: The row after its last.
            place: From 0 to `high - low - 1`.
        """
        found: Floats = self._known[_ranks(self._zeros, low, high, place)]
        return found


@compiled
def _ranks(zeros: Integers, low: Integers, high: Integers, place: Integers) -> Integers:
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
