"""Routes of the house: whether it lives and is ready, its settings, its soundness, and runs to forget."""

from __future__ import annotations

import os
from typing import Annotated, Any

from fastapi import APIRouter, Query

from morningline.api.guard import said
from morningline.api.service import Served
from morningline.api.shapes import Deleted, Health, Shape, list_of, shape_of
from morningline.kit.errors import DatabaseError
from morningline.kit.settings import describe
from morningline.wiring.doctor import Finding, examine

health = APIRouter(prefix="/health", tags=["health"])
router = APIRouter(tags=["workspace"])


class Setting(Shape):
    """A setting.

    Attributes:
        value: The value in force; passwords are masked.
        origin: Where it comes from.
        unit: Its unit, empty where it has none.
        help: What it is for.
    """

    name: str
    value: str
    origin: str
    unit: str
    help: str


@health.get("/live", openapi_extra={"x-command": []})
async def tell_live() -> Health:
    """Say that the process answers; nothing else is looked at."""
    return Health(status="live")


@health.get("/ready", openapi_extra={"x-command": []})
def tell_ready(program: Served) -> Health:
    """Say whether requests can be served: the database answers, its tables are of this version; and who works."""
    from morningline.facts import migrate
    from morningline.runs.install import installed
    from morningline.runs.scheduler import overdue
    from morningline.runs.store import has_live_worker
    from morningline.wiring.program import migration_folders

    with program.database.connect(read_only=True) as connection:
        current = migrate.applied(connection) == migrate.heads(migration_folders()) and installed(connection)
        if not current:
            raise DatabaseError("The tables are not of this version.", do="Run `morningline db upgrade`.")
        worker, late = has_live_worker(connection), overdue(connection)
        return Health(status="ready", database=True, worker=worker, scheduler=not late)


@router.get("/settings", response_model=list[Setting], **said("settings", scope="read"))
def list_settings(program: Served) -> Any:  # noqa: ANN401 - as the shape says
    """Show every setting with its value, where it comes from, its unit and what it is for."""
    return describe(program.settings)


@router.get("/doctor", response_model=list_of(shape_of(Finding)), **said("doctor", scope="read"))
def examine_installation(program: Served) -> Any:  # noqa: ANN401 - as the shape says
    """Say what is right and wrong with this installation."""
    return examine(program.workspace.root, os.environ)


@router.delete("/runs", **said("runs prune", scope="admin"))
def prune_runs(
    program: Served,
    days: Annotated[
        int | None, Query(ge=1, le=36_500, description="Ended so many days ago; run_retention_days if not given.")
    ] = None,
) -> Deleted:
    """Delete runs that ended long ago, with their logs. Workers do it once a day."""
    from morningline.runs.upkeep import prune

    chosen = days or program.settings.run_retention_days or None
    with program.database.connect() as connection:
        connection.autocommit = True
        return Deleted(deleted=prune(connection, chosen) if chosen else 0, days=chosen)
