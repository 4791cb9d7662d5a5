"""A run's log as server-sent events: each line once, then the end; a client that comes back goes on where it was."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

import msgspec
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.concurrency import run_in_threadpool

from morningline.runs import store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from morningline.api.service import Service

MEDIA_TYPE = "text/event-stream"
LOOK_SECONDS = 0.5
ALIVE_SECONDS = 15.0
"""How long nothing may be said: what stands between would take the connection for dead."""


def follow(service: Service, run_id: str, after: int) -> StreamingResponse:
    """The log of a run from a line on, until the run has ended or the service stops."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(service, run_id, after), media_type=MEDIA_TYPE, headers=headers)


async def _events(service: Service, run_id: str, after: int) -> AsyncIterator[bytes]:
    yield format_sse_event(comment="the log begins", retry=2_000)
    said_at = monotonic()
    while not service.stopping.is_set():
        status, lines = await run_in_threadpool(_look, service, run_id, after)
        for line in lines:
            after = line.id
            text = msgspec.json.encode(line).decode()
            yield format_sse_event(event="line", id=str(line.id), data_str=text)
            said_at = monotonic()
        if status in store.ENDED and not lines:
            yield format_sse_event(event="end", data_str=msgspec.json.encode({"status": status}).decode())
            return
        if monotonic() - said_at > ALIVE_SECONDS:
            yield format_sse_event(comment="still there")
            said_at = monotonic()
        if not lines:
            await asyncio.sleep(LOOK_SECONDS)


def _look(service: Service, run_id: str, after: int) -> tuple[str, list[store.LogLine]]:
    # The status is asked before the lines are read, so that none written before the end is missed.
    with service.program.database.connect(read_only=True) as connection:
        connection.autocommit = True
        status = store.find(connection, run_id).status
        return status, store.read_logs(connection, run_id, after=after)
