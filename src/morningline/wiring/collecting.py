"""The acts of collection by the words a user says: a feed's name becomes its client, its loader and its plan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

from msgspec import Meta

from morningline.kit.clock import utc_now
from morningline.kit.errors import InputError
from morningline.wiring.program import domain_named, feed_named, feeds

if TYPE_CHECKING:
    from collections.abc import Callable

    from morningline.collection.ledger import Item
    from morningline.collection.loading import Loader
    from morningline.collection.planning import Plan, Wanted
    from morningline.collection.reparsing import Reparsed
    from morningline.domains.contract import Domain
    from morningline.runs.run import Run
    from morningline.sources.client import FeedClient
    from morningline.sources.feed import Feed, Payload
    from morningline.wiring.program import Program

WORDS = ("masters", "events", "today", "results", "details")
"""What can be collected."""
PATIENCE_SECONDS = 600.0
"""How long a feed that does not answer is waited for before its days are given up for this time."""


@dataclass(frozen=True, kw_only=True)
class CollectRequest:
    """What a user asks to be collected, as a run's parameters.

    Args:
        feed: The feed.
        what: Some of `WORDS`, in the order they are collected.
        first: First local day, of `events` and `results`.
        last: Last local day; yesterday where not given.
        only: Which of the feed's endpoints of days; all where not given.
        again: Fetch what is complete anew.
        most: Of `details`, at most so many entities.
    """

    what: list[str]
    feed: str = "racing_api"
    first: date | None = None
    last: date | None = None
    only: str | None = None
    again: bool = False
    most: Annotated[int, Meta(ge=1)] = 1_000

    def __post_init__(self) -> None:
        """Refuse words that mean nothing."""
        if not self.what or set(self.what) - set(WORDS):
            raise InputError(f"What to collect was given as {self.what}.", allowed=f"some of {', '.join(WORDS)}")


def wanted_of(feed: Feed, request: CollectRequest, what: str, now: datetime) -> Wanted:
    """The days and endpoints that a word means.

    Raises:
        InputError: The feed has no such endpoint, or the days are in the wrong order.
    """
    from morningline.collection.planning import Wanted

    today = now.astimezone(ZoneInfo(feed.time_zone)).date()
    yesterday = today - timedelta(days=1)
    if what == "masters":
        return Wanted(endpoints=feed.masters, first=today, last=today, again=True, now=now)
    if what == "today":
        tomorrow = today + timedelta(days=1)
        return Wanted(endpoints=feed.days[:1], first=today, last=tomorrow, again=True, now=now)
    if request.only is not None and request.only not in feed.days:
        raise InputError(
            f"The feed {feed.name} has no endpoint {request.only!r}.",
            allowed=", ".join(feed.days),
            do="Correct --only.",
        )
    if what == "results":
        # Days before it are looked at too: the feed may have corrected them since.
        last = request.last or yesterday
        longest = max((max(days) for days in feed.corrections.values()), default=0)
        first = last - timedelta(days=longest)
        return Wanted(endpoints=feed.days[1:], first=first, last=last, again=request.again, now=now)
    chosen = (request.only,) if request.only else feed.days
    first, last = request.first or yesterday, request.last or yesterday
    if first > last:
        raise InputError(
            f"The days run from {first} to {last}.", allowed="a first day not after the last", do="Exchange them."
        )
    return Wanted(endpoints=chosen, first=first, last=last, again=request.again, now=now)


def day_named(feed: str, word: str) -> date:
    """The feed's local day that `today`, `yesterday` or a date means.

    Raises:
        InputError: It means no day.
    """
    today = utc_now().astimezone(ZoneInfo(feed_named(feed).time_zone)).date()
    named = {"today": today, "yesterday": today - timedelta(days=1)}
    try:
        return named[word] if word in named else date.fromisoformat(word)
    except ValueError:
        raise InputError(
            f"{word!r} is no day.", allowed="yesterday, today, or a date such as 2026-03-01", do="Correct --day."
        ) from None


def collect(program: Program, run: Run) -> dict[str, Any]:
    """Collect what a run's parameters ask for; the work of the kind `collect`."""
    from morningline.collection.collecting import Collector
    from morningline.sources.client import FeedClient
    from morningline.wiring.checking import parameters_of

    request = parameters_of(run.parameters, CollectRequest)
    feed = feed_named(request.feed)
    settings = program.feed_settings(feed)
    # The instant is part of the plan, so that a later attempt of the run plans the same.
    now = datetime.fromisoformat(run.step("begin", lambda: utc_now().isoformat()))
    today = now.astimezone(ZoneInfo(feed.time_zone)).date()
    loader = _loader(feed, domain_named(feed.domain), run.id)
    parts = []
    for what in request.what:
        with FeedClient(
            feed,
            settings,
            program.database,
            program.archive,
            run_id=run.id,
            urgent=what == "today",
            patience_seconds=PATIENCE_SECONDS,
            check=run.check,
        ) as client:
            if what == "details":
                done = _details(program, run, loader, client, request, today)
            else:
                collector = Collector(run, loader, settings, client, program.database)
                done = collector.collect(wanted_of(feed, request, what, now), today)
            parts.append({"what": what, **done})
    return _together(request.feed, parts)


def _details(
    program: Program, run: Run, loader: Loader, client: FeedClient, request: CollectRequest, today: date
) -> dict[str, Any]:
    from morningline.collection.committing import Committer
    from morningline.collection.details import collect_details

    endpoint = request.only or next(iter(loader.feed.details), "")
    if endpoint not in loader.feed.details:
        raise InputError(
            f"The feed {request.feed} has no details of {endpoint!r}.", allowed=", ".join(loader.feed.details) or "none"
        )
    with Committer(program.database) as committer:
        return collect_details(run, loader, client, committer, endpoint, most=request.most, today=today)


def _together(feed: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The summary of several collections of one run."""
    whole = all(part["status"] == "complete" for part in parts)
    return {"feed": feed, "status": "complete" if whole else "partial", "parts": parts}


def dry_run(program: Program, request: CollectRequest) -> list[tuple[str, Plan]]:
    """What a collection would do: the plan of each word, without a call."""
    from morningline.collection.planning import make_plan

    feed = feed_named(request.feed)
    settings, now = program.feed_settings(feed), utc_now()
    with program.database.connect(read_only=True) as connection:
        return [
            (what, make_plan(connection, feed, settings, wanted_of(feed, request, what, now))) for what in request.what
        ]


def plain_plans(plans: list[tuple[str, Plan]]) -> list[dict[str, Any]]:
    """Plans as plain values, ready for JSON."""
    return [
        {
            "what": what,
            "missing": len(plan.items),
            "complete": dict(plan.done),
            "refused": [{"endpoint": e, "reason": why, "days": n} for (e, why), n in plan.refused.items()],
            "calls": dict(plan.calls),
            "hours": round(plan.seconds / 3600, 3),
        }
        for what, plan in plans
    ]


def coverage(program: Program, feed: str | None) -> dict[str, Any]:
    """How far collection is: the running ones, days by endpoint and status, and the latest errors."""
    from morningline.collection.status import coverage_status
    from morningline.runs.store import Filters, list_runs

    with program.database.connect(read_only=True) as connection:
        running = list_runs(connection, Filters(kind="collect", status="running"))
        return {"running": running, **coverage_status(connection, feed)}


def reparse(program: Program, domain_name: str, progress: Callable[[str, float], None], *, check: bool) -> Reparsed:
    """Build a domain's facts anew from the archive alone."""
    from morningline.collection.reparsing import reparse as rebuild

    domain = domain_named(domain_name)
    loaders = {feed.name: _loader(feed, domain, None) for feed in feeds() if feed.domain == domain.name}
    archive = program.archive
    with program.database.connect() as connection, program.database.connect(read_only=True) as reader:

        def payloads_of(feed: str, item: Item) -> list[Payload]:
            rows = archive.payloads(reader, feed, item.endpoint, first=item.day, last=item.day)
            return [archive.read(row) for row in rows if row.generation == item.generation]

        return rebuild(connection, loaders, domain.catalog, payloads_of, progress, check=check)


def _loader(feed: Feed, domain: Domain, run_id: str | None) -> Loader:
    from morningline.collection.loading import Loader
    from morningline.sources.mapping import read_mapping

    return Loader(feed=feed, mapping=read_mapping(feed.mapping), rules=domain, run_id=run_id)
