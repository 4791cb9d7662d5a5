"""Kinds of runs for the tests, and a worker that does them: every step leaves a mark of having been begun."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg

from morningline.kit.database import Database
from morningline.kit.errors import DatabaseError, InputError
from morningline.runs.kinds import Kind
from morningline.runs.worker import Worker

if TYPE_CHECKING:
    from morningline.runs.run import Run

database: Database | None = None


def mark(run: Run, text: str) -> None:
    assert database is not None
    with psycopg.connect(database.url) as connection:
        connection.execute("INSERT INTO marks (run, mark, pid) VALUES (%s, %s, %s)", [run.id, text, os.getpid()])


def stairs(run: Run) -> list[int]:
    """As many steps as asked, each taking so many seconds."""

    def climb(number: int) -> int:
        mark(run, f"step {number}")
        time.sleep(run.parameters.get("seconds", 0.0))
        return number

    found = []
    for number in range(run.parameters["steps"]):
        run.progress(f"Step {number}", number / run.parameters["steps"], step=number)
        found.append(run.step(f"step {number}", lambda number=number: climb(number)))
    return found


def patient(run: Run) -> None:
    """One long step that looks up often."""

    def wait() -> None:
        mark(run, "begun")
        for _ in range(1_000):
            time.sleep(0.05)
            run.check()

    run.step("wait", wait)


def ticks(run: Run) -> None:
    """One long step that leaves a mark whenever it has looked up."""

    def tick() -> None:
        for _ in range(400):
            run.progress("Ticking", 0.5)
            mark(run, str(os.getpid()))
            time.sleep(0.05)

    run.step("tick", tick)


def deaf(run: Run) -> None:
    """One long step that never looks up."""
    run.step("sleep", lambda: (mark(run, "begun"), time.sleep(run.parameters["seconds"]), None)[-1])


def refuse(run: Run) -> None:
    raise InputError(f"There is no {run.parameters['what']!r}.", allowed="something else", do="Ask for it.")


def garble(run: Run) -> None:
    run.progress("Reading a\0b", 0.5)
    raise InputError("There is no 'a\0b'.")


def stumble(run: Run) -> float:
    return run.step("divide", lambda: 1 / 0)


def flaky(run: Run) -> str:
    """A step that the database fails once."""
    tries = []

    def attempt() -> str:
        tries.append(1)
        if len(tries) < 2:
            raise DatabaseError("It is away.")
        return f"try {len(tries)}"

    return run.step("attempt", attempt)


def echo(run: Run) -> Any:
    run.log(f"attempt {run.attempt}")
    run.progress("Echoing", 0.5, rows=run.parameters.get("rows"))
    return {"z": run.parameters, "a": float("nan"), "by": run.asked_by}


KINDS = {
    kind.name: kind
    for kind in (
        Kind("stairs", stairs),
        Kind("patient", patient),
        Kind("deaf", deaf),
        Kind("ticks", ticks),
        Kind("refuse", refuse),
        Kind("garble", garble),
        Kind("stumble", stumble),
        Kind("flaky", flaky),
        Kind("echo", echo),
        Kind("short", patient, timeout_seconds=1.0),
        Kind("single", stairs, concurrency=1),
    )
}


def main() -> None:
    global database  # noqa: PLW0603 - the process is one worker
    database = Database(sys.argv[1])
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    worker = Worker(database, KINDS.values(), slots=int(sys.argv[2]), poll_seconds=0.1)
    worker.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    told.wait()
    os._exit(0 if worker.stop(grace_seconds=2.0) else 7)


if __name__ == "__main__":
    main()
