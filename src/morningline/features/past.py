"""The past: history rows of earlier days, of which a computation reads no more than its entrants ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from morningline.features.columns import KEYS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

ROWS_IN_MEMORY = 4_000_000
"""Up to so many rows are read at once for all keys; longer pasts are read key by key."""


class Past:
    """History rows of earlier days.

    Args:
        rows: As a computation of these days gave them.
        entrants: Who asks.
        used: Columns that are looked at.
        heads: The first column of every key: rows are read that share one of them with an entrant.
    """

    def __init__(
        self, rows: pl.LazyFrame, entrants: pl.DataFrame, used: Collection[str], heads: Collection[str]
    ) -> None:
        self.rows = rows
        schema = rows.collect_schema()
        self._asked = {head: entrants[head].cast(schema[head]).unique().drop_nulls() for head in heads}
        self._of_head: dict[str, pl.DataFrame] = {}
        self._frame: pl.DataFrame | None = None
        if rows.select(pl.len()).collect().item() <= ROWS_IN_MEMORY:
            known = [name for name in schema.names() if name in used]
            asked = [self._is_asked(head) for head in heads]
            self._frame = numbered_texts(
                rows.filter(pl.any_horizontal(asked or [pl.lit(value=False)])).select(known).collect()
            )

    def of(self, head: str, names: Sequence[str]) -> pl.DataFrame:
        """Columns of the rows that share a key's first column with an entrant."""
        if self._frame is None:
            return numbered_texts(self.rows.filter(self._is_asked(head)).select(names).collect())
        if head not in self._of_head:
            asked = self._asked[head].cast(self._frame.schema[head]).implode()
            self._of_head[head] = self._frame.filter(pl.col(head).is_in(asked))
        return self._of_head[head].select(names)

    def _is_asked(self, head: str) -> pl.Expr:
        return pl.col(head).is_in(self._asked[head].implode())


def numbered_texts(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with their texts numbered, as those of a computation are."""
    return rows.with_columns(pl.selectors.string().cast(KEYS))
