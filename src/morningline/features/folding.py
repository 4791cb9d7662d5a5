"""Aggregates of ranges of rows, each folded from its own rows alone.

A window of a key is a range `low <= i < high` of the rows sorted by key and time. Differences of running sums would be
quicker to write, but they carry the rounding of every older row, and of other keys, into a window that has nothing to
do with them. Here a range is put together from blocks of 1, 2, 4, 8... rows, the newest first, so a value depends on
the rows of its window and on nothing else, and its error grows with the logarithm of their number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Combine = Callable[[Floats, Floats], Floats]


def fold(combine: Combine, rows: Floats, low: Integers, high: Integers) -> Floats:
    """Combine the rows of each range.

    Args:
        combine: Associative: two states of shape (parts, n), of newer and of older blocks of rows, into one.
        rows: State of each single row, shape (parts, rows).
        low: First row of each range.
        high: The row after the last of each range, not before `low`.

    Returns:
        The states of the ranges, shape (parts, ranges); zeros where a range is empty.
    """
    found = np.zeros((len(rows), len(low)))
    left, end = high - low, high.copy()
    longest = int(left.max(initial=0))
    width, blocks = 1, rows
    # Blocks that reach over the start of a key are made too, whatever is in them, and never read.
    with np.errstate(all="ignore"):
        while width <= longest:
            taking = np.flatnonzero(left & width)
            block = blocks[:, end[taking] - 1]
            begun = end[taking] < high[taking]
            found[:, taking] = np.where(begun, combine(found[:, taking], block), block)
            end[taking] -= width
            if 2 * width <= longest:
                wider = blocks.copy()
                wider[:, width:] = combine(blocks[:, width:], blocks[:, :-width])
                blocks = wider
            width *= 2
    return found


def add(newer: Floats, older: Floats) -> Floats:
    """Sums of two blocks."""
    return newer + older


def spread(newer: Floats, older: Floats) -> Floats:
    """Count, mean and sum of squared deviations of two blocks (Chan, Golub & LeVeque 1983, eq. 2.1)."""
    count = newer[0] + older[0]
    share = older[0] / np.maximum(count, 1.0)
    apart = older[1] - newer[1]
    return np.stack([count, newer[1] + apart * share, newer[2] + older[2] + apart * apart * newer[0] * share])


def fading(half_life: float) -> Combine:
    """Weighted sums as of each block's newest row, of states (time of the newest row, sum, weight).

    Args:
        half_life: In the unit of the times.
    """

    def combine(newer: Floats, older: Floats) -> Floats:
        fade = np.exp2((older[0] - newer[0]) / half_life)
        return np.stack([newer[0], newer[1] + older[1] * fade, newer[2] + older[2] * fade])

    return combine
