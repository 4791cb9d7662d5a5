"""Columns as arrays and back: no number is NaN in an array and null in a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from morningline.features.listings import NEVER
from morningline.features.sorting import numbered
from morningline.kit.compiled import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from morningline.features.sorting import Integers, Places
    from morningline.features.sums import Floats

    Singles = NDArray[np.float32]

KEYS = pl.Categorical(pl.Categories("morningline keys"))
"""Texts that are keys, as numbers: they sort and match many times faster."""

PLAIN_ZERO = np.float32(0.0)
"""Added to a number it makes minus zero plain zero: the two are equal, and equal values are to be equal bits."""


def microseconds(instants: pl.Series, missing: int = NEVER) -> Integers:
    """UTC instants as whole numbers that sort alike; null is before all time if not said otherwise."""
    return instants.dt.epoch("us").fill_null(missing).to_numpy()


def numbers(values: pl.Series) -> Floats:
    """Values as floats, NaN where there is no finite number."""
    found = values.cast(pl.Float64).to_numpy()
    if values.dtype == pl.Float32:
        # It was made by `single`: what is there is finite.
        return found
    return np.where(np.isfinite(found), found, np.nan)


@compiled
def single(values: Floats | Singles) -> Singles:
    """Values as they are stored: in single precision, NaN where there is no finite number, zero without a sign."""
    found = np.empty(len(values), np.float32)
    for row in range(len(values)):
        found[row] = _stored(values[row])
    return found


@compiled
def single_of(values: Floats, rows: Places) -> Singles:
    """Values of some rows as they are stored."""
    found = np.empty(len(rows), np.float32)
    for place in range(len(rows)):
        found[place] = _stored(values[rows[place]])
    return found


@compiled
def _stored(value: float) -> np.float32:
    shown = np.float32(value) + PLAIN_ZERO
    return shown if np.isfinite(shown) else np.float32(np.nan)


def as_series(name: str, values: NDArray[np.floating[Any]]) -> pl.Series:
    """Floats as a column, null where there is no number."""
    return pl.Series(name, values, nan_to_null=True)


class Codes:
    """Whole numbers for the values of columns, the same in two frames.

    Which number a value gets does not matter to any feature.

    Args:
        ours: A frame.
        theirs: Another one with the same columns.
    """

    def __init__(self, ours: pl.DataFrame, theirs: pl.DataFrame) -> None:
        self._ours, self._theirs = ours, theirs
        self._known: dict[str, Places] = {}

    def show(self, ours: pl.DataFrame, theirs: pl.DataFrame) -> None:
        """The same rows, with more columns."""
        self._ours, self._theirs = ours, theirs

    def of(self, names: Sequence[str]) -> tuple[Places, Places]:
        """Codes of the rows of both frames by some columns together, below 2^31; -1 where one of them is null."""
        code = self._of_one(names[0])
        for name in names[1:]:
            other = self._of_one(name)
            both = _together(code, other, int(other.max(initial=0)) + 1)
            if both.max(initial=0) >= 1 << 31:
                distinct, number = numbered(both)
                code = number - np.int32(distinct[0] < 0)
            else:
                code = both.astype(np.int32)
        return code[: self._ours.height], code[self._ours.height :]

    def _of_one(self, name: str) -> Places:
        if name not in self._known:
            theirs = self._theirs[name]
            self._known[name] = dense(pl.concat([self._ours[name].cast(theirs.dtype), theirs]))
        return self._known[name]


@compiled
def _together(codes: Places, others: Places, wide: int) -> Integers:
    """One number for two, -1 where either is negative."""
    found = np.empty(len(codes), np.int64)
    for row in range(len(codes)):
        found[row] = -1 if codes[row] < 0 or others[row] < 0 else codes[row] * wide + others[row]
    return found


def dense(values: pl.Series) -> Places:
    """Whole numbers for the values of a column, -1 where there is none."""
    if isinstance(values.dtype, pl.Categorical):
        return values.to_physical().cast(pl.Int32).fill_null(-1).to_numpy()
    if values.dtype.is_numeric():
        number = numbered(_bits(values.fill_null(0).to_numpy()))[1]
        return np.where(values.is_null().to_numpy(), np.int32(-1), number) if values.null_count() else number
    known = values.drop_nulls().unique(maintain_order=True).to_frame("key").with_row_index("code")
    codes = values.to_frame("key").join(known, on="key", how="left", maintain_order="left")["code"]
    return codes.cast(pl.Int32).fill_null(-1).to_numpy()


def _bits(values: NDArray[Any]) -> Integers:
    """Numbers as whole numbers that are equal where they are."""
    if not np.issubdtype(values.dtype, np.floating):
        return values.astype(np.int64)
    # Zero has no sign, and NaN is one value.
    return np.where(np.isnan(values), np.nan, values + 0.0).astype(np.float64).view(np.int64)


def alike(rows: pl.DataFrame, names: Sequence[str]) -> Places:
    """Whole numbers that say which rows agree in some columns, nulls with nulls."""
    known = rows.select(names).unique(maintain_order=True).with_row_index("#number")
    found = rows.select(names).join(known, on=list(names), how="left", maintain_order="left", nulls_equal=True)
    return found["#number"].cast(pl.Int32).to_numpy()
