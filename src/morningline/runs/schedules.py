"""What is asked for again and again: schedules made, looked at, paused, and asked for out of turn."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from morningline.kit.errors import InputError, NotFoundError, StateError
from morningline.runs import store
from morningline.runs.cron import Cron
from morningline.runs.relative_days import with_days

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import psycopg

    from morningline.runs.kinds import Kind

NAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"
"""What a name looks like: it stands in paths, and in `asked_by` of a run."""

COLUMNS = """s.name, s.kind, s.parameters, s.cron, s.zone, s.priority, s.next_at IS NOT NULL AS enabled, s.next_at,
    s.last_at, s.last_run, r.status AS last_status, s.created_by, s.created_at"""
LIST = f"SELECT {COLUMNS} FROM run_schedules AS s LEFT JOIN runs AS r ON r.id = s.last_run ORDER BY s.name"  # noqa: S608
FIND = f"SELECT {COLUMNS} FROM run_schedules AS s LEFT JOIN runs AS r ON r.id = s.last_run WHERE s.name = %s"  # noqa: S608
ADD = """
    INSERT INTO run_schedules (name, kind, parameters, cron, zone, priority, next_at, created_by)
    VALUES (%(name)s, %(kind)s, %(parameters)s, %(cron)s, %(zone)s, %(priority)s, %(next_at)s, %(by)s)
    ON CONFLICT (name) DO NOTHING
"""
ASKED = "UPDATE run_schedules SET last_at = now(), last_run = %s WHERE name = %s"


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What is to be asked for, and when.

    Attributes:
        name: Its name: small letters, digits, `.`, `_` and `-`.
        kind: Which kind of run.
        parameters: What the run is given, as JSON values; `{day}`, `{day-1}`, `{day+7}` in them stand for dates.
        cron: Minute, hour, day of month, month, day of week.
        zone: IANA name of the time zone whose clock and days are meant.
        priority: -1 to 2; 2 is the most urgent.
        enabled: Whether it is asked for; not while it is paused.
    """

    name: str
    kind: str
    parameters: dict[str, Any]
    cron: str
    zone: str = "UTC"
    priority: int = 0
    enabled: bool = True


@dataclass(frozen=True, kw_only=True)
class ScheduleRow(Schedule):
    """A schedule as it stands.

    Attributes:
        name: Its name.
        kind: Which kind of run.
        parameters: What the run is given; `{day}`, `{day-1}`, `{day+7}` in them stand for dates.
        cron: Minute, hour, day of month, month, day of week.
        zone: IANA name of the time zone whose clock and days are meant.
        priority: -1 to 2; 2 is the most urgent.
        enabled: Whether it is asked for; not while it is paused.
        next_at: When it is due next, UTC; null while it is paused.
        last_at: When it was due last, or asked for out of turn, UTC.
        last_run: The run that was asked for then; null once that is forgotten.
        last_status: How that run stands.
        created_by: Who made it.
        created_at: When it was made, UTC.
    """

    next_at: datetime | None
    last_at: datetime | None
    last_run: str | None
    last_status: str | None
    created_by: str
    created_at: datetime


def add(
    connection: psycopg.Connection[Any], schedule: Schedule, kinds: Mapping[str, Kind], *, created_by: str
) -> ScheduleRow:
    """Make a schedule; what it asks for is checked as if it were asked for when it is due first.

    Args:
        connection: From `Database.connect`.
        schedule: What is wanted.
        kinds: The kinds there are, by name.
        created_by: Who makes it.

    Raises:
        InputError: The name, the expression, the zone, the priority or the parameters cannot be used.
        NotFoundError: There is no such kind, or nothing that the parameters name.
        StateError: There is a schedule of that name.
    """
    wanted = replace(schedule, cron=" ".join(schedule.cron.split()))
    next_at = _checked(wanted, kinds, _now(connection))
    values = {**vars(wanted), "next_at": next_at if wanted.enabled else None, "by": created_by}
    if connection.execute(ADD, {**values, "parameters": Jsonb(wanted.parameters)}).rowcount == 0:
        raise StateError(
            f"There is a schedule {wanted.name!r} already.",
            allowed="a name that none bears",
            do=f"Remove it first: morningline schedules remove {wanted.name}",
        )
    return find(connection, wanted.name)


def list_schedules(connection: psycopg.Connection[Any]) -> list[ScheduleRow]:
    """Every schedule, by name."""
    with connection.cursor(row_factory=class_row(ScheduleRow)) as cursor:
        return cursor.execute(LIST.encode()).fetchall()


def find(connection: psycopg.Connection[Any], name: str) -> ScheduleRow:
    """A schedule by its name.

    Raises:
        NotFoundError: There is none.
    """
    with connection.cursor(row_factory=class_row(ScheduleRow)) as cursor:
        row = cursor.execute(FIND.encode(), [name]).fetchone()
    if row is None:
        raise NotFoundError(f"There is no schedule {name!r}.", do="See `morningline schedules list`.")
    return row


def remove(connection: psycopg.Connection[Any], name: str) -> None:
    """Forget a schedule; the runs it asked for stay.

    Raises:
        NotFoundError: There is none.
    """
    find(connection, name)
    connection.execute("DELETE FROM run_schedules WHERE name = %s", [name])


def pause(connection: psycopg.Connection[Any], name: str) -> ScheduleRow:
    """Ask for nothing more until it is resumed; returns how it stands then.

    Raises:
        NotFoundError: There is none.
    """
    find(connection, name)
    connection.execute("UPDATE run_schedules SET next_at = NULL WHERE name = %s", [name])
    return find(connection, name)


def resume(connection: psycopg.Connection[Any], name: str) -> ScheduleRow:
    """Go on asking, from now on: what was due while it was paused is not made up. Returns how it stands then.

    Raises:
        NotFoundError: There is none.
    """
    row = find(connection, name)
    next_at = Cron(row.cron, row.zone).next_after(_now(connection))
    # One that is due at this moment keeps its turn.
    connection.execute("UPDATE run_schedules SET next_at = %s WHERE name = %s AND next_at IS NULL", [next_at, name])
    return find(connection, name)


def ask_now(connection: psycopg.Connection[Any], name: str, kinds: Mapping[str, Kind], *, asked_by: str) -> str:
    """Ask for what a schedule asks for, out of turn; it is due next when it would have been.

    Args:
        connection: From `Database.connect`.
        name: Which schedule; paused or not.
        kinds: The kinds there are, by name.
        asked_by: Who asks; the run's log says it.

    Returns:
        The run's id.

    Raises:
        NotFoundError: There is none, or nothing that its parameters name.
        InputError: Its parameters cannot be used any more.
    """
    row = find(connection, name)
    now = _now(connection)
    parameters = dated_parameters(row, now)
    kind = _kind(row.kind, kinds)
    kind.require(parameters)
    run_id = store.enqueue(connection, kind, parameters, asked_by=asks_as(name), priority=row.priority)
    connection.execute(ASKED, [run_id, name])
    connection.execute(store.SAY, ["info", f"{asked_by} asked for it out of turn.", run_id])
    return run_id


def asks_as(name: str) -> str:
    """Who asked, of a run that a schedule asked for."""
    return f"schedule {name}"


def dated_parameters(schedule: Schedule, due: datetime) -> dict[str, Any]:
    """The parameters of the run that is due at an instant (UTC).

    Raises:
        InputError: They hold braces that mean nothing.
    """
    filled: dict[str, Any] = with_days(schedule.parameters, due.astimezone(ZoneInfo(schedule.zone)).date())
    return filled


def _checked(schedule: Schedule, kinds: Mapping[str, Kind], now: datetime) -> datetime:
    """Refuse what cannot be; returns when it is due first."""
    if re.fullmatch(NAME, schedule.name) is None:
        raise InputError(
            f"A schedule cannot be called {schedule.name[:100]!r}.",
            allowed="1 to 63 small letters, digits, `.`, `_` and `-`, the first a letter or digit",
        )
    kind = _kind(schedule.kind, kinds)
    store.require_priority(schedule.priority)
    next_at = Cron(schedule.cron, schedule.zone).next_after(now)
    kind.require(dated_parameters(schedule, next_at))
    return next_at


def _kind(name: str, kinds: Mapping[str, Kind]) -> Kind:
    asked_for = {each: kind for each, kind in kinds.items() if kind.check is not None}
    if name not in asked_for:
        raise NotFoundError(f"There is no kind of run {name[:100]!r} to ask for.", allowed=", ".join(asked_for))
    return asked_for[name]


def _now(connection: psycopg.Connection[Any]) -> datetime:
    """The database's clock: it is the same for all."""
    row = connection.execute("SELECT now()").fetchone()
    assert row is not None  # noqa: S101 - a query without a table has one row
    now: datetime = row[0]
    return now
