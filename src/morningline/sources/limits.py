"""Rate limits that every worker of an account shares: the database hands out instants at which a call may be made.

Calls are spaced evenly, a little wider than the limit asks, so that a network that delays one call and not the next
does not push two seconds' worth of calls into one. The feed counts from when it saw a call, so a call that leaves late
is written down, and the one that stands a whole limit after it in the schedule leaves no sooner than a second after
it. Nothing else is delayed, so a worker that was busy catches up.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from morningline.kit.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

    from morningline.sources.connections import Connections
    from morningline.sources.waiting import Waiting

WIDER = 1.025
"""Spacing over limit: 25 ms of each second are left to uneven ways and clocks, and 97.5 % of the limit is used."""
TOLERATED_SECONDS = 0.010
"""How much of that a call may leave late without its being written down."""
LATEST_SECONDS = 0.25
"""How late a call may leave; its instant is lost after that."""
AHEAD_SECONDS = 0.25
"""How early an instant is handed out: long enough to be on time for it, short enough to obey a feed that says stop."""
SLOWER = 0.75
"""What is left of the pace after each second in which the feed said that it was too much."""
CREEP = 0.05
"""Share of the limit by which the pace comes back each second."""
SLOWEST = 0.1
"""Least share of the limit."""
LONGEST_PAUSE_SECONDS = 300.0
"""Most that is obeyed of a feed's `Retry-After`."""

PACE = f"LEAST(1, pace + {CREEP} * GREATEST(0, EXTRACT(EPOCH FROM clock_timestamp() - paced_at))::float8)"
KEY = "feed = %(feed)s AND account = %(account)s AND limit_class = %(limit_class)s"

# The schedule may be asked by many: whoever finds the row locked waits for it, and then sees the other's claim.
CLAIM = f"""
    WITH claimed AS (
        UPDATE feed_limits
        SET next_at = GREATEST(next_at + make_interval(secs => %(moved)s), clock_timestamp())
                      + make_interval(secs => %(wanted)s * %(interval)s / {PACE})
        WHERE {KEY} AND next_at <= clock_timestamp() + make_interval(secs => {AHEAD_SECONDS})
        RETURNING next_at, {PACE} AS pace
    ), seen AS (
        SELECT true AS granted, next_at, pace FROM claimed
        UNION ALL
        SELECT false, next_at, {PACE} FROM feed_limits WHERE {KEY} AND NOT EXISTS (SELECT FROM claimed)
    )
    SELECT granted, EXTRACT(EPOCH FROM next_at)::float8, pace, EXTRACT(EPOCH FROM clock_timestamp())::float8,
           ARRAY(
               SELECT ARRAY[EXTRACT(EPOCH FROM scheduled_at), EXTRACT(EPOCH FROM left_at)]::float8[]
               FROM feed_late_calls WHERE {KEY} AND left_at > clock_timestamp() - interval '3 seconds'
           )
    FROM seen
"""  # noqa: S608  # made of our own constants
CREATE = """
    INSERT INTO feed_limits (feed, account, limit_class, next_at, pace, paced_at)
    VALUES (%(feed)s, %(account)s, %(limit_class)s, clock_timestamp(), 1, clock_timestamp() - interval '1 hour')
    ON CONFLICT DO NOTHING
"""
TELL = f"""
    WITH gone AS (
        DELETE FROM feed_late_calls WHERE {KEY} AND left_at < clock_timestamp() - interval '1 minute'
    )
    INSERT INTO feed_late_calls (feed, account, limit_class, scheduled_at, left_at)
    VALUES (%(feed)s, %(account)s, %(limit_class)s, to_timestamp(%(scheduled)s), to_timestamp(%(left)s))
    ON CONFLICT DO NOTHING
"""  # noqa: S608  # made of our own constants
# Calls in flight are refused together; they are one refusal.
SLOW = f"""
    UPDATE feed_limits
    SET pace = CASE WHEN paced_at < clock_timestamp() - interval '1 second'
                    THEN GREATEST({SLOWEST}, {SLOWER} * {PACE}) ELSE pace END,
        paced_at = CASE WHEN paced_at < clock_timestamp() - interval '1 second'
                        THEN clock_timestamp() ELSE paced_at END,
        next_at = GREATEST(next_at, clock_timestamp() + make_interval(secs => %(pause)s))
    WHERE {KEY}
"""  # noqa: S608  # made of our own constants

NOW = "SELECT EXTRACT(EPOCH FROM clock_timestamp())::float8"
PAUSE = f"""
    UPDATE feed_limits SET next_at = GREATEST(next_at, clock_timestamp() + make_interval(secs => %(pause)s))
    WHERE {KEY}
"""  # noqa: S608  # made of our own constants


@dataclass
class LateCalls:
    """Calls of the last seconds that left later than they were scheduled, and what they mean for the next.

    Of any calls that share a second, one more than the limit allows, the last stands at least a whole limit after the
    first in the schedule. So no second sees too many if each leaves a second after those a limit before it. Where
    those left on time the schedule sees to it, and where they did not, this.

    Args:
        limit: Calls a second.

    Attributes:
        calls: When each was scheduled, and when it left.
    """

    limit: float
    calls: dict[float, float] = field(default_factory=dict)

    def add(self, scheduled: float, left: float) -> bool:
        """Remember a call if it was late; whether it was."""
        if left - scheduled <= TOLERATED_SECONDS:
            return False
        self.calls = {at: gone for at, gone in self.calls.items() if gone > left - 3.0}
        self.calls[scheduled] = left
        return True

    def opens(self, scheduled: float) -> float:
        """The first instant at which a call that is scheduled then may leave."""
        before = scheduled - (WIDER - 0.5 * WIDER / self.limit)
        late = (left for at, left in self.calls.items() if at <= before)
        return max(scheduled, max(late, default=-math.inf) + WIDER - TOLERATED_SECONDS)


@dataclass
class DatabaseClock:
    """The database's clock, read off this process's monotonic one.

    An answer is seen after it was given, never before. So the largest difference seen lately is the truest, and a
    call timed by it is never early.
    """

    seen: deque[float] = field(default_factory=lambda: deque(maxlen=64))

    def learn(self, database_seconds: float, monotonic_seconds: float) -> float:
        """Note what the database said and when its answer was here.

        Returns:
            By how many seconds calls timed so far were later than thought.
        """
        difference = database_seconds - monotonic_seconds
        gained = max(difference - max(self.seen), 0.0) if self.seen else 0.0
        self.seen.append(difference)
        return gained

    def monotonic(self, database_seconds: float) -> float:
        """The monotonic instant of an instant of the database's clock."""
        return database_seconds - max(self.seen)

    def database(self, monotonic_seconds: float) -> float:
        """The instant of the database's clock at a monotonic instant."""
        return monotonic_seconds + max(self.seen)


class Limiter:
    """One limit class of an account.

    Args:
        connections: To the database that is shared.
        key: `feed`, `account` and `limit_class`.
        limit: Calls a second; 0 means no limit, and then the database is never asked.
        waiting: How to wait.
    """

    def __init__(self, connections: Connections, key: Mapping[str, str], limit: float, waiting: Waiting) -> None:
        self._connections = connections
        self._key = dict(key)
        self._limit = limit
        self._waiting = waiting
        self._clock = DatabaseClock()
        self._late = LateCalls(limit)
        self._misjudged = 0.0
        self._counting = threading.Lock()
        self._claiming = threading.Lock()
        self._wanted = 0
        self._slots: deque[float] = deque()
        self._free_at = 0.0
        self._held_until = 0.0
        self._known = False

    def wait(self) -> float | None:
        """Wait until a call may be made.

        Returns:
            When it was scheduled, on the monotonic clock; to be given to `sent` when it leaves. None without a limit.

        Raises:
            ClosedClientError: The client was closed.
            DatabaseError: The database went away.
        """
        if self._limit == 0:
            self._waiting.until(self._held_until)
            return None
        while True:
            slot: float = self._claim()
            self._waiting.until(slot)
            while (opens := self._opens(slot)) > time.monotonic():
                self._waiting.until(opens)
            now = time.monotonic()
            # The feed said stop after the slot was handed out, or this process was held up: it is void.
            if now >= self._held_until and now <= slot + LATEST_SECONDS:
                return slot

    def sent(self, slot: float | None, at: float) -> None:
        """Tell when the call left, on the monotonic clock."""
        if slot is None:
            return
        with self._counting:
            late = self._late.add(slot, at)
        if late:
            # Others must know within the second; where the database is away nobody calls.
            with suppress(DatabaseError):
                self._execute(TELL, scheduled=self._clock.database(slot), left=self._clock.database(at))

    def slow(self, pause_seconds: float, *, too_many: bool) -> None:
        """Obey a feed that asks for less.

        Args:
            pause_seconds: No call of any worker before that is over, 0 where it does not say.
            too_many: Whether it said so because of the number of calls; then the pace goes down.
        """
        pause = min(max(pause_seconds, 0.0), LONGEST_PAUSE_SECONDS)
        self._held_until = max(self._held_until, time.monotonic() + pause)
        if self._limit == 0:
            return
        if too_many:
            self._execute(CREATE)
            self._execute(SLOW, pause=pause)
        elif pause:
            self._execute(PAUSE, pause=pause)

    def _claim(self) -> float:
        with self._counting:
            self._wanted += 1
        try:
            # One thread asks for all that wait; the others find their slots when it is done.
            with self._claiming:
                while not self._slots:
                    # Others only move the schedule further, so asking before that is in vain.
                    self._waiting.until(self._free_at - AHEAD_SECONDS)
                    self._ask()
                return self._slots.popleft()
        finally:
            with self._counting:
                self._wanted -= 1

    def _opens(self, slot: float) -> float:
        with self._counting:
            return self._late.opens(slot)

    def _ask(self) -> None:
        interval = WIDER / self._limit
        if not self._known:
            self._execute(CREATE)
            for _ in range(3):
                # The quickest answer of a few tells the time best.
                self._clock.learn(self._execute(NOW)[0], time.monotonic())
            self._known = True
        with self._counting:
            wanted = min(self._wanted, max(1, int(AHEAD_SECONDS / interval)))
        granted, next_at, pace, now, late = self._execute(
            CLAIM, wanted=wanted, interval=interval, moved=self._misjudged
        )
        gained = self._clock.learn(now, time.monotonic())
        # What is not moved is still owed. Calls left that much later than was thought.
        self._misjudged = min(gained + (0.0 if granted else self._misjudged), 1.0)
        self._free_at = self._clock.monotonic(next_at)
        if granted:
            step = interval / pace
            self._slots.extend(self._free_at - (wanted - n) * step for n in range(wanted))
        with self._counting:
            for scheduled_at, left_at in late:
                self._late.add(self._clock.monotonic(scheduled_at), self._clock.monotonic(left_at))

    def _execute(self, statement: str, **params: object) -> Any:  # noqa: ANN401  # a row of the statement
        def work(connection: psycopg.Connection[Any]) -> Any:  # noqa: ANN401  # the same
            cursor = connection.execute(statement.encode(), {**self._key, **params})
            return cursor.fetchone() if cursor.description else None

        return self._connections.run(work)
