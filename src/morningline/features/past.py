"""The past: history rows of earlier days, of which a computation reads no more than its entrants ask for."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from morningline.features.columns import KEYS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from morningline.features.planning import Reach

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)

UTC_MICROSECONDS = pl.Datetime("us", "UTC")

ROWS_IN_MEMORY = 4_000_000
"""Up to so many rows are read at once for all keys; longer pasts are read key by key."""


class Past:
    """History rows of earlier days.

    Args:
        rows: As a computation of these days gave them.
        entrants: Who asks.
        seen: Which of these rows are looked at, and their columns.
        lately: Since when rows are late ones, microseconds since 1970 UTC: whoever they are of asks as well.
    """

    def __init__(
        self, rows: pl.LazyFrame, entrants: pl.DataFrame, seen: Mapping[Reach, Collection[str]], lately: int
    ) -> None:
        self.rows = rows
        schema = rows.collect_schema()
        self._first_cutoff = entrants["cutoff"].min()
        self._read: dict[Reach, pl.DataFrame] = {}
        self._since: dict[int, pl.DataFrame] = {}
        self._lock = Lock()
        self._asked: dict[str, pl.Series] = {}
        if not seen:
            return
        late, count = pl.collect_all([self._lately(lately), rows.select(pl.len())])
        self._since[lately] = late
        self._asked = {
            head: pl.concat([frame[head].cast(schema[head]) for frame in (entrants, late)]).unique().drop_nulls()
            for head in dict.fromkeys(head for head, _ in seen)
        }
        if count.item() <= ROWS_IN_MEMORY:
            self._read_at_once({reach: [name for name in schema.names() if name in seen[reach]] for reach in seen})

    def _read_at_once(self, wanted: Mapping[Reach, Sequence[str]]) -> None:
        """Read what each reach looks at; what a longer one reads anyway is not read again."""
        within = {reach for reach in wanted if set(wanted[reach]) <= set(wanted.get((reach[0], None), ()))}
        apart = [reach for reach in wanted if reach[1] is None or reach not in within]
        self._read = dict(zip(apart, pl.collect_all([self._of(reach, wanted[reach]) for reach in apart]), strict=True))
        for reach in wanted:
            if reach not in self._read:
                longer = self._read[reach[0], None]
                self._read[reach] = longer.filter(self._recent(reach)).select(wanted[reach])

    def of(self, reach: Reach, names: Sequence[str], also: Sequence[pl.Series] = ()) -> pl.DataFrame:
        """Columns of the rows that share a key's first column with an entrant, or have one of some more values."""
        found = self._read[reach].select(names) if reach in self._read else self._of(reach, names).collect()
        asked = self._asked[reach[0]]
        more = pl.concat([asked.clear(), *(values.cast(asked.dtype) for values in also)]).unique().drop_nulls()
        more = more.filter(~more.is_in(asked.implode()))
        if len(more):
            found = pl.concat([found, self._of(reach, names, more).collect()])
        return found

    def since(self, instant: int) -> pl.DataFrame:
        """The rows that became usable at an instant, in microseconds since 1970 UTC, or later: they are few."""
        with self._lock:
            if instant not in self._since:
                self._since[instant] = self._lately(instant).collect()
            return self._since[instant]

    def _lately(self, instant: int) -> pl.LazyFrame:
        return numbered_texts(self.rows.filter(pl.col("usable_at") >= pl.lit(instant).cast(UTC_MICROSECONDS)))

    def _of(self, reach: Reach, names: Sequence[str], values: pl.Series | None = None) -> pl.LazyFrame:
        asked = self._asked[reach[0]] if values is None else values
        found = self.rows.filter(pl.col(reach[0]).is_in(asked.implode()), self._recent(reach))
        return numbered_texts(found.select(names))

    def _recent(self, reach: Reach) -> pl.Expr:
        if reach[1] is None:
            return pl.lit(value=True)
        return pl.col("usable_at") >= pl.lit(self._first_cutoff, UTC_MICROSECONDS) - pl.duration(days=reach[1])


def numbered_texts(rows: Frame) -> Frame:
    """The rows with their texts numbered, as those of a computation are."""
    return rows.with_columns(pl.selectors.string().cast(KEYS))
