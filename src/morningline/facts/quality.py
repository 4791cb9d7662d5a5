"""How good the facts are: completeness, validity, uniqueness and consistency of each table, each in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    import psycopg

    from morningline.facts.table import Table


NEARLY_ALL = 0.995
"""A column filled to this share is not worth a note."""

# What an import of a folder met counts until the same folder is imported again, corrected or not.
TURNED_AWAY = """
    SELECT count(*) FROM quarantine JOIN (
        SELECT DISTINCT ON (mapping, report ->> 'folder') id FROM imports
        ORDER BY mapping, report ->> 'folder', finished_at DESC
    ) AS newest ON import_id = newest.id
    WHERE target = %s AND scope = 'row'
"""


@dataclass(frozen=True, kw_only=True)
class Quality:
    """The quality of one table.

    Attributes:
        table: Its name.
        rows: Rows it holds.
        first_day: First UTC day of `event_at`, None where it is empty.
        last_day: Last UTC day of `event_at`.
        completeness: Share of values present in the columns that the table's sources fill at all.
        validity: Share of the rows met that were not quarantined.
        uniqueness: Share of rows with a key of their own: 1, because the key is enforced.
        consistency: Share of rows whose parents are there.
        score: The smallest of the four; None where the table is empty.
        notes: What to know, as a sentence.
    """

    table: str
    rows: int
    first_day: date | None
    last_day: date | None
    completeness: float | None
    validity: float | None
    uniqueness: float | None
    consistency: float | None
    score: float | None
    notes: str


def quality(connection: psycopg.Connection[Any], tables: Iterable[Table]) -> list[Quality]:
    """Measure tables as they stand now."""
    measured = list(tables)
    keys = {table.name: table.key for table in measured}
    return [_quality(connection, table, keys) for table in measured]


def _quality(connection: psycopg.Connection[Any], table: Table, keys: Mapping[str, Sequence[str]]) -> Quality:
    counts = ", ".join(f"count({name})" for name in table.columns)
    first, last = "(min(event_at) AT TIME ZONE 'UTC')::date", "(max(event_at) AT TIME ZONE 'UTC')::date"
    row = connection.execute(f"SELECT count(*), {first}, {last}, {counts} FROM {table.name}".encode()).fetchone()  # noqa: S608 - our own names
    rows, first_day, last_day, *present = row or (0, None, None)
    if not rows:
        return Quality(
            table=table.name,
            rows=0,
            first_day=None,
            last_day=None,
            completeness=None,
            validity=None,
            uniqueness=None,
            consistency=None,
            score=None,
            notes="empty",
        )
    filled = {name: n / rows for name, n in zip(table.columns, present, strict=True) if n}
    turned = connection.execute(TURNED_AWAY, (table.name,))
    quarantined = (turned.fetchone() or (0,))[0]
    completeness = sum(filled.values()) / len(filled)
    validity = rows / (rows + quarantined)
    consistency = 1 - _orphans(connection, table, keys) / rows
    worst = sorted((share, name) for name, share in filled.items() if share < NEARLY_ALL)[:2]
    notes = [f"{name} {share:.0%} filled" for share, name in worst]
    if quarantined:
        notes.append(f"{quarantined:,} row{'' if quarantined == 1 else 's'} quarantined")
    return Quality(
        table=table.name,
        rows=rows,
        first_day=first_day,
        last_day=last_day,
        completeness=completeness,
        validity=validity,
        uniqueness=1.0,
        consistency=consistency,
        score=min(completeness, validity, consistency),
        notes=", ".join(notes),
    )


def _orphans(connection: psycopg.Connection[Any], table: Table, keys: Mapping[str, Sequence[str]]) -> int:
    """Rows with a reference to nothing, where only the loader checks it."""
    total = 0
    for reference in table.references:
        if reference.in_database or reference.to not in keys:
            continue
        here = ", ".join(f"child.{name}" for name in reference.columns)
        there = ", ".join(f"parent.{name}" for name in keys[reference.to])
        given = " AND ".join(f"child.{name} IS NOT NULL" for name in reference.columns)
        sql = (
            f"SELECT count(*) FROM {table.name} AS child WHERE {given} AND NOT EXISTS "  # noqa: S608 - our own names
            f"(SELECT FROM {reference.to} AS parent WHERE ({there}) = ({here}))"
        )
        total += int((connection.execute(sql.encode()).fetchone() or (0,))[0])
    return total
