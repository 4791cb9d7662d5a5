"""The past: history rows of earlier days, of which a computation reads no more than its entrants ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from morningline.features.columns import KEYS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

ROWS_IN_MEMORY = 4_000_000
"""Up to so many rows are read at once for all keys; longer pasts are read key by key."""


class Past:
    """History rows of earlier days.

    Args:
        rows: As a computation of these days gave them.
        entrants: Who asks.
        seen: For the first column of every key, the columns that are looked at by it: rows are read that share it with
            an entrant.
    """

    def __init__(self, rows: pl.LazyFrame, entrants: pl.DataFrame, seen: Mapping[str, Collection[str]]) -> None:
        self.rows = rows
        schema = rows.collect_schema()
        self._asked = {head: entrants[head].cast(schema[head]).unique().drop_nulls() for head in seen}
        self._of_head: dict[str, pl.DataFrame] = {}
        if seen and rows.select(pl.len()).collect().item() <= ROWS_IN_MEMORY:
            wanted = [self._of(head, [name for name in schema.names() if name in seen[head]]) for head in seen]
            frames = (numbered_texts(frame) for frame in pl.collect_all(wanted))
            self._of_head = dict(zip(seen, frames, strict=True))

    def of(self, head: str, names: Sequence[str]) -> pl.DataFrame:
        """Columns of the rows that share a key's first column with an entrant."""
        if head in self._of_head:
            return self._of_head[head].select(names)
        return numbered_texts(self._of(head, names).collect())

    def _of(self, head: str, names: Sequence[str]) -> pl.LazyFrame:
        return self.rows.filter(pl.col(head).is_in(self._asked[head].implode())).select(names)


def numbered_texts(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with their texts numbered, as those of a computation are."""
    return rows.with_columns(pl.selectors.string().cast(KEYS))
