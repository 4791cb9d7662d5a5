"""The plan of a collection: which fetches are missing or due, which cannot be made, and how long it will take."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from morningline.collection.ledger import SETTLED, Item, Standing, standings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import psycopg

    from morningline.sources.feed import Feed
    from morningline.sources.feed_settings import FeedSettings

DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a user asks to be collected.

    Args:
        endpoints: Which of the feed's endpoints of days.
        first: First local day.
        last: Last local day.
        again: Fetch what is complete anew.
        now: The instant the plan is made (UTC).
    """

    endpoints: tuple[str, ...]
    first: date
    last: date
    again: bool = False
    now: datetime


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is there, what is missing, and what cannot be had.

    Args:
        items: The fetches to make, in order of day and endpoint.
        done: Days of endpoints that are complete, by endpoint.
        refused: Why days of endpoints cannot be asked: endpoint and reason to the number of days.
        calls: Calls expected, by limit class.
        seconds: Time these calls take at the feed's limits.
    """

    items: Sequence[Item]
    done: Mapping[str, int]
    refused: Mapping[tuple[str, str], int] = field(default_factory=dict)
    calls: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def months(self) -> dict[str, list[Item]]:
        """The fetches by month, such as `2015-01`."""
        months: dict[str, list[Item]] = {}
        for item in self.items:
            months.setdefault(f"{item.day:%Y-%m}", []).append(item)
        return months


def make_plan(connection: psycopg.Connection[Any], feed: Feed, settings: FeedSettings, wanted: Wanted) -> Plan:
    """Compare what is wanted with the ledger.

    Args:
        connection: An open connection.
        feed: The feed.
        settings: What is in force for it.
        wanted: Which days of which endpoints.

    Returns:
        The fetches still to make: days that are missing, failed or partial, and days whose results the feed may
        have corrected since.
    """
    zone = ZoneInfo(feed.time_zone)
    today = wanted.now.astimezone(zone).date()
    known = standings(connection, feed.name, wanted.endpoints, wanted.first, wanted.last)
    items: list[Item] = []
    done = dict.fromkeys(wanted.endpoints, 0)
    refused: dict[tuple[str, str], int] = {}
    for offset in range((wanted.last - wanted.first).days + 1):
        day = wanted.first + offset * DAY
        for endpoint in wanted.endpoints:
            standing = known.get((endpoint, day))
            why = feed.why_not(endpoint, day, settings, today)
            if why is not None and (standing is None or standing.status not in SETTLED):
                refused[endpoint, why] = refused.get((endpoint, why), 0) + 1
            elif why is not None or not _due(standing, feed.corrections.get(endpoint, ()), day, zone, wanted):
                done[endpoint] += 1
            else:
                items.append(Item(endpoint=endpoint, day=day, generation=next_generation(standing)))
    calls = _calls(connection, feed, settings, items, today)
    seconds = max((n / settings.limits[c] for c, n in calls.items() if settings.limits.get(c)), default=0.0)
    return Plan(items=items, done=done, refused=refused, calls=calls, seconds=seconds)


def next_generation(standing: Standing | None) -> int:
    """What the next fetch of a day is called: the same where it never ended, so that no page is fetched twice."""
    if standing is None:
        return 1
    return standing.generation if standing.status in {"planned", "failed", "refused"} else standing.generation + 1


def _due(standing: Standing | None, corrections: Sequence[int], day: date, zone: ZoneInfo, wanted: Wanted) -> bool:
    """Whether a day is to be fetched: it is not there, or was fetched before a correction may have come."""
    if wanted.again or standing is None or standing.status not in SETTLED or standing.fetched_at is None:
        return True
    end = datetime.combine(day + DAY, datetime.min.time(), zone)
    return any(standing.fetched_at < end + days * DAY <= wanted.now for days in corrections)


def _calls(
    connection: psycopg.Connection[Any],
    feed: Feed,
    settings: FeedSettings,
    items: Sequence[Item],
    today: date,
) -> dict[str, int]:
    """Calls to expect by limit class: as many pages a day as the days so far had."""
    rows = connection.execute(
        "SELECT endpoint, avg(pages) FROM coverage WHERE feed = %s AND pages > 0 GROUP BY endpoint", (feed.name,)
    ).fetchall()
    pages = {endpoint: float(average) for endpoint, average in rows}
    expected: dict[str, float] = {}
    for item in items:
        ask = feed.first(item.endpoint, item.day, settings, today=today, generation=item.generation)
        if ask is not None:
            expected[ask.limit] = expected.get(ask.limit, 0.0) + max(1.0, pages.get(item.endpoint, 1.0))
    return {name: round(number) for name, number in expected.items()}
