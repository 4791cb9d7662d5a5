"""Services on loopback for tests, and who speaks with them."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx2
import uvicorn

from morningline.access import tokens
from morningline.api.app import create_app
from morningline.runs import store
from morningline.wiring.jobs import kinds
from morningline.wiring.program import Program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI


class Office:
    """A service that runs, a client of it, and a look behind it."""

    def __init__(self, program: Program, app: FastAPI, address: str) -> None:
        self.program, self.app, self.address = program, app, address
        self.client = httpx2.Client(base_url=address, timeout=60)

    def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        return self.client.request(method, path if path.startswith("/") else f"/api/v1/{path}", **more)

    def get(self, path: str, **more: Any) -> Any:
        answer = self.ask("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def start(self, path: str = "fingerprints/start", **body: Any) -> str:
        answer = self.ask("POST", path, json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def enqueue(self, kind: str = "train", priority: int = 0, **parameters: Any) -> str:
        with self.program.database.connect() as connection:
            asked = kinds(self.program)[kind]
            return store.enqueue(connection, asked, parameters, asked_by="ann", priority=priority)

    def token(self, scope: str = "admin", name: str = "ann") -> str:
        with self.program.database.connect() as connection:
            return tokens.create(connection, name, scope, created_by="test")[1]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.program.database.connect() as connection:
            return connection.execute(sql.encode()).fetchall()


@contextmanager
def serving(program: Program, *, loopback: bool = True, **settings: Any) -> Iterator[Office]:
    """A service over a workspace, on a free port, in a thread."""
    served = Program(program.workspace, replace(program.settings, **settings))
    app = create_app(served, loopback=loopback)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    office = Office(served, app, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
    try:
        yield office
    finally:
        office.client.close()
        app.state.service.stopping.set()
        server.should_exit = True
        thread.join()
        served.close()
