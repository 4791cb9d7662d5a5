"""A tiny feed on loopback: an HTTP server that misbehaves as told, and the plug-in that speaks of it."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import stamina

from databases import temporary_database
from morningline.facts.ddl import create_statements
from morningline.kit.database import Database
from morningline.kit.errors import BrokenBodyError
from morningline.sources.archive import Archive
from morningline.sources.client import FeedClient
from morningline.sources.feed import Ask, FeedRows, Page, Refusal
from morningline.sources.feed_settings import FeedSettings
from morningline.sources.records import RECORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

GOOD = json.dumps({"items": ["a", "b"], "total": 2}).encode()


@dataclass
class TinyFeed:
    """A feed of one endpoint whose pages hold ids."""

    name: str = "tiny"
    domain: str = "none"
    url: str = "https://feed.example"
    mapping: Path = Path("tiny.toml")
    time_zone: str = "Europe/London"
    limits: dict[str, float] = field(default_factory=lambda: {"all": 0.0})
    username_env: str = ""
    password_env: str = ""
    masters: tuple[str, ...] = ()
    days: tuple[str, ...] = ("items",)
    options: type | None = None

    def first(self, endpoint: str, day: date | None, settings: FeedSettings, *, today: date, generation: int) -> Ask:
        del settings, today
        return Ask(endpoint=endpoint, path="/items", limit="all", day=day, generation=generation)

    def why_not(self, endpoint: str, day: date | None, settings: FeedSettings, today: date) -> str | None:
        del endpoint, day, settings, today

    def page(self, ask: Ask, body: bytes) -> Page:
        del ask
        try:
            read = json.loads(body)
        except ValueError:
            raise BrokenBodyError("The body is no JSON.") from None
        return Page(total=read["total"], ids=tuple(read["items"]))

    def refusal(self, status: int, body: bytes) -> tuple[Refusal, str] | None:
        text = body.decode(errors="replace")
        if status == 401:
            return (Refusal.PLAN if "Plan required" in text else Refusal.CREDENTIALS), text
        if status in (402, 403):
            return Refusal.PLAN, text
        if status == 404:
            return Refusal.NOTHING, text
        return (Refusal.INVALID, text) if status == 422 else None

    def read(self, payloads: Any) -> FeedRows:
        raise NotImplementedError


Answer = tuple[int, dict[str, str], bytes]


class FeedServer(ThreadingHTTPServer):
    """Answers each call by the next of `script`, then by `otherwise`; logs when each call arrived.

    Each is an answer, or a function that gets the handler and may do worse than answering.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[Answer | Callable[[Handler], None]] = []
        self.otherwise: Answer | Callable[[Handler], None] = (200, {}, GOOD)
        self.arrivals: list[float] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: FeedServer

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.arrivals.append(time.monotonic())
            self.server.requests.append((self.path, dict(self.headers)))
            answer = self.server.script.pop(0) if self.server.script else self.server.otherwise
        if callable(answer):
            answer(self)
        else:
            self.answer(*answer)

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Nothing to the terminal."""


def reset(handler: Handler) -> None:
    """Break the connection off with a reset."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()


def cut_short(handler: Handler) -> None:
    """Promise more than is sent."""
    handler.answer(200, {"Content-Length": str(len(GOOD) + 10)}, GOOD)
    handler.close_connection = True


def cut_chunk(handler: Handler) -> None:
    """Leave out the chunk that ends a chunked body."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"%x\r\n%s\r\n" % (len(GOOD), GOOD))
    handler.close_connection = True


def silence(handler: Handler) -> None:
    """Say nothing for longer than anybody waits here."""
    time.sleep(1.0)
    handler.close_connection = True


def drip_body(handler: Handler) -> None:
    """Send the body a byte at a time."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    _drip(handler, b"x" * 100)


def drip_header(handler: Handler) -> None:
    """Send the header a byte at a time."""
    _drip(handler, b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100)


def _drip(handler: Handler, content: bytes) -> None:
    for byte in content:
        try:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
        except OSError:
            break
        time.sleep(0.05)
    handler.close_connection = True


def settings_of(feed: TinyFeed, url: str, **given: Any) -> FeedSettings:
    """Settings that lose no time in tests."""
    quick = {"read_seconds": 0.3, "connect_seconds": 1.0, "total_seconds": 5.0, "limits": dict(feed.limits)}
    return FeedSettings(name=feed.name, url=url, **{**quick, **given})


def ask(number: int = 0, **given: Any) -> Ask:
    """One of many different asks."""
    return Ask(**{"endpoint": "items", "path": "/items", "params": (("n", str(number)),), "limit": "all", **given})


@pytest.fixture(scope="session")
def feed_database(postgres_url: str) -> Iterator[str]:
    """Address of a database with the books of collection; tests keep apart by the names of their feeds."""
    with temporary_database(postgres_url) as url:
        with psycopg.connect(url) as inner:
            for statement in create_statements(RECORDS):
                inner.execute(statement.encode())
        yield url


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@dataclass
class Rig:
    """A feed of its own name, its server, its archive and its rows."""

    server: FeedServer
    url: str
    folder: Path
    feed: TinyFeed = field(default_factory=lambda: TinyFeed(name=f"tiny-{uuid.uuid4().hex}"))

    @property
    def archive(self) -> Archive:
        return Archive(self.folder)

    @contextmanager
    def client(self, *, settings: dict[str, Any] | None = None, **given: Any) -> Iterator[FeedClient]:
        """A client whose retries do not wait."""
        chosen = settings_of(self.feed, self.server.url, **(settings or {}))
        with (
            stamina.set_testing(True, attempts=chosen.attempts),
            FeedClient(self.feed, chosen, Database(self.url), self.archive, **given) as client,
        ):
            yield client

    def rows(self, table: str, columns: str) -> list[Any]:
        order = " ORDER BY id" if table in ("payloads", "feed_calls") else ""
        with Database(self.url).connect() as connection:
            rows = connection.execute(
                f"SELECT {columns} FROM {table} WHERE feed = %s{order}".encode(), (self.feed.name,)
            ).fetchall()
        return [row[0] if len(row) == 1 else row for row in rows]


@pytest.fixture
def rig(server: FeedServer, feed_database: str, tmp_path: Path) -> Rig:
    return Rig(server, feed_database, tmp_path / "archive")
