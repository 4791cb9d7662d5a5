"""The k-th smallest value of any range of rows, without sorting one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

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
        self._zeros: list[Integers] = []
        for bit in reversed(range(bits)):
            ones = (ranks >> bit & 1).astype(bool)
            self._zeros.append(np.concatenate([[0], np.cumsum(~ones)]))
            ranks = np.concatenate([ranks[~ones], ranks[ones]])

    def smallest(self, low: Integers, high: Integers, place: Integers) -> Floats:
        """The value of each range `low <= i < high` that `place` others of it come before.

        Args:
            low: First row of each range.
            high: The row after its last.
            place: From 0 to `high - low - 1`.
        """
        low, high, place = low.copy(), high.copy(), place.copy()
        rank = np.zeros_like(place)
        for zeros in self._zeros:
            before, until = zeros[low], zeros[high]
            ones = place >= until - before
            place -= np.where(ones, until - before, 0)
            low = np.where(ones, zeros[-1] + low - before, before)
            high = np.where(ones, zeros[-1] + high - until, until)
            rank = 2 * rank + ones
        return self._known[rank]
