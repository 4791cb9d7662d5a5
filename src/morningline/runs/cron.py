"""When a schedule is due: a cron expression of five fields, read on the local clock of a time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from morningline.kit.clock import first_instant, time_zone
from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

ALLOWED = "five fields (minute, hour, day of month, month, day of week), such as '30 6 * * mon-fri'"


class Field(NamedTuple):
    """A place in the expression: what it is called, its largest number, and the names it has for numbers."""

    name: str
    most: int
    words: str = ""


FIELDS = (
    Field("minute", 59),
    Field("hour", 23),
    Field("day of month", 31),
    Field("month", 12, "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"),
    Field("day of week", 7, "sun|mon|tue|wed|thu|fri|sat"),
)


@dataclass(frozen=True)
class Cron:
    """The instants of a schedule.

    Where neither day of month nor day of week begins with `*`, a day of either kind counts, as in every cron. A local
    time that clocks jump over is due at the jump; one that exists twice is due once, the first time.

    Attributes:
        expression: Minute, hour, day of month, month and day of week: numbers, names, `*`, ranges, lists, steps.
        zone: IANA name of the time zone whose clock is read.

    Raises:
        InputError: The expression or the zone cannot be read, or the time never comes.

    Example:
        >>> cron = Cron("30 6 * * *", "Europe/London")
        >>> cron.next_after(datetime(2026, 3, 28, 12, tzinfo=UTC)).isoformat()
        '2026-03-29T05:30:00+00:00'
    """

    expression: str
    zone: str = "UTC"

    def __post_init__(self) -> None:
        """Refuse what cannot be read."""
        from cronsim import CronSimError

        fields = self.expression.split()
        if len(fields) != len(FIELDS):
            raise InputError(f"The expression {self.expression[:100]!r} has {len(fields)} fields.", allowed=ALLOWED)
        for text, field in zip(fields, FIELDS, strict=True):
            _require_known(text, field)
        time_zone(self.zone)
        try:
            self.next_after(datetime(2024, 1, 1, tzinfo=UTC))
        except (CronSimError, StopIteration) as error:
            raise InputError(
                f"The expression {self.expression!r} names no time that comes. {error}".strip(), allowed=ALLOWED
            ) from error

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Every due instant after another, in order, in UTC, without end."""
        from cronsim import CronSim

        zone, last = time_zone(self.zone), instant
        # The library counts what the clock shows, without a zone: what that means in ours is said here.
        reading = instant.astimezone(zone).replace(tzinfo=None, microsecond=0)
        for due in CronSim(self.expression, reading):
            found = first_instant(due, zone)
            if found > last:
                last = found
                yield found

    def next_after(self, instant: datetime) -> datetime:
        """The first due instant after another, in UTC."""
        return next(self.after(instant))

    def latest(self, after: datetime, until: datetime) -> datetime | None:
        """The last due instant after one and not after another, in UTC; None where none lies between."""
        back = timedelta(minutes=1)
        while True:
            begin = max(after, until - back)
            found = list(takewhile(lambda due: due <= until, self.after(begin)))
            if found or begin == after:
                return found[-1] if found else None
            # Twice as far each time: a year without a fire is crossed in twenty looks, whatever is due how often.
            back *= 2


def _require_known(text: str, field: Field) -> None:
    """Refuse what a field cannot hold: crons disagree about the rest, so none of it is taken."""
    one = rf"(?:\d{{1,2}}|{field.words})" if field.words else r"\d{1,2}"
    part = rf"(?:\*|{one}(?!-)|({one})-(?!\1\b){one})(?:/\d{{1,2}})?"
    known = all(re.fullmatch(part, each, re.IGNORECASE | re.ASCII) for each in text.split(","))
    if not known or not all(0 < int(step) <= field.most for step in re.findall(r"/(\d+)", text)):
        words = f", {field.words.replace('|', ' ')}" if field.words else ""
        raise InputError(
            f"The {field.name} was given as {text[:60]!r}.",
            allowed=f"numbers to {field.most}{words}, `*`, ranges `a-b`, steps `*/n` to {field.most}, lists `a,b`",
        )
