"""How often an account may call: a window of one second that slides, for each class of endpoints."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class RateLimits:
    """Counts the calls that were let through.

    Args:
        limits: Calls in any second by class; zero or absent is no limit. Below one, the window is longer.
    """

    def __init__(self, limits: Mapping[str, float]) -> None:
        self._limits = {name: limit for name, limit in limits.items() if limit > 0}
        self._calls: dict[tuple[str, str], deque[float]] = defaultdict(deque)

    def refuse(self, account: str, name: str, at: float) -> tuple[float, float] | None:
        """Count a call, or say why it is refused; a refused call is not counted.

        Args:
            account: Whose call.
            name: Its class.
            at: Seconds of a clock that never goes back.

        Returns:
            The limit that is exceeded and the seconds until a call will pass, or None.
        """
        windows = [(self._limits[n], self._calls[account, n]) for n in (name, "all") if n in self._limits]
        for limit, calls in windows:
            length = max(1.0, 1.0 / limit)
            while calls and calls[0] <= at - length:
                calls.popleft()
            if len(calls) >= max(1, int(limit)):
                return limit, calls[0] + length - at
        for _, calls in windows:
            calls.append(at)
        return None
