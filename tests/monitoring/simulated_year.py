"""Days of the simulated feed as facts, without HTTP: its answers are read, loaded and counted as a collection does."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from domains.racing.feeds.racing_api_facts import Collected, payload
from morningline.domains.racing.simulator.answers import Answers
from morningline.domains.racing.simulator.faults import Faults
from morningline.domains.racing.simulator.pages import Pages
from morningline.domains.racing.simulator.settings import Clock, SimulatorSettings
from morningline.facts.quality_measures import measure
from morningline.wiring.program import domain_named

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from morningline.kit.database import Database
    from morningline.sources.feed import Payload

AT_A_TIME, PAGE = 14, 50


def counts_of(database: Database, faults: str, seed: int, first: date, count: int) -> pl.DataFrame:
    """Load days of a simulated feed, and count them.

    Args:
        database: With every table and no rows.
        faults: The feed's profile of faults.
        seed: The world.
        first: First day.
        count: How many days.

    Returns:
        Rows in the shape of `quality_measures.MEASURE`.
    """
    days = [first + timedelta(days=n) for n in range(count)]
    settings = SimulatorSettings(seed=seed, today=days[-1] + timedelta(days=40), bookmakers=1, faults=faults)
    answers = Answers(settings, Pages(settings, Clock(settings.today)), Faults(faults, seed))
    collected = Collected(database)
    for start in range(0, count, AT_A_TIME):
        collected.load(*(body for day in days[start : start + AT_A_TIME] for body in _bodies(answers, day)))
    with database.connect(read_only=True) as connection:
        return measure(connection, domain_named("racing"), days, now=datetime(days[-1].year + 1, 12, 1, tzinfo=UTC))


def _bodies(answers: Answers, day: date) -> Iterator[Payload]:
    """What the feed says of a day, long after."""
    fetched_at = datetime(day.year + 2, 1, 1, tzinfo=UTC)
    cards = answers.answer("/v1/racecards/pro", [("date", str(day)), ("limit", "500")])
    if cards.status == 200:
        yield payload(cards.body, "racecards", day=day, fetched_at=fetched_at)
    skip, total = 0, 1
    while skip < total:
        asked = {"start_date": str(day), "end_date": str(day), "limit": str(PAGE), "skip": str(skip)}
        page = answers.answer("/v1/results", list(asked.items()))
        if page.status != 200:
            return
        yield payload(page.body, "results", day=day, fetched_at=fetched_at)
        skip, total = skip + PAGE, json.loads(page.body)["total"]
