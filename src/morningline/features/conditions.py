"""Rows that resemble the event that is asked about: near in distance, of the same class or better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from morningline.features.columns import PLAIN_ZERO, numbers
from morningline.features.sorting import numbered, stable_order
from morningline.features.windows import AtLeast, AtMost, Near, Same
from morningline.kit.compiled import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from numpy.typing import NDArray

    from morningline.features.listings import Listing
    from morningline.features.sorting import Integers, Places
    from morningline.features.sums import Floats
    from morningline.features.windows import Condition


def resembling(
    asked: Places,
    listing: Listing,
    conditions: Sequence[Condition],
    ours: Sequence[Floats],
    theirs: Sequence[Floats],
) -> tuple[Places, Listing]:
    """Keys of their own for the entrants of a key that ask alike, and the rows that each of them admits.

    Args:
        asked: Key of each entrant as its code, negative where it has none.
        listing: The rows of keys.
        conditions: What rows have to meet, all of them.
        ours: For each condition, the entrants' numbers, NaN where there is none.
        theirs: For each condition, the listed rows' numbers.

    Returns:
        The entrants' new codes, negative where a number is missing, and the rows listed under these.
    """
    asking = np.flatnonzero((asked >= 0) & ~np.isnan(ours).any(axis=0))
    question, one_of = _alike(asked[asking], [column[asking] for column in ours])
    one_of, by_key = asking[one_of], stable_order(listing.code)
    now, was = (np.array([column[rows] for column in side]) for side, rows in ((ours, one_of), (theirs, by_key)))
    tests = np.array([_test(condition) for condition in conditions])
    of, place = _admitted(asked[one_of], now, listing.code[by_key], was, tests)
    codes = np.full(len(asked), -1, dtype=np.int32)
    codes[asking] = question
    return codes, listing[by_key[place]].under(of)


def _alike(codes: Places, columns: Sequence[Floats]) -> tuple[Places, Integers]:
    """Number rows that agree in code and columns, in the order of codes; and of each number one of its rows."""
    number = numbered(codes)[1]
    for column in columns:
        # Equal numbers have equal bits: zero has no sign here.
        level = numbered(column.view(np.int64))[1]
        number = numbered(number.astype(np.int64) * (int(level.max(initial=0)) + 1) + level)[1]
    one = np.zeros(int(number.max(initial=-1)) + 1, dtype=np.int64)
    one[number] = np.arange(len(number))
    return number, one


def _test(condition: Condition) -> tuple[float, float, float, float]:
    """How far a row's number may lie below the entrant's and above it: shares of the entrant's, and as they are."""
    match condition:
        case Near(share=share, within=within):
            return share, within, share, within
        case AtLeast():
            return 0.0, 0.0, 0.0, np.inf
        case AtMost():
            return 0.0, np.inf, 0.0, 0.0
        case Same():
            return 0.0, 0.0, 0.0, 0.0


@compiled
def _admitted(
    asked: Places, now: NDArray[np.float64], code: Places, was: NDArray[np.float64], tests: NDArray[np.float64]
) -> tuple[Places, Places]:
    """The rows of its key that meet all conditions of a question, and the question of each; in the order of keys."""
    of, place = np.empty(len(code) + 1, np.int32), np.empty(len(code) + 1, np.int32)
    below, above = np.empty(len(tests)), np.empty(len(tests))
    count = begin = 0
    for question in range(len(asked)):
        while begin < len(code) and code[begin] < asked[question]:
            begin += 1
        for nth in range(len(tests)):
            size = abs(now[nth, question])
            below[nth], above[nth] = -max(size * tests[nth, 0], tests[nth, 1]), max(size * tests[nth, 2], tests[nth, 3])
        row = begin
        while row < len(code) and code[row] == asked[question]:
            met = True
            for nth in range(len(tests)):
                apart = was[nth, row] - now[nth, question]
                met &= below[nth] <= apart <= above[nth]
            if met:
                if count == len(of):
                    of, place = np.append(of, np.empty_like(of)), np.append(place, np.empty_like(place))
                of[count], place[count] = question, row
                count += 1
            row += 1
    return of[:count].copy(), place[:count].copy()


def numbers_of(frame: pl.DataFrame, conditions: Sequence[Condition]) -> list[Floats]:
    """The columns that conditions look at, NaN where there is no finite number."""
    return [numbers(frame[condition.column]) + PLAIN_ZERO for condition in conditions]
