"""Rows that resemble the event that is asked about: near in distance, of the same class or better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from morningline.features.columns import PLAIN_ZERO, dense, numbers
from morningline.features.listings import numbered, spans, stable_order
from morningline.features.windows import AtLeast, AtMost, Near, Same

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from morningline.features.listings import Listing
    from morningline.features.sums import Floats, Integers
    from morningline.features.windows import Condition


def resembling(
    asked: Integers,
    listing: Listing,
    conditions: Sequence[Condition],
    ours: Sequence[Floats],
    theirs: Sequence[Floats],
) -> tuple[Integers, Listing]:
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
    known = np.flatnonzero(~np.isnan(theirs).any(axis=0))
    question, questions = _alike(asked[asking], [column[asking] for column in ours])
    kind, kinds = _alike(listing.code[known], [column[known] for column in theirs])
    of_kind, of_question = listing.code[known][kinds], asked[asking][questions]
    # Every kind of row of the key of a question, and of these the kinds that it admits.
    of, which = spans(np.searchsorted(of_kind, of_question), np.searchsorted(of_kind, of_question, side="right"))
    met = np.ones(len(of), dtype=np.bool_)
    for condition, now, was in zip(conditions, ours, theirs, strict=True):
        met &= _meets(condition, now[asking][questions][of], was[known][kinds][which])
    of, which = of[met], which[met]
    ends = np.cumsum(np.bincount(kind, minlength=len(kinds)))
    admitted, place = spans(np.append(0, ends)[which], ends[which])
    row = known[stable_order(kind)[place]]
    in_order = np.lexsort((row, of[admitted]))
    codes = np.full(len(asked), -1, dtype=np.int64)
    codes[asking] = question
    return codes, listing[row[in_order]].under(of[admitted][in_order])


def _alike(codes: Integers, columns: Sequence[Floats]) -> tuple[Integers, Integers]:
    """Number rows that agree in code and columns, in the order of codes; and of each number one of its rows."""
    number = numbered(codes)[1]
    for column in columns:
        level = dense(pl.Series(column))
        number = numbered(number * (int(level.max(initial=0)) + 1) + level)[1]
    one = np.zeros(int(number.max(initial=-1)) + 1, dtype=np.int64)
    one[number] = np.arange(len(number))
    return number, one


def _meets(condition: Condition, now: Floats, was: Floats) -> NDArray[np.bool_]:
    """Whether the numbers of rows meet a condition."""
    met: NDArray[np.bool_]
    match condition:
        case Near(share=share, within=within):
            met = np.abs(was - now) <= np.maximum(np.abs(now) * share, within)
        case AtLeast():
            met = was >= now
        case AtMost():
            met = was <= now
        case Same():
            met = was == now
    return met


def numbers_of(frame: pl.DataFrame, conditions: Sequence[Condition]) -> list[Floats]:
    """The columns that conditions look at, NaN where there is no finite number."""
    return [numbers(frame[condition.column]) + PLAIN_ZERO for condition in conditions]
