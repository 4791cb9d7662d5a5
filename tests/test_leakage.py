"""No feature knows the future: deleting it, or shuffling the past, changes no bit of any value."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args, get_origin

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chance_events import chance_events, differing
from every_step import STEPS, cutoffs, leaks, leaks_of_facts
from features_by_loops import FIND
from morningline.domains.racing.features import FEATURES
from morningline.features.definitions import Aggregate, History, Rating, Step, Within, WithinEvent
from morningline.features.engine import Events, compute
from morningline.features.rating import System
from morningline.features.windows import Condition, Key, Rivals, Window
from racing_facts import Facts, events_from, small_world, untidy


@pytest.fixture(scope="module")
def world() -> Facts:
    return small_world()


def test_the_steps_of_these_tests_are_of_every_kind():
    histories = [step for step in STEPS if isinstance(step, History)]
    said = {type(step) for step in STEPS}, {step.how for step in STEPS if isinstance(step, WithinEvent)}
    asked = {s.aggregate for s in histories}, {type(s.window) for s in histories}, {type(s.key) for s in histories}
    conditions = {type(condition) for step in histories for condition in step.where}
    systems = {type(step.system) for step in STEPS if isinstance(step, Rating)}
    every = (Step, Within, Aggregate, Window, Key, Condition, System)
    kinds = [{get_origin(kind) or kind for kind in get_args(any_of)} for any_of in every]
    assert [*said, *asked, conditions, systems] == kinds


@given(chance_events(), st.data())
@settings(FIND, max_examples=8)
def test_deleting_the_future_changes_no_bit(events, data):
    for instant in data.draw(st.permutations(cutoffs(events)))[:2]:
        assert leaks(events, STEPS, instant) == []


@given(chance_events(), st.randoms(use_true_random=False))
@settings(FIND, max_examples=8)
def test_shuffling_the_rows_changes_no_bit(events, luck):
    def shuffled(frame: pl.DataFrame) -> pl.DataFrame:
        order = list(range(frame.height))
        luck.shuffle(order)
        return frame[order]

    again = Events(shuffled(events.entrants), shuffled(events.outcomes))
    assert differing(compute(events, STEPS), compute(again, STEPS)) == []


@given(chance_events(), chance_events())
@settings(FIND, max_examples=8)
def test_what_happens_to_strangers_changes_no_bit_of_a_history(events, others):
    apart = {"event_id": pl.col("event_id") + "'", "who": pl.col("who") + "'"}
    entrants = others.entrants.with_columns(**apart)
    outcomes = others.outcomes.with_columns(event_id=apart["event_id"])
    both = Events(pl.concat([events.entrants, entrants]), pl.concat([events.outcomes, outcomes]))
    # Histories and ratings of entities that are no strangers' too.
    own = (("who",), Rivals(("who",)), Rivals(("who",), "ahead"))
    steps = [s for s in STEPS if isinstance(s, History | Rating) and s.key in own and "score" in vars(s).values()]
    assert len(steps) > 100
    together = compute(both, steps).filter(~pl.col("event_id").str.ends_with("'"))
    assert differing(compute(events, steps), together) == []


@given(st.data())
@settings(FIND, max_examples=3)
def test_deleting_the_future_of_the_synthetic_world_changes_no_bit(world, data):
    events = events_from(world)
    instant = data.draw(st.sampled_from(cutoffs(events)))
    assert set(FEATURES.names) <= set(compute(events, FEATURES.steps).columns)
    assert leaks(events, FEATURES.steps, instant) == []
    assert leaks_of_facts(world, instant) == []


@given(st.integers(0, 10_000), st.data())
@settings(FIND, max_examples=4)
def test_facts_that_come_late_and_in_pieces_change_no_bit_of_the_past(world, seed, data):
    facts = untidy(world, seed)
    instant = data.draw(st.sampled_from(cutoffs(events_from(facts))))
    assert leaks_of_facts(facts, instant + data.draw(st.sampled_from([timedelta(0), timedelta(hours=6)]))) == []


def test_shuffling_the_facts_of_the_synthetic_world_changes_no_bit(world):
    mixed = {name: frame.sample(fraction=1, shuffle=True, seed=7) for name, frame in untidy(world, 1).items()}
    assert differing(*(compute(events_from(f), FEATURES.steps) for f in (untidy(world, 1), mixed))) == []


def test_a_card_that_came_after_the_cutoff_is_history_and_no_entrant(world):
    race = world["ra_races"]["id"][0]
    late = pl.when(pl.col("id") == race).then(pl.col("known_at") + timedelta(hours=9)).otherwise("known_at")
    facts = {**world, "ra_races": world["ra_races"].with_columns(known_at=late)}
    runs = [compute(events_from(f), FEATURES.steps) for f in (world, facts)]
    assert runs[1].filter(pl.col("event_id") == race).is_empty()
    same = [run.filter(pl.col("event_id") != race).select("event_id", "entrant_id", "horse_runs") for run in runs]
    assert same[0].equals(same[1])


def test_a_price_that_comes_after_the_result_is_waited_for_a_day_and_no_longer(world):
    race = world["ra_races"]["id"][0]
    result_at = world["ra_results"].filter(pl.col("race_id") == race)["known_at"][0]

    def outcome(delay: timedelta) -> pl.DataFrame:
        known = pl.when(pl.col("race_id") == race).then(pl.col("known_at") + delay).otherwise("known_at")
        facts = {**world, "ra_odds": world["ra_odds"].with_columns(known_at=known)}
        return events_from(facts).outcomes.filter(pl.col("event_id") == race)

    for hours, waits, priced in ((0, 0, True), (20, 20, True), (25, 24, False)):
        found = outcome(timedelta(hours=hours))
        assert found["usable_at"].unique().to_list() == [result_at + timedelta(hours=waits)]
        assert found["implied"].is_not_null().all() == priced


def test_a_card_that_is_corrected_after_the_cutoff_stays_what_it_was_at_the_cutoff(world):
    late = pl.col("known_at") + timedelta(hours=9)
    races = world["ra_races"].with_columns(late, pl.lit("heavy").alias("going"), (pl.col("distance_m") + 50))
    runners = world["ra_runners"].with_columns(late, pl.col("weight_lbs") + 7, pl.lit("nobody").alias("jockey_id"))
    corrected = world | {
        "ra_races": pl.concat([races, world["ra_races"]]).sample(fraction=1.0, shuffle=True, seed=1),
        "ra_runners": pl.concat([runners, world["ra_runners"]]).sample(fraction=1.0, shuffle=True, seed=2),
    }
    as_it_was, then = compute(events_from(world), FEATURES.steps), compute(events_from(corrected), FEATURES.steps)
    order = ["event_id", "entrant_id"]
    assert as_it_was.sort(order).equals(then.sort(order))
