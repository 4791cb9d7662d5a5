"""What was asked of the simulator, when and with what end; kept in memory and, if wished, in a file."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from io import BufferedWriter
    from pathlib import Path


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call.

    Args:
        at: When it arrived, in seconds since 1970, UTC.
        method: HTTP method.
        target: Path and query as they came.
        account: Who asked, "" if nobody known.
        status: HTTP status of the answer; zero if there was none.
        ms: Milliseconds until the answer was handed over.
        fault: What went wrong on purpose, "" for nothing.
        bytes: Length of the body.
    """

    at: float
    method: str
    target: str
    account: str
    status: int
    ms: float
    fault: str
    bytes: int


class RequestLog:
    """Keeps every call in the order in which they were answered.

    Args:
        path: A file to which each call is added as a line of JSON, or None.
    """

    def __init__(self, path: Path | None) -> None:
        self._calls: list[Call] = []
        self._lock = Lock()
        self._file: BufferedWriter | None = path.open("ab") if path else None

    def add(self, call: Call) -> None:
        """Add a call."""
        with self._lock:
            self._calls.append(call)
            if self._file:
                self._file.write(msgspec.json.encode(call) + b"\n")
                self._file.flush()

    def calls(self) -> list[Call]:
        """Every call so far, in the order of arrival."""
        with self._lock:
            return sorted(self._calls, key=lambda call: call.at)

    def clear(self) -> None:
        """Forget the calls in memory."""
        with self._lock:
            self._calls.clear()

    def lines(self, since: float) -> bytes:
        """The calls that arrived at or after a time, as lines of JSON."""
        return b"".join(msgspec.json.encode(call) + b"\n" for call in self.calls() if call.at >= since)

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
