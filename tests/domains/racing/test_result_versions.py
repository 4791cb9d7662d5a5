"""A result that is corrected counts as it was said until the correction came, and as corrected from then on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from every_step import leaks_of_facts
from morningline.domains.racing import events
from racing_facts import Facts, events_from, known_then, small_world, untidy

if TYPE_CHECKING:
    from datetime import datetime

RUNNER = ["race_id", "horse_id"]
IDENTITY = ["event_id", "entrant_id"]
WEEK = timedelta(days=7)


@pytest.fixture(scope="module")
def world() -> Facts:
    return small_world()


def with_correction(world: Facts, race: str, after: timedelta, **changes: pl.Expr) -> Facts:
    """The facts, and a later version of a race's results."""
    results = world["ra_results"]
    again = results.filter(pl.col("race_id") == race).with_columns(pl.col("known_at") + after, **changes)
    return {**world, "ra_results": pl.concat([again, results])}


def disqualify_the_winner(world: Facts, race: str, after: timedelta) -> Facts:
    won = pl.col("position") == 1
    outcome = pl.when(won).then(pl.lit("DSQ")).otherwise("outcome")
    return with_correction(world, race, after, outcome=outcome, position=pl.when(~won).then(pl.col("position") - 1))


def versions_of(facts: Facts, race: str) -> pl.DataFrame:
    return events_from(facts).outcomes.filter(pl.col("event_id") == race).sort("entrant_id", "usable_at")


def held_at(outcomes: pl.DataFrame, instant: datetime) -> pl.DataFrame:
    """What counted at an instant, without its clocks."""
    until = pl.col("until").is_null() | (pl.col("until") > instant)
    held = outcomes.filter((pl.col("usable_at") <= instant) & until)
    return held.drop("until").sort(IDENTITY)


def test_the_win_of_a_horse_that_is_disqualified_counts_until_it_is_and_then_the_second_has_won(world):
    race = world["ra_results"]["race_id"][0]
    first, second = (
        world["ra_results"].filter((pl.col("race_id") == race) & (pl.col("position") == n))["horse_id"][0]
        for n in (1, 2)
    )
    found = versions_of(disqualify_the_winner(world, race, WEEK), race)
    known_at = world["ra_results"].filter(pl.col("race_id") == race)["known_at"][0]
    said = found.select("entrant_id", "won", "finish_fraction", "usable_at", "until")
    assert said.filter(pl.col("entrant_id") == first).rows() == [
        (first, 1.0, 0.0, known_at, known_at + WEEK),
        (first, 0.0, 1.0, known_at + WEEK, None),
    ]
    assert said.filter(pl.col("entrant_id") == second)["won"].to_list() == [0.0, 1.0]


def test_who_is_said_again_as_before_keeps_one_version(world):
    race = world["ra_results"]["race_id"][0]
    again = with_correction(world, race, WEEK, comment=pl.lit("the stewards looked at it"))
    assert versions_of(again, race).equals(versions_of(world, race))


def test_a_run_that_is_declared_void_has_no_outcome_from_then_on(world):
    race, horse = world["ra_results"].row(0)[:2]
    void = pl.when(pl.col("horse_id") == horse).then(pl.lit("VOID")).otherwise("outcome")
    nowhere = pl.when(pl.col("horse_id") != horse).then("position")
    found = versions_of(with_correction(world, race, WEEK, outcome=void, position=nowhere), race)
    known_at = world["ra_results"].filter(pl.col("race_id") == race)["known_at"][0]
    assert found.filter(pl.col("entrant_id") == horse)["until"].to_list() == [known_at + WEEK]
    others = found.filter((pl.col("entrant_id") != horse) & pl.col("until").is_null())
    assert others["ran"].unique().to_list() == [found["ran"].max() - 1]


def test_a_version_that_was_corrected_before_it_could_be_used_is_none(world):
    race = world["ra_results"]["race_id"][0]
    facts = disqualify_the_winner(world, race, timedelta(minutes=5))
    unpriced = {**facts, "ra_odds": facts["ra_odds"].filter(pl.col("race_id") != race)}
    found = versions_of(unpriced, race)
    # Without a market the first version waits for a day, as the second does; only five minutes lie between.
    assert found.filter(pl.col("until").is_not_null()).select(
        pl.col("until") - pl.col("usable_at")
    ).to_series().unique().to_list() == [timedelta(minutes=5)]
    priced_late = facts["ra_odds"].with_columns(known_at=pl.col("known_at") + timedelta(minutes=9))
    found = versions_of({**facts, "ra_odds": priced_late}, race)
    assert found["until"].null_count() == found.height


@given(st.integers(0, 10_000), st.floats(0.2, 1.0))
@settings(deadline=None, max_examples=6)
def test_what_counted_at_an_instant_is_what_the_facts_of_that_instant_say(seed, when):
    facts = untidy(small_world(), seed)
    known = facts["ra_results"]["known_at"].unique().sort()
    instant = known[int(when * (len(known) - 1))]
    then = held_at(events_from(known_then(facts, instant)).outcomes, instant)
    now = held_at(events_from(facts).outcomes, instant)
    assert now.height > 0
    assert now.equals(then)


def test_a_corrected_result_that_is_used_from_the_start_is_reported(world, monkeypatch):
    honest = events.outcomes

    def in_hindsight(results: pl.DataFrame, odds: pl.DataFrame, sectionals: pl.DataFrame) -> pl.DataFrame:
        final = results.sort("known_at").with_columns(pl.col("known_at").first().over(RUNNER))
        return honest(final.unique(RUNNER, keep="last", maintain_order=True), odds, sectionals)

    race = world["ra_results"]["race_id"][0]
    facts = disqualify_the_winner(world, race, WEEK)
    instant = world["ra_results"].filter(pl.col("race_id") == race)["known_at"][0] + timedelta(days=5)
    assert leaks_of_facts(facts, instant) == []
    monkeypatch.setattr(events, "outcomes", in_hindsight)
    assert {"horse_win_rate", "jockey_win_rate", "horse_finish_1"} <= set(leaks_of_facts(facts, instant))
