"""The engine: every feature of every entrant from what could be known at its cut-off, and from nothing else.

A history row may be used by an entrant when `usable_at <= cutoff`, where `usable_at` is the later of the row's two
clocks, and as long as it was not corrected: until `until`. Rows are put in one order first and every value is computed
from the rows of its own window or event alone, so cutting the future, shuffling the input or computing one day instead
of ten years gives the same bits. What a step gives is held in single precision, and later steps see what is stored.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from morningline.features.asking import THREADS, ask, here
from morningline.features.columns import alike, as_series, microseconds, numbers, single
from morningline.features.definitions import Centred, Derived, Expression, Feature, History, Rating, WithinEvent
from morningline.features.histories import KeyHistories
from morningline.features.listings import FOREVER, Listing, Moments, Ranges
from morningline.features.planning import columns_of, expression, plan, roots
from morningline.features.rated import take_rating
from morningline.features.state import IDENTITY, ORDER, Events, State
from morningline.features.within import within_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morningline.features.asking import Answerer
    from morningline.features.definitions import Step
    from morningline.features.planning import Plan
    from morningline.features.rating import Ratings
    from morningline.features.sums import Floats


@dataclass(frozen=True)
class Computed:
    """What a computation gave.

    Attributes:
        features: `event_id`, `entrant_id`, `day`, `as_of` (the cut-off) and each kept feature as Float32, null where
            it cannot be known; in the order of event and entrant.
        history: The events' history rows with the values that histories look at: the past of later days.
        rated: Earlier history rows whose ratings are others now, because something became known before them.
    """

    features: pl.DataFrame
    history: pl.DataFrame
    rated: Sequence[pl.DataFrame]


def compute(
    events: Events, steps: Sequence[Step], past: pl.LazyFrame | None = None, answer: Answerer = here
) -> pl.DataFrame:
    """Take the steps of a feature set.

    Args:
        events: Entrants and the outcomes of events that are over.
        steps: The set's definitions, in any order.
        past: History rows of earlier days, as `compute_all` gave them.
        answer: Where histories are answered: here, if not said otherwise.

    Returns:
        `event_id`, `entrant_id`, `day`, `as_of` (the cut-off) and each kept feature as Float32, null where it
        cannot be known; in the order of event and entrant.

    Raises:
        InputError: A definition uses a column that does not exist where it looks, or the events are not as said.
    """
    planned = plan(steps)
    state = State(events, past, planned)
    # Whoever gave the events may not need them any more.
    del events
    _take_all(state, planned, answer)
    return _features(state, steps)


def compute_all(
    events: Events, steps: Sequence[Step], past: pl.LazyFrame | None = None, answer: Answerer = here
) -> Computed:
    """Take the steps of a feature set, and keep the history rows for later days. Arguments and errors as `compute`."""
    planned = plan(steps)
    state = State(events, past, planned)
    del events
    ratings = _take_all(state, planned, answer)
    kept = [*IDENTITY, *ORDER, "until", "first_known", *planned.values]
    kept += [column for rating in ratings for column in rating.after]
    history = state.history.select(list(dict.fromkeys(kept)))
    return Computed(
        _features(state, steps), history.with_columns(pl.selectors.categorical().cast(pl.String)), state.rated
    )


def _take_all(state: State, planned: Plan, answer: Answerer) -> list[Rating]:
    """Take every stage; returns the ratings that history rows keep."""
    known: dict[tuple[object, ...], tuple[Rating, Ratings]] = {}
    for stage in planned.stages:
        _look_back(state, [step for step in stage if isinstance(step, History | Rating)], known, answer)
        _take_of_entrants(state, [step for step in stage if isinstance(step, Expression | WithinEvent)])
        _derive(state, [step for step in stage if isinstance(step, Derived | Centred)])
    return [rating for rating, _ in known.values()]


def _features(state: State, steps: Sequence[Step]) -> pl.DataFrame:
    kept = [step.name for step in steps if isinstance(step, Feature) and step.kept]
    return state.entrants.select(*IDENTITY, "day", pl.col("cutoff").alias("as_of"), *kept)


def _look_back(
    state: State,
    steps: Sequence[History | Rating],
    known: dict[tuple[object, ...], tuple[Rating, Ratings]],
    answer: Answerer,
) -> None:
    """Answer histories while ratings go event by event beside them."""
    histories = [step for step in steps if isinstance(step, History)]
    ratings = [step for step in steps if isinstance(step, Rating)]
    for step in steps:
        beside = [*columns_of(step.key), *(c.column for c in getattr(step, "where", ()))]
        value = step.value if isinstance(step, History) else step.result
        state.require(step.name, beside, of_rows=False)
        state.require(step.name, [*beside, *([value] if value else [])], of_rows=True)
    with ThreadPoolExecutor(1) as pool:
        new: dict[tuple[object, ...], Rating] = {}
        for step in ratings:
            # Parts of one rating are rated once.
            if _rated(step) not in known:
                new.setdefault(_rated(step), step)
        going = {which: pool.submit(take_rating, state, step) for which, step in new.items()}
        state.add_features(ask(state, histories, answer))
        for which, future in going.items():
            state.rate(future.result().after)
            known[which] = new[which], future.result().at_cutoffs
    state.add_features([as_series(s.name, single(getattr(known[_rated(s)][1], s.part))) for s in ratings])


def _rated(step: Rating) -> tuple[object, ...]:
    return step.key, step.result, step.system


def _take_of_entrants(state: State, steps: Sequence[Expression | WithinEvent]) -> None:
    """Take steps that look at entrants alone, side by side."""
    for step in steps:
        state.require(step.name, roots(step) if isinstance(step, Expression) else [step.of], of_rows=False)

    def values(step: Expression | WithinEvent) -> pl.Series:
        if isinstance(step, Expression):
            return as_series(step.name, single(_from_sql(step, state.entrants)))
        return as_series(step.name, single(within_event(step.how, numbers(state.entrants[step.of]), state.events)))

    with ThreadPoolExecutor(THREADS) as pool:
        state.add_features(list(pool.map(values, steps)))


def _derive(state: State, steps: Sequence[Derived | Centred]) -> None:
    """Take steps that look at history rows alone, side by side."""
    for step in steps:
        state.require(step.name, roots(step) if isinstance(step, Derived) else [step.of, *step.by], of_rows=True)

    def values(step: Derived | Centred) -> pl.Series:
        found = _from_sql(step, state.history) if isinstance(step, Derived) else _centred(step, state.history)
        return as_series(step.name, single(found))

    with ThreadPoolExecutor(THREADS) as pool:
        state.derive(*pool.map(values, steps))


def _from_sql(step: Expression | Derived, frame: pl.DataFrame) -> Floats:
    # What is stored in single precision is calculated with in double.
    single_ones = [name for name in roots(step) if frame.schema[name] == pl.Float32]
    wide = frame.with_columns(pl.col(single_ones).cast(pl.Float64))
    return numbers(wide.with_columns(expression(step).cast(pl.Float64).alias("#value"))["#value"])


def _centred(step: Centred, rows: pl.DataFrame) -> Floats:
    """Values less the mean of their group as it was known when the row itself became usable."""
    group = alike(rows, ("day", *step.by))
    usable, value = Moments.of(microseconds(rows["usable_at"])), single(numbers(rows[step.of]))
    listing = Listing(group, np.arange(rows.height, dtype=np.int32), usable, microseconds(rows["until"], FOREVER))
    together = History(name=step.name, key=step.by, value=step.of, description="")
    mean = KeyHistories(Ranges(group, usable, listing), {step.of: value}).feature(together)
    return value.astype(np.float64) - mean
