"""Corrected outcomes: who looked before a correction knows the old one, who looks later the new one, nobody both."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chance_events import chance_events, differing
from features_by_loops import AGGREGATES, FIND, check_histories, every, history, last_of, on, story
from morningline.features import listings
from morningline.features.definitions import Centred, Derived, History, Rating
from morningline.features.engine import Events, compute, compute_all
from morningline.features.rating import Elo
from morningline.features.windows import AtLeast, Days, Decay, Expanding, Last, Near, Rivals, Same

KEYS = (("who",), ("where",), Rivals(("who",)), Rivals(("who",), "ahead"))
WHERES = ((Same("where"),), (Near("said", share=0.1, within=5.0),), (AtLeast("said"), Same("stall")))
WINDOWS = (Expanding(), Last(1), Last(3), Days(2), Days(10), Decay(3))
HISTORIES = [*every(keys=KEYS, windows=WINDOWS), *every(wheres=WHERES, windows=WINDOWS)]


@given(chance_events(), st.data())
@settings(FIND, max_examples=10)
def test_an_entrant_sees_what_it_would_if_no_other_version_than_those_true_at_its_cutoff_had_ever_been(events, data):
    cutoff = data.draw(st.sampled_from(events.entrants["cutoff"].drop_nulls().to_list() or [on(1)]))
    true_then = (pl.col("usable_at") <= cutoff) & (pl.col("until").is_null() | (pl.col("until") > cutoff))
    only = Events(events.entrants, events.outcomes.filter(true_then).drop("until"))
    whole, alone = (compute(e, HISTORIES).filter(pl.col("as_of") == cutoff) for e in (events, only))
    assert differing(whole, alone) == []


@given(chance_events())
@settings(FIND, max_examples=5)
def test_eras_taken_one_by_one_to_bound_the_memory_give_the_same_bits(events):
    whole = compute(events, HISTORIES)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(listings, "EXPANDED", 1)
        assert differing(compute(events, HISTORIES), whole) == []


# Ann scored 1 and 4; on day 6 it is said that the 4 of day 3 was a 9, on day 8 that there was none.
TOLD = (
    {"day": 1, "who": "ann", "versions": [(2, None, 1.0)]},
    {"day": 3, "who": "ann", "versions": [(4, 6, 4.0), (6, 8, 9.0)]},
)


@pytest.mark.parametrize(
    ("day", "scores"), [(3.9, [1]), (4, [1, 4]), (5.99, [1, 4]), (6, [1, 9]), (7.9, [1, 9]), (8, [1]), (20, [1])]
)
@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_each_aggregate_is_of_the_version_that_was_true(aggregate, day, scores):
    known = [2, 4 if day < 6 else 6]
    as_if = [
        {"day": at, "who": "ann", "versions": [(since, None, score)]}
        for at, since, score in zip((1, 3), known, scores, strict=False)
    ]
    windows = (Expanding(), Last(1), Last(2), Days(3), Days(9), Decay(2))
    asked = every(windows=windows, aggregates=[aggregate])
    told, plain = (last_of(story(*rows, {"day": day, "who": "ann"}), *asked) for rows in (TOLD, as_if))
    assert told == plain


def test_who_looks_between_two_corrections_and_as_one_is_made_is_answered_beside_those_who_look_at_other_times():
    told = (
        {"day": 1, "who": "ann", "where": "north", "said": 5.0, "versions": [(2, 6, 1.0), (6, None, 3.0)]},
        {"day": 1, "who": "ann", "where": "north", "said": 6.0, "versions": [(2, 16, 8.0), (16, 17, 2.0)]},
        {"day": 3, "who": "ann", "where": "north", "said": 7.0, "versions": [(4, None, 5.0)]},
        {"day": 4, "who": "ann", "where": "north", "said": 4.0, "versions": [(5, 9, 6.0)]},
    )
    asking = [
        {"day": day, "who": "ann", "where": "north", "said": 5.0} for day in (2, 3, 5, 6, 7, 9, 11, 15, 16, 17, 20)
    ]
    check_histories(story(*told, *asking), [*every(windows=WINDOWS), *every(wheres=WHERES, windows=WINDOWS)])


def test_a_corrected_row_is_as_recent_as_its_correction():
    events = story(*TOLD, {"day": 7, "who": "ann"})
    asked = [history("days_since"), history("count", Days(2)), history("last", Last(1))]
    assert last_of(events, *asked) == [1.0, 1.0, 9.0]


def test_a_meeting_is_of_the_versions_of_both_sides_that_were_true_together():
    told = (
        {"day": 1, "who": "ann", "versions": [(2, 6, 1.0), (6, None, 8.0)]},
        {"day": 1, "who": "bob", "versions": [(4, 9, 4.0), (9, None, 5.0)]},
    )
    seen = {3: (0, None), 4: (1, -3), 5: (1, -3), 6: (1, 4), 8: (1, 4), 9: (1, 3), 20: (1, 3)}
    for day, (count, apart) in seen.items():
        events = story(*told, {"day": day, "who": "bob"}, {"day": day, "who": "ann"})
        asked = [history("count", key=Rivals(("who",))), history("last", key=Rivals(("who",)))]
        assert last_of(events, *asked) == [count, apart]


def test_versions_of_two_sides_that_were_never_true_together_are_no_meeting():
    told = (
        {"day": 1, "who": "ann", "versions": [(2, 3, 1.0)]},
        {"day": 1, "who": "bob", "versions": [(3, None, 4.0)]},
    )
    for day in (2, 3, 4):
        events = story(*told, {"day": day, "who": "bob"}, {"day": day, "who": "ann"})
        assert last_of(events, history("count", key=Rivals(("who",)))) == [0]


def test_values_of_a_corrected_row_are_derived_and_centred_from_what_was_known_with_it():
    told = (
        {"day": 1, "who": "ann", "versions": [(2, 6, 4.0), (6, None, 10.0)]},
        {"day": 1, "who": "bob", "versions": [(2, 4, 2.0), (4, None, 0.0)]},
    )
    steps = (
        Derived(name="double", sql="2 * score", description=""),
        Centred(name="centred", of="double", by=("where",), description=""),
    )
    # Of ann: 8 less the mean of 8 and 4; then 20 less the mean of 20 and 0.
    for day, ann, bob in ((2, 2, -2), (4, 2, -4), (5, 2, -4), (6, 10, -4)):
        where = [{**row, "where": "north"} for row in told]
        found = compute(
            story(*where, {"day": day, "who": "ann"}, {"day": day, "who": "bob"}),
            [*steps, history("last", value="centred")],
        )
        assert found.tail(2).to_series(-1).to_list() == [ann, bob]


def test_ratings_are_moved_by_what_was_known_first_and_by_no_correction():
    first = (
        {"day": 1, "who": "ann", "versions": [(2, None, 1.0)]},
        {"day": 1, "who": "bob", "versions": [(2, None, 2.0)]},
    )
    later = [
        first[0] | {"versions": [(2, 4, 1.0), (4, None, 2.0)]},
        first[1] | {"versions": [(2, 4, 2.0), (4, None, 1.0)]},
    ]
    step = Rating(name="elo", key=("who",), result="score", system=Elo(), description="")
    for day in (1, 2, 3, 4, 9):
        asked = ({"day": day, "who": "ann"}, {"day": day, "who": "bob"})
        assert compute(story(*later, *asked), [step]).equals(compute(story(*first, *asked), [step]))
    kept = compute_all(story(*later), [step]).history
    assert kept.filter(pl.col("elo_mean_after").is_not_null())["usable_at"].unique().to_list() == [on(2)]


def test_outcomes_that_are_never_corrected_need_no_column_that_says_so():
    events = story({"day": 1, "who": "ann", "versions": [(2, None, 1.0)]}, {"day": 3, "who": "ann"})
    plain = Events(events.entrants, events.outcomes.drop("until"))
    steps = [*HISTORIES, History(name="runs", key=("who",), aggregate="count", description="")]
    assert differing(compute(events, steps), compute(plain, steps)) == []
