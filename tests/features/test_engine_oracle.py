"""The engine against plain loops: every aggregate over every window, and the stands within an event."""

from __future__ import annotations

import math
import statistics
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings

from chance_events import ENTRANTS, OUTCOMES, chance_events
from features_by_loops import (
    FIND,
    ONE_DAY,
    Past,
    by_loops,
    check,
    check_histories,
    every,
    finite,
    history,
    last_of,
    story,
)
from morningline.features.definitions import Centred, Derived, Expression, History, WithinEvent
from morningline.features.engine import Events, compute
from morningline.features.windows import Days, Decay, Expanding, Last
from morningline.kit.errors import InputError

KEYS = (("who",), ("who", "where"), ("stall", "where"), ("where",))
ALL = every(keys=KEYS) + [
    history(a, w, value="") for a in ("count", "days_since") for w in (Expanding(), Last(2), Days(10))
]


@given(chance_events(plain=True))
@settings(FIND, max_examples=30)
def test_every_aggregate_over_every_window_is_what_loops_give(events):
    check_histories(events, ALL)


def many(values, *, days=None, key="ann") -> Events:
    """One runner a day, each with the value given, and one more day to look back from."""
    days = days or range(len(values))
    start = pl.datetime(2024, 1, 1, time_zone="UTC", time_unit="us")
    frame = pl.DataFrame({"score": [*values, None], "d": [*days, max(days) + 1]}, strict=False).with_columns(
        event_id=pl.format("e{}", pl.int_range(pl.len()).cast(pl.String).str.zfill(5)),
        entrant_id=pl.lit("1"),
        cutoff=start + pl.duration(days="d"),
        usable_at=start + pl.duration(days=pl.col("d") + 1),
        who=pl.lit(key),
        until=pl.lit(None),
        time=pl.lit(None),
    )
    cards = frame.with_columns(day=pl.col("cutoff").dt.date(), where=pl.lit("north"), stall=pl.lit(1.0), said="score")
    return Events(
        cards.select(pl.col(n).cast(t) for n, t in ENTRANTS.items()),
        frame[:-1].select(pl.col(n).cast(t) for n, t in OUTCOMES.items()),
    )


def test_a_window_has_nothing_of_the_rounding_of_older_rows():
    # By differences of running sums these would be 0, 0 and a negative variance.
    events = many([1e12, -3e11, 0.1, 0.2, 0.3])
    assert last_of(events, history("sum", Last(3)), history("mean", Last(3))) == pytest.approx([0.6, 0.2], rel=1e-6)
    assert last_of(many([1e3, -3e2, 0.1, 0.2, 0.3]), history("std", Last(3))) == pytest.approx([0.1], rel=1e-6)
    assert last_of(events, history("sum", Days(3))) == pytest.approx([0.6], rel=1e-6)


def test_the_spread_of_large_numbers_that_hardly_differ_is_exact():
    assert last_of(many([1e7, 1e7 + 1, 1e7 + 2]), history("std", Expanding())) == [1.0]
    assert last_of(many([0.1] * 7), history("std", Expanding())) == [0.0]


def test_values_that_are_no_finite_number_are_left_out_and_poison_nothing():
    events = many([float("inf"), float("nan"), 2.0, float("-inf"), 4.0])
    wanted = {"count": 2, "sum": 6, "mean": 3, "min": 2, "max": 4, "last": 4, "days_since": 0}
    for window in (Expanding(), Last(3), Days(3)):
        assert last_of(events, *(history(a, window) for a in wanted)) == list(wanted.values())
    assert last_of(events, history("mean", Decay(10_000))) == pytest.approx([3.0], rel=1e-3)


def test_a_row_one_half_life_older_counts_half_and_two_of_one_instant_count_alike():
    assert last_of(many([0.0, 1.0], days=[0, 10]), history("mean", Decay(10))) == pytest.approx([2 / 3])
    assert last_of(many([0.0, 3.0], days=[4, 4]), history("mean", Decay(10))) == [1.5]


def test_a_fading_mean_survives_more_half_lives_than_a_float_has_powers_of_two():
    values = [float(i % 5) for i in range(400)]
    found = last_of(many(values, days=range(0, 4000, 10)), history("mean", Decay(1)))
    weights = [0.5 ** (10 * (399 - i)) for i in range(400)]
    assert found == pytest.approx([sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)])


def test_a_row_counts_from_the_instant_it_becomes_usable_and_a_day_window_ends_before_it():
    events = many([5.0])
    assert last_of(events, history("count", Expanding()), history("count", Days(1))) == [1, 1]
    late = Events(events.entrants, events.outcomes.with_columns(pl.col("usable_at") + timedelta(microseconds=1)))
    assert last_of(late, history("count", Expanding())) == [0]
    # Usable exactly a day before the cut-off is no longer of the last day.
    early = Events(events.entrants, events.outcomes.with_columns(pl.col("usable_at") - ONE_DAY))
    assert last_of(early, history("count", Days(1)), history("count", Days(2))) == [0, 1]
    just = Events(events.entrants, early.outcomes.with_columns(pl.col("usable_at") + timedelta(microseconds=1)))
    assert last_of(just, history("count", Days(1))) == [1]


def test_the_last_of_one_row_is_null_where_that_row_has_no_value_and_the_last_ever_is_not():
    events = many([7.0, None])
    assert last_of(events, history("last", Last(1)), history("last", Expanding())) == [None, 7.0]
    assert last_of(events, history("days_since", Expanding()), history("days_since", Expanding(), value="")) == [1, 0]


def test_no_value_is_minus_zero():
    events = many([-0.0, -1e-300])
    found = compute(events, [history(a, Expanding()) for a in ("sum", "min", "max", "last")])
    assert all(math.copysign(1, v) == 1 for row in found.rows() for v in row[4:] if v is not None)


def test_an_outcome_that_is_never_usable_is_no_history():
    events = many([1.0, 2.0])
    never = pl.when(pl.col("event_id") == "e00000").then("usable_at")
    assert last_of(Events(events.entrants, events.outcomes.with_columns(usable_at=never)), history("sum", Last(9))) == [
        1.0
    ]


STANDS = ("rank", "z", "share", "gap_to_best", "others_mean", "others_best")


def stand_by_loops(step, events, entrant) -> float | None:  # noqa: PLR0911 - one line a stand
    here = [row for row in events.entrants.iter_rows(named=True) if row["event_id"] == entrant["event_id"]]
    field = {row["entrant_id"]: finite(row["said"]) for row in here if finite(row["said"]) is not None}
    own, values = finite(entrant["said"]), list(field.values())
    others = [value for who, value in field.items() if who != entrant["entrant_id"]]
    match step.how:
        case "others_mean":
            return statistics.fmean(others) if others else None
        case "others_best":
            return max(others, default=None)
        case _ if own is None:
            return None
        case "rank":
            return sum(v > own for v in values) + (sum(v == own for v in values) + 1) / 2
        case "gap_to_best":
            return own - max(values)
        case "share":
            return own / sum(values) if sum(values) else None
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return (own - statistics.fmean(values)) / spread if spread > 1e-6 * max(map(abs, values)) else None


@given(chance_events(plain=True))
@settings(FIND, max_examples=40)
def test_how_an_entrant_stands_in_its_event_is_what_loops_give(events):
    steps = [WithinEvent(name=how, of="said", how=how, description="") for how in STANDS]
    above_zero = Events(events.entrants.with_columns(pl.col("said").round(0) + 101), events.outcomes)
    check(above_zero, steps, lambda step, entrant: stand_by_loops(step, above_zero, entrant))
    # The sum of numbers about zero may be a rounding, and a share of it anything.
    steps = [step for step in steps if step.how != "share"]
    check(events, steps, lambda step, entrant: stand_by_loops(step, events, entrant))


def test_those_who_share_a_value_share_its_mean_rank_and_the_next_one_follows_them_all():
    field = story(*({"day": 1, "said": said} for said in (3.0, 5.0, 5.0, None, -0.0, 0.0, 0.0)))
    steps = [
        WithinEvent(name=how, of="said", how=how, description="") for how in ("rank", "others_best", "others_mean")
    ]
    found = compute(field, steps)
    assert found["rank"].to_list() == [3, 1.5, 1.5, None, 5, 5, 5]
    # Of two best ones each has the other before it.
    assert found["others_best"].to_list() == [5.0] * 7
    assert found["others_mean"][:4].to_list() == pytest.approx([2, 8 / 5, 8 / 5, 13 / 6])
    alone = compute(story({"day": 1, "said": 3.0}), steps)
    assert alone.select("rank", "others_best", "others_mean").row(0) == (1.0, None, None)


def test_a_field_that_is_alike_but_for_rounding_has_no_spread_and_one_rank():
    events = many([1.0])
    field = pl.concat(
        [
            events.entrants[:1].with_columns(entrant_id=pl.lit(str(i)), said=pl.lit(v))
            for i, v in enumerate([0.1 + 0.2, 0.3, 0.3])
        ]
    )
    steps = [WithinEvent(name=how, of="said", how=how, description="") for how in ("z", "rank")]
    assert compute(Events(field, events.outcomes.clear()), steps).select("z", "rank").rows() == [(None, 2.0)] * 3


@given(chance_events(plain=True))
@settings(FIND, max_examples=30)
def test_derived_and_centred_values_are_what_loops_give(events):
    steps = (
        Expression(name="twice", sql="2 * said", description="", kept=False),
        Derived(name="more", sql="score + COALESCE(twice, 0)", description=""),
        Centred(name="centred", of="more", by=("where",), description=""),
    )
    past = Past(events, more=more, centred=centred)
    check(
        events,
        [history("last", value="centred")],
        lambda feature, entrant: by_loops(feature, past, entrant),
        steps=steps,
    )


def more(_, row) -> float | None:
    # Who has no cut-off has no features either.
    said = finite(row["said"]) if row["cutoff"] is not None else None
    score = finite(row["score"])
    return None if score is None else score + 2 * (said or 0.0)


def centred(past, row) -> float | None:
    together = [r for r in past.known(row["usable_at"]) if (r["day"], r["where"]) == (row["day"], row["where"])]
    values = [r["more"] for r in together if r["more"] is not None]
    return None if row["more"] is None else row["more"] - statistics.fmean(values)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: History(name="x", key=("who",), aggregate="mean", description=""), "mean of 'nothing'"),
        (lambda: history("std", Decay(3)), "count, sum, mean, rate"),
        (lambda: history("sum", Last(0)), "one row"),
        (lambda: history("sum", Days(-1)), "one day"),
        (lambda: Expression(name="x", sql="said - AVG(said)", description=""), "AVG"),
        (lambda: Expression(name="x", sql="sum(said) over (partition by who)", description=""), "OVER, SUM"),
        (lambda: Derived(name="x", sql="LAG (score)", description=""), "LAG"),
        (lambda: Derived(name="x", sql="(SELECT 1)", description=""), "SELECT"),
    ],
)
def test_a_definition_that_could_look_elsewhere_or_nowhere_is_refused(make, says):
    with pytest.raises(InputError, match=says):
        make()


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (Expression(name="x", sql="score + 1", description=""), "'x' uses a column that it cannot see"),
        (Derived(name="x", sql="nowhere + 1", description=""), "nowhere"),
        (history("mean", Last(1), value="nowhere"), "nowhere"),
        (history("mean", Last(1), key=("score",)), "score"),
        (WithinEvent(name="x", of="score", how="z", description=""), "score"),
        (Centred(name="x", of="score", by=("nowhere",), description=""), "nowhere"),
    ],
)
def test_a_column_that_is_not_where_a_definition_looks_is_named(step, says):
    with pytest.raises(InputError, match=says):
        compute(many([1.0]), [step])


def test_an_entrant_or_outcome_that_is_there_twice_is_refused():
    events = many([1.0])
    for twice in (
        Events(pl.concat([events.entrants, events.entrants]), events.outcomes),
        Events(events.entrants, pl.concat([events.outcomes, events.outcomes])),
    ):
        with pytest.raises(InputError, match="'e00000' and '1' is there more than once"):
            compute(twice, [history("sum", Last(1))])
    with pytest.raises(InputError, match="said"):
        compute(Events(events.entrants, events.outcomes.with_columns(said=1)), [])


def test_a_set_is_computed_where_nothing_happened_yet_and_where_nobody_is_entered():
    events = many([1.0])
    nothing = compute(Events(events.entrants, events.outcomes.clear()), ALL)
    assert nothing.height == 2
    assert nothing[history("sum", key=("who",)).name].to_list() == [0.0, 0.0]
    assert compute(Events(events.entrants.clear(), events.outcomes.clear()), ALL).is_empty()
