"""Serving on one machine: the service, a scheduler and a worker in one process, until told to stop."""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import uvicorn

from morningline.access import tokens
from morningline.api.app import create_app
from morningline.api.guard import is_loopback
from morningline.api.service import service_of
from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from fastapi import FastAPI

    from morningline.runs.scheduler import Scheduler
    from morningline.runs.worker import Worker
    from morningline.wiring.program import Program

SWITCH_SECONDS = 0.0005
"""How long a thread may keep the interpreter: at Python's 5 ms a request waits longer for its turns than it works."""
GRACE_SECONDS = 10
"""How long requests in hand may take after the service was told to stop."""


def serve(program: Program, *, host: str, port: int, slots: int, proxy: str | None = None) -> None:
    """Serve until told to stop (Ctrl-C or SIGTERM); told a second time, end at once.

    Args:
        program: The workspace.
        host: The address to listen on.
        port: The port; 0 for any free one.
        slots: How many runs the worker does at once; 0 for no worker.
        proxy: Address of a proxy whose word on where a request comes from is taken.

    Raises:
        InputError: The address cannot be used, or is not of this machine alone while there is no token.
        DatabaseError: The database cannot be opened.
    """
    loopback = is_loopback(host)
    with program.database.connect() as connection:
        open_to_all = not tokens.exist(connection)
    if open_to_all and not loopback:
        raise InputError(
            f"The service would listen on {host}, where other machines reach it, and there is no token yet.",
            allowed="127.0.0.1, ::1 or localhost, as long as there is no token",
            do="Run `morningline tokens create NAME --scope admin` first, or leave --host away.",
        )
    with _listening(host, port) as listener, ExitStack() as stack:
        app = create_app(program, loopback=loopback)
        server = _Server(_config(app, proxy), app)
        stack.enter_context(_told_to_stop())
        worker = _worker(program, slots) if slots else None
        if worker is not None:
            worker.start()
        scheduler = _scheduler(program)
        scheduler.start()
        ended = True
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            _announce(listener, worker, open_to_all=open_to_all)
            server.run(sockets=[listener])
        finally:
            scheduler.stop()
            if worker is not None:
                ended = worker.stop()
    if not ended:
        # A step that heeds nobody still runs in a thread, its run is back in the queue: nothing is left to wait for.
        program.close()
        sys.stderr.flush()
        os._exit(0)


class _Server(uvicorn.Server):
    """Uvicorn's server, which tells those who follow a log that the service is about to end."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._service = service_of(app)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._service.stopping.is_set():
            os._exit(128 + sig)
        self._service.stopping.set()
        super().handle_exit(sig, frame)


def _config(app: FastAPI, proxy: str | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=proxy is not None,
        forwarded_allow_ips=proxy,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ws="none",
    )


def _worker(program: Program, slots: int) -> Worker:
    from morningline.runs.worker import Worker
    from morningline.wiring.jobs import kinds

    settings = program.settings
    return Worker(
        program.database,
        kinds(program).values(),
        slots=slots,
        retention_days=settings.run_retention_days,
        log_level=settings.log_level,
    )


def _scheduler(program: Program) -> Scheduler:
    from morningline.runs.scheduler import Scheduler
    from morningline.wiring.jobs import kinds

    return Scheduler(program.database, kinds(program).values())


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket on which connections already wait while the rest begins."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=1024)
        # Without it an answer waits 40 ms for the client to say that it has the headers; asyncio sets it only for
        # sockets that name their protocol, which this one does not.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise InputError(
            f"{host}, port {port}, cannot be listened on: {error.strerror or error}.",
            allowed="an address of this machine and a free port",
            do="Choose another with --host or --port, or --port 0 for any.",
        ) from error
    with listener:
        yield listener


def _announce(listener: socket.socket, worker: Worker | None, *, open_to_all: bool) -> None:
    host, port = listener.getsockname()[:2]
    sys.stdout.write(f"Serving on http://{f'[{host}]' if ':' in host else host}:{port}/api/v1\n")
    sys.stdout.flush()
    if open_to_all:
        sys.stderr.write(
            "There is no token, so only this machine reaches the service, and whoever is logged in on it may do "
            "everything. Make one with: morningline tokens create NAME --scope admin\n"
        )
    parts = f"API, scheduler and worker {worker.id}" if worker else "API and scheduler"
    waits = "" if worker else " Runs wait for a worker: morningline worker."
    sys.stderr.write(f"{parts} run in this process.{waits} Stop with Ctrl-C.\n")


@contextmanager
def _told_to_stop() -> Iterator[None]:
    """Have the signals that the server has heeded, and raises again when it has ended, do nothing more."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
