"""The worker: takes runs from the queue and does them; tells that it lives; goes on with what a dead one left."""

from __future__ import annotations

import os
import socket
import threading
import uuid
from typing import TYPE_CHECKING, Any

from morningline.kit.errors import InputError
from morningline.runs.engine import Engine, Queue, plain
from morningline.runs.failure import Failure
from morningline.runs.pulse import Pulse
from morningline.runs.run import Run, RunReleased, RunStopped, RunTaken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from morningline.kit.database import Database
    from morningline.runs.kinds import Kind

GRACE_SECONDS = 5.0
"""How long a worker that stops waits for the steps in hand."""

WATCH_SECONDS = 0.5


class Worker:
    """A process that does runs. There can be one in a process at a time.

    Args:
        database: Where the runs are; open as long as the worker lives.
        kinds: What it can do.
        slots: How many runs it takes on at once from each queue.
        serves_all: Whether it takes any run; one that does not takes only what is put into its own queue.
        poll_seconds: How often it looks for runs.
        retention_days: Runs that ended longer ago are deleted; 0 keeps them, None leaves it to others.
        log_level: Least important message of the engine that is shown.

    Example:
        >>> worker = Worker(database, [kind])  # doctest: +SKIP
        >>> worker.run(until=threading.Event())  # doctest: +SKIP
    """

    def __init__(
        self,
        database: Database,
        kinds: Iterable[Kind],
        *,
        slots: int = 1,
        serves_all: bool = True,
        poll_seconds: float = 0.25,
        retention_days: int | None = None,
        log_level: str = "warning",
    ) -> None:
        self.id = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._kinds = {kind.name: kind for kind in kinds}
        self._slots, self._serves_all = slots, serves_all
        self._active: set[Run] = set()
        self._lock = threading.Lock()
        self._stopping = False
        self._engine = Engine(database, self.id, poll_seconds=poll_seconds, log_level=log_level)
        self._pulse = Pulse(
            database, self.id, self._runs, slots=slots, serves_all=serves_all, retention_days=retention_days
        )

    @property
    def queue(self) -> str:
        """Where a worker that does not serve all takes its runs from."""
        return f"own:{self.id}"

    def start(self) -> None:
        """Begin to take runs.

        Raises:
            DatabaseError: The database cannot be reached.
        """
        self._pulse.start()
        self._engine.start(self._do, list(self._queues()))

    def stop(self, grace_seconds: float = GRACE_SECONDS) -> bool:
        """Take no more runs, and give those in hand back to the queue at their next check.

        Args:
            grace_seconds: How long to wait for that. A run whose step takes longer is given back all the same; what
                the step still does here counts for nothing.

        Returns:
            Whether all work has ended; False where a step of a run is still going on in a thread.
        """
        with self._lock:
            self._stopping = True
        self._engine.stop_taking()
        for run in self._runs():
            run.stop(RunReleased)
        ended = self._engine.wait_until_idle(grace_seconds)
        self._engine.stop()
        self._pulse.stop()
        return ended

    def run(self, until: threading.Event) -> bool:
        """Work until an event is set; returns what `stop` does."""
        self.start()
        # Looked at now and then: Polars' own handler of SIGINT lets the system resume a wait without end, and Python's
        # handler would never have its turn.
        while not until.wait(WATCH_SECONDS):
            pass
        return self.stop()

    def _queues(self) -> Iterator[Queue]:
        if not self._serves_all:
            yield Queue(name=self.queue, slots=1)
            return
        for name, limit in {kind.queue: kind.concurrency for kind in self._kinds.values()}.items():
            yield Queue(name=name, slots=min(self._slots, limit or self._slots), concurrency=limit)

    def _runs(self) -> list[Run]:
        with self._lock:
            return list(self._active)

    def _do(self, run_id: str) -> Any:  # noqa: ANN401 - the result, as JSON
        run = self._take_up(run_id)
        try:
            result = plain(self._kind(run.kind).work(run))
            run.check()
        except RunStopped:
            raise
        except Exception as error:
            run.log(str(error) or repr(error), "error")
            raise Failure(error) from error
        else:
            return result
        finally:
            self._pulse.finish(run)
            with self._lock:
                self._active.discard(run)

    def _kind(self, name: str) -> Kind:
        if name not in self._kinds:
            raise InputError(
                f"This worker cannot do {name!r}.", allowed=", ".join(self._kinds), do="Install what brings it."
            )
        return self._kinds[name]

    def _take_up(self, run_id: str) -> Run:
        run = self._pulse.take_up(run_id, self._engine.step)
        if run is None:
            raise RunTaken(run_id)
        with self._lock:
            self._active.add(run)
            if self._stopping:
                run.stop(RunReleased)
        return run
