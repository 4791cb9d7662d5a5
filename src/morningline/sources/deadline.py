"""Connections that keep a deadline: no feed holds a call longer by sending a byte now and then.

Time-outs of a read begin anew with every byte, so a dripping header would last for hours. Here every wait of a
call ends with its own deadline at the latest. It also tells when the call left.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpcore2
import httpx2

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable


@dataclass
class CallTime:
    """The deadline of a connection's call, and whom to tell when it leaves; monotonic instants."""

    deadline: float | None = None
    left: Callable[[float], None] | None = None

    def begin(self, seconds: float, left: Callable[[float], None]) -> None:
        """Start a call that may take that long."""
        self.deadline, self.left = time.monotonic() + seconds, left

    def leave(self) -> None:
        """The call has been sent: it left at this instant or, if this thread had to wait since, before."""
        left, self.left = self.left, None
        if left is not None:
            left(time.monotonic())

    def wait(self, timeout: float | None, late: type[Exception]) -> float | None:
        """How long a wait may take; raises `late` where no time is left."""
        if self.deadline is None:
            return timeout
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise late("the call took too long in all")
        return left if timeout is None else min(timeout, left)


class _Stream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream, times: CallTime) -> None:
        self._stream = stream
        self._times = times

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._times.wait(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        wait = self._times.wait(timeout, httpcore2.WriteTimeout)
        self._stream.write(buffer, wait)
        self._times.leave()

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        wait = self._times.wait(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, wait), self._times)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401  # as the interface has it
        return self._stream.get_extra_info(info)


class _Backend(httpcore2.NetworkBackend):
    def __init__(self, backend: httpcore2.NetworkBackend, times: CallTime) -> None:
        self._backend = backend
        self._times = times

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        wait = self._times.wait(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._backend.connect_tcp(host, port, wait, local_address, socket_options), self._times)


def keep_deadlines(client: httpx2.Client) -> CallTime:
    """Have a client, which makes one call at a time, keep the deadline of that call, proxies included."""
    times = CallTime()
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001  # no public door to the pool
        if isinstance(transport, httpx2.HTTPTransport):
            pool = transport._pool  # noqa: SLF001  # the same
            pool._network_backend = _Backend(pool._network_backend, times)  # noqa: SLF001  # the same
    return times
