"""Writing facts once and reading them as they were known at an instant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from morningline.facts.ddl import partition_statement
from morningline.kit.database import copy_in, read_frame
from morningline.kit.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import polars as pl
    import psycopg

    from morningline.facts.table import Table

# Entities are known since their first mention; a fact pieced together is known when its last piece is.
CLOCK_MERGE = {"master": "LEAST"}


@dataclass(frozen=True)
class LoadCount:
    """What loading a frame did to a table, in rows."""

    inserted: int
    changed: int
    unchanged: int


def load(connection: psycopg.Connection[Any], table: Table, frame: pl.DataFrame) -> LoadCount:
    """Merge a frame into a table by its natural key, inside the caller's transaction.

    A null never erases a known value, prices and other append-only rows are never touched again, and loading
    the same rows twice leaves the table as it was.

    Args:
        connection: An open connection; the caller commits.
        table: Where the rows go.
        frame: Rows that passed the table's schema, at most one a key; columns as the table's.

    Returns:
        How many rows were new, changed, and there already.
    """
    if frame.is_empty():
        return LoadCount(0, 0, 0)
    if table.partition_by:
        for year in sorted(frame[table.partition_by].dt.year().unique()):
            connection.execute(partition_statement(table, year).encode())
    columns = [name for name in table.columns if name in frame.columns]
    before = count(connection, table)
    if before == 0:
        copy_in(connection, table.name, frame.select(columns))
        return LoadCount(frame.height, 0, 0)
    connection.execute(f"CREATE TEMP TABLE staged (LIKE {table.name}) ON COMMIT DROP".encode())
    copy_in(connection, "staged", frame.select(columns))
    touched = connection.execute(_merge_statement(table, columns).encode()).rowcount
    connection.execute(b"DROP TABLE staged")
    inserted = count(connection, table) - before
    return LoadCount(inserted, touched - inserted, frame.height - touched)


def _merge_statement(table: Table, columns: Sequence[str]) -> str:
    names = ", ".join(columns)
    key = ", ".join(table.key)
    values = [name for name in columns if name not in table.key]
    insert = f"INSERT INTO {table.name} AS t ({names}) SELECT {names} FROM staged ON CONFLICT ({key})"  # noqa: S608 - our own names
    if table.append_only or not values:
        return f"{insert} DO NOTHING"
    merged = {name: f"COALESCE(EXCLUDED.{name}, t.{name})" for name in values}
    for clock in ("event_at", "known_at"):
        if clock in merged:
            merged[clock] = f"{CLOCK_MERGE.get(table.stage, 'GREATEST')}(EXCLUDED.{clock}, t.{clock})"
    assignments = ", ".join(f"{name} = {value}" for name, value in merged.items())
    old = ", ".join(f"t.{name}" for name in values)
    new = ", ".join(merged.values())
    return f"{insert} DO UPDATE SET {assignments} WHERE ({old}) IS DISTINCT FROM ({new})"


def count(connection: psycopg.Connection[Any], table: Table) -> int:
    """Rows in a table now."""
    row = connection.execute(f"SELECT count(*) FROM {table.name}".encode()).fetchone()  # noqa: S608 - our own names
    return int(row[0]) if row else 0


def read(
    connection: psycopg.Connection[Any],
    table: Table,
    *,
    as_of: datetime,
    columns: Sequence[str] | None = None,
    where: str = "TRUE",
) -> pl.DataFrame:
    """Rows of a table known at an instant, in the order of their key.

    Args:
        connection: An open connection.
        table: What to read.
        as_of: UTC instant; rows with a later `known_at` do not exist yet.
        columns: Which columns, all where not given.
        where: A further SQL condition of our own making (never a user's text).

    Raises:
        NotFoundError: The table has no such column.
    """
    chosen = list(columns or table.columns)
    for name in chosen:
        if name not in table.columns:
            raise NotFoundError(f"{table.name} has no column {name!r}.", allowed=", ".join(table.columns))
    sql = (
        f"SELECT {', '.join(chosen)} FROM {table.name} WHERE known_at <= %s AND ({where}) "  # noqa: S608 - our own names
        f"ORDER BY {', '.join(table.key)}"
    )
    dtypes = table.dtypes
    return read_frame(connection, sql, {name: dtypes[name] for name in chosen}, (as_of,))


def read_keyed(
    connection: psycopg.Connection[Any], table: Table, columns: Sequence[str], keys: pl.Series
) -> pl.DataFrame:
    """Rows of a table whose first key column is one of some values, whenever they became known.

    For matching what is being written with what is stored; features and models read with `read`.
    """
    dtypes = table.dtypes
    sql = f"SELECT {', '.join(columns)} FROM {table.name} WHERE {table.key[0]} = ANY(%s)"  # noqa: S608 - our own names
    return read_frame(connection, sql, {name: dtypes[name] for name in columns}, (keys.to_list(),))
