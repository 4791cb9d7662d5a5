"""The coverage ledger: which days of a feed are there, which are due, and what the next fetch of a day is called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime  # noqa: TC003  # the field types are read when a plan is
from typing import TYPE_CHECKING, Any

from morningline.kit.nul import show_nul

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

SETTLED = ("complete", "lossy")
"""How a day may stand so that it is not asked again by itself: asking again would bring the same."""
LATEST = """(
    SELECT DISTINCT ON (feed, endpoint, day) * FROM coverage WHERE run_id = %s AND endpoint = ANY(%s)
    ORDER BY feed, endpoint, day, generation DESC
) AS latest"""
"""What a run's last fetch of each day came to."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One fetch of one day: what a collection works through.

    Args:
        endpoint: What is asked.
        day: The feed's local day.
        generation: 1 for the day's first fetch.
    """

    endpoint: str
    day: date
    generation: int = 1


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a day stands after its latest fetch."""

    generation: int
    status: str
    reason: str | None
    fetched_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one fetch of a day.

    Args:
        item: The fetch.
        status: One of `records.STATUSES`.
        reason: Why it is not complete.
        said: Events the feed said there are.
        events: Different events that came.
        pages: Pages they came on.
        fetched_at: When the last page had come (UTC).
        rows: Rows read, kept and turned away; None before they are loaded.
    """

    item: Item
    status: str
    reason: str | None = None
    said: int | None = None
    events: int | None = None
    pages: int | None = None
    fetched_at: datetime | None = None
    rows: tuple[int, int, int] | None = None


def standings(
    connection: psycopg.Connection[Any], feed: str, endpoints: Iterable[str], first: date, last: date
) -> dict[tuple[str, date], Standing]:
    """How each day of some endpoints stands; days never planned are left out."""
    rows = connection.execute(
        """
        SELECT DISTINCT ON (endpoint, day) endpoint, day, generation, status, reason, fetched_at
        FROM coverage WHERE feed = %s AND endpoint = ANY(%s) AND day BETWEEN %s AND %s
        ORDER BY endpoint, day, generation DESC
        """,
        (feed, list(endpoints), first, last),
    ).fetchall()
    return {
        (endpoint, day): Standing(generation=generation, status=status, reason=reason, fetched_at=fetched_at)
        for endpoint, day, generation, status, reason, fetched_at in rows
    }


def loaded_before(connection: psycopg.Connection[Any], feed: str, items: Iterable[Item]) -> set[Item]:
    """Those fetches whose day was loaded in an earlier generation: what is new in them was known only now."""
    wanted = list(items)
    rows = connection.execute(
        """
        SELECT place FROM unnest(%s::text[], %s::date[], %s::integer[]) WITH ORDINALITY
            AS wanted (endpoint, day, generation, place)
        WHERE EXISTS (
            SELECT FROM coverage AS c WHERE c.feed = %s AND c.endpoint = wanted.endpoint AND c.day = wanted.day
            AND c.generation < wanted.generation AND c.load_number IS NOT NULL
        )
        """,
        ([i.endpoint for i in wanted], [i.day for i in wanted], [i.generation for i in wanted], feed),
    ).fetchall()
    return {wanted[place - 1] for (place,) in rows}


def unfinished(connection: psycopg.Connection[Any], feed: str, items: Iterable[Item], run_id: str) -> list[Item]:
    """Those fetches, in their order, that were neither loaded nor found empty, nor refused to this run."""
    wanted = list(items)
    rows = connection.execute(
        """
        SELECT place FROM unnest(%s::text[], %s::date[], %s::integer[]) WITH ORDINALITY
            AS wanted (endpoint, day, generation, place)
        WHERE NOT EXISTS (
            SELECT FROM coverage AS c WHERE c.feed = %s AND c.endpoint = wanted.endpoint AND c.day = wanted.day
            AND c.generation >= wanted.generation AND (
                c.load_number IS NOT NULL OR c.status = 'complete' OR (c.status = 'refused' AND c.run_id = %s)
            )
        ) ORDER BY place
        """,
        ([i.endpoint for i in wanted], [i.day for i in wanted], [i.generation for i in wanted], feed, run_id),
    ).fetchall()
    return [wanted[place - 1] for (place,) in rows]


def sums(connection: psycopg.Connection[Any], run_id: str, endpoints: Iterable[str]) -> dict[str, Any]:
    """What the ledger says a run did for endpoints: fetches by status, their events, pages, rows, and what lacks."""
    asked = (run_id, list(endpoints))
    rows = connection.execute(
        f"""
        SELECT status, count(*), sum(events), sum(pages), sum(rows_read), sum(rows_kept), sum(rows_quarantined)
        FROM {LATEST} GROUP BY status ORDER BY status
        """.encode(),  # noqa: S608 - made of our own constants
        asked,
    ).fetchall()
    names = ("events", "pages", "rows_read", "rows_kept", "rows_quarantined")
    counts = {name: sum(int(row[2 + place] or 0) for row in rows) for place, name in enumerate(names)}
    problems = connection.execute(
        f"""
        SELECT endpoint, status, reason, count(*), min(day)::text, max(day)::text FROM {LATEST}
        WHERE status <> 'complete' GROUP BY 1, 2, 3 ORDER BY 5, 1 LIMIT 100
        """.encode(),  # noqa: S608 - made of our own constants
        asked,
    ).fetchall()
    columns = ("endpoint", "status", "reason", "days", "first", "last")
    return {
        "fetches": {status: number for status, number, *_ in rows},
        **counts,
        "problems": [dict(zip(columns, problem, strict=True)) for problem in problems],
    }


def plan(connection: psycopg.Connection[Any], feed: str, items: Iterable[Item], run_id: str | None) -> None:
    """Write fetches down as planned; one that is in the ledger already keeps its standing."""
    rows = [(feed, i.endpoint, i.day, i.generation, run_id) for i in items]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO coverage (feed, endpoint, day, generation, status, run_id)"
            " VALUES (%s, %s, %s, %s, 'planned', %s) ON CONFLICT DO NOTHING",
            rows,
        )


def note(
    connection: psycopg.Connection[Any], feed: str, outcomes: Iterable[Outcome], run_id: str | None, *, loaded: bool
) -> None:
    """Write down what became of fetches, inside the caller's transaction.

    Args:
        connection: An open connection; the caller commits.
        feed: Whose days they are.
        outcomes: What became of them.
        run_id: The run that did it.
        loaded: Whether their facts are committed together with this.
    """
    number = None
    if loaded and outcomes:
        # Loads are serialised by the lock of the import, so the next number is free.
        row = connection.execute("SELECT coalesce(max(load_number), 0) + 1 FROM coverage").fetchone()
        number = row[0] if row else 1
    values = [
        (
            *(feed, o.item.endpoint, o.item.day, o.item.generation),
            *(
                o.status,
                o.reason and show_nul(o.reason[:1_000]),
                o.said,
                o.events,
                o.pages,
                *(o.rows or (None, None, None)),
            ),
            *(o.fetched_at, number, run_id),
        )
        for o in outcomes
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO coverage AS c (
                feed, endpoint, day, generation, status, reason, said, events, pages,
                rows_read, rows_kept, rows_quarantined, fetched_at, load_number, run_id, loaded_at
            )
            SELECT v.*, CASE WHEN v.load_number IS NOT NULL THEN clock_timestamp() END FROM (
                VALUES (%s, %s, %s::date, %s::integer, %s, %s, %s::bigint, %s::bigint, %s::bigint,
                    %s::bigint, %s::bigint, %s::bigint, %s::timestamptz, %s::bigint, %s)
            ) AS v (
                feed, endpoint, day, generation, status, reason, said, events, pages,
                rows_read, rows_kept, rows_quarantined, fetched_at, load_number, run_id
            )
            ON CONFLICT (feed, endpoint, day, generation) DO UPDATE SET (
                status, reason, said, events, pages, rows_read, rows_kept, rows_quarantined,
                fetched_at, load_number, run_id, loaded_at
            ) = (
                EXCLUDED.status, EXCLUDED.reason, EXCLUDED.said, EXCLUDED.events, EXCLUDED.pages, EXCLUDED.rows_read,
                EXCLUDED.rows_kept, EXCLUDED.rows_quarantined, EXCLUDED.fetched_at, EXCLUDED.load_number,
                EXCLUDED.run_id, EXCLUDED.loaded_at
            )
            """,
            values,
        )


def note_error(
    connection: psycopg.Connection[Any], feed: str, item: Item, error: Exception, run_id: str | None
) -> None:
    """Write down something that went wrong and did not end the collection."""
    connection.execute(
        "INSERT INTO collection_errors (at, run_id, feed, endpoint, day, kind, message)"
        " VALUES (clock_timestamp(), %s, %s, %s, %s, %s, %s)",
        (run_id, feed, item.endpoint, item.day, type(error).__name__, show_nul(str(error)[:2_000])),
    )
