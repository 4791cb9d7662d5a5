"""Conditions against plain loops: rows that resemble the event asked about, over every window, of every aggregate."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from chance_events import chance_events
from features_by_loops import FIND, check_histories, every, history, last_of, story
from morningline.features import asking
from morningline.features.definitions import Expression, History
from morningline.features.engine import Events, compute
from morningline.features.windows import AtLeast, AtMost, Days, Expanding, Last, Near, Same
from morningline.kit.errors import InputError

WHERES = (
    (Same("where"),),
    (Near("said", share=0.1),),
    (Near("said", within=5.0),),
    (Near("said", share=0.1, within=20.0), Same("where")),
    (AtLeast("said"),),
    (AtMost("said"), AtLeast("stall")),
    (AtLeast("said"), AtMost("said"), Same("stall")),
)


@given(chance_events(plain=True))
@settings(FIND, max_examples=10)
def test_every_aggregate_over_every_window_is_of_the_rows_that_meet_the_conditions(events):
    check_histories(events, every(wheres=WHERES))


@given(chance_events(plain=True))
@settings(FIND, max_examples=10)
def test_every_quantile_of_rows_that_meet_conditions_or_none_is_that_of_numpy(events):
    shares, windows = (0, 0.1, 0.5, 0.9, 1), (Expanding(), Last(3), Days(10))
    keys = (("who",), ("where",))
    check_histories(
        events,
        [
            history("quantile", w, key, where=c, quantile=q)
            for q in shares
            for w in windows
            for key in keys
            for c in ((), WHERES[4])
        ],
    )


def runs(*, today, card, earlier) -> Events:
    """One runner: what its earlier cards said, one a day, and what today's says; each scored the number of its day."""
    past = [{"day": day, "who": "ann", card: said, "versions": [(day + 0.5, None, day)]} for day, said in earlier]
    return story(*past, {"day": 30, "who": "ann", card: today})


def of_rows(events, *where, value="score") -> float | None:
    return last_of(events, history("sum", where=where, value=value))[0]


def test_near_is_a_share_of_the_number_of_today_and_its_edge_is_within():
    events = runs(today=1000.0, card="said", earlier=[(1, 900.0), (2, 899.0), (4, 1100.0), (8, 1101.0)])
    assert of_rows(events, Near("said", share=0.1)) == 5
    assert of_rows(events, Near("said", within=101.0)) == 15
    # The larger of both counts.
    assert of_rows(events, Near("said", share=0.1, within=1.0)) == 5
    # A tenth of a number below zero is no negative distance.
    assert of_rows(runs(today=-10.0, card="said", earlier=[(1, -9.0), (2, 10.0)]), Near("said", share=0.1)) == 1


def test_a_row_as_large_as_today_is_at_least_and_at_most_as_large_and_zero_has_no_sign():
    events = runs(today=0.0, card="stall", earlier=[(1, -0.0), (2, 1.0), (4, -1.0)])
    assert of_rows(events, AtLeast("stall")) == 3
    assert of_rows(events, AtMost("stall")) == 5
    assert of_rows(events, Same("stall")) == 1
    assert of_rows(events, AtLeast("stall"), AtMost("stall")) == 1


@pytest.mark.parametrize("condition", [Near("said", within=1e300), AtLeast("said"), AtMost("said")])
@pytest.mark.parametrize("nothing", [None, float("nan"), float("inf"), float("-inf")])
def test_who_says_no_number_resembles_nothing_and_nothing_resembles_it(condition, nothing):
    asked, answered = (
        runs(today=nothing, card="said", earlier=[(1, 0.0)]),
        runs(today=0.0, card="said", earlier=[(1, nothing)]),
    )
    for events in (asked, answered, runs(today=nothing, card="said", earlier=[(1, nothing)])):
        assert of_rows(events, condition) == 0
        assert last_of(events, history("mean", where=(condition,)), history("rate", where=(condition,))) == [None, 0.25]


def test_two_who_say_nothing_are_not_the_same():
    for today, earlier in ((None, None), (None, 0.0), (0.0, None)):
        assert of_rows(runs(today=today, card="said", earlier=[(1, earlier)]), Same("said")) == 0


def test_the_last_rows_are_the_last_of_those_that_meet_the_conditions():
    events = runs(today=5.0, card="said", earlier=[(1, 5.0), (2, 5.0), (4, 6.0), (8, 4.0)])
    assert last_of(events, history("sum", Last(1), where=(Near("said", within=0.5),))) == [2.0]
    assert last_of(events, history("days_since", value="", where=(AtLeast("said"),))) == [25.5]


def test_a_condition_may_be_about_an_earlier_feature_as_it_was_at_each_cutoff():
    steps = [
        Expression(name="runs twice", sql='2 * "runs"', description="", kept=False),
        history("sum", where=(AtLeast("runs twice"),)),
        history("sum", where=(AtMost("runs twice"),)),
    ]
    runs_so_far = History(name="runs", key=("who",), aggregate="count", description="", kept=False)
    events = runs(today=0.0, card="said", earlier=[(1, 0.0), (2, 0.0), (4, 0.0)])
    assert compute(events, [runs_so_far, *steps]).row(-1)[4:] == (0.0, 7.0)
    # Rows of today's key had had 0, 1 and 2 runs, today's entrant 3: none of them is more.


def test_two_who_ask_alike_and_two_who_do_not_are_answered_each_by_its_own_number():
    past = [{"day": d, "where": "north", "said": float(d), "versions": [(d + 0.5, None, d)]} for d in (1, 2, 4)]
    today = [{"day": 30, "where": "north", "said": said} for said in (2.0, 1.0, 2.0, None, 9.0)]
    found = compute(story(*past, *today), [history("sum", key=("where",), where=(AtLeast("said"),))])
    assert found.tail(5).to_series(-1).to_list() == [6.0, 7.0, 6.0, 0.0, 0.0]


@given(chance_events())
@settings(FIND, max_examples=5)
def test_keys_divided_into_parts_to_bound_the_memory_give_the_same_bits(events):
    features = every(wheres=((), *WHERES), windows=(Expanding(), Last(2), Days(10)))
    whole = compute(events, features)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(asking, "ROWS_AT_ONCE", 3)
        assert compute(events, features).equals(whole)


def test_conditions_that_admit_nothing_or_look_where_they_cannot_are_refused():
    for make in (lambda: Near("said"), lambda: Near("said", share=-0.1), lambda: Near("said", within=-1.0, share=2.0)):
        with pytest.raises(InputError, match="admits no other row"):
            make()
    events = runs(today=1.0, card="said", earlier=[(1, 1.0)])
    with pytest.raises(InputError, match="nowhere"):
        compute(events, [history("sum", where=(AtLeast("nowhere"),))])
    # What came of today is out of reach of its own card, so it is no condition.
    with pytest.raises(InputError, match="score"):
        compute(events, [history("sum", where=(Near("score", share=0.1),))])
