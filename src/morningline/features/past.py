"""The past: history rows of earlier days, of which a computation reads no more than its entrants ask for."""

from __future__ import annotations

from copy import copy
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from morningline.features.columns import KEYS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from morningline.features.planning import Reach

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)

UTC_MICROSECONDS = pl.Datetime("us", "UTC")

ROWS_AT_ONCE = 4_000_000
"""Up to so many rows are read at once for all keys, beside entrants that each take the memory of `ENTRANT` rows."""

ENTRANT = 8

ROWS_OF_PART = 1_500_000
"""Of longer pasts so many rows are read at a time, for some values of one key."""


class Past:
    """History rows of earlier days.

    Args:
        rows: As a computation of these days gave them.
        entrants: Who asks.
        seen: Which of these rows are looked at, and their columns.
        lately: Since when rows are late ones, microseconds since 1970 UTC: whoever they are of asks as well.

    Attributes:
        long: Whether there are too many rows to be read at once: then they are read in parts.
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
        self._count: dict[str, int] = {}
        self.long = False
        if not seen:
            return
        late, count = pl.collect_all([self._lately(lately), rows.select(pl.len())])
        self._since[lately] = late
        self._asked = {
            head: pl.concat([frame[head].cast(schema[head]) for frame in (entrants, late)]).unique().drop_nulls()
            for head in dict.fromkeys(head for head, _ in seen)
        }
        self.long = count.item() + ENTRANT * entrants.height > ROWS_AT_ONCE
        if self.long:
            counts = [self._of((head, None), [head], asked).select(pl.len()) for head, asked in self._asked.items()]
            self._count = {head: one.item() for head, one in zip(self._asked, pl.collect_all(counts), strict=True)}
        else:
            self._read = self._at_once(seen, self._asked)

    def parts(self, head: str, also: Sequence[pl.Series] = ()) -> Iterator[pl.Series]:
        """Values of a key's first column, those that are asked for and some more, with not too many rows each."""
        asked = self._asked[head]
        values = pl.concat([asked, *(more.cast(asked.dtype) for more in also)]).unique(maintain_order=True).drop_nulls()
        parts = max(-(-self._count.get(head, 0) // ROWS_OF_PART), 1)
        return (values.gather_every(parts, place) for place in range(parts))

    def part(self, head: str, values: pl.Series, seen: Mapping[Reach, Collection[str]]) -> Past:
        """The rows of some values of a key's first column, read at once."""
        asked, part = {head: values}, copy(self)
        vars(part).update(_asked=asked, _read=self._at_once(seen, asked), long=False)
        return part

    def _at_once(
        self, seen: Mapping[Reach, Collection[str]], asked: Mapping[str, pl.Series]
    ) -> dict[Reach, pl.DataFrame]:
        """What each reach looks at; what a longer one reads anyway is not read again."""
        names = self.rows.collect_schema().names()
        wanted = {reach: [name for name in names if name in seen[reach]] for reach in seen}
        within = {reach for reach in wanted if set(wanted[reach]) <= set(wanted.get((reach[0], None), ()))}
        apart = [reach for reach in wanted if reach[1] is None or reach not in within]
        read = pl.collect_all([self._of(reach, wanted[reach], asked[reach[0]]) for reach in apart])
        found = dict(zip(apart, read, strict=True))
        for reach, columns in wanted.items():
            if reach not in found:
                found[reach] = found[reach[0], None].filter(self._recent(reach)).select(columns)
        return found

    def of(self, reach: Reach, names: Sequence[str]) -> pl.DataFrame:
        """Columns of the rows that share a key's first column with an entrant; not of a long past."""
        return self._read[reach].select(names)

    def pieces(self, reach: Reach, names: Sequence[str], also: Sequence[pl.Series]) -> Iterator[pl.DataFrame]:
        """The same rows and those of some more values, of a long past too: piece by piece."""
        for values in self.parts(reach[0], also):
            wanted = values
            if reach in self._read:
                yield self._read[reach].select(names)
                wanted = values.filter(~values.is_in(self._asked[reach[0]].implode()))
            if len(wanted):
                yield self._of(reach, names, wanted).collect()

    def since(self, instant: int) -> pl.DataFrame:
        """The rows that became usable at an instant, in microseconds since 1970 UTC, or later: they are few."""
        with self._lock:
            if instant not in self._since:
                self._since[instant] = self._lately(instant).collect()
            return self._since[instant]

    def _lately(self, instant: int) -> pl.LazyFrame:
        return numbered_texts(self.rows.filter(pl.col("usable_at") >= pl.lit(instant).cast(UTC_MICROSECONDS)))

    def _of(self, reach: Reach, names: Sequence[str], values: pl.Series) -> pl.LazyFrame:
        found = self.rows.filter(pl.col(reach[0]).is_in(values.implode()), self._recent(reach))
        return numbered_texts(found.select(names))

    def _recent(self, reach: Reach) -> pl.Expr:
        if reach[1] is None:
            return pl.lit(value=True)
        return pl.col("usable_at") >= pl.lit(self._first_cutoff, UTC_MICROSECONDS) - pl.duration(days=reach[1])


def numbered_texts(rows: Frame) -> Frame:
    """The rows with their texts numbered, as those of a computation are."""
    return rows.with_columns(pl.selectors.string().cast(KEYS))
