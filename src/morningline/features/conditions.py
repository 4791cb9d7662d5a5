"""Rows that resemble the event that is asked about: near in distance, of the same class or better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from morningline.features.columns import PLAIN_ZERO, numbers
from morningline.features.listings import stable_order
from morningline.features.windows import AtLeast, AtMost, Near, Same

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    said = [f"said {i}" for i in range(len(conditions))]
    were = [f"was {i}" for i in range(len(conditions))]
    entrants = pl.DataFrame({"code": asked} | dict(zip(said, ours, strict=True)))
    rows = pl.DataFrame({"code": listing.code} | dict(zip(were, theirs, strict=True)))
    known = (pl.col("code") >= 0) & pl.all_horizontal(pl.col(said).is_not_nan())
    questions = entrants.unique(maintain_order=True).filter(known).with_row_index("asked")
    kinds = rows.unique(maintain_order=True).with_row_index("kind")
    meets = [_meets(c, pl.col(now), pl.col(was)) for c, now, was in zip(conditions, said, were, strict=True)]
    admitted = questions.join(kinds, on="code").filter(pl.all_horizontal(meets)).select("asked", "kind")
    of_row = rows.join(kinds, on=["code", *were], how="left", maintain_order="left", nulls_equal=True)
    listed = of_row.select("kind").with_row_index("row").join(admitted, on="kind").select("asked", "row")
    row = listed["row"].cast(pl.Int64).to_numpy()
    in_order = stable_order(row)
    found = entrants.join(questions, on=["code", *said], how="left", maintain_order="left")["asked"]
    code = listed["asked"].cast(pl.Int64).to_numpy()[in_order]
    return found.cast(pl.Int64).fill_null(-1).to_numpy(), listing[row[in_order]].under(code)


def _meets(condition: Condition, now: pl.Expr, was: pl.Expr) -> pl.Expr:
    """Whether the number of a row meets a condition; a row without one meets none."""
    match condition:
        case Near(share=share, within=within):
            apart = pl.max_horizontal(now.abs() * share, pl.lit(within))
            return ((was - now).abs() <= apart) & was.is_not_nan()
        case AtLeast():
            return (was >= now) & was.is_not_nan()
        case AtMost():
            return was <= now
        case Same():
            return was == now


def numbers_of(frame: pl.DataFrame, conditions: Sequence[Condition]) -> list[Floats]:
    """The columns that conditions look at, NaN where there is no finite number."""
    return [numbers(frame[condition.column]) + PLAIN_ZERO for condition in conditions]
