"""The application: every route, behind the same frames, with the same errors."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware import Middleware

from morningline import __version__
from morningline.api import description, problems
from morningline.api.auditing import Auditing
from morningline.api.requests import RequestIds, SizeLimit, TimeLimit
from morningline.api.routes import (
    access,
    data,
    features,
    house,
    pages,
    predictions,
    registry,
    runs,
    schedules,
    training,
)
from morningline.api.service import Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from morningline.wiring.program import Program

ROOT = "/api/v1"
ROUTERS = (training, registry, predictions, features, data, pages, access, house, schedules, runs)


def create_app(program: Program, *, loopback: bool = True) -> FastAPI:
    """The service over an open workspace.

    Args:
        program: The workspace; it stays the caller's to close, after the application has ended.
        loopback: Whether only this machine can reach it: without any token, only then anybody is let in.

    Returns:
        An ASGI application; its lifespan ends the connections.

    Raises:
        DatabaseError: The database cannot be opened, or holds an older or newer version's tables.
    """
    app = bare_app(program.settings.http_timeout_seconds, program.settings.http_body_bytes)
    app.state.parameters = description.query_names(app)
    app.state.service = Service.of(program, loopback=loopback)
    return app


def bare_app(seconds: float, most_bytes: int) -> FastAPI:
    """The routes without a workspace behind them, as they are described."""
    app = FastAPI(
        title="Morningline",
        version=__version__,
        summary="Daily predictions you can trust, from raw feed to calibrated probability.",
        description=description.WORDS,
        openapi_url=f"{ROOT}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_living,
        telemetry={"tracing": False, "metrics": False},
        generate_unique_id_function=lambda route: route.name,
        responses=description.PROBLEMS,
        middleware=[
            Middleware(RequestIds),
            Middleware(TimeLimit, seconds=seconds),
            Middleware(SizeLimit, most_bytes=most_bytes),
            Middleware(Auditing),
        ],
    )
    problems.add_to(app)
    app.include_router(house.health)
    for part in ROUTERS:
        app.include_router(part.router, prefix=ROOT)
    # The same under the bare name, for whoever knows the service by it.
    app.include_router(training.router, include_in_schema=False)
    description.add_to(app)
    return app


@asynccontextmanager
async def _living(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.service.close()
