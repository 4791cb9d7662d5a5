"""The scheduler: asks for what is due, once for all processes that look, and once for all that was missed."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from morningline.kit.errors import DatabaseError, MorninglineError
from morningline.runs import store
from morningline.runs.cron import Cron
from morningline.runs.schedules import Schedule, asks_as, dated_parameters

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import psycopg

    from morningline.kit.database import Database
    from morningline.runs.kinds import Kind

LOG = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often a process looks for what is due."""
LATE = timedelta(seconds=60)
"""Later than that is said: nobody looked when it was due."""
STUCK_SECONDS = 30.0
"""What has been due for so long, nobody asks for."""
# A process that is frozen in the middle must not keep the others from asking.
FROZEN_TRANSACTION_SECONDS = 5

# The lock is the decision: whoever has the row asks, the others see it only when it is due next.
DUE = """
    SELECT name, kind, parameters, cron, zone, priority, next_at, last_run, now() FROM run_schedules
    WHERE next_at <= now() AND kind = ANY(%(kinds)s) AND name <> ALL(%(without)s)
    ORDER BY next_at, name LIMIT 1 FOR UPDATE SKIP LOCKED
"""
ASKED = "UPDATE run_schedules SET next_at = %s, last_at = %s, last_run = %s WHERE name = %s"
WAITS = """
    SELECT EXISTS (SELECT FROM runs WHERE id = %s AND status = 'queued' AND kind = %s AND parameters = %s
        AND priority = %s)
"""
OVERDUE = "SELECT name FROM run_schedules WHERE next_at < now() - make_interval(secs => %s) ORDER BY next_at, name"


class ScheduleError(MorninglineError):
    """A schedule that is due cannot be asked for here.

    Attributes:
        name: Which schedule.
    """

    def __init__(self, name: str, why: MorninglineError) -> None:
        super().__init__(f"Schedule {name} cannot be asked for: {why.message}", allowed=why.allowed, do=why.do)
        self.name = name


@dataclass(frozen=True, kw_only=True)
class Fire:
    """A schedule that was due.

    Attributes:
        schedule: Its name.
        due_at: For which instant (UTC): the latest, where several were missed.
        run_id: The run that does it.
        asked: Whether that was asked for now; not where an equal one, asked for before, still waits.
    """

    schedule: str
    due_at: datetime
    run_id: str
    asked: bool


def overdue(connection: psycopg.Connection[Any], seconds: float = STUCK_SECONDS) -> list[str]:
    """Schedules that have been due for so long, and nobody asked: no scheduler lives, or it is stuck."""
    return [name for (name,) in connection.execute(OVERDUE, [seconds])]


def fire_next(
    connection: psycopg.Connection[Any], kinds: Mapping[str, Kind], without: Collection[str] = ()
) -> Fire | None:
    """Ask for what has been due longest, in one transaction with noting that it was.

    Args:
        connection: Without a transaction.
        kinds: The kinds there are; a schedule of another is left to a process that knows it.
        without: Names of schedules that are left alone.

    Returns:
        What was due; None where nothing is, or other processes have it in hand.

    Raises:
        ScheduleError: It cannot be asked for here; nothing is changed.
    """
    with connection.transaction():
        row = connection.execute(DUE, {"kinds": list(kinds), "without": list(without)}).fetchone()
        if row is None:
            return None
        name, kind, parameters, cron, zone, priority, next_at, last_run, now = row
        schedule = Schedule(name=name, kind=kind, parameters=parameters, cron=cron, zone=zone, priority=priority)
        try:
            times = Cron(cron, zone)
            due = times.latest(next_at, now) or next_at
            filled = dated_parameters(schedule, due)
        except MorninglineError as error:
            raise ScheduleError(name, error) from error
        waits = _waits(connection, schedule, filled, last_run)
        run_id = last_run if waits else _ask(connection, schedule, filled, kinds[kind])
        connection.execute(ASKED, [times.next_after(now), due, run_id, name])
        level, said = _said(name, next_at, due, now)
        said = f"{said} It waits already, and does for both." if waits else said
        connection.execute(store.SAY, [level, said, run_id])
        return Fire(schedule=name, due_at=due, run_id=run_id, asked=not waits)


def _ask(connection: psycopg.Connection[Any], schedule: Schedule, parameters: dict[str, Any], kind: Kind) -> str:
    asked_by = asks_as(schedule.name)
    return store.enqueue(connection, kind, parameters, asked_by=asked_by, priority=schedule.priority)


def _waits(
    connection: psycopg.Connection[Any], schedule: Schedule, parameters: dict[str, Any], run_id: str | None
) -> bool:
    """Tell whether a run that would be the same was asked for before and still waits: one is enough."""
    values = [run_id, schedule.kind, Jsonb(parameters), schedule.priority]
    row = connection.execute(WAITS, values).fetchone()
    return bool(row and row[0])


def _said(name: str, first: datetime, due: datetime, now: datetime) -> tuple[str, str]:
    """What the run's log says of why it was asked for, with its level."""
    if first < due:
        missed = f"Nothing was asked for since {_utc(first)}, when it was due and nobody looked; this once is for all."
        return "warning", f"Schedule {name}, due at {_utc(due)}. {missed}"
    if now - due > LATE:
        return "warning", f"Schedule {name}, due at {_utc(due)}, made up: nobody looked then."
    return "info", f"Schedule {name}, due at {_utc(due)}."


def _utc(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


class Scheduler:
    """The thread of a process that looks for what is due, on a connection of its own; any number may look.

    Args:
        database: Where the schedules are; open as long as the scheduler lives.
        kinds: What can be asked for.
        look_seconds: How often it looks.

    Example:
        >>> scheduler = Scheduler(database, [kind])  # doctest: +SKIP
        >>> scheduler.start()  # doctest: +SKIP
    """

    def __init__(self, database: Database, kinds: Iterable[Kind], *, look_seconds: float = LOOK_SECONDS) -> None:
        self._database = database
        self._kinds = {kind.name: kind for kind in kinds}
        self._look_seconds = look_seconds
        self._connection: psycopg.Connection[Any] | None = None
        self._complained: set[str] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="morningline-scheduler", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; what is being asked for is asked for."""
        self._ended.set()
        self._thread.join(timeout=FROZEN_TRANSACTION_SECONDS)

    def _look_on(self) -> None:
        import psycopg

        while not self._ended.is_set():
            try:
                self._fire_all()
            except (psycopg.Error, DatabaseError) as error:
                self._complain(f"the scheduler waits for the database: {str(error).splitlines()[0]}")
                self._close()
            except Exception:
                # What is wrong with one look may be right at the next; a thread that is gone helps nobody.
                LOG.exception("morningline: the scheduler failed and goes on")
                self._close()
            self._ended.wait(self._look_seconds)
        self._close()

    def _fire_all(self) -> None:
        refused: set[str] = set()
        while not self._ended.is_set():
            try:
                if fire_next(self._open(), self._kinds, refused) is None:
                    break
            except ScheduleError as error:
                refused.add(error.name)
                self._complain(error.message)
        if not refused:
            self._complained.clear()

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = self._database.connect()
            self._connection.autocommit = True
            limit = f"SET idle_in_transaction_session_timeout = '{FROZEN_TRANSACTION_SECONDS}s'"
            self._connection.execute(limit.encode())
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _complain(self, what: str) -> None:
        """Say it once, not at every look."""
        if what not in self._complained:
            self._complained.add(what)
            LOG.warning("morningline: %s", what)
