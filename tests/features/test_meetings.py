"""Head to head against plain loops: earlier meetings with today's rivals, and no side taken for the other."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given, settings

from chance_events import chance_events, differing
from features_by_loops import AGGREGATES, FIND, check_histories, every, history, last_of, story
from morningline.features import asking, listings
from morningline.features.definitions import History
from morningline.features.engine import Events, compute
from morningline.features.windows import Days, Expanding, Last, Rivals, Same
from morningline.kit.errors import InputError

DIFFERENCE, AHEAD = Rivals(("who",)), Rivals(("who",), "ahead")
KEYS = (DIFFERENCE, AHEAD, Rivals(("who", "where")), Rivals(("stall",), "ahead"))


@given(chance_events(plain=True))
@settings(FIND, max_examples=15)
def test_every_aggregate_over_every_window_is_of_the_meetings_that_loops_find(events):
    rows = [
        history(a, w, DIFFERENCE, value="") for a in ("count", "days_since") for w in (Expanding(), Last(2), Days(10))
    ]
    check_histories(events, [*every(keys=KEYS), *rows])


@given(chance_events(plain=True))
@settings(FIND, max_examples=25)
def test_what_one_of_two_has_the_other_has_with_the_sides_swapped(events):
    pairs = events.entrants.filter(pl.col("entrant_id").is_in(["0", "1"]))
    windows = (Expanding(), Last(1), Last(3), Days(10))
    features = every(keys=(DIFFERENCE, AHEAD), windows=windows)
    found = compute(Events(pairs, events.outcomes), features).join(
        pairs.select("event_id", "entrant_id", "who"), on=["event_id", "entrant_id"]
    )
    for _, both in found.group_by("event_id"):
        if both["who"].null_count() or both["who"].n_unique() < 2:
            continue
        one, other = both.rows(named=True)
        for window in windows:
            for key, mirrored in ((DIFFERENCE, lambda v: -v), (AHEAD, lambda v: 1 - v)):
                for aggregate, theirs in (("mean", "mean"), ("last", "last"), ("min", "max"), ("quantile", "quantile")):
                    mine, yours = one[history(aggregate, window, key).name], other[history(theirs, window, key).name]
                    assert (mine is None) == (yours is None)
                    assert mine is None or math.isclose(mine, mirrored(yours), abs_tol=1e-4), (window, key, aggregate)
                for alike in ("count", "std", "days_since"):
                    name = history(alike, window, key).name
                    assert one[name] == other[name]


def met(day, **scores) -> list[dict]:
    """A meeting on a day, known at its end."""
    return [{"day": day, "who": who, "versions": [(day + 1, None, score)]} for who, score in scores.items()]


def today(*field, day=30) -> list[dict]:
    return [{"day": day, "who": who} for who in field]


def found_of(feature, rows) -> list[float | None]:
    """A feature of the entrants of the last event."""
    whole = compute(story(*rows), [feature])
    return whole.filter(pl.col("day") == pl.col("day").max()).sort("entrant_id").to_series(-1).to_list()


def test_the_smaller_value_is_ahead_and_equal_ones_share_the_point():
    rows = [*met(1, ann=1.0, bob=4.0), *met(2, ann=3.0, bob=2.0), *met(3, bob=5.0, ann=5.0), *today("ann", "bob")]
    assert found_of(history("mean", key=AHEAD), rows) == [0.5, 0.5]
    assert found_of(history("last", Last(1), AHEAD), rows) == [0.5, 0.5]
    assert found_of(history("sum", key=AHEAD, window=Last(3)), rows) == [1.5, 1.5]
    assert found_of(history("sum", key=DIFFERENCE), rows) == [-2.0, 2.0]
    assert found_of(history("max", key=DIFFERENCE), rows) == [1.0, 3.0]


def test_every_rival_of_today_counts_and_nobody_else():
    rows = [*met(1, ann=1.0, bob=4.0, cy=9.0), *met(2, ann=1.0, dan=2.0), *today("ann", "bob", "cy", "eve")]
    assert found_of(history("count", key=DIFFERENCE), rows) == [2, 2, 2, 0]
    assert found_of(history("sum", key=DIFFERENCE), rows) == [-11.0, -2.0, 13.0, 0.0]


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_rivals_that_never_met_and_entrants_that_nobody_knows_have_no_history(aggregate):
    rows = [*met(1, ann=1.0, cy=4.0), *met(2, bob=1.0), *today("ann", "bob", None)]
    nothing = {"count": 0.0, "sum": 0.0, "rate": 0.25}.get(aggregate)
    assert found_of(history(aggregate, key=DIFFERENCE), rows) == [nothing] * 3


def test_one_who_is_entered_twice_is_no_rival_of_itself_and_two_rivals_of_others():
    rows = [*met(1, ann=1.0, bob=4.0), *today("ann", "ann", "bob")]
    assert found_of(history("count", key=DIFFERENCE), rows) == [1, 1, 2]
    twice = [*met(1, ann=1.0, bob=4.0), {"day": 1, "who": "ann", "versions": [(2, None, 7.0)]}, *today("ann", "bob")]
    assert found_of(history("sum", key=DIFFERENCE), twice) == [0.0, 0.0]
    assert found_of(history("count", key=DIFFERENCE), twice) == [2, 2]


def test_a_meeting_is_usable_when_both_sides_are_and_not_before():
    early, late = (
        {"day": 1, "who": "ann", "versions": [(2, None, 1.0)]},
        {"day": 1, "who": "bob", "versions": [(10, None, 4.0)]},
    )
    counts = [found_of(history("count", key=DIFFERENCE), [early, late, *today("ann", "bob", day=d)]) for d in (9, 10)]
    assert counts == [[0, 0], [1, 1]]
    since = found_of(history("days_since", key=DIFFERENCE), [early, late, *today("ann", "bob", day=12)])
    assert since == [2, 2]


def test_the_event_itself_is_no_earlier_meeting():
    over = [*met(1, ann=1.0, bob=4.0), *met(5, ann=3.0, bob=2.0)]
    assert found_of(history("sum", key=DIFFERENCE), over) == [-3.0, 3.0]
    assert found_of(history("sum", key=DIFFERENCE), met(5, ann=3.0, bob=2.0)) == [0.0, 0.0]


def test_pairs_that_met_as_often_as_sixteen_bits_count_have_not_forgotten_each_other():
    times = 1 << 16
    hour = pl.datetime(2010, 1, 1, time_zone="UTC", time_unit="us") + pl.duration(hours="hour")
    hours = pl.DataFrame({"hour": range(times + 1)}).select(
        event_id=pl.format("{}", pl.col("hour") + times), cutoff=hour, day=hour.dt.date()
    )
    cards = hours.join(pl.DataFrame({"entrant_id": ["0", "1"], "who": ["ann", "bob"]}), how="cross")
    outcomes = cards.head(2 * times).select("event_id", "entrant_id", usable_at="cutoff", score=1.0)
    # Nobody but those of the last event asks.
    asking_last = pl.when(pl.col("event_id") == str(2 * times)).then("cutoff")
    events = Events(cards.with_columns(cutoff=asking_last), outcomes)
    assert compute(events, [history("count", key=DIFFERENCE)]).to_series(-1).to_list() == [times, times]


def test_a_meeting_counts_where_one_side_has_no_value_but_compares_nothing():
    rows = [*met(1, ann=1.0, bob=None), *today("ann", "bob")]
    assert found_of(history("count", key=DIFFERENCE, value=""), rows) == [1, 1]
    assert found_of(history("count", key=DIFFERENCE), rows) == [0, 0]
    assert found_of(history("mean", key=AHEAD), rows) == [None, None]


@given(chance_events())
@settings(FIND, max_examples=5)
def test_meetings_divided_into_parts_to_bound_the_memory_give_the_same_bits(events):
    features = every(keys=KEYS, windows=(Expanding(), Last(2), Days(10)))
    whole = compute(events, features)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(asking, "ROWS_AT_ONCE", 3)
        patched.setattr(listings, "EXPANDED", 1)
        assert differing(compute(events, features), whole) == []


def test_conditions_are_not_asked_of_rivals():
    with pytest.raises(InputError, match="against rivals where"):
        History(name="x", key=DIFFERENCE, value="score", where=(Same("where"),), description="")
    assert last_of(story(*today("ann")), history("count", key=DIFFERENCE)) == [0]
