"""What a table of facts is: one schema class, its grain, its clocks and what it refers to.

The table in PostgreSQL, the check of an import, the quality report and the test factories all come from the
same `Table`, so they cannot drift apart.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import dataframely as dy
import polars as pl

from morningline.kit.errors import NotFoundError

type_of_stage = Literal["master", "event", "pre", "post", "price", "record"]

EVENT_AT = "When it happened (UTC); where only the day is known, the last instant of that local day."
KNOWN_AT = "When we could first have known it (UTC): the fetch, or the provider's publication rule."


def text(description: str, *, key: bool = False, null: bool = False, longest: int = 200, **metadata: str) -> dy.String:
    """A text column; `longest` is in characters, `metadata` may override `sql_type`."""
    limit = None if "sql_type" in metadata else longest
    return dy.String(
        primary_key=key, nullable=null, max_length=limit, description=description, metadata=metadata or None
    )


def word(description: str, words: Iterable[str], *, key: bool = False, null: bool = True) -> dy.Enum:
    """A column that holds one word of a vocabulary."""
    return dy.Enum(list(words), primary_key=key, nullable=null, description=description)


def instant(description: str, *, null: bool = False, key: bool = False) -> dy.Datetime:
    """A column of UTC instants, in microseconds."""
    return dy.Datetime(time_zone="UTC", time_unit="us", nullable=null, primary_key=key, description=description)


def day(description: str, *, key: bool = False, null: bool = False) -> dy.Date:
    """A column of local calendar days."""
    return dy.Date(primary_key=key, nullable=null, description=description)


class Fact(dy.Schema):
    """What every fact carries: when it happened and when it became known."""

    event_at = instant(EVENT_AT)
    known_at = instant(KNOWN_AT)


def number(description: str) -> dy.Int64:
    """A key the database counts up by itself."""
    return dy.Int64(primary_key=True, min=1, description=description, metadata={"identity": True})


@dataclass(frozen=True)
class Reference:
    """A foreign key: `columns` here name the key of table `to`.

    Args:
        columns: Columns here, in the order of that key.
        to: The table they lead to.
        in_database: Whether PostgreSQL checks it too, row by row. A key into a partitioned table costs it 70 µs a
            row where one into a plain table costs 4, so such references are checked by the loader alone.
    """

    columns: tuple[str, ...]
    to: str
    in_database: bool = True


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table: where it stands in time, what a row is, and the class that checks it.

    Args:
        name: The table's name in PostgreSQL.
        schema: Columns, keys, nulls, bounds and vocabularies.
        grain: What one row is, as a noun phrase.
        stage: `master` (an entity), `event` (what a task predicts), `pre` (known before the event), `post`
            (known after it), `price` (an append-only snapshot) or `record` (the program's own books).
        references: Foreign keys, in the order they are checked.
        partition_by: A date column; the table is range-partitioned by its years. Of facts, the event's local day.
        rules: Name to SQL condition; holds in the table (CHECK) and in the frame (`polars.sql_expr`).
        append_only: Rows are refused any update or deletion by the database itself.
        precedence: Words of the column `basis`, the weakest first: a row of a stronger basis replaces one of a
            weaker, and is never touched by it. A row without a basis is of the strongest.
        together: A column that is never missing and one that follows it: a new value of the first brings the
            second with it, missing or not, such as the placing of a finisher who is disqualified.
        indexes: Further indexes, each a tuple of columns.
        unique: Further keys: columns, and the SQL condition of the rows among which they are one.
        day: Of an event table, the column of its local day.
        off: Of an event table, the column of its instant, null where only the day is known.
        zone: Of an event table, the column of its IANA time zone.
        supplement: Whether facts are whole without it: its gaps are told, and stop nobody from working.
    """

    name: str
    schema: type[dy.Schema]
    grain: str
    stage: type_of_stage
    references: tuple[Reference, ...] = ()
    partition_by: str | None = None
    rules: tuple[tuple[str, str], ...] = ()
    append_only: bool = False
    precedence: tuple[str, ...] = ()
    together: tuple[tuple[str, str], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    unique: tuple[tuple[tuple[str, ...], str], ...] = ()
    day: str | None = None
    off: str | None = None
    zone: str | None = None
    supplement: bool = False

    @property
    def columns(self) -> dict[str, dy.Column]:
        """Name to column, the clocks last."""
        columns = self.schema.columns()
        clocks = ("event_at", "known_at")
        return {n: c for n, c in columns.items() if n not in clocks} | {n: columns[n] for n in clocks if n in columns}

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the natural key, in the table's order."""
        return tuple(name for name, column in self.columns.items() if column.primary_key)

    @property
    def dtypes(self) -> dict[str, pl.DataType]:
        """Name to Polars type, in the table's order; vocabularies are read back as text."""
        return {
            name: pl.String() if isinstance(column, dy.Enum) else column.dtype for name, column in self.columns.items()
        }

    @property
    def superseded(self) -> str | None:
        """Name of the table that keeps what rows said before they were corrected; None where none ever are."""
        return f"{self.name}_was" if self.stage in {"event", "pre", "post"} and not self.append_only else None

    def event_reference(self, events: str) -> Reference | None:
        """The reference that leads to the event table, if there is one."""
        return next((r for r in self.references if r.to == events), None)


@dataclass(frozen=True)
class Catalog:
    """The tables of a domain, parents before children."""

    tables: tuple[Table, ...]

    def __getitem__(self, name: str) -> Table:
        """The table of that name.

        Raises:
            NotFoundError: No table bears the name.
        """
        for table in self.tables:
            if table.name == name:
                return table
        raise NotFoundError(f"There is no table {name!r}.", allowed=", ".join(t.name for t in self.tables))

    @property
    def names(self) -> Sequence[str]:
        """The tables' names, parents before children."""
        return [t.name for t in self.tables]

    @property
    def events(self) -> Table:
        """The event table: what a task predicts, one row an event."""
        return next(t for t in self.tables if t.stage == "event")
