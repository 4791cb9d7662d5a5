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

from morningline.kit.compiled import compiled
from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from morningline.features.sorting import Integers, Places

    Floats = NDArray[np.float64]

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
        self._coarse, self._fine, largest = _running_whole(values)
        _require_addable(largest)

    def between(self, low: Integers | Places, high: Integers | Places, more: More | None = None) -> Floats:
        """The sum of the rows `low <= i < high` of each range, and of some more rows."""
        if more is None:
            more = More(np.empty(0, dtype=np.int64), np.empty(0))
        return _between(self._coarse, self._fine, low, high, more.of, *whole(more.values))


@dataclass(frozen=True)
class More:
    """Rows that some ranges have besides.

    Attributes:
        of: The range of each, in order.
        values: NaN counts as nothing.
    """

    of: Integers
    values: Floats


def whole(values: Floats) -> tuple[Integers, Integers]:
    """Values as whole numbers of both units.

    Raises:
        InputError: A value is too large to be added exactly.
    """
    coarse, fine, largest = _whole(values)
    _require_addable(largest)
    return coarse, fine


def _require_addable(largest: float) -> None:
    if largest > LARGEST:
        raise InputError(
            f"A value of {largest:g} is too large to be added exactly.",
            allowed=f"values up to {LARGEST:g}",
            do="Give it in a larger unit, or as its logarithm.",
        )


@compiled
def _units(value: float) -> tuple[np.int64, np.int64]:
    """A value in both units; NaN is nothing."""
    if np.isnan(value):
        return np.int64(0), np.int64(0)
    # Powers of two multiply without rounding.
    coarse = np.rint(value * 2.0**COARSE)
    return np.int64(coarse), np.int64(np.rint((value - coarse * 2.0**-COARSE) * 2.0**FINE))


@compiled
def _whole(values: Floats) -> tuple[Integers, Integers, float]:
    coarse, fine, largest = np.empty(len(values), np.int64), np.empty(len(values), np.int64), 0.0
    for one in range(len(values)):
        coarse[one], fine[one] = _units(values[one])
        largest = max(largest, abs(values[one]))
    return coarse, fine, largest


@compiled
def _running_whole(values: Floats) -> tuple[Integers, Integers, float]:
    coarse, fine, largest = np.zeros(len(values) + 1, np.int64), np.zeros(len(values) + 1, np.int64), 0.0
    for one in range(len(values)):
        coarse_units, fine_units = _units(values[one])
        coarse[one + 1], fine[one + 1] = coarse[one] + coarse_units, fine[one] + fine_units
        largest = max(largest, abs(values[one]))
    return coarse, fine, largest


@compiled
def _between(
    coarse: Integers,
    fine: Integers,
    low: Integers | Places,
    high: Integers | Places,
    of_more: Integers,
    coarse_more: Integers,
    fine_more: Integers,
) -> Floats:
    found = np.empty(len(low))
    more = 0
    for one in range(len(low)):
        coarse_units, fine_units = coarse[high[one]] - coarse[low[one]], fine[high[one]] - fine[low[one]]
        while more < len(of_more) and of_more[more] == one:
            coarse_units += coarse_more[more]
            fine_units += fine_more[more]
            more += 1
        found[one] = coarse_units * 2.0**-COARSE + fine_units * 2.0**-FINE
    return found


def running(values: Integers | NDArray[np.bool_]) -> Integers:
    """Running totals of whole numbers, from zero."""
    found = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(values, out=found[1:])
    return found


@compiled
def differences(totals: Integers, low: Places, high: Places) -> Floats:
    """How much running totals grow along each range `low <= i < high`."""
    found = np.empty(len(low))
    for one in range(len(low)):
        found[one] = totals[high[one]] - totals[low[one]]
    return found
