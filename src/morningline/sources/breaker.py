"""The circuit breaker of a feed: after failures in a row nobody calls it any more, until one call finds it well."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from morningline.kit.clock import utc_now
from morningline.kit.errors import FeedUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from morningline.sources.connections import Connections
    from morningline.sources.feed_settings import FeedSettings
    from morningline.sources.waiting import Waiting

    State = Literal["closed", "open", "half_open"]

LONGEST_PAUSE_SECONDS = 600.0
FRESH_SECONDS = 1.0
"""How long what another worker did to the breaker may go unseen."""


class OpenBreakerError(FeedUnavailableError):
    """Nobody calls the feed at present."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What all workers know of a feed's health.

    Args:
        state: `closed`: calls are made; `open`: none; `half_open`: one, the probe.
        failures: Failures in a row.
        pause_seconds: How long it is, or was last, open at a time.
        since: When it opened (UTC), None while closed.
        next_at: When the next probe may go (UTC), None while closed.
        reason: What the last failure was.
    """

    state: State = "closed"
    failures: int = 0
    pause_seconds: float = 0.0
    since: datetime | None = None
    next_at: datetime | None = None
    reason: str | None = None

    def failed(self, reason: str, now: datetime, *, most: int, pause_seconds: float, probe: bool) -> Condition:
        """After one more failure: `most` of them in a row open it, a failed probe keeps it open twice as long."""
        failed = replace(self, failures=self.failures + 1, reason=reason[:1_000])
        if self.state == "closed" and failed.failures >= most:
            pause, since = pause_seconds, now
        elif self.state == "half_open" and probe:
            pause, since = 2 * self.pause_seconds, self.since or now
        else:
            return failed
        pause = min(pause, LONGEST_PAUSE_SECONDS)
        next_at = now + timedelta(seconds=pause)
        return replace(failed, state="open", since=since, pause_seconds=pause, next_at=next_at)

    def probing(self, now: datetime, longest_seconds: float) -> Condition | None:
        """With a probe under way, or None where none may go; one that is not back in time is given up."""
        if self.state == "closed" or self.next_at is None or now < self.next_at:
            return None
        return replace(self, state="half_open", next_at=now + timedelta(seconds=longest_seconds))


class Breaker:
    """The breaker of one feed, shared by every worker through the database.

    Args:
        connections: To that database.
        settings: The feed's name, how many failures open it, and the first pause.
        waiting: How to wait.
        patience_seconds: How long `enter` waits at an open breaker before it raises.
    """

    def __init__(
        self, connections: Connections, settings: FeedSettings, waiting: Waiting, patience_seconds: float
    ) -> None:
        self._connections = connections
        self._settings = settings
        self._waiting = waiting
        self._patience_seconds = patience_seconds
        self._condition = Condition()
        self._read_at = float("-inf")
        self._reading = threading.Lock()

    def enter(self) -> bool:
        """Wait until the feed may be called; true where this call is the probe. Every entry ends in one of the others.

        Raises:
            OpenBreakerError: It stayed open; says since when, why and when it is tried next.
            DatabaseError: The database went away.
        """
        until = time.monotonic() + self._patience_seconds
        while True:
            with self._reading:
                if time.monotonic() - self._read_at > FRESH_SECONDS:
                    self._change(lambda condition, _: condition, lock=False)
                if self._condition.state == "closed":
                    return False
            if self._probe():
                return True
            if time.monotonic() >= until:
                raise self._error()
            self._waiting.seconds(min(FRESH_SECONDS / 2, max(until - time.monotonic(), 0.0)))

    def succeeded(self, *, probe: bool) -> None:
        """The feed answered: close the breaker after a probe, forget failures otherwise."""
        if probe or (self._condition.failures and self._condition.state == "closed"):
            self._change(lambda c, _: Condition() if probe or c.state == "closed" else c)

    def failed(self, reason: str, *, probe: bool) -> None:
        """The feed did not answer, or with a fault of its own."""
        self._change(
            lambda c, now: c.failed(
                reason, now, most=self._settings.failures, pause_seconds=self._settings.pause_seconds, probe=probe
            )
        )

    def abandoned(self, *, probe: bool) -> None:
        """The call was not made: let another be the probe."""
        if probe:
            self._change(lambda c, now: replace(c, state="open", next_at=now) if c.state == "half_open" else c)

    def _probe(self) -> bool:
        won = False

        def claim(condition: Condition, now: datetime) -> Condition:
            nonlocal won
            probing = condition.probing(now, self._settings.total_seconds + 10)
            won = probing is not None
            return probing or condition

        if self._condition.next_at is None or utc_now() >= self._condition.next_at - timedelta(seconds=5):
            self._change(claim)
        return won

    def _change(self, change: Callable[[Condition, datetime], Condition], *, lock: bool = True) -> None:
        name = self._settings.name

        def work(connection: psycopg.Connection[Any]) -> Condition:
            with connection.transaction():
                condition, now = _read(connection, name, lock=lock)
                changed = change(condition, now)
                if changed != condition:
                    _write(connection, name, changed)
                return changed

        self._condition = self._connections.run(work)
        self._read_at = time.monotonic()

    def _error(self) -> OpenBreakerError:
        condition = self._condition
        instants = (condition.since, condition.next_at)
        since, following = (f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "now" for at in instants)
        return OpenBreakerError(
            f"The feed {self._settings.name} is not called since {since}, after {condition.failures} failures in a row;"
            f" the last: {condition.reason}",
            do=f"It is tried next at {following}. Look at the feed's own status, and continue later: nothing is lost.",
        )


def _read(connection: psycopg.Connection[Any], feed: str, *, lock: bool) -> tuple[Condition, datetime]:
    if lock:
        connection.execute(
            "INSERT INTO feed_breakers (feed, state, failures, pause_seconds) VALUES (%s, 'closed', 0, 0)"
            " ON CONFLICT DO NOTHING",
            (feed,),
        )
    row = connection.execute(
        b"SELECT state, failures, pause_seconds, since, next_at, reason FROM feed_breakers WHERE feed = %s"
        + (b" FOR UPDATE" if lock else b""),
        (feed,),
    ).fetchone()
    clock = connection.execute(b"SELECT clock_timestamp()").fetchone()
    now = clock[0] if clock else utc_now()
    if row is None:
        return Condition(), now
    state, failures, pause_seconds, since, next_at, reason = row
    return Condition(
        state=state, failures=failures, pause_seconds=pause_seconds, since=since, next_at=next_at, reason=reason
    ), now


def _write(connection: psycopg.Connection[Any], feed: str, condition: Condition) -> None:
    connection.execute(
        b"UPDATE feed_breakers SET state = %s, failures = %s, pause_seconds = %s, since = %s, next_at = %s, reason = %s"
        b" WHERE feed = %s",
        (
            condition.state,
            condition.failures,
            condition.pause_seconds,
            condition.since,
            condition.next_at,
            condition.reason,
            feed,
        ),
    )
