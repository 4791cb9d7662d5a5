"""The books of a feed's calls: every attempt with its cost, the bodies it brought, and what is left of the quota."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from morningline.kit.errors import FeedUnavailableError, QuotaError
from morningline.sources.archive import known

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    import psycopg

    from morningline.sources.connections import Connections
    from morningline.sources.feed import Params, PayloadRow
    from morningline.sources.feed_settings import FeedSettings

BATCH = 256

# One statement, so one transaction and one way to the server and back, for all that has queued up. A call that was
# counted against the quota before it was made has its row already.
RECORD = """
    WITH call AS (
        INSERT INTO feed_calls (id, feed, account, endpoint, limit_class, at, attempt, status, error, ms, bytes,
                                quota_left, run_id)
        SELECT COALESCE(id, nextval(pg_get_serial_sequence('feed_calls', 'id'))), feed, account, endpoint,
               limit_class, at, attempt, status, error, ms, bytes, quota_left, run_id
        FROM jsonb_to_recordset(%(calls)s::jsonb) AS c (id bigint, feed text, account text, endpoint text,
             limit_class text, at timestamptz, attempt smallint, status smallint, error text, ms float8, bytes bigint,
             quota_left bigint, run_id text)
        ON CONFLICT (id) DO UPDATE SET status = EXCLUDED.status, error = EXCLUDED.error, ms = EXCLUDED.ms,
                                       bytes = EXCLUDED.bytes
    )
    INSERT INTO payloads (feed, endpoint, request, url, path, params, day, generation, status, usable, fetched_at,
                          sha256, size, run_id)
    SELECT feed, endpoint, request, url, path, params, day, generation, status, usable, fetched_at, sha256, size,
           run_id
    FROM jsonb_to_recordset(%(bodies)s::jsonb) AS b (feed text, endpoint text, request text, url text, path text,
         params jsonb, day date, generation integer, status smallint, usable boolean, fetched_at timestamptz,
         sha256 text, size bigint, run_id text)
    ON CONFLICT (feed, request) WHERE usable DO NOTHING
"""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One attempt, as in the table `feed_calls`."""

    id: int | None = None
    feed: str
    account: str
    endpoint: str
    limit_class: str
    at: datetime
    attempt: int
    status: int | None = None
    error: str | None = None
    ms: float | None = None
    bytes: int = 0
    quota_left: int | None = None
    run_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Body:
    """One body, as in the table `payloads`."""

    feed: str
    endpoint: str
    request: str
    url: str
    path: str
    params: Params
    day: date | None
    generation: int
    status: int
    usable: bool
    fetched_at: datetime
    sha256: str
    size: int
    run_id: str | None = None


@dataclass(frozen=True)
class _Entry:
    call: Call
    body: Body | None
    done: Future[PayloadRow | None]


class Books:
    """Writes calls and bodies down; threads that come at the same time share a transaction.

    Args:
        connections: To the database.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._entries: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None
        self._closed = False

    def record(self, call: Call, body: Body | None) -> PayloadRow | None:
        """Write a call and what it brought, and return when that is committed.

        Returns:
            The usable payload of the body's request, perhaps one that another worker was quicker to bring; None for
            a body that is not usable.

        Raises:
            DatabaseError: The database went away; nothing was written.
        """
        entry = _Entry(call, body, Future())
        with self._lock:
            if self._closed:
                raise FeedUnavailableError("The client of the feed was closed.")
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_on, name="feed-books", daemon=True)
                self._writer.start()
            self._entries.put(entry)
        return entry.done.result()

    def close(self) -> None:
        """Write what has queued up, and stop."""
        with self._lock:
            self._closed = True
            self._entries.put(None)
        if self._writer is not None:
            self._writer.join()

    def _write_on(self) -> None:
        while (entry := self._entries.get()) is not None:
            entries, last = [entry], False
            while len(entries) < BATCH and not self._entries.empty():
                following = self._entries.get()
                if following is None:
                    last = True
                    break
                entries.append(following)
            self._write(entries)
            if last:
                return

    def _write(self, entries: Sequence[_Entry]) -> None:
        try:
            rows = self._connections.run(lambda connection: _write(connection, entries))
        except BaseException as error:  # noqa: BLE001  # raised where each waits for its row
            for entry in entries:
                entry.done.set_exception(error)
            return
        for entry in entries:
            entry.done.set_result(rows.get(entry.body.request) if entry.body and entry.body.usable else None)


def claim_call(connections: Connections, settings: FeedSettings, call: Call, zone: str, *, urgent: bool) -> Call:
    """Count a call against the day's quota before it is made, so that no number of workers makes one too many.

    Args:
        connections: To the database.
        settings: Quota and reserve.
        call: The call about to be made.
        zone: IANA zone of the feed's days.
        urgent: Whether it may use the reserve.

    Returns:
        The call with its row's id and what is left of the quota.

    Raises:
        QuotaError: The quota is used up, or but for the reserve; says when the next day begins.
    """
    allowed = settings.quota if urgent else max(settings.quota - settings.reserve, 0)
    parameters = {**asdict(call), "zone": zone, "allowed": allowed, "quota": settings.quota}

    def work(connection: psycopg.Connection[Any]) -> tuple[int, int] | None:
        with connection.transaction():
            connection.execute(
                b"SELECT pg_advisory_xact_lock(hashtextextended('feed quota ' || %(feed)s || ' ' || %(account)s, 0))",
                parameters,
            )
            row: tuple[int, int] | None = connection.execute(
                b"INSERT INTO feed_calls (feed, account, endpoint, limit_class, at, attempt, bytes, quota_left, run_id)"
                b" SELECT %(feed)s, %(account)s, %(endpoint)s, %(limit_class)s, clock_timestamp(), %(attempt)s, 0,"
                b" %(quota)s::bigint - used - 1, %(run_id)s FROM (SELECT count(*) AS used FROM feed_calls"
                b" WHERE feed = %(feed)s AND account = %(account)s"
                b" AND at >= date_trunc('day', clock_timestamp(), %(zone)s)) AS calls WHERE used < %(allowed)s::bigint"
                b" RETURNING id, quota_left",
                parameters,
            ).fetchone()
            return row

    row = connections.run(work)
    if row is None:
        raise QuotaError(
            f"The {settings.quota} calls of the day to the feed {settings.name} are used up"
            + ("." if urgent else f", but for the {settings.reserve} kept for urgent ones."),
            do=f"Continue after midnight, {zone}; what is there stays.",
        )
    return replace(call, id=row[0], quota_left=row[1])


def _write(connection: psycopg.Connection[Any], entries: Sequence[_Entry]) -> dict[str, PayloadRow]:
    import msgspec

    bodies = [entry.body for entry in entries if entry.body is not None]
    usable = [body for body in bodies if body.usable]
    with connection.transaction():
        parameters = {
            "calls": msgspec.json.encode([entry.call for entry in entries]).decode(),
            "bodies": msgspec.json.encode(bodies).decode(),
        }
        connection.execute(RECORD.encode(), parameters)
        feeds = {body.feed for body in usable}
        rows = [known(connection, feed, [b.request for b in usable if b.feed == feed]) for feed in feeds]
        found = {request: row for each in rows for request, row in each.items()}
        second = [replace(b, usable=False) for b in usable if found[b.request].sha256 != b.sha256]
        if second:
            # Another worker was quicker, and the feed said something else meanwhile: kept beside.
            again = {"calls": "[]", "bodies": msgspec.json.encode(second).decode()}
            connection.execute(RECORD.encode(), again)
    return found
