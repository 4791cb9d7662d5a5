"""Around every request: an id, a limit to its size and to its time, and an answer even to what nobody foresaw."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException

from morningline.api.problems import answer, problem, problem_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger(__name__)

ID_HEADER = "X-Request-ID"
SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
"""An id that a client may choose for its request."""


class RequestIds:
    """Gives each request an id, says it in the answer, and answers where nobody else did."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(ID_HEADER, "")
        request_id = given if SANE.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        begun = False

        async def say_id(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                MutableHeaders(scope=message)[ID_HEADER] = request_id
            await send(message)

        try:
            await self._app(scope, receive, say_id)
        except Exception as error:
            LOG.exception("request %s failed: %s %s", request_id, scope["method"], scope["path"])
            if begun:
                raise
            await answer(problem_of(error), scope["path"], request_id)(scope, receive, say_id)


class TimeLimit:
    """Answers for a request that took too long to begin its answer; what it does may go on, and counts.

    Args:
        app: What it stands around.
        seconds: The limit.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app, self._seconds = app, seconds
        self._left: set[asyncio.Future[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, over = asyncio.Event(), False

        async def unless_over(message: Message) -> None:
            if not over:
                begun.set()
                await send(message)

        act = asyncio.ensure_future(self._app(scope, receive, unless_over))
        started = asyncio.ensure_future(begun.wait())
        try:
            await asyncio.wait({act, started}, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
            if act.done() or begun.is_set():
                await act
                return
        except asyncio.CancelledError:
            act.cancel()
            raise
        finally:
            started.cancel()
        over = True
        self._leave(act)
        said = problem(504, f"The request took longer than {self._seconds:g} s.", do=_GOES_ON)
        await answer(said, scope["path"], scope["state"]["request_id"])(scope, receive, send)

    def _leave(self, act: asyncio.Future[None]) -> None:
        """Let go of an act that cannot be stopped, for it runs in a thread; what it ends with is for the log."""

        def ended(task: asyncio.Future[None]) -> None:
            self._left.discard(task)
            if not task.cancelled() and task.exception() is not None:
                LOG.error("what was given up failed", exc_info=task.exception())

        self._left.add(act)
        act.add_done_callback(ended)


_GOES_ON = "It may go on: look at what it was to change before you ask again. A run takes as long as it needs."


class SizeLimit:
    """Refuses a body that is larger than may be, by what it says of itself or as it comes.

    Args:
        app: What it stands around.
        most_bytes: The limit.
    """

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app, self._most = app, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = Headers(scope=scope).get("content-length", "0")
        if said.isdecimal() and int(said) > self._most:
            refused = problem(413, f"The body has {int(said):,} bytes.", allowed=self._allowed, do=_SMALLER)
            await answer(refused, scope["path"], scope["state"]["request_id"])(scope, receive, send)
            return
        come = 0

        async def counted() -> Message:
            nonlocal come
            message = await receive()
            come += len(message.get("body", b""))
            if come > self._most:
                raise HTTPException(413, f"The body has more than {self._most:,} bytes.")
            return message

        await self._app(scope, counted, send)

    @property
    def _allowed(self) -> str:
        return f"up to {self._most:,} bytes, the setting `http_body_bytes`"


_SMALLER = "Send less; files are imported from a folder that the worker can read."
