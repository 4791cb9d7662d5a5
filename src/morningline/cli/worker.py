"""The command that does runs: worker."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Annotated

import typer

from morningline.cli.workspace import open_program


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(worker)


def worker(
    *,
    slots: Annotated[int, typer.Option(min=1, help="How many runs to do at once from each queue.")] = 1,
) -> None:
    """Do runs until told to stop (Ctrl-C or SIGTERM): any number of workers, on any machines, share one database.

    A worker asks for what schedules have due, too, unless another process was quicker.
    The run in hand then goes back to the queue at its next step. Told a second time, it ends at once.
    """
    from morningline.runs.scheduler import Scheduler
    from morningline.runs.worker import Worker
    from morningline.wiring.jobs import kinds

    told = _told_to_stop()
    with open_program() as program:
        made = Worker(
            program.database,
            kinds(program).values(),
            slots=slots,
            retention_days=program.settings.run_retention_days,
            log_level=program.settings.log_level,
        )
        scheduler = Scheduler(program.database, kinds(program).values())
        sys.stderr.write(f"Worker {made.id} takes runs, and asks for what schedules have due. Stop it with Ctrl-C.\n")
        scheduler.start()
        try:
            ended = made.run(until=told)
        finally:
            scheduler.stop()
        sys.stderr.write(f"Worker {made.id} has stopped.\n")
    if not ended:
        # A step that heeds nobody still runs in a thread, its run is back in the queue: nothing is left to wait for.
        sys.stderr.flush()
        os._exit(0)


def _told_to_stop() -> threading.Event:
    told = threading.Event()

    def stop(number: int, _frame: FrameType | None) -> None:
        if told.is_set():
            os._exit(128 + number)
        told.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return told
