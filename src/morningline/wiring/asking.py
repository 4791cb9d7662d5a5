"""Asking for a run of any kind on behalf of somebody; a worker does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from morningline.kit.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.runs.schedules import Schedule, ScheduleRow
    from morningline.wiring.program import Program


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A run that was asked for.

    Attributes:
        id: Its id.
        kind: Which kind.
        worker: Whether a worker lives that will take it up; without one it waits.
    """

    id: str
    kind: str
    worker: bool


def ask(program: Program, kind: str, parameters: Mapping[str, Any], *, asked_by: str, priority: int = 0) -> Asked:
    """Ask for a run.

    Args:
        program: The workspace.
        kind: Which kind, as in `wiring.jobs`.
        parameters: What its work is given, as JSON values.
        asked_by: Who asks.
        priority: -1 to 2; 2 is the most urgent.

    Raises:
        NotFoundError: There is no such kind, or nothing that the parameters name.
        InputError: There is no such priority, or the parameters cannot be used.
    """
    from morningline.runs import store
    from morningline.wiring.jobs import kinds

    known = kinds(program)
    if kind not in known:
        raise NotFoundError(f"There is no kind of run {kind!r}.", allowed=", ".join(known))
    # Refused here, before it waits in a queue.
    known[kind].require(parameters)
    with program.database.connect() as connection:
        run_id = store.enqueue(connection, known[kind], parameters, asked_by=asked_by, priority=priority)
        return Asked(id=run_id, kind=kind, worker=store.has_live_worker(connection))


def ask_again(program: Program, run_id: str, *, asked_by: str, ended: frozenset[str] | None = None) -> Asked:
    """Ask for what a run that has ended did once more.

    Args:
        program: The workspace.
        run_id: Which run.
        asked_by: Who asks.
        ended: How it must have ended; in any way if not given.

    Raises:
        NotFoundError: There is none.
        StateError: It has not ended so, or a retry of it waits or goes on.
    """
    from morningline.runs import store

    with program.database.connect() as connection:
        made = store.retry(connection, run_id, asked_by=asked_by, ended=store.ENDED if ended is None else ended)
        found = store.find(connection, made)
        return Asked(id=made, kind=found.kind, worker=store.has_live_worker(connection))


def make_schedule(program: Program, schedule: Schedule, *, asked_by: str) -> ScheduleRow:
    """Have a run asked for again and again, from now on.

    Args:
        program: The workspace.
        schedule: What is to be asked for, and when.
        asked_by: Who makes it.

    Raises:
        InputError: The name, the expression, the zone, the priority or the parameters cannot be used.
        NotFoundError: There is no such kind, or nothing that the parameters name.
        StateError: There is a schedule of that name.
    """
    from morningline.runs import schedules
    from morningline.wiring.jobs import kinds

    with program.database.connect() as connection:
        return schedules.add(connection, schedule, kinds(program), created_by=asked_by)


def ask_as_scheduled(program: Program, name: str, *, asked_by: str) -> Asked:
    """Ask now for what a schedule asks for; it is due next when it would have been.

    Args:
        program: The workspace.
        name: Which schedule; paused or not.
        asked_by: Who asks; the run names the schedule, and its log says who.

    Raises:
        NotFoundError: There is no such schedule, or nothing that its parameters name.
        InputError: Its parameters cannot be used any more.
    """
    from morningline.runs import schedules, store
    from morningline.wiring.jobs import kinds

    with program.database.connect() as connection:
        run_id = schedules.ask_now(connection, name, kinds(program), asked_by=asked_by)
        return Asked(id=run_id, kind=store.find(connection, run_id).kind, worker=store.has_live_worker(connection))
