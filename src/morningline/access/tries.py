"""How often an address may fail to show an accepted token before it has to wait."""

from __future__ import annotations

import ipaddress
import math
import threading
from collections import OrderedDict, deque
from time import monotonic
from typing import TYPE_CHECKING

from morningline.kit.errors import TooManyTriesError

if TYPE_CHECKING:
    from collections.abc import Callable

TRIES = 10
WINDOW_SECONDS = 60.0
ADDRESSES = 10_000
"""How many addresses are remembered; the one that failed longest ago is forgotten first."""


class FailedTries:
    """The failed tries of the last minute, by address, in this process.

    Args:
        tries: How many an address has in a window.
        window_seconds: How long a failed try counts.
        clock: Seconds, monotonic.

    Example:
        >>> tries = FailedTries(tries=1)
        >>> tries.note("192.0.2.7")
        >>> tries.seconds_left("192.0.2.7") > 0
        True
    """

    def __init__(
        self, tries: int = TRIES, window_seconds: float = WINDOW_SECONDS, clock: Callable[[], float] = monotonic
    ) -> None:
        self._tries, self._window, self._clock = tries, window_seconds, clock
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, address: str) -> None:
        """Write a failed try down."""
        place = _place(address)
        with self._lock:
            times = self._failed.setdefault(place, deque(maxlen=self._tries))
            times.append(self._clock())
            self._failed.move_to_end(place)
            while len(self._failed) > ADDRESSES:
                self._failed.popitem(last=False)

    def seconds_left(self, address: str) -> int:
        """Whole seconds until the address may try again; 0 where it may now."""
        with self._lock:
            times = self._failed.get(_place(address))
            if times is None or len(times) < self._tries:
                return 0
            return max(0, math.ceil(times[0] + self._window - self._clock()))

    def require_room(self, address: str) -> None:
        """Refuse an address that failed too often, whatever it shows now: a limit that the right guess passes is none.

        Raises:
            TooManyTriesError: It has to wait.
        """
        left = self.seconds_left(address)
        if left:
            raise TooManyTriesError(
                f"{self._tries} requests from {address} came without an accepted token within {self._window:.0f} s.",
                allowed=f"the next one in {left} s",
                do="Wait, then show a token that is accepted.",
            )


def _place(address: str) -> str:
    """The address; of IPv6 the network of one subscriber, who has as many addresses as he likes."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(found), 64), strict=False))
    return str(found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else str(found)
