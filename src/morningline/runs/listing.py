"""Pages of runs in any order: each page says where the next one begins, and runs asked for meanwhile move nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    import psycopg

# What a page is ordered by, and the type of it; one that is not there yet comes after all others.
SORTS = {
    "created_at": ("created_at", "timestamptz"),
    "started_at": ("coalesce(started_at, 'infinity')", "timestamptz"),
    "finished_at": ("coalesce(finished_at, 'infinity')", "timestamptz"),
    "priority": ("priority", "smallint"),
    "kind": ("kind", "text"),
}
ORDERS = tuple(f"{sign}{name}" for name in SORTS for sign in ("-", ""))
"""Orders of a page; with a minus the largest first."""

COLUMNS = """id, kind, status, priority, attempt, share, sentence, figures, parameters, asked_by, retry_of, worker,
    created_at, started_at, finished_at"""
# The engine's own words, of which the database knows how many runs each has; of ours it would have to guess.
ENGINE = {
    "queued": ("ENQUEUED", "DELAYED"),
    "running": ("PENDING",),
    "succeeded": ("SUCCESS",),
    "failed": ("ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"),
    "cancelled": ("CANCELLED",),
}
CHOSEN = """
    (%(kinds)s::text[] IS NULL OR kind = ANY(%(kinds)s))
        AND (%(engine)s::text[] IS NULL OR engine_status = ANY(%(engine)s))
        AND (%(asked_by)s::text IS NULL OR asked_by = %(asked_by)s)
        AND created_at >= coalesce(%(since)s::timestamptz, '-infinity')
        AND created_at < coalesce(%(until)s::timestamptz, 'infinity')
"""


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """A run as a list shows it: without what it gave.

    Attributes:
        status: queued, running, succeeded, failed or cancelled.
        priority: -1 to 2; 2 is the most urgent.
        attempt: How often it was taken up, earlier runs it retries included.
        share: The share that is done, 0 to 1, where the work tells it.
        sentence: What is done now.
        figures: Numbers its work tells.
        parameters: What was asked.
        retry_of: The run it does once more.
        worker: Who does it now.
        created_at: When it was asked for, UTC; `started_at` when a worker first took it up.
    """

    id: str
    kind: str
    status: str
    priority: int
    attempt: int
    share: float | None
    sentence: str
    figures: dict[str, Any]
    parameters: dict[str, Any]
    asked_by: str
    retry_of: str | None
    worker: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which runs, in which order, and from where on.

    Attributes:
        kinds: Only of these; None for all. `statuses` likewise.
        asked_by: Only those that this one asked for.
        since: Only asked for at this UTC instant or later; `until` before this one.
        order: One of `ORDERS`.
        after: Where the page before ended: what it was ordered by, as text, and the id of its last run.
        limit: Runs a page.
    """

    kinds: Collection[str] | None = None
    statuses: Collection[str] | None = None
    asked_by: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    order: str = "-created_at"
    after: tuple[str, str] | None = None
    limit: int = 50


@dataclass(frozen=True)
class Page:
    """Some runs, and where the next ones begin; None after the last."""

    runs: list[RunLine]
    after: tuple[str, str] | None


def read_page(connection: psycopg.Connection[Any], wanted: Wanted) -> Page:
    """One page of runs.

    Raises:
        InputError: There is no such order or status.
    """
    unknown = sorted(set(wanted.statuses or ()) - ENGINE.keys())
    if unknown:
        raise InputError(f"There is no status {unknown[0]!r}.", allowed=", ".join(ENGINE))
    if wanted.order not in ORDERS:
        raise InputError(f"Runs cannot be ordered by {wanted.order!r}.", allowed=", ".join(ORDERS))
    by, kind = SORTS[wanted.order.removeprefix("-")]
    falling = wanted.order.startswith("-")
    key, last_id = wanted.after or (None, None)
    begins = "" if wanted.after is None else f"AND ({by}, id) {'<' if falling else '>'} (%(key)s::{kind}, %(last_id)s)"
    word = "DESC" if falling else "ASC"
    query = f"SELECT {COLUMNS} FROM runs WHERE {CHOSEN} {begins} ORDER BY {by} {word}, id {word} LIMIT %(limit)s"  # noqa: S608
    values = {
        "kinds": None if wanted.kinds is None else list(wanted.kinds),
        "engine": None if wanted.statuses is None else [word for one in wanted.statuses for word in ENGINE[one]],
        "asked_by": wanted.asked_by,
        "since": wanted.since,
        "until": wanted.until,
        "key": key,
        "last_id": last_id,
        "limit": wanted.limit + 1,
    }
    with connection.cursor(row_factory=class_row(RunLine)) as cursor:
        rows = cursor.execute(query.encode(), values).fetchall()
    return Page(rows[: wanted.limit], _end(rows, wanted) if len(rows) > wanted.limit else None)


def _end(rows: list[RunLine], wanted: Wanted) -> tuple[str, str]:
    last = rows[wanted.limit - 1]
    value = getattr(last, wanted.order.removeprefix("-"))
    return ("infinity" if value is None else str(value)), last.id
