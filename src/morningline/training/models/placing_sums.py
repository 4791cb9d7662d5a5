"""Sums over all orders of the first three: as loops, so that no probability comes from a small difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morningline.kit.compiled import compiled

if TYPE_CHECKING:
    from morningline.training.grouped import Floats, Integers


@compiled
def _left(weights: Floats, low: int, high: int, one: int, other: int) -> float:
    """The sum of an event's weights, but for those of two rows."""
    total = 0.0
    for row in range(low, high):
        if row not in (one, other):
            total += weights[row]
    return total


@compiled
def add_places(p: Floats, second: Floats, third: Floats, starts: Integers, out: Floats) -> None:
    """Add to each row's probability of coming first those of coming second and, where weights are given, third.

    Args:
        p: Shape (rows,): the probability of coming first.
        second: Shape (rows,): the weight in the choice of the second.
        third: The same of the third, shape (rows,); shape (0,) where only two places count.
        starts: Shape (events + 1,).
        out: Shape (rows,), where it is added.
    """
    for event in range(len(starts) - 1):
        low, high = starts[event], starts[event + 1]
        for i in range(low, high):
            left = _left(second, low, high, i, i)
            for j in range(low, high):
                if j == i:
                    continue
                both = p[i] * second[j] / left
                out[j] += both
                if len(third) == 0:
                    continue
                last = _left(third, low, high, i, j)
                for m in range(low, high):
                    if m not in (i, j):
                        out[m] += both * third[m] / last
