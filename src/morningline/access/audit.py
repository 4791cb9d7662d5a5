"""The audit: calls that change something: written before they are done and when they have ended, never changed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from morningline.kit.clock import utc_now
from morningline.kit.nul import show_nul

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

COLUMNS = "id, at, surface, actor, token_id, act, target, address, outcome, status, request_id, begun, detail"
# Over HTTP an entry is a transaction of its own that does not wait for the disk: the database's log is written in
# order, so whatever the call commits afterwards takes the entry along.
WRITE = """
    INSERT INTO audit (at, surface, actor, token_id, act, target, address, outcome, status, request_id, begun, detail)
    SELECT %(at)s::timestamptz, %(surface)s, %(actor)s, %(token_id)s, %(act)s, %(target)s, %(address)s, %(outcome)s,
        %(status)s::integer, %(request_id)s, %(begun)s::bigint, %(detail)s
    FROM set_config('synchronous_commit', CASE %(surface)s WHEN 'http' THEN 'off' ELSE 'on' END, true) RETURNING id
"""
# One row a call: how it ended, or that it was begun and nobody knows more.
CALLS = f"""
    SELECT {COLUMNS} FROM audit AS a
    WHERE NOT (outcome = 'begun' AND EXISTS (SELECT FROM audit AS e WHERE e.begun = a.id))
        AND (%(before)s::bigint IS NULL OR id < %(before)s)
        AND (%(actor)s::text IS NULL OR actor = %(actor)s) AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
        AND at >= coalesce(%(since)s::timestamptz, '-infinity') AND at < coalesce(%(until)s::timestamptz, 'infinity')
    ORDER BY id DESC LIMIT %(limit)s
"""  # noqa: S608 - our own names


@dataclass(frozen=True, kw_only=True)
class Call:
    """Who did what, on what, from where.

    Attributes:
        surface: http or shell.
        actor: The token's name, or the user at the machine.
        act: What: the operation.
        target: On what: the path that was called.
        token_id: The token, if one was shown.
        address: Of the other end; None at the machine itself.
        request_id: Of the request; None at the machine itself.
    """

    surface: str
    actor: str
    act: str
    target: str
    token_id: str | None = None
    address: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Entry(Call):
    """An entry of the audit.

    Attributes:
        id: Its number.
        at: When it was written, UTC.
        outcome: begun, done, refused or failed.
        status: The HTTP status that was answered.
        begun: Number of the entry that said the call was begun.
        detail: What came of it.
    """

    id: int
    at: datetime
    outcome: str
    status: int | None
    begun: int | None
    detail: str | None


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which calls to show.

    Attributes:
        actor: Only of this one.
        outcome: Only those that ended so.
        since: Only from this UTC instant on; `until` before this one.
        before: Only entries before this number.
        limit: At most so many.
    """

    actor: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 50


def begin(connection: psycopg.Connection[Any], call: Call) -> int:
    """Write that a call is about to be carried out; returns the entry's number."""
    return _write(connection, call, "begun")


def end(
    connection: psycopg.Connection[Any],
    call: Call,
    outcome: str,
    *,
    begun: int | None = None,
    status: int | None = None,
    detail: str | None = None,
) -> int:
    """Write how a call ended; returns the entry's number.

    Args:
        connection: From `Database.connect`.
        call: Who did what.
        outcome: done, refused or failed.
        begun: What `begin` returned, if the call came that far.
        status: The HTTP status that was answered.
        detail: What came of it.
    """
    return _write(connection, call, outcome, begun=begun, status=status, detail=detail)


def read(connection: psycopg.Connection[Any], chosen: Chosen) -> list[Entry]:
    """Calls with how they ended, newest first; one that was begun and is not known to have ended says so."""
    with connection.cursor(row_factory=class_row(Entry)) as cursor:
        return cursor.execute(CALLS.encode(), asdict(chosen)).fetchall()


def _write(connection: psycopg.Connection[Any], call: Call, outcome: str, **more: Any) -> int:  # noqa: ANN401 - columns
    values = {
        "begun": None,
        "status": None,
        "detail": None,
        **asdict(call),
        **more,
        "at": utc_now(),
        "outcome": outcome,
    }
    for name, longest in (("target", 2000), ("detail", 2000), ("actor", 200), ("address", 200)):
        if values[name] is not None:
            values[name] = show_nul(values[name])[:longest]
    row = connection.execute(WRITE.encode(), values).fetchone()
    assert row is not None  # noqa: S101 - RETURNING gives a row or raises
    return int(row[0])
