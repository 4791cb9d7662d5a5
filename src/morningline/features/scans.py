"""Passes along the rows of keys, oldest first, and along ranges of them that move forward.

Rows are sorted by key and time. A value depends on the earlier rows of its own key and on nothing else, so it is the
same in whatever company the key is computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from morningline.kit.compiled import compiled

if TYPE_CHECKING:
    from morningline.features.sorting import Integers, Places
    from morningline.features.sums import Floats


@compiled
def fading(values: Floats, fades: Floats, begins: Integers) -> Floats:
    """The sum of the key so far, in which what was before each row counts `fades` of that row as much.

    Args:
        values: Of the rows.
        fades: Of the rows, up to 1; a key's first counts for nothing.
        begins: The first row of each key, in order, and the number of rows at the end.
    """
    found = np.empty(len(values))
    for key in range(len(begins) - 1):
        total = 0.0
        for row in range(begins[key], begins[key + 1]):
            total = values[row] + (total * fades[row] if row > begins[key] else 0.0)
            found[row] = total
    return found


@compiled
def first_of_key(values: Floats, begins: Integers) -> Floats:
    """The first value of each row's key, 0 where it has none.

    Args:
        values: Of the rows, NaN where there is none.
        begins: The first row of each key, in order, and the number of rows at the end.
    """
    found = np.zeros(len(values))
    for key in range(len(begins) - 1):
        for row in range(begins[key], begins[key + 1]):
            if not np.isnan(values[row]):
                found[begins[key] : begins[key + 1]] = values[row]
                break
    return found


@compiled
def highest_between(values: Floats, low: Integers | Places, high: Integers | Places) -> Floats:
    """The highest value of the rows `low <= i < high` of each range, NaN where there is none.

    Args:
        values: Of the rows, NaN where there is none.
        low: First row of each range, never before that of the range before.
        high: The row after its last, never before that of the range before.
    """
    found = np.full(len(low), np.nan)
    # Rows that no later one has outdone, the highest first; those before `first` are out of range.
    waiting, first, last, row = np.empty(len(values), np.int64), 0, 0, 0
    for one in range(len(low)):
        while row < high[one]:
            if not np.isnan(values[row]):
                while last > first and values[waiting[last - 1]] <= values[row]:
                    last -= 1
                waiting[last] = row
                last += 1
            row += 1
        while first < last and waiting[first] < low[one]:
            first += 1
        if first < last:
            found[one] = values[waiting[first]]
    return found
