"""Tokens that were accepted a moment ago, so that a client who asks often is not looked up each time."""

from __future__ import annotations

import threading
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING

from morningline.kit.clock import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from morningline.access.tokens import Token

ACCEPTED_SECONDS = 1.0
"""How long a token counts as accepted: so much later than anywhere else a revoked one is noticed here."""


class AcceptedTokens:
    """What tokens were accepted lately, in this process, by their hash.

    Args:
        seconds: How long one counts.
        clock: Seconds, monotonic.
    """

    def __init__(self, seconds: float = ACCEPTED_SECONDS, clock: Callable[[], float] = monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._found: dict[bytes, tuple[Token, float]] = {}
        self._lock = threading.Lock()

    def note(self, whole: str, token: Token) -> None:
        """Write down that a token was accepted just now."""
        now = self._clock()
        with self._lock:
            self._found = {key: kept for key, kept in self._found.items() if now - kept[1] < self._seconds}
            self._found[_key(whole)] = token, now

    def find(self, whole: str) -> Token | None:
        """The token, if it was accepted a moment ago and has not expired since."""
        with self._lock:
            token, at = self._found.get(_key(whole), (None, 0.0))
        if token is None or self._clock() - at >= self._seconds:
            return None
        return None if token.expires_at is not None and token.expires_at <= utc_now() else token

    def forget(self) -> None:
        """Have every token looked up again."""
        with self._lock:
            self._found.clear()


def _key(whole: str) -> bytes:
    return sha256(whole.encode()).digest()
