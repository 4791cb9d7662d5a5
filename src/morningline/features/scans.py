"""Passes along the rows of each key, oldest first, and extremes of ranges of rows.

Rows are sorted by key and time. A value depends on the earlier rows of its own key and on nothing else, so it is the
same in whatever company the key is computed.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from morningline.features.sums import Floats, Integers

STRETCH = 64
"""Rows of a key that are added one after the other."""

LANES = 1 << 20
"""Cells that a pass looks at together at most, which bounds its memory."""


class Lanes:
    """The rows of keys laid side by side, keys of about one length together, so that one step serves many keys.

    Args:
        begins: The first row of each key, in order, and the number of rows at the end.
    """

    def __init__(self, begins: Integers) -> None:
        self._begins = begins
        self._lengths = np.diff(begins)

    @cached_property
    def _blocks(self) -> list[tuple[Integers, NDArray[np.bool_]]]:
        return list(self._make_blocks())

    def _make_blocks(self) -> Iterator[tuple[Integers, NDArray[np.bool_]]]:
        """Row numbers of shape (step, key), and which of them are rows of the key."""
        steps = np.frexp(np.maximum(self._lengths - 1, 0))[1]
        for power in np.unique(steps[self._lengths > 0]):
            width = 1 << int(power)
            keys = np.flatnonzero((steps == power) & (self._lengths > 0))
            for some in np.array_split(keys, min(len(keys), -(-len(keys) * width // LANES))):
                place = np.arange(min(width, int(self._lengths[some].max())))[:, np.newaxis]
                inside = place < self._lengths[some]
                yield np.where(inside, self._begins[some] + place, self._begins[some]), inside

    def highest(self, values: Floats) -> Floats:
        """The highest value of the key so far, NaN where it has none yet."""
        found = np.empty_like(values)
        for rows, inside in self._blocks:
            found[rows[inside]] = np.fmax.accumulate(values[rows], axis=0)[inside]
        return found

    def fading(self, values: Floats, fades: Floats) -> Floats:
        """The sum of the key so far, in which what was before each row counts `fades` of that row as much.

        Long keys are taken in stretches side by side, and what one stretch ends with is carried into the next.

        Args:
            values: Of the rows.
            fades: Of the rows, up to 1; a key's first counts for nothing.
        """
        if self._lengths.max(initial=0) <= STRETCH:
            return self.fading_with_rest(values, fades)[0]
        sizes = -(-self._lengths // STRETCH)
        first = np.cumsum(sizes) - sizes
        nth = np.arange(int(sizes.sum())) - np.repeat(first, sizes)
        begins = np.append(np.repeat(self._begins[:-1], sizes) + nth * STRETCH, self._begins[-1])
        total, faded = Lanes(begins).fading_with_rest(values, fades)
        ends = begins[1:] - 1
        carried = Lanes(np.append(first, len(nth))).fading(total[ends], faded[ends])
        before = np.where(nth == 0, 0.0, np.append(0.0, carried[:-1]))
        found: Floats = total + faded * np.repeat(before, np.diff(begins))
        return found

    def fading_with_rest(self, values: Floats, fades: Floats) -> tuple[Floats, Floats]:
        """The fading sum of the key so far, row after row, and how much what was before its first row counts."""
        total, faded = np.empty_like(values), np.empty_like(values)
        for rows, inside in self._blocks:
            sums, left = values[rows], fades[rows]
            for step in range(1, len(rows)):
                sums[step] += sums[step - 1] * left[step]
                left[step] *= left[step - 1]
            total[rows[inside]], faded[rows[inside]] = sums[inside], left[inside]
        return total, faded


def highest_between(values: Floats, low: Integers, high: Integers) -> Floats:
    """The highest value of the rows `low <= i < high` of each range, NaN where there is none.

    Each range is covered by two blocks of one power of two of rows, which may overlap.
    """
    found = np.full(len(low), np.nan)
    powers = np.frexp(high - low)[1] - 1
    blocks, width = values, 1
    for power in range(int(powers.max(initial=-1)) + 1):
        of = np.flatnonzero(powers == power)
        found[of] = np.fmax(blocks[high[of] - 1], blocks[low[of] + width - 1])
        # Blocks that reach over the start of a key are made too, whatever is in them, and never read.
        blocks = np.concatenate([blocks[:width], np.fmax(blocks[width:], blocks[:-width])])
        width *= 2
    return found
