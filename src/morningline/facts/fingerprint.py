"""Proof that two databases hold the same facts: rows and a content hash of every fact table."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from morningline.facts.table import Table


@dataclass(frozen=True)
class TableFingerprint:
    """Rows of a table and the hash of their content, whatever order they were written in."""

    table: str
    rows: int
    content: str


def fingerprint(connection: psycopg.Connection[Any], tables: Iterable[Table]) -> list[TableFingerprint]:
    """Row count and content hash of each table.

    Rows are hashed as text in a pinned session (UTC, ISO dates, shortest exact floats) in 256 buckets of their
    key, so a table of any size needs little memory and the order of writing does not matter.
    """
    connection.execute(b"SET TIME ZONE 'UTC'; SET DateStyle = 'ISO'; SET extra_float_digits = 1")
    return [_fingerprint(connection, table) for table in tables]


def combined(prints: Iterable[TableFingerprint]) -> str:
    """One hash over all tables, hexadecimal."""
    return sha256("\n".join(f"{p.table} {p.rows} {p.content}" for p in prints).encode()).hexdigest()


def _fingerprint(connection: psycopg.Connection[Any], table: Table) -> TableFingerprint:
    columns = ", ".join(table.columns)
    key = ", ".join(f"{name}::text" for name in table.key)
    sql = f"""
        SELECT coalesce(sum(n), 0), coalesce(string_agg(bucket || content, '' ORDER BY bucket COLLATE "C"), '')
        FROM (SELECT left(md5(k), 2) AS bucket, count(*) AS n,
                     md5(string_agg(content, '' ORDER BY k COLLATE "C")) AS content
              FROM (SELECT ROW({key})::text AS k, md5(ROW({columns})::text) AS content FROM {table.name}) AS one
              GROUP BY 1) AS buckets
    """  # noqa: S608 - our own names
    row = connection.execute(sql.encode()).fetchone()
    rows, content = row or (0, "")
    return TableFingerprint(table.name, int(rows), sha256(str(content).encode()).hexdigest())
