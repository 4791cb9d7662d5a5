"""What is computed day after day from the history rows kept is what is computed at once, to the last bit."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import polars as pl
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chance_events import chance_events, differing
from every_step import STEPS
from features_by_loops import FIND, on, story
from morningline.features import past as past_rows
from morningline.features.definitions import Rating
from morningline.features.engine import Events, compute, compute_all
from morningline.features.rating import Elo
from morningline.features.state import IDENTITY, ORDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from morningline.features.definitions import Step
    from morningline.features.engine import Computed


def of_days(events: Events, first: date, last: date) -> Events:
    """Entrants and outcomes of the days `first <= day < last`."""
    entrants = events.entrants.filter(pl.col("day").is_between(first, last, closed="left"))
    return Events(entrants, events.outcomes.join(entrants, on=list(IDENTITY), how="semi"))


def kept(past: pl.DataFrame | None, computed: Computed) -> pl.DataFrame:
    """The history rows after a computation: the earlier ones with the ratings they have now, and the new ones."""
    if past is None:
        return computed.history
    for rated in computed.rated:
        past = past.update(rated, on=list(ORDER), include_nulls=True)
    return pl.concat([past, computed.history])


def in_pieces(events: Events, cuts: Iterable[date], steps: Sequence[Step] = STEPS) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Features and history rows of all days, computed piece by piece."""
    bounds = sorted({date.min, *cuts, date.max})
    past, found = None, []
    for first, last in pairwise(bounds):
        computed = compute_all(of_days(events, first, last), steps, None if past is None else past.lazy())
        past = kept(past, computed)
        found.append(computed.features)
    return pl.concat(found).sort(*IDENTITY), past


def same(events: Events, cuts: Iterable[date], steps: Sequence[Step] = STEPS) -> None:
    whole, (features, rows) = compute_all(events, steps), in_pieces(events, cuts, steps)
    assert differing(whole.features, features) == []
    in_order = [frame.sort(*ORDER).with_columns(as_of="usable_at") for frame in (whole.history, rows)]
    assert differing(*in_order) == []


def days_of(events: Events) -> list[date]:
    return events.entrants["day"].unique().sort().to_list()


@given(chance_events(), st.data())
@settings(FIND, max_examples=8)
def test_history_cut_into_two_or_three_pieces_anywhere_gives_the_same_bits(events, data):
    same(events, data.draw(st.lists(st.sampled_from(days_of(events)), min_size=1, max_size=2)))


@given(chance_events(), st.integers(1, 30), st.data())
@settings(FIND, max_examples=8)
def test_a_past_too_long_to_be_read_at_once_is_read_in_parts_and_gives_the_same_bits(events, rows, data):
    with patch.multiple(past_rows, ROWS_AT_ONCE=0, ROWS_OF_PART=rows):
        same(events, data.draw(st.lists(st.sampled_from(days_of(events)), min_size=1, max_size=2)))


@given(chance_events())
@settings(FIND, max_examples=4)
def test_day_after_day_gives_the_same_bits_as_all_at_once(events):
    same(events, days_of(events))


@given(chance_events(), st.data())
@settings(FIND, max_examples=8)
def test_one_event_by_itself_gives_the_same_bits_as_all_at_once(events, data):
    whole = compute_all(events, STEPS)
    assume(whole.features.height)
    event = data.draw(st.sampled_from(whole.features["event_id"].unique().sort().to_list()))
    entrants = events.entrants.filter(pl.col("event_id") == event)
    day, cutoff = entrants.select("day", "cutoff").row(0)
    # What is known of the same day before the cut-off is no past that was kept yet.
    assume(whole.history.filter((pl.col("day") == day) & (pl.col("usable_at") <= cutoff)).is_empty())
    _, past = in_pieces(of_days(events, date.min, day), [])
    alone = compute(Events(entrants, events.outcomes.clear()), STEPS, past.lazy())
    assert differing(alone, whole.features.filter(pl.col("event_id") == event)) == []


def run(day, who, score, known=None) -> dict[str, Any]:
    return {"day": day, "who": who, "stall": 1.0, "versions": [(known or day + 1, None, score)]}


LATE = (
    *(run(1, "ann", 1.0), run(1, "bob", 2.0)),
    # Known when the next piece has begun, on both sides of its first result.
    *(run(2, "ann", 4.0, known=7.5), run(2, "bob", 3.0, known=7.5)),
    *(run(3, "bob", 1.0, known=12), run(3, "cy", 2.0, known=12)),
    *(run(6, "ann", 2.0), run(6, "cy", 1.0)),
    *(run(9, "ann", 1.0), run(9, "bob", 2.0), run(9, "cy", 3.0)),
    *(run(14, who, 1.0) for who in ("ann", "bob", "cy")),
)


def test_results_of_earlier_days_that_come_late_move_what_comes_after_them():
    events = story(*LATE)
    for cut in (2, 3, 7, 14):
        same(events, [on(cut).date()])
    same(events, days_of(events))


def test_earlier_rows_that_were_rated_again_are_handed_back():
    events = story(*LATE)
    elo = Rating(name="elo", key=("who",), result="score", system=Elo(), description="")
    first = compute_all(of_days(events, date.min, on(6).date()), [elo])
    second = compute_all(of_days(events, on(6).date(), date.max), [elo], first.history.lazy())
    (rated,) = second.rated
    told = {row["usable_at"]: row["elo_mean_after"] for row in rated.iter_rows(named=True)}
    before = {row["usable_at"]: row["elo_mean_after"] for row in first.history.iter_rows(named=True)}
    # Day 6 was known on day 7, before the results of days 2 and 3.
    assert told[on(7.5)] != before[on(7.5)]
    assert told[on(12)] != before[on(12)]


def test_a_late_result_known_at_the_instant_of_the_first_new_one_is_rated_with_it_and_once():
    late = [run(1, "ann", 2.0, known=7), run(1, "bob", 1.0, known=7)]
    same(story(*late, run(6, "ann", 1.0), run(6, "bob", 2.0), run(9, "ann", 1.0), run(9, "bob", 2.0)), [on(6).date()])


def test_a_result_known_before_any_cutoff_of_its_piece_moves_the_late_results_after_it():
    # Its card came too late: when the first one looks, what is known on days 7 and 8 is already history.
    late_card = [run(5, who, score) | {"cutoff": None} for who, score in (("ann", 1.0), ("bob", 2.0))]
    late = [run(day, who, score, known=6 + day) for day in (1, 2) for who, score in (("ann", 2.0), ("bob", 1.0))]
    same(story(*late, *late_card, run(9, "ann", 1.0), run(9, "bob", 2.0)), [on(5).date()])


def test_a_day_without_outcomes_or_entrants_or_past_is_computed_too():
    events = story(*LATE)
    cut = on(9).date()
    first = compute_all(of_days(events, date.min, cut), STEPS)
    today = of_days(events, cut, cut + timedelta(days=1))
    whole = compute(events, STEPS).filter(pl.col("day") == cut)
    nothing_yet = compute(Events(today.entrants, today.outcomes.clear()), STEPS, first.history.lazy())
    assert differing(nothing_yet, whole) == []
    nobody = Events(events.entrants.clear(), events.outcomes.clear())
    assert compute(nobody, STEPS, first.history.lazy()).is_empty()
    alone = compute(today, STEPS, first.history.clear().lazy())
    assert differing(alone, compute(today, STEPS)) == []
