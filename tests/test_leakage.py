"""No feature knows the future: deleting it, or shuffling the past, changes no bit of any value."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chance_events import as_known_at, chance_events, differing
from morningline.domains.racing.features import FEATURES
from morningline.features import histories
from morningline.features.definitions import (
    Centred,
    Days,
    Decay,
    Derived,
    Expanding,
    Expression,
    History,
    Last,
    Step,
    WithinEvent,
)
from morningline.features.engine import IDENTITY, Events, State, compute
from racing_facts import Facts, events_from, known_then, small_world, untidy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

# A failing history is shown as it was found: to shrink one takes minutes, and the columns named say enough.
FIND = settings(
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

WINDOWS = (Expanding(), Last(1), Last(3), Days(1), Days(9), Decay(1), Decay(30))
AGGREGATES = ("count", "sum", "mean", "rate", "min", "max", "std", "last", "days_since")

# A step of every kind, histories of every window and aggregate, and steps that build on each other.
STEPS: tuple[Step, ...] = (
    *(
        History(
            name=f"{aggregate} {key} {window}",
            key=key,
            value="score",
            window=window,
            aggregate=aggregate,
            prior=0.3,
            prior_rows=2,
            description="",
        )
        for key in (("who",), ("who", "where"), ("stall",))
        for window in WINDOWS
        for aggregate in AGGREGATES
        if not isinstance(window, Decay) or aggregate in {"count", "sum", "mean", "rate"}
    ),
    Expression(name="change", sql="said - \"last ('who',) Last(rows=1)\"", description=""),
    Derived(name="beyond", sql="score - COALESCE(\"mean ('who',) Expanding()\", 0)", description=""),
    Centred(name="centred", of="beyond", by=("where",), description=""),
    History(name="centred_mean", key=("who",), value="centred", window=Last(4), description=""),
    *(
        WithinEvent(name=f"{of} {how}", of=of, how=how, description="")
        for of in ("said", "centred_mean")
        for how in ("rank", "z", "share", "gap_to_best")
    ),
)


def leaks(events: Events, steps: Sequence[Step], instant: datetime) -> list[str]:
    """Columns whose values change when everything that became known after an instant is deleted."""
    whole = compute(events, steps).filter(pl.col("as_of") <= instant)
    return differing(whole, compute(as_known_at(events, instant), steps))


def leaks_of_facts(facts: Facts, instant: datetime, steps: Sequence[Step] = FEATURES.steps) -> list[str]:
    """The same from the facts on: the rows themselves are taken away, whatever the preparation makes of them."""
    whole = compute(events_from(facts), steps).filter(pl.col("as_of") <= instant)
    return differing(whole, compute(events_from(known_then(facts, instant)), steps).filter(pl.col("as_of") <= instant))


def cutoffs(events: Events) -> list[datetime]:
    return events.entrants["cutoff"].drop_nulls().unique().sort().to_list()


@pytest.fixture(scope="module")
def world() -> Facts:
    return small_world()


@given(chance_events(), st.data())
@settings(FIND, max_examples=25)
def test_deleting_the_future_changes_no_bit(events, data):
    for instant in data.draw(st.permutations(cutoffs(events)))[:2]:
        assert leaks(events, STEPS, instant) == []


@given(chance_events(), st.randoms(use_true_random=False))
@settings(FIND, max_examples=25)
def test_shuffling_the_rows_changes_no_bit(events, luck):
    def shuffled(frame: pl.DataFrame) -> pl.DataFrame:
        order = list(range(frame.height))
        luck.shuffle(order)
        return frame[order]

    again = Events(shuffled(events.entrants), shuffled(events.outcomes))
    assert differing(compute(events, STEPS), compute(again, STEPS)) == []


@given(chance_events(), chance_events())
@settings(FIND, max_examples=20)
def test_what_happens_to_strangers_changes_no_bit_of_a_history(events, others):
    apart = {"event_id": pl.col("event_id") + "'", "who": pl.col("who") + "'"}
    entrants = others.entrants.with_columns(**apart)
    outcomes = others.outcomes.with_columns(event_id=apart["event_id"])
    both = Events(pl.concat([events.entrants, entrants]), pl.concat([events.outcomes, outcomes]))
    steps = [step for step in STEPS if isinstance(step, History) and step.key[0] == "who" and step.value == "score"]
    together = compute(both, steps).filter(~pl.col("event_id").str.ends_with("'"))
    assert differing(compute(events, steps), together) == []


@given(st.data())
@settings(FIND, max_examples=6)
def test_deleting_the_future_of_the_synthetic_world_changes_no_bit(world, data):
    events = events_from(world)
    instant = data.draw(st.sampled_from(cutoffs(events)))
    assert leaks(events, FEATURES.steps, instant) == []
    assert leaks_of_facts(world, instant) == []


@given(st.integers(0, 10_000), st.data())
@settings(FIND, max_examples=8)
def test_facts_that_come_late_and_in_pieces_change_no_bit_of_the_past(world, seed, data):
    facts = untidy(world, seed)
    instant = data.draw(st.sampled_from(cutoffs(events_from(facts))))
    assert leaks_of_facts(facts, instant + data.draw(st.sampled_from([timedelta(0), timedelta(hours=6)]))) == []


def test_shuffling_the_facts_of_the_synthetic_world_changes_no_bit(world):
    mixed = {name: frame.sample(fraction=1, shuffle=True, seed=7) for name, frame in untidy(world, 1).items()}
    assert differing(*(compute(events_from(f), FEATURES.steps) for f in (untidy(world, 1), mixed))) == []


def test_a_step_that_reads_the_result_of_the_same_event_is_reported(world, monkeypatch):
    honest = State.__init__

    def with_results_on_the_card(state: State, events: Events) -> None:
        honest(state, events)
        peek = events.outcomes.select(*IDENTITY, pl.col("won").alias("won today"))
        state.entrants = state.entrants.join(peek, on=list(IDENTITY), how="left", maintain_order="left")

    monkeypatch.setattr(State, "__init__", with_results_on_the_card)
    peeking = Expression(name="peeking", sql='"won today"', description="A planted leak.")
    events = events_from(world)
    assert leaks(events, (*FEATURES.steps, peeking), cutoffs(events)[20]) == ["peeking"]
    assert leaks_of_facts(world, cutoffs(events)[20], (*FEATURES.steps, peeking)) == ["peeking"]


def test_an_engine_whose_clock_is_a_day_fast_is_reported(world, monkeypatch):
    honest = histories.usable_instants
    monkeypatch.setattr(histories, "usable_instants", lambda instants, until: honest(instants, until + histories.DAY))
    events = events_from(world)
    found = leaks(events, FEATURES.steps, cutoffs(events)[20])
    assert {"horse_runs", "jockey_win_rate", "draw_finish", "trainer_strength_90d"} <= set(found)
    assert "rows" not in found
    assert leaks_of_facts(world, cutoffs(events)[20]) != []


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
