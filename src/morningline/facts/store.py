"""Writing facts once and reading them as they were known at an instant."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from morningline.facts.ddl import partition_name, partition_statement, sql_type
from morningline.facts.stamping import stamp
from morningline.kit.database import copy_in, read_frame
from morningline.kit.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    import psycopg

    from morningline.facts.table import Catalog, Table

CLOCKS = ("event_at", "known_at")

# From here on checking a foreign key over the whole table is cheaper than row by row: 0.2 s against 2.7 s for the
# four keys of 145,000 runners.
ROWS_CHECKED_TOGETHER = 10_000
PATIENCE = "200ms"
"""How long a first load waits for readers before it leaves the foreign keys on, and is only slower."""


@dataclass(frozen=True)
class LoadCount:
    """What loading a frame did to a table, in rows."""

    inserted: int
    changed: int
    unchanged: int


def load(connection: psycopg.Connection[Any], table: Table, frame: pl.DataFrame) -> LoadCount:
    """Merge a frame into a table by its natural key, inside the caller's transaction.

    A null never erases a known value, prices and other append-only rows are never touched again, and loading
    the same rows twice leaves the table as it was. A fact that is said again is known since it was said first;
    one that is pieced together or corrected is known since the last piece. The days whose facts become others are
    stamped.

    Args:
        connection: An open connection; the caller commits.
        table: Where the rows go.
        frame: Rows that passed the table's schema, at most one a key; columns as the table's.

    Returns:
        How many rows were new, changed, and there already.
    """
    if frame.is_empty():
        return LoadCount(0, 0, 0)
    if table.precedence:
        # A stronger row replaces a weaker one whole, so what it does not say is said to be missing.
        missing = [pl.lit(None, dtype).alias(n) for n, dtype in table.dtypes.items() if n not in frame.columns]
        frame = frame.with_columns(missing)
    columns = [name for name in table.columns if name in frame.columns]
    empty = not _number(connection, f"SELECT count(*) FROM (SELECT FROM {table.name} LIMIT 1) AS one")  # noqa: S608 - our own names
    if empty and frame.height >= ROWS_CHECKED_TOGETHER:
        with _foreign_keys_checked_together(connection, table):
            _make_partitions(connection, table, frame)
            _append(connection, table, frame.select(columns))
        return LoadCount(frame.height, 0, 0)
    _make_partitions(connection, table, frame)
    # Facts are taken in by one transaction at a time, so what is new now stays new; of records that is not sure.
    if empty or (table.stage != "record" and not _knows_any(connection, table, frame)):
        _append(connection, table, frame.select(columns))
        return LoadCount(frame.height, 0, 0)
    connection.execute(f"CREATE TEMP TABLE staged (LIKE {table.name}) ON COMMIT DROP".encode())
    copy_in(connection, "staged", frame.select(columns))
    key = ", ".join(table.key)
    known = _number(connection, f"SELECT count(*) FROM staged JOIN {table.name} USING ({key})")  # noqa: S608 - our own names
    if known:
        _keep_superseded(connection, table, columns)
    touched = connection.execute(_merge_statement(table, columns).encode()).rowcount
    connection.execute(b"DROP TABLE staged")
    inserted = frame.height - known
    return LoadCount(inserted, touched - inserted, frame.height - touched)


def _knows_any(connection: psycopg.Connection[Any], table: Table, frame: pl.DataFrame) -> bool:
    """Whether the table has a row with the leading key of one of these, such as its event: else all are new."""
    leading = table.key[0]
    wanted = frame[leading].unique().to_list()
    # One look into the index for each: the planner, guessing that many are there, would read the whole table.
    one = f"SELECT FROM {table.name} WHERE {leading} = wanted.one LIMIT 1"
    keys = f"unnest(%s::{sql_type(table.columns[leading])}[])"
    statement = f"SELECT EXISTS (SELECT FROM {keys} AS wanted (one) CROSS JOIN LATERAL ({one}) AS found)"  # noqa: S608 - our own names
    row = connection.execute(statement.encode(), (wanted,)).fetchone()
    return bool(row and row[0])


def _make_partitions(connection: psycopg.Connection[Any], table: Table, frame: pl.DataFrame) -> None:
    if table.partition_by:
        for year in sorted(frame[table.partition_by].dt.year().unique()):
            connection.execute(partition_statement(table, year).encode())


def _append(connection: psycopg.Connection[Any], table: Table, frame: pl.DataFrame) -> None:
    """Add rows that are not there, those of a partitioned table to its parts.

    By way of the whole table, whose triggers want to be shown the rows, loading them takes a sixth longer. The parts
    have no triggers, so the days are stamped here; first, to hold the lock before any row.
    """
    if not table.partition_by:
        copy_in(connection, table.name, frame)
        return
    days = frame[table.partition_by]
    if table.stage != "record":
        stamp(connection, table, days.unique().to_list())
    years = days.dt.year()
    for year in sorted(years.unique()):
        copy_in(connection, partition_name(table, year), frame.filter(years == year))


@contextmanager
def _foreign_keys_checked_together(connection: psycopg.Connection[Any], table: Table) -> Iterator[None]:
    """Take an empty table's foreign keys off and put them back afterwards, in the caller's transaction."""
    import psycopg

    keys = connection.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND contype = 'f' ORDER BY conname",
        (table.name,),
    ).fetchall()
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'".encode())
            for name, _ in keys:
                connection.execute(f"ALTER TABLE {table.name} DROP CONSTRAINT {name}".encode())
            connection.execute(b"SET LOCAL lock_timeout = DEFAULT")
    except psycopg.errors.LockNotAvailable:
        # Somebody reads a table these keys lead to; the savepoint gave them back.
        keys = []
    yield
    for name, definition in keys:
        connection.execute(f"ALTER TABLE {table.name} ADD CONSTRAINT {name} {definition}".encode())


def _merged(table: Table, columns: Sequence[str]) -> dict[str, str]:
    """Column to what it becomes where a row `t` meets a row EXCLUDED of the same key."""
    values = [name for name in columns if name not in (*table.key, *CLOCKS)]
    merged = {name: f"COALESCE(EXCLUDED.{name}, t.{name})" for name in values}
    for leader, follower in table.together:
        if leader in merged and follower in merged:
            merged[follower] = (
                f"CASE WHEN EXCLUDED.{leader} IS NULL THEN {merged[follower]} ELSE EXCLUDED.{follower} END"
            )
    merged |= {clock: _merged_clock(clock, table, values) for clock in CLOCKS if clock in columns}
    if table.precedence:
        merged = {name: _by_precedence(name, value, table.precedence) for name, value in merged.items()}
    return merged


def _merge_statement(table: Table, columns: Sequence[str]) -> str:
    names = ", ".join(columns)
    key = ", ".join(table.key)
    insert = f"INSERT INTO {table.name} AS t ({names}) SELECT {names} FROM staged ON CONFLICT ({key})"  # noqa: S608 - our own names
    merged = _merged(table, columns)
    if table.append_only or not merged:
        return f"{insert} DO NOTHING"
    assignments = ", ".join(f"{name} = {value}" for name, value in merged.items())
    old = ", ".join(f"t.{name}" for name in merged)
    return f"{insert} DO UPDATE SET {assignments} WHERE ({old}) IS DISTINCT FROM ({', '.join(merged.values())})"


def _keep_superseded(connection: psycopg.Connection[Any], table: Table, columns: Sequence[str]) -> None:
    """Keep what the rows that are about to change said, until when it was the truth."""
    merged = _merged(table, columns)
    values = [name for name in merged if name not in CLOCKS]
    if table.superseded is None or not values:
        return
    names = ", ".join(table.columns)
    old = ", ".join(f"t.{name}" for name in table.columns)
    same_key = " AND ".join(f"t.{name} = excluded.{name}" for name in table.key)
    before, after = ", ".join(f"t.{name}" for name in values), ", ".join(merged[name] for name in values)
    connection.execute(
        f"INSERT INTO {table.superseded} ({names}, superseded_at) SELECT {old}, {merged['known_at']} "  # noqa: S608 - our own names
        f"FROM staged AS excluded JOIN {table.name} AS t ON {same_key} "
        f"WHERE ({before}) IS DISTINCT FROM ({after}) AND t.known_at < {merged['known_at']} "
        "ON CONFLICT DO NOTHING".encode()
    )


def _merged_clock(clock: str, table: Table, values: Sequence[str]) -> str:
    """The clock of two rows: what adds nothing does not move it, what corrects or completes the other does."""
    # Entities are known since their first mention.
    earliest, latest = (f"{which}(EXCLUDED.{clock}, t.{clock})" for which in ("LEAST", "GREATEST"))
    if table.stage == "master":
        return earliest
    if clock != "known_at":
        return latest
    both = {name: (f"EXCLUDED.{name}" if name in values else "NULL", f"t.{name}") for name in table.columns}
    pairs = [pair for name, pair in both.items() if name not in (*table.key, *CLOCKS)]
    says_nothing_new = " AND ".join(f"({new} IS NULL OR {new} IS NOT DISTINCT FROM {old})" for new, old in pairs)
    says_it_all = " AND ".join(f"({old} IS NULL OR {new} IS NOT DISTINCT FROM {old})" for new, old in pairs)
    return (
        f"CASE WHEN {says_nothing_new or 'TRUE'} THEN CASE WHEN {says_it_all or 'TRUE'} THEN {earliest} "
        f"ELSE t.{clock} END WHEN {says_it_all or 'TRUE'} THEN EXCLUDED.{clock} ELSE {latest} END"
    )


def _by_precedence(name: str, equal: str, precedence: Sequence[str]) -> str:
    words = ", ".join(f"'{word}'" for word in precedence)
    new, old = (
        f"COALESCE(array_position(ARRAY[{words}], {row}.basis), {len(precedence)})" for row in ("EXCLUDED", "t")
    )
    return f"CASE WHEN {new} > {old} THEN EXCLUDED.{name} WHEN {new} < {old} THEN t.{name} ELSE {equal} END"


def _number(connection: psycopg.Connection[Any], query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


def count(connection: psycopg.Connection[Any], table: Table) -> int:
    """Rows in a table now."""
    return _number(connection, f"SELECT count(*) FROM {table.name}")  # noqa: S608 - our own names


def read(
    connection: psycopg.Connection[Any],
    table: Table,
    *,
    as_of: datetime,
    columns: Sequence[str] | None = None,
    where: str = "TRUE",
    versions: bool = False,
) -> pl.DataFrame:
    """Rows of a table as they were known at an instant, in the order of their key.

    Args:
        connection: An open connection.
        table: What to read.
        as_of: UTC instant; rows with a later `known_at` do not exist yet.
        columns: Which columns, all where not given.
        where: A further SQL condition of our own making (never a user's text).
        versions: Also what rows said before they were corrected; `known_at` then tells the versions of a row apart.

    Raises:
        NotFoundError: The table has no such column.
    """
    chosen = list(columns or table.columns)
    for name in chosen:
        if name not in table.columns:
            raise NotFoundError(f"{table.name} has no column {name!r}.", allowed=", ".join(table.columns))
    names = ", ".join(dict.fromkeys([*chosen, *table.key, "known_at"]))
    sql = f"SELECT {names} FROM {table.name} WHERE known_at <= %(as_of)s AND ({where})"  # noqa: S608 - our own names
    if table.superseded:
        still = "TRUE" if versions else "superseded_at > %(as_of)s"
        sql += (
            f" UNION ALL SELECT {names} FROM {table.superseded} WHERE known_at <= %(as_of)s AND {still} AND ({where})"  # noqa: S608 - our own names
        )
    sql = f"SELECT {', '.join(chosen)} FROM ({sql}) AS known ORDER BY {', '.join((*table.key, 'known_at'))}"  # noqa: S608 - our own names
    dtypes = table.dtypes
    return read_frame(connection, sql, {name: dtypes[name] for name in chosen}, {"as_of": as_of})


def read_keyed(
    connection: psycopg.Connection[Any], table: Table, columns: Sequence[str], keys: pl.Series
) -> pl.DataFrame:
    """Rows of a table whose first key column is one of some values, whenever they became known.

    For matching what is being written with what is stored; features and models read with `read`.
    """
    dtypes = table.dtypes
    sql = f"SELECT {', '.join(columns)} FROM {table.name} WHERE {table.key[0]} = ANY(%s)"  # noqa: S608 - our own names
    return read_frame(connection, sql, {name: dtypes[name] for name in columns}, (keys.to_list(),))


def last_mentions(connection: psycopg.Connection[Any], catalog: Catalog, table: Table, keys: pl.Series) -> pl.DataFrame:
    """When facts last mentioned some entities.

    Args:
        connection: An open connection.
        catalog: The tables whose references are followed.
        table: The entities' table.
        keys: Which of them.

    Returns:
        The table's key and `last_known_at` (UTC), a row an entity that some fact mentions.
    """
    parts = [
        f"SELECT {reference.columns[0]} AS id, known_at FROM {child.name} WHERE {reference.columns[0]} = ANY(%(ids)s)"  # noqa: S608 - our own names
        for child in catalog.tables
        if "known_at" in child.columns
        for reference in child.references
        if reference.to == table.name
    ]
    schema = {table.key[0]: pl.String(), "last_known_at": pl.Datetime("us", "UTC")}
    if not parts:
        return pl.DataFrame(schema=schema)
    sql = (
        f"SELECT id AS {table.key[0]}, max(known_at) AS last_known_at "  # noqa: S608 - our own names
        f"FROM ({' UNION ALL '.join(parts)}) AS mentions GROUP BY id"
    )
    return read_frame(connection, sql, schema, {"ids": keys.to_list()})
