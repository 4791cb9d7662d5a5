"""Asking for runs and looking at them: a few statements, without loading the engine."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from morningline.kit.errors import InputError, NotFoundError, StateError
from morningline.runs.agreement import DEAD_SECONDS, VERSION, WORKFLOW

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    import psycopg

    from morningline.runs.kinds import Kind

STATUSES = ("queued", "running", "succeeded", "failed", "cancelled")
ENDED = frozenset({"succeeded", "failed", "cancelled"})
PRIORITIES = range(-1, 3)

# DBOS takes the smallest number first, we call the most urgent 2.
ENQUEUE = """
    SELECT dbos.enqueue_workflow(workflow_name => %(workflow)s, queue_name => %(queue)s, workflow_id => %(id)s,
        app_version => %(version)s, timeout_ms => %(timeout_ms)s, priority => 2 - %(priority)s)
"""
REQUEST = """
    INSERT INTO run_requests (id, kind, parameters, priority, asked_by, retry_of, attempts_before, queue, concurrency,
        timeout_seconds)
    VALUES (%(id)s, %(kind)s, %(parameters)s, %(priority)s, %(asked_by)s, %(retry_of)s, %(attempts_before)s,
        %(queue)s, %(concurrency)s, %(timeout_seconds)s)
"""
COLUMNS = """id, kind, status, priority, attempt, share, sentence, figures, parameters, result::text AS result,
    error::text AS error, asked_by, retry_of, worker, created_at, started_at, finished_at"""
LIST = f"""
    SELECT {COLUMNS} FROM runs
    WHERE (%(kind)s::text IS NULL OR kind = %(kind)s) AND (%(status)s::text IS NULL OR status = %(status)s)
        AND created_at >= coalesce(%(since)s::timestamptz, '-infinity')
        AND created_at < coalesce(%(until)s::timestamptz, 'infinity')
    ORDER BY created_at DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s
"""  # noqa: S608 - our own names
# As DBOS cancels: off its queue, owned by nobody, so that whoever does it now can record nothing more.
CANCEL = """
    UPDATE dbos.workflow_status SET status = 'CANCELLED', owner_xid = NULL, queue_name = NULL, deduplication_id = NULL,
        started_at_epoch_ms = NULL, updated_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
        completed_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint
    WHERE workflow_uuid = %s AND status IN ('ENQUEUED', 'DELAYED', 'PENDING')
"""
ATTEMPTS = "SELECT attempts_before, queue, concurrency, timeout_seconds FROM run_requests WHERE id = %s FOR UPDATE"
NEWER = "SELECT id, status FROM runs WHERE retry_of = %s AND status IN ('queued', 'running') LIMIT 1"
LOGS = """
    SELECT id, logged_at, attempt, level, message FROM run_logs WHERE run_id = %s AND id > %s ORDER BY id LIMIT %s
"""
SAY = "INSERT INTO run_logs (run_id, attempt, level, message) SELECT id, attempt, %s, %s FROM runs WHERE id = %s"
LIVE = "SELECT EXISTS (SELECT FROM run_workers WHERE serves_all AND beat_at > now() - make_interval(secs => %s))"
CLAIM = """
    UPDATE dbos.workflow_status AS w SET queue_name = %(own)s FROM run_requests AS q
    WHERE w.workflow_uuid = %(id)s AND q.id = w.workflow_uuid AND w.status = 'ENQUEUED'
        AND (q.concurrency IS NULL OR q.concurrency > (
            SELECT count(*) FROM dbos.workflow_status AS other JOIN run_requests AS r ON r.id = other.workflow_uuid
            WHERE other.status = 'PENDING' AND r.kind = q.kind))
"""


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """A run as it stands.

    Attributes:
        status: queued, running, succeeded, failed or cancelled.
        priority: -1 to 2; 2 is the most urgent.
        attempt: How often it was taken up, earlier runs it retries included; 1 while it waits for the first time.
        share: The share that is done, 0 to 1, where the work tells it.
        result: What the work gave, as JSON text.
        error: What went wrong, as JSON text with `message` and `data`.
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
    result: str | None
    error: str | None
    asked_by: str
    retry_of: str | None
    worker: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def seconds(self) -> float | None:
        """How long it took, if it has ended and ever began."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """A line of a run's log."""

    id: int
    logged_at: datetime
    attempt: int
    level: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which runs to list.

    Attributes:
        status: Only of this status.
        kind: Only of this kind.
        since: Only asked for at this UTC instant or later; `until` before this one.
        page: From 1.
        limit: Runs a page.
    """

    status: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    page: int = 1
    limit: int = 20


def enqueue(
    connection: psycopg.Connection[Any],
    kind: Kind,
    parameters: Mapping[str, Any],
    *,
    asked_by: str,
    priority: int = 0,
) -> str:
    """Ask for a run, in the connection's transaction: it is there when that commits.

    Args:
        connection: From `Database.connect`.
        kind: What to do.
        parameters: What its work is given; values that JSON can say.
        asked_by: Who asks.
        priority: -1 to 2; 2 is the most urgent. Among equals the one asked for first goes first.

    Returns:
        The run's id.

    Raises:
        InputError: There is no such priority.
    """
    require_priority(priority)
    return _ask(
        connection,
        {
            "kind": kind.name,
            "parameters": Jsonb(dict(parameters)),
            "priority": priority,
            "asked_by": asked_by,
            "retry_of": None,
            "attempts_before": 0,
            "queue": kind.queue,
            "concurrency": kind.concurrency,
            "timeout_seconds": kind.timeout_seconds,
        },
    )


def require_priority(priority: int) -> None:
    """Refuse a priority that there is not.

    Raises:
        InputError: It is none of -1 to 2.
    """
    if priority not in PRIORITIES:
        raise InputError(f"There is no priority {priority}.", allowed="-1 (can wait), 0, 1, 2 (most urgent)")


def _ask(connection: psycopg.Connection[Any], request: dict[str, Any]) -> str:
    run_id = uuid.uuid4().hex[:12]
    timeout = request["timeout_seconds"]
    values = {
        **request,
        "id": run_id,
        "workflow": WORKFLOW,
        "version": VERSION,
        "timeout_ms": None if timeout is None else int(timeout * 1000),
    }
    connection.execute(ENQUEUE, values)
    connection.execute(REQUEST, values)
    return run_id


def find(connection: psycopg.Connection[Any], run_id: str) -> RunRow:
    """A run by its id.

    Raises:
        NotFoundError: There is none, or not any more.
    """
    with connection.cursor(row_factory=class_row(RunRow)) as cursor:
        row = cursor.execute(f"SELECT {COLUMNS} FROM runs WHERE id = %s".encode(), [run_id]).fetchone()  # noqa: S608
    if row is None:
        raise NotFoundError(f"There is no run {run_id!r}.", do="See `morningline runs list`; old runs are deleted.")
    return row


def list_runs(connection: psycopg.Connection[Any], filters: Filters) -> list[RunRow]:
    """The runs of one page, newest first.

    Raises:
        InputError: There is no such status or page.
    """
    if filters.status is not None and filters.status not in STATUSES:
        raise InputError(f"There is no status {filters.status!r}.", allowed=", ".join(STATUSES))
    if filters.page < 1 or filters.limit < 1:
        raise InputError(f"Page {filters.page} of {filters.limit} runs was asked for.", allowed="1 or more of both")
    values = {
        "status": filters.status,
        "kind": filters.kind,
        "since": filters.since,
        "until": filters.until,
        "limit": filters.limit,
        "offset": (filters.page - 1) * filters.limit,
    }
    with connection.cursor(row_factory=class_row(RunRow)) as cursor:
        return cursor.execute(LIST.encode(), values).fetchall()


def read_logs(connection: psycopg.Connection[Any], run_id: str, *, after: int = 0, limit: int = 1_000) -> list[LogLine]:
    """The log of a run, oldest line first, from the line after a known one."""
    with connection.cursor(row_factory=class_row(LogLine)) as cursor:
        return cursor.execute(LOGS, [run_id, after, limit]).fetchall()


def cancel(connection: psycopg.Connection[Any], run_id: str, *, asked_by: str) -> None:
    """Cancel a run that waits or goes on; one that goes on stops at its next step or check.

    Raises:
        NotFoundError: There is none.
        StateError: It has ended.
    """
    if connection.execute(CANCEL, [run_id]).rowcount == 0:
        row = find(connection, run_id)
        raise StateError(
            f"Run {run_id} has {row.status if row.status != 'cancelled' else 'been cancelled'} already.",
            allowed="a run that is queued or running",
        )
    connection.execute(SAY, ["warning", f"Cancelled by {asked_by}.", run_id])


def retry(connection: psycopg.Connection[Any], run_id: str, *, asked_by: str, ended: Collection[str] = ENDED) -> str:
    """Ask for what a run that has ended did once more: a new run, linked to it, whose attempts count on.

    Args:
        connection: From `Database.connect`.
        run_id: Which run.
        asked_by: Who asks.
        ended: How it must have ended: some of `ENDED`.

    Returns:
        The new run's id.

    Raises:
        NotFoundError: There is none.
        StateError: It has not ended so, or a retry of it waits or goes on.
    """
    asked = connection.execute(ATTEMPTS, [run_id]).fetchone()
    row = find(connection, run_id)
    newer = connection.execute(NEWER, [run_id]).fetchone()
    if row.status not in ended or newer is not None or asked is None:
        given = f"Run {newer[0]}, a retry of {run_id}, is {newer[1]}." if newer else f"Run {run_id} is {row.status}."
        allowed = "a run that has ended" if ended == ENDED else f"a run that is {' or '.join(sorted(ended))}"
        raise StateError(given, allowed=allowed, do="Wait for it, or cancel it first.")
    return _ask(
        connection,
        {
            "kind": row.kind,
            "parameters": Jsonb(row.parameters),
            "priority": row.priority,
            "asked_by": asked_by,
            "retry_of": run_id,
            "attempts_before": row.attempt,
            "queue": asked[1],
            "concurrency": asked[2],
            "timeout_seconds": asked[3],
        },
    )


def has_live_worker(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether a worker lives that takes any run."""
    row = connection.execute(LIVE, [DEAD_SECONDS]).fetchone()
    return bool(row and row[0])


def claim(connection: psycopg.Connection[Any], run_id: str, own_queue: str) -> bool:
    """Put a run that waits into the queue of one worker; returns whether it could be had.

    One that is no longer queued, or of whose kind as many go on as may, cannot.
    """
    return connection.execute(CLAIM, {"id": run_id, "own": own_queue}).rowcount == 1
