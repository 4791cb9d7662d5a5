"""Sums that are exact, so that no window knows in which company, order or batch its rows were added.

Floating-point sums depend on the order of their terms, and differences of running sums carry the rounding of every
older row into a window that has nothing to do with them. Here each value is written as two whole numbers, of units of
2^-12 and 2^-50. Whole numbers add without rounding, so the sum of a window is a difference of two running sums: one
pass over the rows serves every window of every key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

COARSE, FINE = 12, 50
"""Units of the two whole numbers, as negative powers of two."""

LARGEST = 2.0**40
"""Values beyond it are refused: two thousand of them would be more than 64 bits hold."""


class RunningSums:
    """Sums of any ranges of a column of values.

    Running totals may pass 64 bits and start again from below; their differences are right all the same, as long as
    the sum of each range itself is within 2^51.

    Args:
        values: Finite numbers; NaN counts as nothing.

    Raises:
        InputError: A value is too large to be added exactly.
    """

    def __init__(self, values: Floats) -> None:
        coarse, fine = whole(values)
        self._coarse = running(coarse)
        # Zeros and ones, of which counts and shares are made, have no fine part.
        self._fine = running(fine) if fine.any() else None

    def between(self, low: Integers, high: Integers, more: More | None = None) -> Floats:
        """The sum of the rows `low <= i < high` of each range, and of some more rows."""
        coarse = self._coarse[high] - self._coarse[low]
        fine = None if self._fine is None else self._fine[high] - self._fine[low]
        if more is not None:
            parts = whole(more.values)
            np.add.at(coarse, more.of, parts[0])
            fine = np.zeros_like(coarse) if fine is None else fine
            np.add.at(fine, more.of, parts[1])
        found = coarse.astype(np.float64) * 2.0**-COARSE
        return found if fine is None else found + fine.astype(np.float64) * 2.0**-FINE


@dataclass(frozen=True)
class More:
    """Rows that some ranges have besides.

    Attributes:
        of: The range of each.
        values: NaN counts as nothing.
    """

    of: Integers
    values: Floats


def whole(values: Floats) -> tuple[Integers, Integers]:
    """Values as whole numbers of both units.

    Raises:
        InputError: A value is too large to be added exactly.
    """
    filled = np.where(np.isnan(values), 0.0, values)
    largest = np.abs(filled).max(initial=0.0)
    if largest > LARGEST:
        raise InputError(
            f"A value of {largest:g} is too large to be added exactly.",
            allowed=f"values up to {LARGEST:g}",
            do="Give it in a larger unit, or as its logarithm.",
        )
    # Powers of two multiply without rounding.
    coarse = np.rint(filled * 2.0**COARSE)
    fine = np.rint((filled - coarse * 2.0**-COARSE) * 2.0**FINE)
    return coarse.astype(np.int64), fine.astype(np.int64)


def running(values: Integers | NDArray[np.bool_]) -> Integers:
    """Running totals of whole numbers, from zero."""
    found = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(values, out=found[1:])
    return found
