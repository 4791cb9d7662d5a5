"""How far collection is, from the ledger: days by endpoint, month and status, and what went wrong last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

LATEST = """
    SELECT DISTINCT ON (feed, endpoint, day) * FROM coverage
    WHERE %(feed)s::text IS NULL OR feed = %(feed)s
    ORDER BY feed, endpoint, day, generation DESC
"""
ERRORS_SHOWN = 10


def coverage_status(connection: psycopg.Connection[Any], feed: str | None) -> dict[str, Any]:
    """The state of the ledger.

    Args:
        connection: An open connection.
        feed: Only this feed; all where not given.

    Returns:
        `endpoints`: feed, endpoint, status, days, first and last day, events, rows; `gaps`: days that are not
        complete, with the reason, by month; `errors`: the latest.
    """
    endpoints = _rows(
        connection,
        f"""
        SELECT feed, endpoint, status, count(*) AS days, min(day) AS first, max(day) AS last,
            coalesce(sum(events), 0)::bigint AS events, coalesce(sum(rows_kept), 0)::bigint AS rows,
            coalesce(sum(rows_quarantined), 0)::bigint AS quarantined
        FROM ({LATEST}) AS latest GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        """,  # noqa: S608 - our own text
        feed,
    )
    gaps = _rows(
        connection,
        f"""
        SELECT feed, endpoint, to_char(day, 'YYYY-MM') AS month, status, coalesce(reason, '') AS reason,
            count(*) AS days
        FROM ({LATEST}) AS latest WHERE status <> 'complete' GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
        """,  # noqa: S608 - our own text
        feed,
    )
    errors = _rows(
        connection,
        f"""
        SELECT at, run_id, feed, endpoint, day, kind, message FROM collection_errors
        WHERE %(feed)s::text IS NULL OR feed = %(feed)s ORDER BY id DESC LIMIT {ERRORS_SHOWN}
        """,  # noqa: S608 - our own text
        feed,
    )
    return {"endpoints": endpoints, "gaps": gaps, "errors": errors}


def _rows(connection: psycopg.Connection[Any], query: str, feed: str | None) -> list[dict[str, Any]]:
    from psycopg.rows import dict_row

    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), {"feed": feed}).fetchall()
