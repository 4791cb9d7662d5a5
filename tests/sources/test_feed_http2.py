"""Where the server offers HTTP/2 it is spoken, connections are kept, and every call keeps its own deadline."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from feed_server import GOOD, TinyFeed, ask, settings_of
from hypercorn.asyncio import serve
from hypercorn.config import Config

from morningline.sources.calling import Caller

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class ModernServer:
    """A feed behind TLS; a path that ends in `/slow` is answered late, one that ends in `/drip` never ends."""

    port: int = 0
    versions: list[str] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        del receive
        self.versions.append(scope["http_version"])
        self.connections.add(scope["client"])
        if scope["path"].endswith("/slow"):
            await asyncio.sleep(0.2)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-half", b"even")]})
        while scope["path"].endswith("/drip"):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await asyncio.sleep(0.05)
        await send({"type": "http.response.body", "body": GOOD})


@pytest.fixture
def modern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModernServer]:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    with (tmp_path / "certificate.pem").open("wb") as chain:
        chain.writelines(part.bytes() for part in certificate.cert_chain_pems)
    monkeypatch.setenv(ssl.get_default_verify_paths().openssl_cafile_env, str(tmp_path / "authority.pem"))
    app, config = ModernServer(), Config()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        app.port = listening.getsockname()[1]
        config.bind = [f"fd://{os.dup(listening.fileno())}"]
    config.certfile, config.keyfile = str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem")
    config.loglevel, config.graceful_timeout = "CRITICAL", 0.1
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(
        target=loop.run_until_complete, args=(serve(app, config, shutdown_trigger=stop.wait),), daemon=True
    )
    thread.start()
    yield app
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


def test_connections_are_kept_where_the_server_speaks_http2(modern: ModernServer):
    left: list[float] = []
    # Nothing here is about time: four handshakes at once may take a busy machine seconds.
    patient = {"connect_seconds": 60.0, "read_seconds": 60.0, "total_seconds": 60.0}
    with Caller(settings_of(TinyFeed(), modern.url, **patient), None) as caller, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: caller.get(ask(n), left.append), range(40)))
    assert {(answer.status, answer.body, answer.failure) for answer in answers} == {(200, GOOD, None)}
    assert set(modern.versions) == {"2"}
    assert len(modern.connections) <= 4
    assert len(left) == 40


def test_a_call_that_drips_ends_at_its_deadline_and_disturbs_no_other(modern: ModernServer):
    # Long enough for a busy machine to answer the others; what drips would never end by itself.
    quick = {"connect_seconds": 3.0, "read_seconds": 3.0, "total_seconds": 3.0}
    with Caller(settings_of(TinyFeed(), modern.url, **quick), None) as caller, ThreadPoolExecutor(4) as pool:
        dripping = pool.submit(caller.get, ask(path="/drip"), lambda _at: None)
        others = list(pool.map(lambda n: caller.get(ask(n, path="/slow"), lambda _at: None), range(12)))
        ended = dripping.result(timeout=60)
        assert (ended.status, ended.failure) == (None, "timeout")
        assert 3_000 <= ended.ms < 10_000
    assert {(answer.status, answer.body) for answer in others} == {(200, GOOD)}
