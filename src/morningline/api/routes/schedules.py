"""Routes of schedules: make, look at, pause, resume and remove them, and ask for one out of turn."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from morningline.api import bodies
from morningline.api.guard import AskedBy, require_scope, said
from morningline.api.routes.runs import started
from morningline.api.service import Served
from morningline.api.shapes import Removed, Started, list_of, shape_of
from morningline.runs import schedules
from morningline.runs.schedules import NAME, Schedule, ScheduleRow
from morningline.wiring import asking

router = APIRouter(prefix="/schedules", tags=["schedules"])

ONLY_ADMIN = frozenset({"vacuum"})
"""Kinds that only a token of the scope `admin` may ask for, now or ever after."""
Name = Annotated[str, Path(pattern=NAME, description="Its name.")]
Row = shape_of(ScheduleRow)


@router.get("", response_model=list_of(Row), **said("schedules list", scope="read"))
def list_schedules(program: Served) -> Any:  # noqa: ANN401 - as the shape says
    """List every schedule with its last and next time, and how its last run stands."""
    with program.database.connect(read_only=True) as connection:
        return schedules.list_schedules(connection)


@router.post("", status_code=201, response_model=Row, **said("schedules add", scope="operate"))
def add_schedule(
    body: bodies.Schedule, request: Request, program: Served, asked_by: AskedBy, response: Response
) -> Any:  # noqa: ANN401 - as the shape says
    """Have a run asked for again and again; what cannot be asked for is refused now."""
    _require_reach(request, body.kind)
    made = asking.make_schedule(program, Schedule(**body.model_dump()), asked_by=asked_by)
    response.headers["Location"] = f"/api/v1/schedules/{made.name}"
    return made


@router.get("/{name}", response_model=Row, **said("schedules list", scope="read"))
def show_schedule(program: Served, name: Name) -> Any:  # noqa: ANN401 - as the shape says
    """Show a schedule."""
    with program.database.connect(read_only=True) as connection:
        return schedules.find(connection, name)


@router.delete("/{name}", **said("schedules remove", scope="operate"))
def remove_schedule(program: Served, name: Name) -> Removed:
    """Forget a schedule; the runs it asked for stay."""
    with program.database.connect() as connection:
        schedules.remove(connection, name)
    return Removed(name=name)


@router.post("/{name}/pause", response_model=Row, **said("schedules pause", scope="operate"))
def pause_schedule(program: Served, name: Name) -> Any:  # noqa: ANN401 - as the shape says
    """Ask for nothing more until it is resumed."""
    with program.database.connect() as connection:
        return schedules.pause(connection, name)


@router.post("/{name}/resume", response_model=Row, **said("schedules resume", scope="operate"))
def resume_schedule(request: Request, program: Served, name: Name) -> Any:  # noqa: ANN401 - as the shape says
    """Go on asking, from now on; what was due while it was paused is not made up."""
    with program.database.connect() as connection:
        _require_reach(request, schedules.find(connection, name).kind)
        return schedules.resume(connection, name)


@router.post("/{name}/run", status_code=202, **said("schedules run", scope="operate"))
def run_schedule(request: Request, program: Served, name: Name, asked_by: AskedBy, response: Response) -> Started:
    """Ask now for what a schedule asks for; it is due next when it would have been."""
    with program.database.connect(read_only=True) as connection:
        _require_reach(request, schedules.find(connection, name).kind)
    return started(asking.ask_as_scheduled(program, name, asked_by=asked_by), response)


def _require_reach(request: Request, kind: str) -> None:
    """Refuse a token that might not ask for a run of that kind itself: a schedule is no way around.

    Raises:
        ScopeError: It might not.
    """
    if kind in ONLY_ADMIN:
        require_scope(request, "admin")
