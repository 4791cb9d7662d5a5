"""Features as a model reads them: a table of numbers, and whose each line is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morningline.features.columns import Singles
    from morningline.features.sums import Floats


@dataclass(frozen=True, eq=False)
class FeatureMatrix:
    """Features of entrants, row after row in memory.

    Attributes:
        rows: `event_id`, `entrant_id` and `day` of each row.
        names: The features, in the order of the columns.
        values: Shape (rows, n_features), float32 where all features are in single precision as stored ones are, else
            float64; NaN is missing.
    """

    rows: pl.DataFrame
    names: tuple[str, ...]
    values: Floats | Singles

    @classmethod
    def of(cls, frame: pl.DataFrame, names: Sequence[str]) -> FeatureMatrix:
        """Columns of a frame as a matrix, a null as NaN; the other columns are its rows'."""
        return cls(frame.drop(names), tuple(names), table_of(frame, names))


def table_of(frame: pl.DataFrame, names: Sequence[str]) -> Floats | Singles:
    """Columns as a table of (rows, n_features), a null as NaN.

    Stored features are in single precision; a table in double would take twice the memory and know no more.
    """
    precision = pl.Float32 if all(frame.schema[name] == pl.Float32 for name in names) else pl.Float64
    found = frame.select(pl.col(names).cast(precision)).to_numpy(order="c")
    # Without features there is no column to say how many rows there are, so the shape is given.
    return found.reshape(frame.height, len(names))
