"""What a collection has done so far: events, rows, calls, and what it says of itself while it runs."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.collection.loading import Loaded

RATE_SECONDS = 10.0
"""Over how long the shown rates are measured."""
COUNTS = ("events", "rows", "calls", "errors")
COUNTERS = ("inserted", "changed", "unknown")


@dataclass(kw_only=True)
class Tally:
    """What a collection, or a part of it, has done.

    Attributes:
        events: Events that came.
        rows: Rows read that became facts.
        calls: Pages fetched anew; the others were in the archive.
        errors: Things that went wrong.
        inserted: New rows by table.
        changed: Changed rows by table.
        unknown: Keys the feed's reader does not know, and how often each was seen.
    """

    events: int = 0
    rows: int = 0
    calls: int = 0
    errors: int = 0
    inserted: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)

    def add(self, loaded: Loaded) -> None:
        """Count what was loaded."""
        for outcome in loaded.outcomes:
            self.events += outcome.events or 0
            if outcome.rows:
                self.rows += outcome.rows[1]
        self.inserted = _sum(self.inserted, {name: count.inserted for name, count in loaded.tables.items()})
        self.changed = _sum(self.changed, {name: count.changed for name, count in loaded.tables.items()})
        self.unknown = _sum(self.unknown, loaded.unknown)

    def plus(self, other: Tally) -> Tally:
        """This and another part of the same collection."""
        both = Tally()
        for name in COUNTS:
            setattr(both, name, getattr(self, name) + getattr(other, name))
        for name in COUNTERS:
            setattr(both, name, _sum(getattr(self, name), getattr(other, name)))
        return both


def _sum(some: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return dict(Counter(some) + Counter(more))


class Pace:
    """How fast things went in the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque([(monotonic(), 0)])

    def add(self, number: int) -> None:
        """Note that so many more were done just now."""
        now = monotonic()
        self._seen.append((now, number))
        while len(self._seen) > 2 and self._seen[1][0] < now - RATE_SECONDS:
            self._seen.popleft()

    @property
    def per_second(self) -> float:
        """The rate since the first that is remembered."""
        seconds = monotonic() - self._seen[0][0]
        return sum(number for _, number in list(self._seen)[1:]) / max(seconds, 1e-3)
