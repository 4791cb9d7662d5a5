"""One day computed alone, as it is live, equals the same day out of the whole history, to the last bit."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from chance_events import differing
from databases import new_database
from morningline.domains.racing.events import racing_events
from morningline.domains.racing.features import FEATURES
from morningline.domains.racing.schema import CATALOG
from morningline.facts.store import load
from morningline.features.cutoffs import MORNING
from morningline.features.engine import compute
from morningline.sources.importing import import_files
from morningline.sources.mapping import read_mapping
from morningline.wiring.program import domain_named, mapping_path
from racing_facts import events_from, small_world, untidy, versions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from morningline.kit.database import Database

HONG_KONG = Path(__file__).parents[1] / ".." / "shared" / "data" / "hk"
NOW = datetime(2040, 1, 1, tzinfo=UTC)


def whole_history(database: Database) -> pl.DataFrame:
    with database.connect(read_only=True) as connection:
        return compute(racing_events(connection, as_of=NOW, cutoff=MORNING), FEATURES.steps)


def days_that_differ(database: Database, batch: pl.DataFrame, days: int) -> dict[str, list[str]]:
    """For some days of chance: what is not the same when each is computed alone at its cut-off."""
    moments = batch.select("day", "as_of").unique().sort("day", "as_of")
    found = {}
    chosen = random.Random(20).sample(range(moments.height), days)
    for row in chosen:
        day, cutoff = moments.row(row)
        with database.connect(read_only=True) as connection:
            live = compute(racing_events(connection, as_of=cutoff, cutoff=MORNING, last=day), FEATURES.steps)
        mine = (pl.col("day") == day) & (pl.col("as_of") == cutoff)
        assert batch.filter(mine).height > 0
        names = differing(batch.filter(mine), live.filter(mine))
        if names:
            found[str(day)] = names
    return found


@pytest.fixture(scope="module")
def synthetic(postgres_url: str) -> Iterator[Database]:
    """The synthetic world in a real PostgreSQL, its facts as untidy as life."""
    facts = untidy(small_world(), 11)
    with new_database(postgres_url) as database:
        with database.connect() as connection:
            for table in CATALOG.tables:
                for part in versions(table.name, facts[table.name]) if table.name in facts else ():
                    load(connection, table, part)
        yield database


def test_each_day_of_the_synthetic_world_alone_equals_the_whole_history(synthetic):
    batch = whole_history(synthetic)
    assert batch.height > 3_000
    assert days_that_differ(synthetic, batch, 8) == {}


def test_what_came_of_runners_is_read_as_it_was_brought(synthetic):
    with synthetic.connect(read_only=True) as connection:
        read = racing_events(connection, as_of=NOW, cutoff=MORNING).outcomes
    brought = events_from(untidy(small_world(), 11)).outcomes
    order = ["event_id", "entrant_id", "usable_at"]
    assert brought["until"].count() > 100
    assert brought["opened"].count() > 100
    assert read.sort(order).equals(brought.sort(order))


def test_the_events_of_some_days_are_those_days_of_all_events(synthetic):
    first, last = date(2023, 3, 20), date(2023, 4, 2)
    with synthetic.connect(read_only=True) as connection:
        whole = racing_events(connection, as_of=NOW, cutoff=MORNING)
        some = racing_events(connection, as_of=NOW, cutoff=MORNING, first=first, last=last)
    entrants = whole.entrants.filter(pl.col("day").is_between(first, last))
    assert 300 < entrants.height < whole.entrants.height
    assert some.entrants.equals(entrants)
    assert some.outcomes.equals(whole.outcomes.join(entrants, on=["event_id", "entrant_id"], how="semi"))


def test_a_preparation_that_uses_what_comes_later_is_seen(synthetic, monkeypatch):
    # Prices waited for as long as it takes, and used from the result on: right in hindsight, wrong on the day.
    from morningline.domains.racing import events, outcomes, prices

    for_ever, honest = prices.PATIENCE * 400, events.outcomes
    monkeypatch.setattr(prices, "PATIENCE", for_ever)
    monkeypatch.setattr(outcomes, "PATIENCE", for_ever)

    def in_hindsight(results: pl.DataFrame, odds: pl.DataFrame, sectionals: pl.DataFrame) -> pl.DataFrame:
        return honest(results, odds.with_columns(known_at=pl.lit(datetime(2000, 1, 1, tzinfo=UTC))), sectionals)

    monkeypatch.setattr(events, "outcomes", in_hindsight)
    assert days_that_differ(synthetic, whole_history(synthetic), 8) != {}


@pytest.mark.shared
@pytest.mark.proof
def test_days_of_hong_kong_alone_equal_the_whole_history(postgres_url):
    if not HONG_KONG.is_dir():
        pytest.skip("the real races are not there: ../shared/data/hk beside the repository")
    with new_database(postgres_url) as hong_kong:
        racing = domain_named("racing")
        import_files(read_mapping(mapping_path("hk")), HONG_KONG, racing, hong_kong, lambda *_: None)
        batch = whole_history(hong_kong)
        assert batch.height > 140_000
        assert days_that_differ(hong_kong, batch, 4) == {}
