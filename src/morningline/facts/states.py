"""How the facts of each day stand, in a word that changes when they do."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date

    import psycopg

    from morningline.facts.table import Catalog


def daily_states(connection: psycopg.Connection[Any], catalog: Catalog) -> dict[str, str]:
    """A hash for each day that has facts, of how many rows each table has and when they became known.

    A row that is added, corrected or removed changes the hash of its day, because a correction is known later than
    what it corrects. Entities are left out: what the masters say is the last that is known, and no feature may read it.

    Args:
        connection: An open connection.
        catalog: The domain's tables.

    Returns:
        Day as `YYYY-MM-DD` to 16 hexadecimal digits, in the order of days.
    """
    day = str(catalog.events.day)
    told: dict[date, list[str]] = {}
    for table in catalog.tables:
        if table.stage in {"master", "record"} or day not in table.columns:
            continue
        rows = connection.execute(
            f"SELECT {day}, count(*), sum((EXTRACT(EPOCH FROM known_at) * 1000000)::bigint) "  # noqa: S608 - our own names
            f"FROM {table.name} GROUP BY 1".encode()
        ).fetchall()
        for of, count, known in rows:
            told.setdefault(of, []).append(f"{table.name} {count} {known}")
    return {str(of): sha256("\n".join(told[of]).encode()).hexdigest()[:16] for of in sorted(told)}


def first_difference(before: dict[str, str], now: dict[str, str]) -> str | None:
    """The first day whose facts are not what they were, None where all are.

    Example:
        >>> first_difference({"2024-01-30": "a", "2024-01-31": "b"}, {"2024-01-30": "a", "2024-01-31": "c"})
        '2024-01-31'
    """
    return min((day for day in before.keys() | now.keys() if before.get(day) != now.get(day)), default=None)
