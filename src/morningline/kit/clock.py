"""The clock: now as a UTC instant, and where a local calendar day begins and ends."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from zoneinfo import ZoneInfo

    import polars as pl

ONE_DAY = timedelta(days=1)
_rehearsed: datetime | None = None


def utc_now() -> datetime:
    """Return the present instant, aware and in UTC; in a rehearsal the instant at which its clock stands."""
    return _rehearsed or datetime.now(UTC)


@contextmanager
def rehearsal() -> Iterator[Callable[[datetime], None]]:
    """Let this process live through days of a made-up world; afterwards its clock is the real one again.

    Yields:
        What lets the clock of the process stand at an instant (UTC).

    Example:
        >>> with rehearsal() as turn_to:
        ...     turn_to(datetime(2024, 11, 30, 22, tzinfo=UTC))
        ...     utc_now().isoformat()
        '2024-11-30T22:00:00+00:00'
    """
    try:
        yield _stand_at
    finally:
        _stand_at(None)


def _stand_at(instant: datetime | None) -> None:
    global _rehearsed  # noqa: PLW0603 - the clock of the process, as the system's is
    _rehearsed = instant and instant.astimezone(UTC)


def time_zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name.

    Raises:
        InputError: There is none of that name.
    """
    from zoneinfo import ZoneInfo

    try:
        # Some systems call their own zone `localtime`: it is another on every machine.
        return ZoneInfo("" if name == "localtime" else name)
    # A folder of the zone database ("Europe") is an OSError, a path that climbs out of it a ValueError.
    except (KeyError, ValueError, OSError) as error:
        raise InputError(
            f"{name!r} is not a time zone.",
            allowed="IANA names such as Europe/London or UTC",
            do="Look the name up in the IANA time zone list; abbreviations such as BST are not names.",
        ) from error


def start_of_local_day(day: date, zone: str) -> datetime:
    """Find the first instant whose local date is `day` or later.

    Where clocks jump over midnight the day starts at the jump; where midnight happens twice, at the first; a
    day that a zone skipped altogether (Apia, 30 December 2011) starts where the next one does.

    Args:
        day: The local calendar day.
        zone: IANA name of the time zone, such as `Europe/London`.

    Returns:
        An aware UTC instant.

    Raises:
        InputError: `zone` is not the name of a time zone.

    Example:
        >>> start_of_local_day(date(2024, 7, 1), "Europe/London").isoformat()
        '2024-06-30T23:00:00+00:00'
    """
    return _start(day, time_zone(zone))


def first_instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Find the first instant at which the clocks of a zone show a time, or a later one.

    A time that exists twice is meant where it comes first; one that clocks jump over is at the jump.

    Args:
        local: A time on the clock, without a zone.
        zone: Where that clock hangs.

    Returns:
        An aware UTC instant.

    Example:
        >>> first_instant(datetime(2024, 3, 31, 1, 30), time_zone("Europe/London")).isoformat()
        '2024-03-31T01:00:00+00:00'
    """
    reading = local.replace(tzinfo=zone, fold=0)
    later = reading.astimezone(UTC)
    if later.astimezone(zone).replace(tzinfo=None) == local:
        return later
    # The time lies in a gap: PEP 495 gives the offset before the jump to fold 0, the one after it to fold 1,
    # so the jump is between the two readings, and the local clock only moves forward there.
    earlier = reading.replace(fold=1).astimezone(UTC)
    while later - earlier > timedelta(seconds=1):
        middle = earlier + timedelta(seconds=(later - earlier) // timedelta(seconds=2))
        if middle.astimezone(zone).replace(tzinfo=None) >= local:
            later = middle
        else:
            earlier = middle
    return earlier if earlier.astimezone(zone).replace(tzinfo=None) >= local else later


def local_day_bounds(days: pl.Series, zone: str) -> pl.DataFrame:
    """Give each distinct local day its first instant and the first instant of the day after.

    Args:
        days: Local calendar days (dtype Date); nulls are ignored.
        zone: IANA name of the time zone.

    Returns:
        A row a distinct day, in order: `day` (Date), `starts_at` and `ends_at` (UTC, microseconds). A moment
        is within the day when `starts_at <= moment < ends_at`.

    Raises:
        InputError: `zone` is not the name of a time zone, or `days` does not hold dates.
    """
    import polars as pl

    if days.dtype != pl.Date:
        raise InputError(
            f"Local days were given as {days.dtype}.",
            allowed="a series of dates",
            do="Cast the column to pl.Date.",
        )
    known = time_zone(zone)
    distinct: list[date] = days.drop_nulls().unique().sort().to_list()
    instant = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        {
            "day": distinct,
            "starts_at": [_start(day, known) for day in distinct],
            "ends_at": [_start(day + ONE_DAY, known) for day in distinct],
        },
        schema={"day": pl.Date, "starts_at": instant, "ends_at": instant},
    )


def _start(day: date, zone: ZoneInfo) -> datetime:
    return first_instant(datetime.combine(day, time()), zone)
