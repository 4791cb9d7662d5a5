"""The server of the simulator: HTTP/1.1 on loopback, with accounts, plans, limits and faults before the answers."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from hmac import compare_digest
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl, unquote

import h11

from morningline.domains.racing.simulator.answers import Answer, Answers, detail
from morningline.domains.racing.simulator.faults import GATEWAY_PAGE, Faults
from morningline.domains.racing.simulator.limits import RateLimits
from morningline.domains.racing.simulator.pages import Pages
from morningline.domains.racing.simulator.questions import Endpoint, route
from morningline.domains.racing.simulator.request_log import Call, RequestLog
from morningline.domains.racing.simulator.settings import PLANS, Account, Clock, SimulatorSettings
from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

_DRIPS, _DRIP_SECONDS = 10, 0.05
_ADMIN = "/simulator/"
Header = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What goes over the wire, and how.

    Args:
        status: HTTP status; zero to send nothing.
        body: The body.
        headers: Headers besides length and type.
        fault: How sending it goes wrong, "" for not at all.
        account: Who asked.
        content_type: The type of the body.
    """

    status: int
    body: bytes = b""
    headers: tuple[Header, ...] = ()
    fault: str = ""
    account: str = ""
    content_type: str = "application/json"


class Service:
    """Everything between a request and its reply, without the network.

    Args:
        settings: The simulator.
    """

    def __init__(self, settings: SimulatorSettings) -> None:
        self.settings = settings
        self.clock = Clock(settings.today)
        self.log = RequestLog(settings.log_path)
        self._faults = Faults(settings.faults, settings.seed)
        self._limits = RateLimits(settings.limits)
        self._answers = Answers(settings, Pages(settings, self.clock), self._faults)
        self._accounts = {account.username: account for account in settings.accounts}
        # One thread makes the bodies, so that calls are counted when they arrive and not when a long body is done.
        self.kitchen = ThreadPoolExecutor(1, thread_name_prefix="simulator-bodies")

    def reply(self, method: str, target: str, authorization: str | None) -> Reply:
        """The reply to a request.

        Args:
            method: HTTP method.
            target: Path and query.
            authorization: The header of that name.
        """
        decided = self.decide(method, target, authorization)
        return decided if isinstance(decided, Reply) else decided()

    def decide(self, method: str, target: str, authorization: str | None) -> Reply | Callable[[], Reply]:
        """Decide at once what becomes of a request; what makes its reply where that takes time.

        Args:
            method: HTTP method.
            target: Path and query.
            authorization: The header of that name.
        """
        path, _, query_text = target.partition("?")
        path = unquote(path)
        query = parse_qsl(query_text, keep_blank_values=True)
        if path.startswith(_ADMIN):
            return self._administer(method, path, dict(query))
        found = route(path)
        if found is None:
            return _sent(detail(404, "Not Found"))
        account = self._known(authorization)
        if account is None:
            message = "Not authenticated" if authorization is None else "Incorrect username or password"
            return _sent(detail(401, message), headers=(("www-authenticate", "Basic"),))
        if method != "GET":
            return _sent(detail(405, "Method Not Allowed"), headers=(("allow", "GET"),), account=account.username)
        refused = self._refused(account, found[0])
        return refused or self._served(account, path, target, query)

    def _refused(self, account: Account, endpoint: Endpoint) -> Reply | None:
        """Refuse a call over the limit or beyond the plan."""
        over = self._limits.refuse(account.username, endpoint.limit, time.monotonic())
        if over:
            return self._too_many(account, *over)
        if PLANS.index(account.plan) < PLANS.index(endpoint.plan):
            return _sent(detail(401, f"{endpoint.plan.capitalize()} Plan required"), account=account.username)
        return None

    def _served(
        self, account: Account, path: str, target: str, query: list[tuple[str, str]]
    ) -> Reply | Callable[[], Reply]:
        """Answer a call, unless something goes wrong on purpose."""
        fault = self._faults.meet(target)
        if fault == "too many":
            return self._too_many(account, 1.0, 1.0, fault=fault)
        if fault == "gateway":
            return Reply(status=502, body=GATEWAY_PAGE, fault=fault, account=account.username, content_type="text/html")
        if fault in {"no answer", "reset"}:
            return Reply(status=0, fault=fault, account=account.username)
        return lambda: _sent(
            self._answers.answer(path, query, shrunk=fault == "shrunk"), fault=fault, account=account.username
        )

    def _too_many(self, account: Account, limit: float, wait: float, fault: str = "") -> Reply:
        headers = (("retry-after", str(max(1, round(wait)))),) if self.settings.retry_after else ()
        answer = detail(429, f"Rate limit exceeded: {limit:g} per 1 second")
        return _sent(answer, headers=headers, fault=fault, account=account.username)

    def _known(self, authorization: str | None) -> Account | None:
        scheme, _, coded = (authorization or "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            username, _, password = base64.b64decode(coded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        account = self._accounts.get(username)
        right = account is not None and compare_digest(account.password.encode(), password.encode())
        return account if right else None

    def _administer(self, method: str, path: str, query: dict[str, str]) -> Reply:
        """Show the log, show or set the clock: for tests and people, outside the contract."""
        if path == "/simulator/log" and method == "GET":
            since = query.get("since", "0")
            lines = self.log.lines(float(since) if since.replace(".", "", 1).isdigit() else 0.0)
            return Reply(status=200, body=lines, content_type="application/x-ndjson")
        if path == "/simulator/clock" and method in {"GET", "PUT"}:
            try:
                if method == "PUT":
                    self.clock.set(read_time(query.get("now", "real")))
            except InputError as error:
                return _sent(detail(422, str(error)))
            return _sent(Answer(status=200, body=f'{{"now":"{self.clock.now().isoformat()}"}}'.encode()))
        return _sent(detail(404, "Not Found"))


def _sent(answer: Answer, *, headers: tuple[Header, ...] = (), fault: str = "", account: str = "") -> Reply:
    return Reply(status=answer.status, body=answer.body, headers=headers, fault=fault, account=account)


def read_time(text: str) -> date | datetime | None:
    """Read a day, an instant with a zone, or `real` for the real time.

    Raises:
        InputError: If it is none of them.
    """
    if text == "real":
        return None
    try:
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"The time is given as {text!r}.", allowed="2026-03-01, 2026-03-01T12:00:00Z or real"
        ) from None


class Connection(asyncio.Protocol):
    """One client: its requests are answered one after the other.

    Args:
        service: What answers.
        open_ones: The connections of the server; this one enters and leaves.
    """

    def __init__(self, service: Service, open_ones: set[Connection]) -> None:
        self._service, self._open = service, open_ones
        self._slow: asyncio.Task[None] | None = None
        self._http = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None
        self._arrived, self._started = 0.0, 0.0
        self._transport: asyncio.Transport | None = None
        self._occupied = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the way back."""
        self._transport = cast("asyncio.Transport", transport)
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the way back."""
        del exc
        self._transport = None
        self._open.discard(self)
        if self._slow:
            self._slow.cancel()

    def abort(self) -> None:
        """Break the connection off."""
        if self._transport:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take in bytes and answer what is complete."""
        self._http.receive_data(data)
        if not self._occupied:
            self._work()

    def _work(self) -> None:
        while self._transport and not self._occupied:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError:
                self._transport.close()
                return
            if isinstance(event, h11.Request):
                self._request = event
                self._arrived, self._started = time.time(), time.perf_counter()
            elif isinstance(event, h11.EndOfMessage):
                self._respond()
            elif isinstance(event, h11.ConnectionClosed):
                self._transport.close()
                return
            elif event in {h11.NEED_DATA, h11.PAUSED}:
                return

    def _respond(self) -> None:
        request = self._request
        if request is None:
            return
        headers = {name: value for name, value in request.headers if name == b"authorization"}
        given = headers.get(b"authorization")
        method, target = request.method.decode(), request.target.decode("latin-1")
        decided = self._service.decide(method, target, given.decode("latin-1") if given is not None else None)
        if isinstance(decided, Reply):
            self._answer(method, target, decided)
        else:
            self._occupied = True
            self._slow = asyncio.get_running_loop().create_task(self._made(method, target, decided))

    async def _made(self, method: str, target: str, make: Callable[[], Reply]) -> None:
        """Answer with a body that takes a while to make."""
        reply = await asyncio.get_running_loop().run_in_executor(self._service.kitchen, make)
        self._occupied = False
        self._answer(method, target, reply)
        if not self._occupied:
            self._work()

    def _answer(self, method: str, target: str, reply: Reply) -> None:
        if reply.fault == "truncated":
            # The length fits what is sent: only the JSON shows that something is missing.
            reply = replace(reply, body=reply.body[: len(reply.body) * 2 // 3])
        # The call is in the log before its answer is on the way: who has the answer finds the call.
        self._note(method, target, reply)
        if reply.fault in {"no answer", "drip"}:
            self._occupied = True
            self._slow = asyncio.get_running_loop().create_task(self._slowly(reply))
        elif reply.fault == "reset":
            self.abort()
        else:
            self._write(self._head(reply) + (self._http.send(h11.Data(reply.body)) or b""))
            self._write(self._http.send(h11.EndOfMessage()) or b"")
            self._next()

    def _note(self, method: str, target: str, reply: Reply) -> None:
        if target.startswith(_ADMIN):
            return
        self._service.log.add(
            Call(
                at=self._arrived,
                method=method,
                target=target,
                account=reply.account,
                status=reply.status,
                ms=round((time.perf_counter() - self._started) * 1000, 3),
                fault=reply.fault,
                bytes=len(reply.body),
            )
        )

    def _head(self, reply: Reply) -> bytes:
        headers = [
            ("content-type", reply.content_type),
            ("content-length", str(len(reply.body))),
            ("date", datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")),
            *reply.headers,
        ]
        return self._http.send(h11.Response(status_code=reply.status, headers=headers)) or b""

    def _write(self, data: bytes) -> None:
        if self._transport and data:
            self._transport.write(data)

    def _next(self) -> None:
        if self._http.our_state is h11.MUST_CLOSE or self._http.their_state is h11.MUST_CLOSE:
            if self._transport:
                self._transport.close()
            return
        self._request = None
        self._http.start_next_cycle()

    async def _slowly(self, reply: Reply) -> None:
        """Hold a call without an answer, or let the body drip."""
        if reply.fault == "no answer":
            await asyncio.sleep(self._service.settings.hold_seconds)
            self.abort()
            return
        self._write(self._head(reply))
        size = len(reply.body) // _DRIPS + 1
        for start in range(0, len(reply.body), size):
            self._write(self._http.send(h11.Data(reply.body[start : start + size])) or b"")
            await asyncio.sleep(_DRIP_SECONDS)
        self._write(self._http.send(h11.EndOfMessage()) or b"")
        self._next()
        self._occupied = False
        self._work()


async def serve(service: Service, port: int, ready: Callable[[int], None], stop: asyncio.Event) -> None:
    """Serve on loopback until told to stop.

    Args:
        service: What answers.
        port: The port, zero for any free one.
        ready: Called with the port when calls are taken.
        stop: Set it to stop.

    Raises:
        OSError: If the port is taken.
    """
    connections: set[Connection] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(service, connections), "127.0.0.1", port)
    ready(server.sockets[0].getsockname()[1])
    await stop.wait()
    server.close()
    for connection in tuple(connections):
        connection.abort()
    await server.wait_closed()
    service.kitchen.shutdown(wait=False, cancel_futures=True)
