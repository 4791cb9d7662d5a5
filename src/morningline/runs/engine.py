"""DBOS as we use it: one workflow that is every run, queues of this process, and nothing said to the terminal."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from threading import Event
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from morningline.runs.agreement import VERSION, WORKFLOW
from morningline.runs.failure import Failure, is_transient, restore
from morningline.runs.run import RunCancelled, RunTaken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import sqlalchemy as sa
    from dbos import DBOS

    from morningline.kit.database import Database

APPLICATION = "morningline"
# A frozen worker must not hold a row's lock for longer than it takes to be declared dead.
FROZEN_TRANSACTION_SECONDS = 5
# One second, then twice as long each time: half a minute in all for a database that is away.
STEP_TRIES = 6


@dataclass(frozen=True, kw_only=True)
class Queue:
    """What this process takes from a queue.

    Attributes:
        name: Its name.
        slots: How many of its runs this process takes on at once.
        concurrency: How many go on at once over all processes; None is no limit.
    """

    name: str
    slots: int
    concurrency: int | None = None


def migrate(database: Database) -> None:
    """Make the engine's own tables, or bring them to its version."""
    from dbos import DBOS

    with _Logging("error"):
        DBOS.migrate(database.url)


class Engine:
    """The engine of this process; there can be one at a time.

    Args:
        database: Where it keeps its state.
        executor_id: Who this process is; no two living ones are the same.
        poll_seconds: How often a queue is looked at.
        log_level: Least important message of the engine that is shown.
    """

    def __init__(self, database: Database, executor_id: str, *, poll_seconds: float, log_level: str) -> None:
        self._database = database
        self._executor_id = executor_id
        self._poll_seconds = poll_seconds
        self._log_level = log_level
        self._logging = _Logging(log_level)
        self._connections: sa.Engine | None = None
        self._dbos: DBOS | None = None

    def start(self, work: Callable[[str], Any], queues: Iterable[Queue]) -> None:
        """Begin taking runs.

        Args:
            work: What to do with a run of that id; called in a thread of its own.
            queues: Where to take them from.
        """
        from dbos import DBOS
        from dbos._serialization import DBOSPortableJSON

        self._logging.__enter__()
        self._connections = connections(self._database)
        self._dbos = DBOS(
            config={
                "name": APPLICATION,
                "system_database_engine": self._connections,
                "application_version": VERSION,
                "executor_id": self._executor_id,
                "serializer": DBOSPortableJSON,
                "log_level": self._log_level.upper(),
                "run_migrations": True,
            }
        )

        def run() -> Any:  # noqa: ANN401 - any JSON
            return work(str(DBOS.workflow_id))

        DBOS.workflow(name=WORKFLOW)(run)
        for queue in queues:
            # DBOS keeps a queue's limits in the database, the same for all processes. What one machine can carry is
            # its own matter, so the queues are registered the way DBOS registers its own.
            self._dbos._registry._register_internal_queue(  # noqa: SLF001
                queue.name,
                worker_concurrency=queue.slots,
                global_concurrency=queue.concurrency,
                polling_interval_sec=self._poll_seconds,
            )
        DBOS.launch()

    def step(self, name: str, do: Callable[[], Any]) -> Any:  # noqa: ANN401 - JSON
        """Do a step of the run of this thread, unless it is done; a database that is away is waited for."""
        from dbos import DBOS
        from dbos._error import DBOSMaxStepRetriesExceeded, DBOSWorkflowCancelledError, DBOSWorkflowConflictIDError
        from dbos._serialization import PortableWorkflowError

        try:
            return DBOS.run_step(
                {
                    "name": name,
                    "retries_allowed": True,
                    "max_attempts": STEP_TRIES,
                    "backoff_rate": 2.0,
                    "should_retry": lambda error: is_transient(error.__cause__),
                },
                lambda: _plainly(do),
            )
        except DBOSWorkflowCancelledError as error:
            raise RunCancelled from error
        except DBOSWorkflowConflictIDError as error:
            raise RunTaken from error
        except DBOSMaxStepRetriesExceeded as error:
            raise _cause(error.errors[-1]) from error
        except Failure as failure:
            raise _cause(failure) from None
        except PortableWorkflowError as error:
            raise restore({"message": error.message, "name": error.name, "data": error.data}) from error

    def stop_taking(self) -> None:
        """Take no more runs; those in hand go on."""
        if self._dbos is not None:
            for event in self._dbos.background_thread_stop_events:
                event.set()

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait for the runs in hand and their outcomes; returns whether there are none left."""
        deadline = monotonic() + seconds
        while self._dbos is not None and self._dbos._active_workflows_set.activeList():  # noqa: SLF001
            if monotonic() > deadline:
                return False
            sleep(0.02)
        return True

    def stop(self) -> None:
        """End the engine. What still runs here can record nothing more."""
        from dbos import DBOS

        DBOS.destroy(destroy_registry=True)
        if self._connections is not None:
            self._connections.dispose()
        self._logging.__exit__()


def connections(database: Database) -> sa.Engine:
    """A pool of connections for the engine, through our own door: it revives an embedded server that was killed."""
    import sqlalchemy as sa

    engine = sa.create_engine(
        "postgresql+psycopg://", creator=database.connect, pool_size=4, max_overflow=16, pool_pre_ping=True
    )

    @sa.event.listens_for(engine, "connect")
    def limit(connection: Any, _record: object) -> None:  # noqa: ANN401 - psycopg's, as SQLAlchemy hands it
        connection.execute(f"SET idle_in_transaction_session_timeout = '{FROZEN_TRANSACTION_SECONDS}s'")
        connection.commit()

    over = Event()

    @sa.event.listens_for(engine, "engine_disposed")
    def end(_engine: object) -> None:
        over.set()

    @sa.event.listens_for(engine, "checkin")
    def close(connection: Any, _record: object) -> None:  # noqa: ANN401 - the same
        # A thread that was in the middle of a query when the pool was given up brings its connection back to nobody.
        if over.is_set() and connection is not None:
            connection.close()

    return engine


def plain(value: Any) -> Any:  # noqa: ANN401 - any value JSON can say
    """A value as JSON gives it back: NaN becomes null, a report becomes a mapping."""
    import msgspec

    return msgspec.json.decode(msgspec.json.encode(value))


def _plainly(do: Callable[[], Any]) -> Any:  # noqa: ANN401 - any value JSON can say
    try:
        return plain(do())
    except Exception as error:
        raise Failure(error) from error


def _cause(error: Exception) -> BaseException:
    return error.__cause__ if isinstance(error, Failure) and error.__cause__ is not None else error


class _Logging:
    """The engine's log on standard error, at our level, without what the run itself tells."""

    def __init__(self, level: str) -> None:
        self._level = level.upper()
        self._handler = logging.StreamHandler(sys.stderr)
        self._handler.setFormatter(logging.Formatter("morningline: %(message)s"))
        # The error of a run is kept with the run and shown from there.
        self._handler.addFilter(lambda record: not record.getMessage().startswith("Exception encountered in backgr"))

    def __enter__(self) -> None:
        logger = logging.getLogger("dbos")
        logger.propagate = False
        logger.setLevel(self._level)
        logger.addHandler(self._handler)

    def __exit__(self, *_: object) -> None:
        logging.getLogger("dbos").removeHandler(self._handler)
