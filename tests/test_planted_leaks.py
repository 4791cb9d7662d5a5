"""A leak of each kind is planted in the engine, and the leak check names the features that it is in."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import polars as pl
import pytest

from every_step import STEPS, cutoffs, leaks, leaks_of_facts
from features_by_loops import history, on, story
from morningline.domains.racing.features import FEATURES
from morningline.features import engine, listings
from morningline.features.columns import numbers
from morningline.features.definitions import Expression, History, Rating, WithinEvent
from morningline.features.engine import Events
from morningline.features.state import IDENTITY, State
from morningline.features.windows import Expanding, Rivals
from racing_facts import Facts, events_from, small_world

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

# What the card of the day says, and nothing else.
OF_THE_CARD = {step.name for step in STEPS if isinstance(step, WithinEvent) and step.of == "said"}


@pytest.fixture(scope="module")
def world() -> Facts:
    return small_world()


@pytest.fixture(scope="module")
def season() -> Events:
    """Three weeks of two races a day, at one and at three o'clock; results known in the evening, some corrected."""
    luck = random.Random(4)

    def entrant(day: int, off: float, who: str) -> dict:
        evening, score = day + 0.9, float(luck.randint(1, 9))
        corrected = luck.choice([None, None, day + 5.0])
        versions = [(evening, corrected, score)] + [(corrected, None, score + 10)] * (corrected is not None)
        card = {"who": who, "where": "north", "stall": float(luck.randint(0, 1)), "said": luck.uniform(1, 50)}
        return {"day": day + off, **card, "versions": versions}

    field = ("ann", "bob", "cy", "dan", "eve")
    runs = [entrant(day, off, who) for day in range(1, 22) for off in (0.54, 0.63) for who in luck.sample(field, 4)]
    return story(*runs)


def planted(monkeypatch, change: Callable[[Events], Events]) -> None:
    """An engine that makes something else of the events before it is honest."""
    honest = State.__init__

    def changed(state: State, events: Events, *rest: object) -> None:
        honest(state, change(events), *rest)

    monkeypatch.setattr(State, "__init__", changed)


def test_an_honest_engine_is_not_reported(season):
    for instant in (on(10.54), on(10.63), on(10.9), on(12)):
        assert leaks(season, STEPS, instant) == []


def test_the_result_of_the_same_race_is_reported(world, monkeypatch):
    honest = State.__init__

    def with_results_on_the_card(state: State, events: Events, *rest: object) -> None:
        honest(state, events, *rest)
        peek = events.outcomes.select(*IDENTITY, pl.col("won").alias("won today"))
        state.entrants = state.entrants.join(peek, on=list(IDENTITY), how="left", maintain_order="left")

    monkeypatch.setattr(State, "__init__", with_results_on_the_card)
    peeking = Expression(name="peeking", sql='"won today"', description="A planted leak.")
    events = events_from(world)
    assert leaks(events, (*FEATURES.steps, peeking), cutoffs(events)[20]) == ["peeking"]
    assert leaks_of_facts(world, cutoffs(events)[20], (*FEATURES.steps, peeking)) == ["peeking"]


def test_a_clock_that_is_a_day_fast_is_reported(world, monkeypatch):
    honest = listings.usable_instants
    monkeypatch.setattr(listings, "usable_instants", lambda instants, until: honest(instants, until + listings.DAY))
    events = events_from(world)
    found = leaks(events, FEATURES.steps, cutoffs(events)[20])
    assert {"horse_runs", "jockey_win_rate", "draw_finish", "trainer_strength_90d"} <= set(found)
    assert "rows" not in found
    assert leaks_of_facts(world, cutoffs(events)[20]) != []


def test_the_result_of_an_earlier_race_of_the_day_that_was_known_only_in_the_evening_is_reported(season, monkeypatch):
    def known_at_the_off(events: Events) -> Events:
        off = events.entrants.select(*IDENTITY, (pl.col("cutoff") + pl.duration(minutes=5)).alias("off"))
        outcomes = events.outcomes.join(off, on=list(IDENTITY))
        first = pl.col("usable_at") == pl.col("usable_at").min().over(IDENTITY)
        known = pl.when(first).then("off").otherwise("usable_at")
        return Events(events.entrants, outcomes.with_columns(usable_at=known).drop("off"))

    planted(monkeypatch, known_at_the_off)
    found = set(leaks(season, STEPS, on(10.63)))
    assert {history("count").name, history("mean", key=Rivals(("who",))).name, "elo", "skill", "above"} <= found
    assert not found & OF_THE_CARD
    # Before the first race of the day nothing of that day was used.
    assert leaks(season, STEPS, on(10.54)) == []


def test_a_correction_that_is_read_before_it_was_known_is_reported(season, monkeypatch):
    def corrected_from_the_start(events: Events) -> Events:
        versions = events.outcomes.sort(*IDENTITY, "usable_at")
        first_known = pl.col("usable_at").min().over(IDENTITY)
        newest = versions.with_columns(usable_at=first_known).unique(IDENTITY, keep="last", maintain_order=True)
        return Events(events.entrants, newest.with_columns(until=pl.lit(None, newest.schema["until"])))

    planted(monkeypatch, corrected_from_the_start)
    found = set(leaks(season, STEPS, on(12.54)))
    means = [
        s.name for s in STEPS if isinstance(s, History) and s.aggregate == "mean" and isinstance(s.window, Expanding)
    ]
    assert {*means, "elo", history("mean", key=Rivals(("who",))).name} <= found
    # How many rows there are tells nothing of what they say.
    assert not found & (OF_THE_CARD | {history("count").name, history("days_since").name})


def test_a_par_of_all_rows_the_later_ones_too_is_reported(season, monkeypatch):
    def of_all_rows(step: engine.Centred, rows: pl.DataFrame) -> np.ndarray:
        value = rows.select("where", value=pl.Series(numbers(rows[step.of]), nan_to_null=True))
        return value.select(pl.col("value") - pl.col("value").mean().over("where"))["value"].to_numpy()

    monkeypatch.setattr(engine, "_centred", of_all_rows)
    found = set(leaks(season, STEPS, on(12.54)))
    centred = {s.name for s in STEPS if isinstance(s, History | Rating) and "centred" in vars(s).values()}
    # Ratings know who was ahead, and that is the same against any par.
    assert found >= {s for s in centred if s != "again"}
    assert not found & ({s.name for s in STEPS if isinstance(s, History)} - centred | OF_THE_CARD | {"elo", "skill"})


def test_a_rate_that_counts_the_row_itself_is_reported(season, monkeypatch):
    honest = State.__init__

    def with_rates_on_the_card(state: State, events: Events, *rest: object) -> None:
        honest(state, events, *rest)
        runs = events.outcomes.join(events.entrants.select(*IDENTITY, "cutoff", "who"), on=list(IDENTITY))
        # Of each entrant the mean of its earlier scores and of this one: the target is in its own encoding.
        rates = runs.sort("usable_at").select(
            *IDENTITY,
            (pl.col("score").cum_sum() / pl.col("score").cum_count())
            .over("who", order_by="usable_at")
            .alias("encoded"),
        )
        once = rates.unique(IDENTITY, keep="first", maintain_order=True)
        state.entrants = state.entrants.join(once, on=list(IDENTITY), how="left", maintain_order="left")

    monkeypatch.setattr(State, "__init__", with_rates_on_the_card)
    target = Expression(name="target", sql="encoded", description="A planted leak.")
    above = WithinEvent(name="target rank", of="target", how="rank", description="A planted leak.")
    assert leaks(season, (*STEPS, target, above), on(12.54)) == ["target", "target rank"]
