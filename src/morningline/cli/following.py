"""Asking for a run and following it to its end; where no worker lives, this process does the run itself."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from importlib import import_module
from threading import Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated, Any

import typer

from morningline.cli import show
from morningline.cli.auditing import note, who

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import psycopg

    from morningline.runs.store import RunRow
    from morningline.runs.worker import Worker
    from morningline.wiring.program import Program

    Progress = Callable[[str, float], None]
    Told = Callable[[dict[str, Any], str, float | None], str]

Detach = Annotated[bool, typer.Option("--detach", help="Ask for it and return at once, with the id of the run.")]
Priority = Annotated[int, typer.Option(min=-1, max=2, help="-1 can wait, 2 is the most urgent.")]

LOOK_SECONDS = 0.05
GRACE_SECONDS = 2.0
CANCELLED = 130
FAULT = 1


def follow(
    program: Program,
    kind: str,
    parameters: Mapping[str, Any],
    *,
    title: str,
    detach: bool = False,
    priority: int = 0,
    json: bool = False,
    told: Told | None = None,
) -> Any:  # noqa: ANN401 - what the run gave
    """Ask for a run and show its progress until it ends.

    Args:
        program: The workspace.
        kind: Which kind, as in `wiring.jobs`.
        parameters: What its work is given, as JSON values.
        title: What the progress bar says.
        detach: Print the run's id and leave.
        priority: -1 to 2.
        json: Print as JSON what is printed.
        told: Makes the line beside the progress bar of the run's figures, its sentence and its share.

    Returns:
        The run's result, as JSON gives it.

    Raises:
        MorninglineError: What the run ended with.
        typer.Exit: It was cancelled, or the program was at fault, or `detach`.
    """
    from morningline.wiring.asking import ask

    if not detach:
        # Loading the engine takes a second; it may pass while the database starts.
        Thread(target=_preload, daemon=True).start()
    asked = ask(program, kind, parameters, asked_by=who(), priority=priority)
    return outcome(watch(program, asked.id, title=title, detach=detach, json=json, told=told))


def _preload() -> None:
    """Load the engine; a process that ends meanwhile, refused, may break that off without a word."""
    with suppress(Exception):
        import_module("dbos")


def watch(program: Program, run_id: str, *, title: str, detach: bool, json: bool, told: Told | None = None) -> RunRow:
    """Show the progress of a run until it ends, doing it here where no worker lives; returns how it stands then.

    Raises:
        typer.Exit: It was interrupted, or `detach`.
    """
    note(f"run {run_id}")
    with program.database.connect() as connection:
        connection.autocommit = True
        if detach:
            _leave(connection, run_id, json=json)
        return _Following(program, connection, run_id, told or _sentence).to_the_end(title)


def outcome(row: RunRow) -> Any:  # noqa: ANN401 - what the run gave
    """What a run that has ended gave; an error is raised as the work raised it."""
    import msgspec

    from morningline.runs.failure import is_fault, restore

    if row.status == "succeeded":
        return msgspec.json.decode(row.result or "null")
    if row.error is None:
        sys.stderr.write(f"morningline: run {row.id} was cancelled. Again: morningline runs retry {row.id}\n")
        raise typer.Exit(CANCELLED)
    recorded = msgspec.json.decode(row.error)
    if is_fault(recorded):
        sys.stderr.write(f"morningline: run {row.id} failed: {recorded['data']['name']}: {recorded['message']}\n")
        sys.stderr.write(f"What to do: see where with `morningline runs show {row.id}`; please report it.\n")
        raise typer.Exit(FAULT)
    raise restore(recorded)


def _leave(connection: psycopg.Connection[Any], run_id: str, *, json: bool) -> None:
    from morningline.runs import store

    served = store.has_live_worker(connection)
    if json:
        show.as_json({"run": run_id, "worker": served})
    else:
        show.line(run_id)
        if not served:
            sys.stderr.write("No worker lives, so the run waits. Start one: morningline worker\n")
    raise typer.Exit


def _sentence(_figures: dict[str, Any], sentence: str, _share: float | None) -> str:
    return sentence


class _Following:
    """One run and the eyes on it."""

    def __init__(self, program: Program, connection: psycopg.Connection[Any], run_id: str, told: Told) -> None:
        self._program, self._connection, self._run_id, self._told = program, connection, run_id, told
        self._worker: Worker | None = None
        self._asked_at = 0.0

    def to_the_end(self, title: str) -> RunRow:
        with self._cancelling(), show.progress(title) as progress:
            while True:
                row = self._seen(progress)
                if row is not None and row.finished_at is not None:
                    return row
                sleep(LOOK_SECONDS)

    def _seen(self, progress: Progress) -> RunRow | None:
        """How the run stands; None while the database is away, as the run itself waits for it then."""
        import psycopg

        from morningline.kit.errors import DatabaseError

        try:
            if self._connection.closed:
                self._connection = self._program.database.connect()
                self._connection.autocommit = True
            return self._look(progress)
        except (psycopg.OperationalError, DatabaseError):
            self._connection.close()
            progress("Waiting for the database", 0.0)
            return None

    def _look(self, progress: Progress) -> RunRow:
        from morningline.runs import store

        row = store.find(self._connection, self._run_id)
        waits = row.status == "queued"
        progress(
            "Waiting in the queue" if waits else self._told(row.figures, row.sentence, row.share), row.share or 0.0
        )
        if waits and monotonic() - self._asked_at > 1.0:
            self._asked_at = monotonic()
            self._serve()
        return row

    def _serve(self) -> None:
        """Do the run here, if nobody else would."""
        from morningline.runs import store

        if self._worker is None and store.has_live_worker(self._connection):
            return
        if self._worker is None:
            from morningline.runs.worker import Worker
            from morningline.wiring.jobs import kinds

            program = self._program
            self._worker = Worker(
                program.database,
                kinds(program).values(),
                serves_all=False,
                poll_seconds=LOOK_SECONDS,
                log_level=program.settings.log_level,
            )
            self._worker.start()
        store.claim(self._connection, self._run_id, self._worker.queue)

    @contextmanager
    def _cancelling(self) -> Iterator[None]:
        from morningline.kit.errors import InputError
        from morningline.runs import store

        code = 0
        try:
            yield
        except KeyboardInterrupt:
            code = CANCELLED
            with suppress(InputError):  # it may have ended in this moment
                store.cancel(self._connection, self._run_id, asked_by=who())
            said = f"run {self._run_id} is cancelled. Again: morningline runs retry {self._run_id}"
            sys.stderr.write(f"morningline: {said}\n")
            raise typer.Exit(CANCELLED) from None
        except SystemExit as told:
            code = told.code if isinstance(told.code, int) else FAULT
            sys.stderr.write(f"morningline: run {self._run_id} goes back to the queue, for the next worker.\n")
            raise
        finally:
            if self._worker is not None and not self._worker.stop(GRACE_SECONDS):
                self._abandon(code)

    def _abandon(self, code: int) -> None:
        """End at once: a step that heeds nobody still goes on in a thread, and what it does counts for nothing."""
        self._program.close()
        sys.stderr.flush()
        os._exit(code)
