"""Rate limits that every worker of an account shares: the database hands out instants at which a call may be made.

Calls are spaced evenly, a little wider than the limit asks, so that a network that delays one call and not the next
does not push two seconds' worth of calls into one. A call that leaves late all the same moves the schedule by as
much, because the feed counts from when it saw it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

    from morningline.sources.connections import Connections
    from morningline.sources.waiting import Waiting

WIDER = 1.025
"""Spacing over limit: 25 ms of each second are left to uneven ways and clocks, and 97.5 % of the limit is used."""
TOLERATED_SECONDS = 0.010
"""How much of that a call may leave late without the schedule being moved."""
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
    SELECT granted, EXTRACT(EPOCH FROM next_at)::float8, pace, EXTRACT(EPOCH FROM clock_timestamp())::float8 FROM seen
"""  # noqa: S608  # made of our own constants
CREATE = """
    INSERT INTO feed_limits (feed, account, limit_class, next_at, pace, paced_at)
    VALUES (%(feed)s, %(account)s, %(limit_class)s, clock_timestamp(), 1, clock_timestamp() - interval '1 hour')
    ON CONFLICT DO NOTHING
"""
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


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Leave to make one call.

    Args:
        at: When, on this process's monotonic clock.
        moved: By how many seconds this process had moved the schedule when it was handed out.
    """

    at: float
    moved: float = 0.0


@dataclass
class Lateness:
    """By how much the schedule must be moved for calls that left late, so that nothing is moved for twice.

    Attributes:
        moved: Seconds it was moved by so far.
        pending: Seconds it is yet to be moved by.
    """

    moved: float = 0.0
    pending: float = 0.0

    def sent(self, slot: Slot, at: float) -> None:
        """Note when a call left: moves made since its slot was handed out count for it."""
        late = min(at - slot.at, 1.0) - TOLERATED_SECONDS
        self.pending = max(self.pending, late - (self.moved - slot.moved))

    def misjudged(self, seconds: float) -> None:
        """Note that calls left that much later than was thought."""
        self.pending += min(seconds, 1.0)

    def take(self) -> float:
        """What to move the schedule by now."""
        moved, self.pending = self.pending, 0.0
        self.moved += moved
        return moved


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
        self._lateness = Lateness()
        self._counting = threading.Lock()
        self._claiming = threading.Lock()
        self._wanted = 0
        self._slots: deque[Slot] = deque()
        self._free_at = 0.0
        self._held_until = 0.0
        self._known = False

    def wait(self) -> Slot | None:
        """Wait until a call may be made; give the slot to `sent` when it leaves. None where there is no limit.

        Raises:
            ClosedClientError: The client was closed.
            DatabaseError: The database went away.
        """
        if self._limit == 0:
            self._waiting.until(self._held_until)
            return None
        late = max(WIDER / self._limit, 0.05)
        while True:
            slot = self._claim()
            self._waiting.until(slot.at)
            now = time.monotonic()
            # The feed said stop after the slot was handed out, or this process was held up: it is void.
            if now >= self._held_until and now <= slot.at + late:
                return slot

    def sent(self, slot: Slot | None, at: float) -> None:
        """Tell when the call left, on the monotonic clock."""
        if slot is not None:
            with self._counting:
                self._lateness.sent(slot, at)

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

    def _claim(self) -> Slot:
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

    def _ask(self) -> None:
        interval = WIDER / self._limit
        with self._counting:
            wanted = min(self._wanted, max(1, int(AHEAD_SECONDS / interval)))
            moved = self._lateness.take()
        if not self._known:
            self._execute(CREATE)
            for _ in range(3):
                # The quickest answer of a few tells the time best.
                self._clock.learn(self._execute(NOW)[0], time.monotonic())
            self._known = True
        granted, next_at, pace, now = self._execute(CLAIM, wanted=wanted, interval=interval, moved=moved)
        gained = self._clock.learn(now, time.monotonic())
        self._free_at = self._clock.monotonic(next_at)
        if granted:
            step = interval / pace
            with self._counting:
                total = self._lateness.moved
                self._lateness.misjudged(gained)
            self._slots.extend(Slot(at=self._free_at - (wanted - n) * step, moved=total) for n in range(wanted))
        else:
            # Nothing was moved: the delay is still owed.
            with self._counting:
                self._lateness.moved -= moved
                self._lateness.pending = max(self._lateness.pending, moved)
                self._lateness.misjudged(gained)

    def _execute(self, statement: str, **params: object) -> Any:  # noqa: ANN401  # a row of the statement
        def work(connection: psycopg.Connection[Any]) -> Any:  # noqa: ANN401  # the same
            cursor = connection.execute(statement.encode(), {**self._key, **params})
            return cursor.fetchone() if cursor.description else None

        return self._connections.run(work)
