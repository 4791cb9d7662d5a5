"""Which local days' facts changed since an instant: what stored features are checked against, in milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from morningline.facts.stamping import day_of

if TYPE_CHECKING:
    from datetime import date, datetime

    import psycopg

    from morningline.facts.table import Catalog


def mark(connection: psycopg.Connection[Any]) -> int:
    """The number of the newest change of any fact, 0 where none was ever made.

    Note it before facts are read: what changes meanwhile then counts as changed since.

    Args:
        connection: An open connection.
    """
    row = connection.execute("SELECT max(change) FROM fact_days").fetchone()
    return int(row[0] or 0) if row else 0


def first_change(
    connection: psycopg.Connection[Any],
    catalog: Catalog,
    *,
    after: int,
    since: date | None = None,
    until: date | None = None,
) -> date | None:
    """The first local day whose facts were added, corrected or removed after a mark, None where none were.

    Entities are left out: what the masters say is the last that is known, and no feature may read it. A mark that is
    newer than every change is of a database that was put back to an older state: there all days count as changed.

    Args:
        connection: An open connection.
        catalog: The domain's tables.
        after: What `mark` gave.
        since: Only days from this one on; all where not given.
        until: Only days up to this one.
    """
    if after > mark(connection):
        after = 0
    row = connection.execute(
        "SELECT min(day) FROM fact_days"
        " WHERE change > %s AND table_name = ANY(%s)"
        " AND day BETWEEN COALESCE(%s::date, '-infinity') AND COALESCE(%s::date, 'infinity')",
        (after, list(catalog.names), since, until),
    ).fetchone()
    return row[0] if row else None


def first_known(
    connection: psycopg.Connection[Any],
    catalog: Catalog,
    *,
    after: datetime,
    by: datetime,
    until: date | None = None,
) -> date | None:
    """The first local day with facts that became known between two instants, None where there is none.

    Facts may be stored before the instant at which they count as known: nothing changes when it comes, but time.

    Args:
        connection: An open connection.
        catalog: The domain's tables.
        after: UTC instant; what was known then is not meant.
        by: UTC instant; nor what became known later.
        until: Only days up to this one.
    """
    days = " UNION ALL ".join(
        f"SELECT {day_of(catalog.events, table)} AS day FROM {table.name} AS changed "  # noqa: S608 - our own names
        "WHERE known_at > %(after)s AND known_at <= %(by)s"
        for table in catalog.tables
        if table.stage not in {"master", "record"}
    )
    first = f"SELECT min(day) FROM ({days}) AS days WHERE day <= COALESCE(%(until)s::date, 'infinity')"  # noqa: S608 - our own names
    row = connection.execute(first.encode(), {"after": after, "by": by, "until": until}).fetchone()
    return row[0] if row else None


def changes(connection: psycopg.Connection[Any], catalog: Catalog) -> dict[str, int]:
    """Table of facts to the number of its newest change, in the catalog's order; one that never had facts is left out.

    Args:
        connection: An open connection.
        catalog: The domain's tables.
    """
    newest = dict(connection.execute("SELECT table_name, max(change) FROM fact_days GROUP BY table_name").fetchall())
    return {name: newest[name] for name in catalog.names if name in newest}
