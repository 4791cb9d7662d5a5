"""The end of each changing call in the audit, before its answer goes out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import psycopg
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request

from morningline.access import audit
from morningline.api.guard import SAFE, call_of
from morningline.api.problems import status_of
from morningline.api.service import service_of
from morningline.kit.errors import DatabaseError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger(__name__)


class Auditing:
    """Writes how each changing call ended: what came of it, or why it was refused."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or scope["method"] in SAFE:
            await self._app(scope, receive, send)
            return
        request = Request(scope)

        async def written(message: Message) -> None:
            if message["type"] == "http.response.start":
                place = Headers(raw=message["headers"]).get("location")
                await run_in_threadpool(_write, request, message["status"], place)
            await send(message)

        try:
            await self._app(scope, receive, written)
        except Exception as error:
            await run_in_threadpool(_write, request, status_of(error), type(error).__name__)
            raise


def _write(request: Request, status: int, detail: str | None) -> None:
    """Write the end of a call; a path that is none, and an address that has to wait, are not worth a line."""
    if "route" not in request.scope or status == 429:
        return
    outcome = "done" if status < 400 else "refused" if status < 500 else "failed"
    begun = getattr(request.state, "begun", None)
    try:
        with service_of(request.app).program.database.connect() as connection:
            connection.autocommit = True
            audit.end(connection, call_of(request), outcome, begun=begun, status=status, detail=detail)
    except (psycopg.Error, DatabaseError):
        LOG.exception("request %s: how it ended is not in the audit", request.state.request_id)
