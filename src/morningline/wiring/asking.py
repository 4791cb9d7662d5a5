"""Asking for a run of any kind on behalf of somebody; a worker does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from morningline.kit.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

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
