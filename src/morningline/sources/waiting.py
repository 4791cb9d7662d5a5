"""Waiting that ends early: when the client closes, or when who asked for the call says stop."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from morningline.kit.errors import FeedUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

SLICE_SECONDS = 0.5


class ClosedClientError(FeedUnavailableError):
    """The client was closed while a call was waiting."""


class Waiting:
    """How every wait of a client is done.

    Args:
        check: Called at least twice a second while waiting; what it raises ends the wait.
    """

    def __init__(self, check: Callable[[], None] | None = None) -> None:
        self._check = check
        self._closed = threading.Event()

    def until(self, instant: float) -> None:
        """Wait until an instant of the monotonic clock; an instant that is over is no wait.

        Raises:
            ClosedClientError: The client was closed.
        """
        while True:
            if self._check is not None:
                self._check()
            left = instant - time.monotonic()
            if self._closed.wait(min(max(left, 0.0), SLICE_SECONDS)):
                raise ClosedClientError("The client of the feed was closed.")
            if left <= SLICE_SECONDS:
                return

    def seconds(self, seconds: float) -> None:
        """Wait that long.

        Raises:
            ClosedClientError: The client was closed.
        """
        self.until(time.monotonic() + seconds)

    def close(self) -> None:
        """End every wait."""
        self._closed.set()
