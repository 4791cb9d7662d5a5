"""Features computed as facts come in, day after day, are those of all facts at once, to the last bit."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from feature_desk import (
    DAY,
    END,
    FIRST,
    LAST,
    SET,
    Desk,
    correct,
    database,
    desk,
    differences,
    emptied,
    full,
    noon,
    program,
    world,
)
from morningline.features import computing
from morningline.features.store import FeatureStore
from morningline.kit.errors import DataError, InputError, NotFoundError
from morningline.training.request import HoldOut, TrainRequest
from morningline.wiring import featuring
from morningline.wiring.training import Quietly, train

if TYPE_CHECKING:
    from morningline.wiring.program import Program

__all__ = ["database", "desk", "full", "program"]

BEGIN = noon(FIRST)
EASTER = date(2023, 4, 10)
CARDS = ("ra_races", "ra_runners")


def test_a_new_day_computed_by_itself_equals_all_days_at_once(desk: Desk):
    known = noon(LAST) - 3 * DAY
    desk.known(None, known)
    desk.compute(known)
    for _ in range(3):
        before, known = known, known + DAY
        desk.known(before, known)
        report = desk.compute(known)
        # The results of yesterday came, and the cards of today.
        assert (report.first_day, report.last_day) == (str(before.date()), str(known.date()))
        assert 0 < report.rows < 200
        assert differences(desk.store, desk.at_once(known)) == []
    assert desk.store.state().version == 3


def test_where_nothing_is_stale_there_is_nothing_to_do_and_no_new_version(full: Desk):
    assert full.stale(END) is None
    report = full.compute(END + DAY)
    assert (report.rows, report.events, report.first_day, report.delta_version) == (0, 0, "", 0)
    # What is forced is computed, and found to be the same.
    forced = full.compute(END + DAY, force=True)
    assert forced.rows == full.store.read().height
    assert forced.delta_version == 0
    assert len(full.noted) == 2


def test_a_result_corrected_a_week_later_changes_what_comes_after_it_and_nothing_before(full: Desk):
    before = full.store.read()
    correct(full, EASTER, noon(EASTER) + 7 * DAY)
    assert full.stale(END) == EASTER
    assert full.compute(END).first_day == str(EASTER)
    assert differences(full.store, full.at_once(END)) == []
    after = full.store.read()
    changed = {day for name in SET.names for day in after.filter(after[name].ne_missing(before[name]))["day"]}
    assert min(changed) > EASTER + 7 * DAY
    assert full.store.read(0).equals(before)


def test_a_day_that_was_missing_is_filled_in_later(desk: Desk):
    desk.known(None, END, but=(EASTER, EASTER + DAY))
    desk.compute(END)
    desk.known(noon(EASTER) - DAY, noon(EASTER) + 3 * DAY)
    assert desk.compute(END).first_day == str(EASTER)
    assert desk.store.read()["day"].unique().len() == world()["ra_races"]["date"].unique().len()
    assert differences(desk.store, desk.at_once(END)) == []


# With the day before in the same month, and in another.
@pytest.mark.parametrize("day", [EASTER, date(2023, 4, 1)])
def test_a_day_filled_in_moves_ratings_of_the_day_before_whose_results_came_later(desk: Desk, day: date):
    facts, before = world(), day - DAY
    day_before = pl.col("date") == before
    desk.known(None, END, but=(before, day))
    desk.put({name: facts[name].filter(day_before) for name in CARDS})
    # They came four days late, when those of the day itself, which is filled in last of all, were long known.
    late = facts["ra_results"].filter(day_before).with_columns(known_at=pl.lit(noon(day) + 4 * DAY))
    desk.put({"ra_results": late})
    desk.compute(END)
    rated = _ratings(desk, before)
    desk.put({n: facts[n].filter(pl.col("date") == day) for n in (*CARDS, "ra_results", "ra_odds")})
    assert desk.compute(END).first_day == str(day)
    assert not _ratings(desk, before).equals(rated)
    assert differences(desk.store, desk.at_once(END)) == []


def _ratings(desk: Desk, day: date) -> pl.DataFrame:
    rows = desk.store.past(desk.store.state().history, day, day).collect()
    return rows.select("day", "place", pl.selectors.starts_with("skill")).sort("place")


def test_cards_of_tomorrow_become_final_when_their_cutoff_passes_though_no_fact_changes(desk: Desk):
    evening = noon(LAST) - DAY + timedelta(hours=8)
    desk.known(None, evening)
    cards = {n: world()[n].filter(pl.col("date") == LAST).with_columns(known_at=pl.lit(evening)) for n in CARDS}
    desk.put(cards)
    assert desk.compute(evening).last_day == str(LAST - DAY)
    assert desk.stale(evening) is None
    assert desk.stale(noon(LAST), until=LAST - DAY) is None
    assert desk.stale(noon(LAST)) == LAST
    assert desk.compute(noon(LAST)).first_day == str(LAST)
    assert differences(desk.store, desk.at_once(noon(LAST))) == []


def test_cards_that_wait_are_not_forgotten_when_cards_of_a_later_day_come(desk: Desk):
    evening = noon(LAST) - 2 * DAY + timedelta(hours=8)
    desk.known(None, evening)
    for day in (LAST - DAY, LAST):
        cards = {n: world()[n].filter(pl.col("date") == day).with_columns(known_at=pl.lit(evening)) for n in CARDS}
        desk.put(cards)
        desk.compute(evening)
    assert desk.store.state().pending[0] == LAST - DAY
    desk.compute(noon(LAST))
    assert desk.store.read()["day"].max() == LAST
    assert differences(desk.store, desk.at_once(noon(LAST))) == []


def test_results_that_are_stored_before_they_count_as_known_are_used_from_then_on(desk: Desk):
    # A file of the day's results, imported in the evening; by its rule they are known when the day is over.
    evening, morning = noon(LAST) - DAY + timedelta(hours=8), noon(LAST)
    desk.known(None, morning - timedelta(hours=1))
    desk.compute(evening)
    assert desk.stale(evening) is None
    assert desk.stale(morning) == LAST - DAY
    desk.compute(morning)
    assert desk.stale(morning) is None
    assert differences(desk.store, desk.at_once(morning)) == []


@pytest.mark.parametrize("last", [date(2023, 4, 12), date(2023, 3, 31)])
def test_up_to_a_day_and_then_the_rest_equals_all_at_once(desk: Desk, last: date):
    desk.known(None, END)
    assert desk.compute(END, last=last).last_day <= str(last)
    assert desk.store.state().until == last
    assert desk.stale(END) > last
    assert desk.stale(END, until=last) is None
    assert desk.compute(END, last=last).rows == 0
    desk.compute(END)
    assert desk.store.state().until is None
    assert differences(desk.store, desk.at_once(END)) == []


def test_up_to_a_day_leaves_later_days_stored_and_says_that_they_are_stale(full: Desk):
    correct(full, EASTER, noon(EASTER) + 7 * DAY)
    last = EASTER + 9 * DAY
    full.compute(END, last=last)
    assert full.store.read().height == full.store.read(0).height
    assert last < full.stale(END) <= last + 2 * DAY
    assert full.stale(END, until=last) is None
    full.compute(END)
    assert differences(full.store, full.at_once(END)) == []


def test_a_change_after_the_last_day_asked_for_is_none_of_its_business(full: Desk):
    correct(full, EASTER, noon(EASTER) + 7 * DAY)
    assert full.compute(END, last=EASTER - DAY).rows == 0
    assert full.store.version() == 0
    assert full.stale(END) == EASTER


def test_from_a_day_on_is_computed_though_nothing_changed_and_gives_the_same(full: Desk):
    first = date(2023, 4, 20)
    report = full.compute(END, first=first)
    assert str(first) <= report.first_day <= str(first + 2 * DAY)
    assert differences(full.store, full.at_once(END)) == []
    rows = full.store.read(lineage=True)
    assert rows.filter(pl.col("day") < first)["computation"].unique().to_list() == full.noted[:1]
    assert rows.filter(pl.col("day") >= first)["computation"].unique().to_list() == full.noted[1:2]
    with pytest.raises(InputError, match="no days from"):
        full.compute(END, first=first, last=first - DAY)


@pytest.mark.parametrize("force", [False, True])
def test_in_slices_of_months_equals_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch, force: bool):
    desk.known(None, END)
    whole = desk.at_once(END)
    if force:
        desk.compute(END)
        correct(desk, EASTER, noon(EASTER) + 7 * DAY)
        whole = desk.at_once(END)
    monkeypatch.setattr(computing, "ROWS_AT_ONCE", 300)
    versions = desk.store.version() + 1 if force else 0
    report = desk.compute(END, force=force)
    assert report.delta_version == versions + 2
    assert report.rows == whole.read().height
    assert report.events == whole.read()["event_id"].n_unique()
    assert differences(desk.store, whole) == []


def test_days_that_are_no_longer_there_leave_no_features(full: Desk):
    for name in ("ra_results", "ra_runners", "ra_races"):
        full.by_hand(f"DELETE FROM {name} WHERE date >= '2023-03-29' AND date < '2023-05-01'")
    full.compute(END)
    assert full.store.read().filter(pl.col("day").is_between(date(2023, 3, 29), date(2023, 4, 30))).is_empty()
    assert differences(full.store, full.at_once(END)) == []
    assert list(full.store.state().months) == ["2023-03", "2023-05"]


def test_facts_changed_by_hand_make_the_features_stale(full: Desk):
    assert full.by_hand("UPDATE ra_runners SET weight_lbs = weight_lbs + 1 WHERE date = %s", EASTER) > 1
    assert full.stale(END) == EASTER
    assert full.stale(END, until=EASTER - DAY) is None
    full.compute(END)
    assert differences(full.store, full.at_once(END)) == []


def test_without_entrants_nothing_is_stored(desk: Desk):
    with pytest.raises(DataError, match="no entrants"):
        desk.compute(END)
    desk.known(None, END)
    with pytest.raises(DataError, match="no entrants"):
        desk.compute(BEGIN - 30 * DAY)
    assert not desk.store.exists()


acts_of_chance = st.lists(
    st.tuples(
        st.sampled_from(["load", "load", "compute", "compute_to", "compute_from", "correct", "backfill", "delete"]),
        st.integers(0, 30),
    ),
    min_size=4,
    max_size=10,
)


@given(acts_of_chance, st.integers(0, 3))
@settings(
    max_examples=4,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_came_in_and_was_computed_when_equals_all_at_once(database, tmp_path_factory, what, seed):
    desk = Desk(database, tmp_path_factory.mktemp("chance"))
    emptied(database)
    luck, now = random.Random(seed), BEGIN + 8 * DAY
    gap = (FIRST + 4 * DAY, FIRST + 5 * DAY)
    desk.known(None, now, but=gap)
    desk.compute(now)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(computing, "ROWS_AT_ONCE", luck.choice([200, 2_000_000]))
        for act, number in what:
            day = FIRST + number % ((now - BEGIN).days + 1) * DAY
            if act == "load":
                desk.known(now, now := min(now + (1 + number % 6) * DAY, END), but=gap)
            elif act == "correct":
                correct(desk, day, now)
            elif act == "backfill":
                desk.known(None, now)
            elif act == "delete":
                desk.by_hand("DELETE FROM ra_results WHERE date = %s", day)
            else:
                asked = {"compute_to": {"last": day}, "compute_from": {"first": day}}.get(act, {})
                desk.compute(now, **asked)
        desk.compute(now)
    assert differences(desk.store, desk.at_once(now)) == []


def test_verify_passes_and_finds_a_planted_value(program: Program):
    found = featuring.verify_features(program, "racing", events=40, seed=1)
    assert found.equal
    assert found.rows > 200
    store = FeatureStore(program.workspace.features, SET)
    state, rows = store.state(), store.read(lineage=True)
    event, entrant = rows.row(rows.height // 2)[:2]
    planted = (pl.col("event_id") == event) & (pl.col("entrant_id") == entrant)
    wrong = rows.with_columns(pl.when(planted).then(pl.col("form") + 1e-6).otherwise("form").alias("form"))
    store.table.replace(wrong.with_columns(pl.col("form").cast(pl.Float32)), None, store.table.commit().state, 0)
    found = featuring.verify_features(program, "racing", events=10_000, seed=1)
    assert [(f.name, f.rows, f.example) for f in found.features] == [("form", 1, (event, entrant))]
    difference = featuring.diff_features(program, "racing", state.version, state.version + 1)
    assert [f.name for f in difference.features] == ["form"]


def test_verify_speaks_of_days_that_are_not_stale(program: Program, full: Desk):
    correct(full, EASTER, noon(EASTER) + 7 * DAY)
    assert featuring.verify_features(program, "racing", events=10_000, seed=1).equal
    full.by_hand("UPDATE ra_runners SET weight_lbs = weight_lbs + 1")
    with pytest.raises(DataError, match="All stored features are stale, from 2023-03"):
        featuring.verify_features(program, "racing", events=10, seed=1)


def test_training_refuses_features_whose_facts_changed(program: Program, full: Desk):
    full.by_hand("UPDATE ra_runners SET weight_lbs = weight_lbs + 1 WHERE date = %s", EASTER)
    days = HoldOut(train_until=date(2023, 4, 5), test_from=date(2023, 4, 20), test_to=date(2023, 5, 1))
    with pytest.raises(DataError, match=f"stale: facts of {EASTER}"):
        train(program, TrainRequest(split=days), Quietly())
    assert featuring.features_status(program, "racing")["stale_from"] == str(EASTER)


def test_vacuum_spares_what_a_model_points_to(program: Program, full: Desk):
    store = FeatureStore(program.workspace.features, SET)
    for day in (EASTER - 2 * DAY, EASTER - DAY, EASTER):
        full.by_hand("UPDATE ra_runners SET weight_lbs = weight_lbs + 1 WHERE date = %s", day)
        featuring.compute_features(program, "racing", featuring.Extent(accept_quality=True))
    pinned = store.read(1)
    full.by_hand(
        "INSERT INTO models SELECT 'm', 'racing.win', 'a', 1, now(), 'ann', now(), now(), now(), %s, %s, 1, '', '', 0,"
        " '{}', '{}', '', '', '', false",
        SET.name,
        SET.version,
    )
    try:
        planned = featuring.vacuum_features(program, "racing", keep_days=0, dry_run=True)
        assert planned["kept_versions"] == [1, 3]
        assert planned["files"] > 2
        assert featuring.vacuum_features(program, "racing", keep_days=30, dry_run=False)["files"] == 0
        assert featuring.vacuum_features(program, "racing", keep_days=0, dry_run=False)["files"] == planned["files"]
    finally:
        full.by_hand("DELETE FROM models")
    assert store.read(1).equals(pinned)
    with pytest.raises(NotFoundError, match="Delta version 2 were removed"):
        store.read(2)
    # Goes on from what is left, history rows and all.
    full.by_hand("UPDATE ra_runners SET weight_lbs = weight_lbs + 1 WHERE date = %s", EASTER + 2 * DAY)
    featuring.compute_features(program, "racing", featuring.Extent(accept_quality=True))
    assert differences(store, full.at_once(END)) == []
