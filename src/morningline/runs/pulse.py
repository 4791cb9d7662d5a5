"""A worker's pulse: that it lives, what its runs tell, whose runs they are, and the runs of those that died."""

from __future__ import annotations

import logging
import os
import socket
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from morningline.kit.errors import DatabaseError
from morningline.runs.agreement import BEAT_SECONDS, DEAD_SECONDS
from morningline.runs.run import Run, RunCancelled, RunTaken
from morningline.runs.upkeep import prune

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from morningline.kit.database import Database
    from morningline.runs.run import Step

LOG = logging.getLogger(__name__)

PRUNE_SECONDS = 86_400.0

BEAT = """
    INSERT INTO run_workers (id, host, pid, slots, serves_all) VALUES (%(id)s, %(host)s, %(pid)s, %(slots)s, %(all)s)
    ON CONFLICT (id) DO UPDATE SET beat_at = now()
"""
# DBOS recovers a run by exactly this change; ours asks in the same statement whether the worker is dead, and sends
# the run where any worker sees it. A row that a frozen worker has locked is left for the next beat.
RETURN_TO_QUEUE = """
    UPDATE dbos.workflow_status AS w
    SET status = 'ENQUEUED', owner_xid = NULL, started_at_epoch_ms = NULL, queue_name = chosen.queue,
        updated_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint
    FROM (
        SELECT q.id, q.queue, s.status, s.holder, q.attempts_before + s.recovery_attempts AS attempt
        FROM (SELECT *, CASE status WHEN 'PENDING' THEN executor_id ELSE substr(queue_name, 5) END AS holder
              FROM dbos.workflow_status
              WHERE status = 'PENDING' OR (status = 'ENQUEUED' AND queue_name LIKE 'own:%%')) AS s
        JOIN run_requests AS q ON q.id = s.workflow_uuid
        WHERE NOT EXISTS (SELECT FROM run_workers AS k
                          WHERE k.id = s.holder AND k.beat_at > now() - make_interval(secs => %(dead)s))
        FOR UPDATE OF s SKIP LOCKED
    ) AS chosen
    WHERE w.workflow_uuid = chosen.id AND w.status IN ('PENDING', 'ENQUEUED')
    RETURNING w.workflow_uuid, chosen.status, chosen.holder, chosen.attempt
"""
TAKEN_OVER = """
    INSERT INTO run_logs (run_id, attempt, level, message)
    VALUES (%s, %s, 'warning', 'The worker ' || %s || ' was not heard of any more; the run goes back to the queue.')
"""
HOLD = """
    SELECT r.kind, r.parameters, r.attempt, r.asked_by FROM runs AS r
    WHERE r.id = %(run)s AND r.worker = %(id)s
"""
STATES = """
    SELECT w.workflow_uuid, w.status, w.executor_id, q.attempts_before + w.recovery_attempts
    FROM dbos.workflow_status AS w JOIN run_requests AS q ON q.id = w.workflow_uuid
    WHERE w.workflow_uuid = ANY(%s)
"""
PROGRESS = """
    INSERT INTO run_progress (run_id, share, sentence, figures) VALUES (%s, %s, %s, %s)
    ON CONFLICT (run_id) DO UPDATE SET share = excluded.share, sentence = excluded.sentence,
        figures = excluded.figures, updated_at = now()
"""
BEGAN = "INSERT INTO run_progress (run_id) VALUES (%s) ON CONFLICT (run_id) DO NOTHING"
LINE = "INSERT INTO run_logs (run_id, attempt, level, message) VALUES (%s, %s, %s, %s)"


class Pulse:
    """The thread of a worker that speaks with the database once a second, on a connection of its own.

    Args:
        database: Where the runs are.
        worker_id: Who the worker is.
        runs: The runs it has in hand.
        slots: How many it takes on at once.
        serves_all: Whether it takes any run.
        retention_days: Runs that ended longer ago are deleted once a day; 0 or None deletes none.
    """

    def __init__(
        self,
        database: Database,
        worker_id: str,
        runs: Callable[[], list[Run]],
        *,
        slots: int,
        serves_all: bool,
        retention_days: int | None,
    ) -> None:
        self._database, self._id, self._runs = database, worker_id, runs
        self._me = {
            "id": worker_id,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "slots": slots,
            "all": serves_all,
        }
        self._retention_days = retention_days
        self._pruned_at: float | None = None
        self._connection: psycopg.Connection[Any] | None = None
        self._speaking = threading.RLock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="morningline-pulse", daemon=True)

    def start(self) -> None:
        """Say that the worker lives, before it takes anything, and go on saying it."""
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        """Fall silent and take the worker off the list; what it still had is free from then on."""
        import psycopg

        self._ended.set()
        self._thread.join(timeout=BEAT_SECONDS * 5)
        try:
            with self._speaking:
                self._open().execute("DELETE FROM run_workers WHERE id = %s", [self._id])
                self._return_to_queue()
        except (psycopg.Error, DatabaseError) as error:
            self._complain(error)  # the others find out in a few seconds
        self._close()

    def take_up(self, run_id: str, step: Step) -> Run | None:
        """Make the run that the engine has just given to this worker; None if another has it already."""
        row = self._patiently(lambda c: c.execute(HOLD, {"run": run_id, "id": self._id}).fetchone())
        if row is None:
            return None
        kind, parameters, attempt, asked_by = row
        run = Run(run_id, kind, parameters, attempt=attempt, asked_by=asked_by, step=step)
        self._patiently(lambda connection: connection.execute(BEGAN, [run_id]))
        return run

    def finish(self, run: Run) -> None:
        """Write the last of what a run tells."""
        self._patiently(lambda connection: self._tell(connection, run))

    def _beat_on(self) -> None:
        import psycopg

        while not self._ended.wait(BEAT_SECONDS):
            try:
                self._beat()
            except (psycopg.Error, DatabaseError) as error:
                self._complain(error)
                self._close()

    def _beat(self) -> None:
        with self._speaking:
            connection = self._open()
            connection.execute(BEAT, self._me)
            for run in self._runs():
                self._tell(connection, run)
            self._look_after(connection)
            self._return_to_queue()
            self._prune(connection)

    def _look_after(self, connection: psycopg.Connection[Any]) -> None:
        runs, asked_at = self._runs(), monotonic()
        if not runs:
            return
        found = {row[0]: row[1:] for row in connection.execute(STATES, [[run.id for run in runs]])}
        for run in runs:
            status, worker, attempt = found.get(run.id, ("CANCELLED", None, None))
            if status == "CANCELLED":
                run.stop(RunCancelled)
            elif (worker, attempt) != (self._id, run.attempt) or status == "ENQUEUED":
                run.stop(RunTaken)
            else:
                run.confirm(asked_at)

    def _return_to_queue(self) -> None:
        connection = self._open()
        with connection.transaction():
            for run_id, status, holder, attempt in connection.execute(RETURN_TO_QUEUE, {"dead": DEAD_SECONDS}):
                if status == "PENDING":
                    connection.execute(TAKEN_OVER, [run_id, attempt, holder])

    def _prune(self, connection: psycopg.Connection[Any]) -> None:
        if not self._retention_days or (self._pruned_at is not None and monotonic() - self._pruned_at < PRUNE_SECONDS):
            return
        self._pruned_at = monotonic()
        connection.execute("DELETE FROM run_workers WHERE beat_at < now() - interval '1 day'")
        prune(connection, self._retention_days)

    def _tell(self, connection: psycopg.Connection[Any], run: Run) -> None:
        from psycopg.types.json import Jsonb

        with run.reporting() as told, connection.transaction():
            if told.changed:
                connection.execute(PROGRESS, [run.id, told.share, told.sentence, Jsonb(told.figures)])
            if told.lines:
                with connection.cursor() as cursor:
                    cursor.executemany(LINE, [(run.id, run.attempt, *line) for line in told.lines])

    def _patiently(self, speak: Callable[[psycopg.Connection[Any]], Any]) -> Any:  # noqa: ANN401 - what it gives
        """Speak with the database; where it is away, wait for it as the engine does."""
        import psycopg

        while True:
            try:
                with self._speaking:
                    return speak(self._open())
            except (psycopg.OperationalError, DatabaseError) as error:
                self._close()
                if self._ended.wait(BEAT_SECONDS):
                    raise
                self._complain(error)

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = self._database.connect()
            self._connection.autocommit = True
        return self._connection

    def _close(self) -> None:
        with self._speaking:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _complain(self, error: Exception) -> None:
        LOG.warning("morningline: worker %s waits for the database: %s", self._id, str(error).splitlines()[0])
