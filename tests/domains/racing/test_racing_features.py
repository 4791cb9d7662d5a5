"""The racing set: every feature within its bounds, nothing made up where a source is silent, meetings counted right."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from chance_events import differing
from morningline.domains.racing.features import FAMILIES, FEATURES, LATE_FEATURES
from morningline.features.cutoffs import BeforeOff
from morningline.features.engine import compute
from morningline.features.set_catalog import catalog
from morningline.kit.errors import DataError
from racing_facts import Facts, events_from, known_then, small_world, untidy

if TYPE_CHECKING:
    from datetime import datetime

MINUTE = timedelta(minutes=1)
LATE = BeforeOff(10)


@pytest.fixture(scope="module")
def world() -> Facts:
    return small_world()


@pytest.fixture(scope="module")
def computed(world: Facts) -> pl.DataFrame:
    return compute(events_from(world), FEATURES.steps)


def with_offs(facts: Facts) -> Facts:
    """Races half an hour apart from noon on, first said of each a quarter of an hour after the off, the rest later."""
    off = pl.col("known_at") + timedelta(hours=12) + 30 * MINUTE * pl.col("race_number")
    races = facts["ra_races"].with_columns(off.alias("off_at"))
    offs = races.select("off_at", race_id="id")
    since = {clock: pl.col(clock) - pl.col(clock).min().over("race_id") for clock in ("event_at", "known_at")}
    clocks = {
        "event_at": pl.col("off_at") + since["event_at"],
        "known_at": pl.col("off_at") + 15 * MINUTE + since["known_at"],
    }
    after = {
        name: facts[name].join(offs, on="race_id").with_columns(**clocks).drop("off_at")
        for name in ("ra_results", "ra_odds")
    }
    return {**facts, "ra_races": races, **after}


def with_opening_prices(facts: Facts) -> Facts:
    """Every race had a board in the morning, which thought less of the favourite than the ring did in the end."""
    early = {"price_kind": pl.lit("bookmaker"), "known_at": pl.col("known_at") - timedelta(hours=20)}
    opening = facts["ra_odds"].with_columns(decimal_odds=pl.col("decimal_odds").sqrt() * 2 + 1, **early)
    again = opening.with_columns(pl.col("known_at") + timedelta(hours=1), decimal_odds=pl.lit(9.9))
    return {**facts, "ra_odds": pl.concat([facts["ra_odds"], opening, again])}


def with_sections(facts: Facts, late: timedelta) -> Facts:
    """The sections of every finisher, each a third of its time but a tenth of a second in favour of the last."""
    third = pl.col("finish_seconds") / 3
    sections = pl.concat_list(third + 0.05, third + 0.05, third - 0.1)
    ran = facts["ra_results"].drop_nulls("finish_seconds")
    return {
        **facts,
        "ra_sectionals": ran.select("race_id", "horse_id", pl.col("known_at") + late, section_seconds=sections),
    }


def test_there_are_150_features_and_more_each_with_unit_and_description():
    rows = catalog(FEATURES)
    assert len(rows) >= 150
    assert [row.name for row in rows] == FEATURES.names
    assert all(row.unit and row.description.endswith(".") for row in rows)
    assert [step for family in FAMILIES.values() for step in family] == list(FEATURES.steps)


def test_every_feature_lies_within_its_bounds_and_is_known_where_it_says_so(world, computed):
    late_and_corrected = compute(events_from(untidy(world, 5)), FEATURES.steps)
    for frame in (computed, late_and_corrected):
        for feature in FEATURES.features:
            values = frame[feature.name].drop_nulls()
            assert feature.low is None or (values >= feature.low).all(), feature.name
            assert feature.high is None or (values <= feature.high).all(), feature.name
            assert feature.nulls == "allowed" or len(values) == frame.height, feature.name


def test_nothing_is_said_of_what_the_source_does_not_say(world, computed):
    silent = {
        "ra_odds": world["ra_odds"].clear(),
        "ra_races": world["ra_races"].with_columns(going=pl.lit(None, pl.String), rating_high=None),
    }
    silent["ra_runners"] = world["ra_runners"].with_columns(
        rating=None, draw=None, body_weight_lbs=None, headgear=pl.lit(None, pl.String)
    )
    found = compute(events_from({**world, **silent}), FEATURES.steps)
    unknown = {name for name in FEATURES.names if found[name].null_count() == found.height}
    priced = {"horse_implied_1", "horse_strength_decay", "horse_strength_gap", "field_strength", "jockey_strength_90d"}
    assert priced | {"card_rating", "rating_change", "draw_share", "weight_of_body", "horse_headgear_runs"} <= unknown
    one_price_no_sections = {name for name in FEATURES.names if computed[name].null_count() == computed.height}
    sectionals = {step.name for step in FAMILIES["sectionals"]}
    assert {"horse_move_1", "horse_move_4"} | sectionals <= one_price_no_sections


def test_the_move_of_odds_is_from_the_first_price_known_to_the_last(world):
    found = events_from(with_opening_prices(world)).outcomes.sort("event_id", "entrant_id")
    odds = world["ra_odds"].sort("race_id", "horse_id").with_columns(share=1 / (pl.col("decimal_odds").sqrt() * 2 + 1))
    book = odds.filter(pl.col("race_id").is_in(found["event_id"])).select(
        pl.col("share") / pl.col("share").sum().over("race_id")
    )
    assert found.height == book.height
    assert (found["opened"] - book["share"]).abs().max() < 1e-12
    moves = compute(events_from(with_opening_prices(world)), FEATURES.steps)["horse_move_1"]
    assert moves.drop_nulls().min() < 0 < moves.drop_nulls().max()


def test_sections_that_are_known_with_the_result_count_and_later_ones_do_not(world):
    on_time = events_from(with_sections(world, timedelta(0))).outcomes
    timed = on_time.drop_nulls("last_section").sort("event_id", "entrant_id")
    assert timed.height == world["ra_results"]["finish_seconds"].count()
    last = timed["finish_seconds"] / 3 - 0.1
    against = 1000 * (
        1
        - last
        / pl.Series(
            timed.with_columns(last=last)["last"]
            .to_frame()
            .with_columns(e=timed["event_id"])
            .select(pl.col("last").median().over("e"))
            .to_series()
        )
    )
    assert (timed["last_section"] - against.clip(-100, 100)).abs().max() < 1e-9
    assert events_from(with_sections(world, MINUTE)).outcomes["last_section"].null_count() == on_time.height


def test_meetings_with_the_rivals_of_today_are_those_that_loops_count(world, computed):
    runs: dict[str, list[tuple[str, datetime, float]]] = {}
    outcomes = events_from(world).outcomes
    for event, horse, usable, finish in outcomes.select(
        "event_id", "entrant_id", "usable_at", "finish_fraction"
    ).iter_rows():
        runs.setdefault(horse, []).append((event, usable, finish))
    fields = dict(computed.group_by("event_id").agg("entrant_id").iter_rows())
    some = computed.sort("as_of").tail(400)
    assert some["rivals_met"].sum() > 100
    columns = ("event_id", "entrant_id", "as_of", "rivals_met", "rivals_wins", "rivals_beaten")
    for event, horse, as_of, met, wins, beaten in some.select(columns).iter_rows():
        known = {race: finish for race, usable, finish in runs.get(horse, []) if usable <= as_of}
        meetings = [
            (known[race] < finish) + (known[race] == finish) / 2
            for rival in fields[event]
            if rival != horse
            for race, usable, finish in runs.get(rival, [])
            if usable <= as_of and race in known
        ]
        assert (met, wins) == (len(meetings), sum(meetings))
        assert beaten == pytest.approx((sum(meetings) + 1.5) / (len(meetings) + 3), abs=1e-6)


def test_ten_minutes_before_the_off_the_earlier_races_of_the_day_are_known_and_not_the_later(world):
    facts = with_offs(world)
    found = compute(events_from(facts, LATE), LATE_FEATURES.steps)
    offs = facts["ra_races"].select("off_at", "race_number", "course_id", "date", event_id="id")
    assert found.join(offs, on="event_id").filter(pl.col("as_of") != pl.col("off_at") - 10 * MINUTE).is_empty()
    # A jockey's rides so far: those of the day whose result was out, and not one of the day in the morning.
    rides = compute(events_from(facts), FEATURES.steps).select("event_id", "entrant_id", morning="jockey_runs_30d")
    more = found.join(rides, on=["event_id", "entrant_id"]).with_columns(
        more=pl.col("jockey_runs_30d") - pl.col("morning")
    )
    by_number = dict(more.join(offs, on="event_id").group_by("race_number").agg(pl.col("more").max()).iter_rows())
    assert by_number[1] <= 0
    assert by_number[max(by_number)] >= 2


def test_deleting_what_came_after_a_moment_of_the_afternoon_changes_no_bit(world):
    facts = with_offs(untidy(world, 3) | {"ra_races": world["ra_races"]})
    whole = compute(events_from(facts, LATE), LATE_FEATURES.steps)
    moments = whole["as_of"].unique().sort()
    instant = moments[int(0.8 * len(moments))]
    then = compute(events_from(known_then(facts, instant), LATE), LATE_FEATURES.steps)
    before = pl.col("as_of") <= instant
    assert whole.filter(before).height > 1_000
    assert differing(whole.filter(before), then.filter(before)) == []


def test_a_race_without_an_off_time_has_no_late_features_and_a_source_without_any_is_refused(world):
    facts = with_offs(world)
    race = facts["ra_races"]["id"][0]
    one_less = pl.when(pl.col("id") != race).then("off_at").alias("off_at")
    events = events_from({**facts, "ra_races": facts["ra_races"].with_columns(one_less)}, LATE)
    assert events.entrants.filter(pl.col("cutoff").is_null())["event_id"].unique().to_list() == [race]
    with pytest.raises(DataError, match="races has an off time, so `off - 10 minutes` is no instant"):
        events_from(world, LATE)
