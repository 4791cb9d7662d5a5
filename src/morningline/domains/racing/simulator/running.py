"""Run a simulator: inside this process for tests, or as a program of its own."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

from morningline.domains.racing.simulator.server import Service, serve
from morningline.domains.racing.simulator.settings import SimulatorSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

    from morningline.domains.racing.simulator.request_log import Call


class Simulator:
    """A simulator in a thread of this process.

    Args:
        settings: What it is like.
        port: Its port on loopback, zero for any free one.

    Raises:
        OSError: When entered, if the port is taken.

    Example:
        >>> with Simulator(SimulatorSettings()) as simulator:
        ...     simulator.url.startswith("http://127.0.0.1:")
        True
    """

    def __init__(self, settings: SimulatorSettings | None = None, port: int = 0) -> None:
        self._service = Service(settings or SimulatorSettings())
        self._port = port
        self._failure: OSError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = Event()
        self._thread = Thread(target=self._run, name="simulator", daemon=True)

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def log(self) -> list[Call]:
        """Every call so far, in the order of arrival."""
        return self._service.log.calls()

    def clear_log(self) -> None:
        """Forget the calls so far."""
        self._service.log.clear()

    def set_clock(self, now: date | datetime | None) -> None:
        """Let its clock stand at noon UTC of a day or at an instant, or follow the real time (None)."""
        self._service.clock.set(now)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except OSError as error:
            self._failure = error
            self._ready.set()

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await serve(self._service, self._port, self._started, self._stop)

    def _started(self, port: int) -> None:
        self._port = port
        self._ready.set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._failure:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop and self._stop:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._service.log.close()


def serve_forever(settings: SimulatorSettings, port: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: What the simulator is like.
        port: Its port on loopback, zero for any free one.
        ready: Called with its URL when calls are taken.

    Raises:
        OSError: If the port is taken.
    """
    service = Service(settings)
    # A call is seen when it comes: the thread that makes bodies gives way at once, and no collection of garbage, of
    # which there is hardly any, stops the world that it makes them of.
    sys.setswitchinterval(0.0005)
    gc.disable()

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await serve(service, port, lambda found: ready(f"http://127.0.0.1:{found}"), stop)

    try:
        asyncio.run(main())
    finally:
        service.log.close()
