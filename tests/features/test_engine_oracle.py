"""The engine against plain loops: every aggregate over every window, and the stands within an event."""

from __future__ import annotations

import math
import statistics
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from chance_events import ENTRANTS, OUTCOMES, chance_events
from morningline.features.definitions import (
    Centred,
    Days,
    Decay,
    Derived,
    Expanding,
    Expression,
    History,
    Last,
    WithinEvent,
)
from morningline.features.engine import Events, compute
from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

FIND = settings(
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
PRIOR, PRIOR_ROWS = 0.25, 3.0
WINDOWS = (Expanding(), Last(1), Last(2), Last(5), Days(1), Days(10), Decay(2), Decay(40))
FADING = ("count", "sum", "mean", "rate")
AGGREGATES = (*FADING, "min", "max", "std", "last", "days_since")
KEYS = (("who",), ("who", "where"), ("stall", "where"), ("where",))
ONE_DAY = timedelta(days=1)


def history(aggregate, window, key=("who",), value="score"):
    return History(
        name=f"{aggregate} {value} {key} {window}",
        key=key,
        value=value,
        window=window,
        aggregate=aggregate,
        prior=PRIOR,
        prior_rows=PRIOR_ROWS,
        description="",
    )


ALL = [
    history(aggregate, window, key)
    for key in KEYS
    for window in WINDOWS
    for aggregate in (FADING if isinstance(window, Decay) else AGGREGATES)
] + [history(a, w, value="") for a in ("count", "days_since") for w in (Expanding(), Last(2), Days(10))]


class Past:
    """The outcomes beside their cards, looked through row by row."""

    def __init__(self, events: Events) -> None:
        cards = {(r["event_id"], r["entrant_id"]): r for r in events.entrants.iter_rows(named=True)}
        usable = [r for r in events.outcomes.iter_rows(named=True) if r["usable_at"] is not None]
        usable.sort(key=lambda row: (row["usable_at"], row["event_id"], row["entrant_id"]))
        self.rows = [(row, cards[row["event_id"], row["entrant_id"]]) for row in usable]
        self.found: dict[tuple, list[dict]] = {}

    def rows_before(self, entrant, key) -> list[dict]:
        """The rows of the same key that are usable at the cut-off, oldest first."""
        wanted = tuple(entrant[name] for name in key)
        asked = (key, wanted, entrant["cutoff"])
        if asked not in self.found:
            self.found[asked] = [
                row
                for row, card in self.rows
                if None not in wanted
                and row["usable_at"] <= entrant["cutoff"]
                and tuple(card[name] for name in key) == wanted
            ]
        return self.found[asked]


def in_window(rows, window, cutoff) -> list[dict]:
    if isinstance(window, Last):
        return rows[-window.rows :]
    if isinstance(window, Days):
        return [row for row in rows if row["usable_at"] > cutoff - window.days * ONE_DAY]
    return rows


def by_loops(feature, past, entrant) -> float | None:  # noqa: C901, PLR0911 - one line an aggregate
    cutoff = entrant["cutoff"]
    rows = in_window(past.rows_before(entrant, feature.key), feature.window, cutoff)
    if feature.value:
        rows = [row for row in rows if row[feature.value] is not None]
    values = [row[feature.value] for row in rows] if feature.value else [1.0 for _ in rows]
    weights = [1.0 for _ in rows]
    if isinstance(feature.window, Decay):
        weights = [0.5 ** ((cutoff - row["usable_at"]) / ONE_DAY / feature.window.half_life_days) for row in rows]
    total = math.fsum(w * v for w, v in zip(weights, values, strict=True))
    match feature.aggregate:
        case "count":
            return math.fsum(weights)
        case "sum":
            return total
        case "rate":
            return (total + PRIOR * PRIOR_ROWS) / (math.fsum(weights) + PRIOR_ROWS)
        case _ if not rows:
            return None
        case "mean":
            return total / math.fsum(weights)
        case "min":
            return min(values)
        case "max":
            return max(values)
        case "std":
            return statistics.stdev(values) if len(values) > 1 else None
        case "last":
            return values[-1]
    return (cutoff - rows[-1]["usable_at"]) / ONE_DAY


def close(found, wanted, *, size=100.0) -> bool:
    if found is None or wanted is None:
        return found is wanted
    return math.isclose(found, wanted, rel_tol=2e-6, abs_tol=2e-6 * size)


def check(events, features, wanted, *, steps=()) -> None:
    """Every feature of every entrant that has a cut-off is what `wanted` says, and there are no other rows."""
    found = compute(events, [*steps, *features])
    entrants = events.entrants.drop_nulls("cutoff").sort("event_id", "entrant_id")
    assert found.select("event_id", "entrant_id", "day", as_of="as_of").equals(
        entrants.select("event_id", "entrant_id", "day", as_of="cutoff")
    )
    for row, entrant in zip(found.iter_rows(named=True), entrants.iter_rows(named=True), strict=True):
        for feature in features:
            expected = wanted(feature, entrant)
            assert close(row[feature.name], expected), (feature, entrant, row[feature.name], expected)


@given(chance_events(plain=True))
@settings(FIND, max_examples=30)
def test_every_aggregate_over_every_window_is_what_loops_give(events):
    past = Past(events)
    check(events, ALL, lambda feature, entrant: by_loops(feature, past, entrant))


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
        time=pl.lit(None),
    )
    cards = frame.with_columns(day=pl.col("cutoff").dt.date(), where=pl.lit("north"), stall=pl.lit(1.0), said="score")
    return Events(
        cards.select(pl.col(n).cast(t) for n, t in ENTRANTS.items()),
        frame[:-1].select(pl.col(n).cast(t) for n, t in OUTCOMES.items()),
    )


def last_of(events, *features) -> list[float | None]:
    return list(compute(events, features).row(-1)[4:])


def test_a_window_has_nothing_of_the_rounding_of_older_rows():
    # By differences of running sums these would be 0, 0 and a negative variance.
    events = many([1e17, -3e16, 0.1, 0.2, 0.3])
    found = last_of(events, *(history(a, Last(3)) for a in ("sum", "mean", "std")))
    assert found == pytest.approx([0.6, 0.2, 0.1], rel=1e-6)
    assert last_of(events, history("sum", Days(3))) == pytest.approx([0.6], rel=1e-6)


def test_the_spread_of_large_numbers_that_hardly_differ_is_exact():
    assert last_of(many([1e9, 1e9 + 1, 1e9 + 2]), history("std", Expanding())) == [1.0]
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


def of_event(events, entrant) -> Iterator[float]:
    for row in events.entrants.drop_nulls("cutoff").iter_rows(named=True):
        if row["event_id"] == entrant["event_id"] and row["said"] is not None:
            yield row["said"]


def stand_by_loops(step, events, entrant) -> float | None:
    own, field = entrant["said"], list(of_event(events, entrant))
    if own is None:
        return None
    if step.how == "rank":
        return sum(v > own for v in field) + (sum(v == own for v in field) + 1) / 2
    if step.how == "gap_to_best":
        return own - max(field)
    if step.how == "share":
        return own / sum(field) if sum(field) else None
    spread = statistics.stdev(field) if len(field) > 1 else 0.0
    return (own - statistics.fmean(field)) / spread if spread > 1e-6 * max(map(abs, field)) else None


@given(chance_events(plain=True))
@settings(FIND, max_examples=80)
def test_how_an_entrant_stands_in_its_event_is_what_loops_give(events):
    whole = events.entrants.with_columns(pl.col("said").round(0) + 101)
    steps = [WithinEvent(name=how, of="said", how=how, description="") for how in ("rank", "z", "share", "gap_to_best")]
    events = Events(whole, events.outcomes)
    check(events, steps, lambda step, entrant: stand_by_loops(step, events, entrant))


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
    cards = {(r["event_id"], r["entrant_id"]): r for r in events.entrants.iter_rows(named=True)}

    def more(row) -> float | None:
        card = cards[row["event_id"], row["entrant_id"]]
        # Who has no cut-off has no features either.
        said = card["said"] if card["cutoff"] is not None else None
        return None if row["score"] is None else row["score"] + 2 * (said or 0.0)

    def centred(row) -> float | None:
        together = [
            more(r)
            for r in events.outcomes.iter_rows(named=True)
            if r["usable_at"] == row["usable_at"]
            and cards[r["event_id"], r["entrant_id"]]["where"] == cards[row["event_id"], row["entrant_id"]]["where"]
        ]
        values = [v for v in together if v is not None]
        return None if more(row) is None else more(row) - statistics.fmean(values)

    known = events.outcomes.drop_nulls("usable_at")
    centres = pl.Series("score", [centred(r) for r in known.iter_rows(named=True)], pl.Float64)
    past = Past(Events(events.entrants, known.with_columns(centres)))
    check(
        events,
        [history("last", Expanding(), value="centred")],
        lambda _, entrant: by_loops(history("last", Expanding()), past, entrant),
        steps=steps,
    )


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
    assert nothing["sum score ('who',) Expanding()"].to_list() == [0.0, 0.0]
    assert compute(Events(events.entrants.clear(), events.outcomes.clear()), ALL).is_empty()
