"""When a schedule is due: held against a clock that is watched minute by minute, over zones and years."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from morningline.kit.errors import InputError
from morningline.runs.cron import Cron

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE = timedelta(minutes=1)
# Half-hour and 45-minute changes, changes at midnight, a whole day that never was, a winter that is the exception.
ZONES = (
    "UTC",
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Asia/Beirut",
    "America/Havana",
    "Asia/Pyongyang",
)
NAMES = {
    3: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    4: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


def values_of(text: str, place: int) -> set[int]:
    """What a field allows, read the plain way."""
    low, high = BOUNDS[place]
    for number, name in enumerate(NAMES.get(place, []), start=low):
        text = text.lower().replace(name, str(number))
    found: set[int] = set()
    for part in text.split(","):
        numbers, _, step = part.partition("/")
        first, _, last = numbers.partition("-")
        if numbers == "*":
            begin, end = low, high
        else:
            begin = int(first)
            end = int(last) if last else (high if step else begin)
        found |= set(range(begin, end + 1, int(step or 1)))
    return {value % 7 for value in found} if place == 4 else found


def meant(expression: str) -> Callable[[datetime], bool]:
    """Whether a clock that shows this shows a time of the expression."""
    texts = expression.split()
    minute, hour, day, month, weekday = (values_of(text, place) for place, text in enumerate(texts))
    either = not texts[2].startswith("*") and not texts[4].startswith("*")

    def is_meant(reading: datetime) -> bool:
        if reading.minute not in minute or reading.hour not in hour or reading.month not in month:
            return False
        by_day, by_weekday = reading.day in day, reading.isoweekday() % 7 in weekday
        return by_day or by_weekday if either else by_day and by_weekday

    return is_meant


def watched(expression: str, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    """Watch the clock on the wall each minute: due is when it first shows a meant time, or has just passed one by."""
    clock, is_meant, found = ZoneInfo(zone), meant(expression), []
    # From before, so that what the clock showed already is known.
    now = begin - timedelta(hours=3)
    seen = now.astimezone(clock).replace(tzinfo=None)
    while (now := now + MINUTE) <= end:
        shows = now.astimezone(clock).replace(tzinfo=None)
        due = False
        while seen < shows:
            seen += MINUTE
            due = due or is_meant(seen)
        if due and now > begin:
            found.append(now)
    return found


def numbers(low: int, high: int) -> st.SearchStrategy[str]:
    one = st.integers(low, high).map(str)
    pair = st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted)
    span = pair.filter(lambda ends: ends[0] < ends[1]).map(lambda ends: f"{ends[0]}-{ends[1]}")
    step = st.integers(1, max(high // 2, 2)).map(str)
    stepped = st.tuples(st.one_of(st.just("*"), span), step).map("/".join)
    return st.lists(st.one_of(one, span, stepped), min_size=1, max_size=3).map(",".join)


@st.composite
def expressions(draw: st.DrawFn) -> str:
    """Expressions that are due now and then within a few days."""
    minute = draw(numbers(0, 59))
    hour = draw(st.one_of(st.just("*"), numbers(0, 23)))
    day = draw(st.one_of(st.just("*"), st.just("*"), numbers(1, 31)))
    month = draw(st.one_of(st.just("*"), st.just("*/2"), st.just("mar-nov")))
    weekday = draw(st.one_of(st.just("*"), numbers(0, 7), st.sampled_from(["mon-fri", "SUN", "tue,sat"])))
    return f"{minute} {hour} {day} {month} {weekday}"


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone, and an instant near which its clocks change, where they do in that year."""
    zone = draw(st.sampled_from(ZONES))
    clock = ZoneInfo(zone)
    year = datetime(draw(st.integers(2005, 2032)), 1, 1, tzinfo=UTC)
    days = [year + timedelta(days=number) for number in range(366)]
    jumps = [a for a, b in pairwise(days) if a.astimezone(clock).utcoffset() != b.astimezone(clock).utcoffset()]
    base = draw(st.sampled_from(jumps)) if jumps else year + timedelta(days=draw(st.integers(0, 364)))
    return zone, base - timedelta(minutes=draw(st.integers(0, 1_440)))


@settings(max_examples=40)
@given(expressions(), changes())
@example("30 1 * * *", ("Europe/London", datetime(2026, 3, 28, 12, tzinfo=UTC)))
@example("30 1 * * *", ("Europe/London", datetime(2026, 10, 24, 12, tzinfo=UTC)))
@example("*/20 * * * *", ("Europe/London", datetime(2026, 10, 24, 12, tzinfo=UTC)))
@example("0 12 30 12 *", ("Pacific/Apia", datetime(2011, 12, 29, 12, tzinfo=UTC)))
@example("15 0 * * *", ("Asia/Beirut", datetime(2021, 3, 27, 12, tzinfo=UTC)))
def test_due_is_what_a_watched_clock_shows(expression: str, where: tuple[str, datetime]):
    zone, begin = where
    end = begin + timedelta(days=2)
    wanted = watched(expression, zone, begin, end)
    cron = Cron(expression, zone)
    found = [due for due in islice(cron.after(begin), len(wanted) + 1) if due <= end]
    assert found == wanted, (expression, zone, begin)
    assert cron.latest(begin, end) == (wanted[-1] if wanted else None)


@given(expressions(), changes(), st.integers(0, 4_000))
def test_the_instants_after_any_instant_are_the_rest_of_those_before(
    expression: str, where: tuple[str, datetime], minutes: int
):
    zone, begin = where
    cron = Cron(expression, zone)
    found = list(islice(cron.after(begin), 6))
    assert found == sorted(set(found))
    assert all(due > begin for due in found)
    assert [cron.next_after(due) for due in found[:-1]] == found[1:]
    later = begin + timedelta(minutes=minutes)
    assert cron.latest(begin, later) == max((due for due in cron_until(cron, begin, later)), default=None)


def cron_until(cron: Cron, begin: datetime, end: datetime) -> list[datetime]:
    found = []
    for due in cron.after(begin):
        if due > end:
            return found
        found.append(due)
    return found


def test_a_time_that_is_jumped_over_is_due_at_the_jump_once():
    spring = Cron("*/15 1 * * *", "Europe/London").after(datetime(2026, 3, 29, tzinfo=UTC))
    assert [due.isoformat() for due in islice(spring, 2)] == ["2026-03-29T01:00:00+00:00", "2026-03-30T00:00:00+00:00"]


def test_a_time_that_comes_twice_is_due_the_first_time():
    autumn = Cron("30 1 * * *", "Europe/London").after(datetime(2026, 10, 25, tzinfo=UTC))
    assert [due.isoformat() for due in islice(autumn, 2)] == ["2026-10-25T00:30:00+00:00", "2026-10-26T01:30:00+00:00"]


def test_a_year_without_a_fire_is_looked_through_quickly():
    leap = Cron("0 0 29 2 *")
    assert leap.latest(datetime(2021, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)) == datetime(
        2024, 2, 29, tzinfo=UTC
    )
    assert leap.latest(datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("* * * * * *", "6 fields"),
        ("@daily", "1 fields"),
        ("60 * * * *", "Bad"),
        ("0 24 * * *", "Bad"),
        ("*/90 * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("5-5/2 * * * *", "minute"),
        ("0 22-2 * * *", "comes"),
        ("0 0 L * *", "day of month"),
        ("0 0 ? * *", "day of month"),
        ("0 0 * * mon#2", "day of week"),
        ("H * * * *", "minute"),
        ("0 0 31 feb *", "no time that comes"),
        ("0 0 31 4,6 *", "no time that comes"),
        ("٣ * * * *", "minute"),
        ("0 0 jan * *", "day of month"),
    ],
)
def test_what_crons_disagree_about_or_never_comes_is_refused(expression: str, says: str):
    with pytest.raises(InputError, match=says):
        Cron(expression)


@pytest.mark.parametrize("zone", ["", "BST", "Europe", "../UTC", "Mars/Olympus", "a\0b", "localtime"])
def test_a_zone_that_is_none_is_refused(zone: str):
    with pytest.raises(InputError, match="time zone"):
        Cron("0 0 * * *", zone)
