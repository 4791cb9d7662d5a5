"""The engine: every feature of every entrant from what could be known at its cut-off, and from nothing else.

A history row may be used by an entrant when `usable_at <= cutoff`, where `usable_at` is the later of the row's two
clocks. Rows are put in one order first and every value is computed from the rows of its own window or event alone, so
cutting the future, shuffling the input or computing one day instead of ten years gives the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from morningline.features.definitions import Centred, Derived, Expression, History, WithinEvent
from morningline.features.histories import Codes, KeyHistories, Ranges, as_series, microseconds, numbers
from morningline.features.within import Groups, within_event
from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morningline.features.definitions import Step

IDENTITY = ("event_id", "entrant_id")


@dataclass(frozen=True)
class Events:
    """What a feature set is computed from.

    Attributes:
        entrants: One row an entrant: `event_id`, `entrant_id`, `day`, `cutoff` (UTC instant), and what its card
            says, nothing of which may have become known after the cut-off. A null cut-off marks a card that came
            too late: the entrant gets no features, but what came of it is history all the same.
        outcomes: One row an entrant of an event that is over: `event_id`, `entrant_id`, `usable_at` (UTC instant:
            the latest of its clocks; null is never), and what came of it.
    """

    entrants: pl.DataFrame
    outcomes: pl.DataFrame


class State:
    """Entrants and history rows while the steps of a set are taken; both in one order, whatever order they came in.

    Args:
        events: Entrants and outcomes.

    Raises:
        InputError: An entrant or an outcome is there twice, or a card and an outcome share the name of a column.
    """

    def __init__(self, events: Events) -> None:
        _require_once(events)
        cards = events.entrants.drop("cutoff")
        rows = events.outcomes.drop_nulls("usable_at").join(cards, on=list(IDENTITY), how="inner")
        self.entrants = events.entrants.drop_nulls("cutoff").sort(*IDENTITY)
        self.history = rows.sort("usable_at", *IDENTITY)
        self.events = Groups.of(self.entrants, ("event_id",))
        self.cutoffs = microseconds(self.entrants["cutoff"])
        self.usable_at = microseconds(self.history["usable_at"])
        self.places = self.history.select(IDENTITY).join(
            self.entrants.select(IDENTITY).with_row_index("#entrant"),
            on=list(IDENTITY),
            how="left",
            maintain_order="left",
        )["#entrant"]

    def add_features(self, columns: pl.DataFrame) -> None:
        """Add columns to the entrants, and as known before the event to their history rows."""
        self.entrants = self.entrants.hstack(columns)
        self.history = self.history.hstack(columns.select(pl.all().gather(self.places)))

    def derive(self, column: pl.Series) -> None:
        """Add a column to the history rows."""
        self.history = self.history.hstack([column])


def compute(events: Events, steps: Sequence[Step]) -> pl.DataFrame:
    """Take the steps of a feature set.

    Args:
        events: Entrants and the outcomes of events that are over.
        steps: The set's definitions, each using only columns of earlier ones.

    Returns:
        `event_id`, `entrant_id`, `day`, `as_of` (the cut-off) and each kept feature as Float32, null where it
        cannot be known; in the order of event and entrant.

    Raises:
        InputError: A definition uses a column that does not exist where it looks, or the events are not as said.
    """
    state = State(events)
    for kind, group in groupby(steps, key=type):
        if kind is History:
            _take_histories(state, [step for step in group if isinstance(step, History)])
        else:
            for step in group:
                _take(state, step)
    kept = [step.name for step in steps if getattr(step, "kept", False)]
    features = [as_series(name, numbers(state.entrants[name]), np.float32) for name in kept]
    return state.entrants.select(*IDENTITY, "day", pl.col("cutoff").alias("as_of")).hstack(features)


def _require_once(events: Events) -> None:
    for noun, frame in (("entrant", events.entrants), ("outcome", events.outcomes)):
        twice = frame.select(IDENTITY).filter(pl.struct(IDENTITY).is_duplicated())
        if twice.height:
            raise InputError(
                f"The {noun} of {' and '.join(map(repr, twice.row(0)))} is there more than once.",
                allowed="one row an entrant of an event",
            )
    shared = sorted(set(events.entrants.columns) & set(events.outcomes.columns) - set(IDENTITY))
    if shared:
        raise InputError(f"Cards and outcomes both have a column {', '.join(shared)}.", do="Rename one of them.")


def _take(state: State, step: Step) -> None:
    if isinstance(step, Expression):
        state.add_features(_from_sql(step, state.entrants).to_frame())
    elif isinstance(step, WithinEvent):
        _require(step.name, [step.of], state.entrants, "what a card says, and earlier features")
        column = within_event(step.how, numbers(state.entrants[step.of]), state.events)
        state.add_features(as_series(step.name, column).to_frame())
    elif isinstance(step, Derived):
        state.derive(_from_sql(step, state.history))
    elif isinstance(step, Centred):
        _require(step.name, [step.of, *step.by], state.history, "columns of the history rows")
        together = Groups.of(state.history, ("usable_at", *step.by))
        value = numbers(state.history[step.of])
        state.derive(as_series(step.name, value - together.mean(value)))


def _from_sql(step: Expression | Derived, frame: pl.DataFrame) -> pl.Series:
    try:
        return frame.select(pl.sql_expr(step.sql).cast(pl.Float64).alias(step.name))[step.name]
    except pl.exceptions.ColumnNotFoundError as error:
        raise InputError(
            f"The definition {step.name!r} uses a column that it cannot see: {str(error).splitlines()[0]}.",
            allowed="card columns and earlier features; outcomes only in Derived and Centred",
            do="Correct it; what came of an event is out of reach of the event itself.",
        ) from error


def _take_histories(state: State, features: Sequence[History]) -> None:
    by_key: dict[tuple[str, ...], list[History]] = {}
    for feature in features:
        _require(feature.name, feature.key, state.entrants, "a key is what a card says")
        _require(feature.name, [feature.value] if feature.value else [], state.history, "columns of the history rows")
        by_key.setdefault(feature.key, []).append(feature)
    names = sorted({name for key in by_key for name in key})
    codes = Codes(state.entrants, state.history.select(names))
    values = {name: numbers(state.history[name]) for name in sorted({f.value for f in features if f.value})}
    columns = {}
    for key, wanted in by_key.items():
        histories = KeyHistories(Ranges.of(codes.of(key), state.cutoffs, state.usable_at), values)
        columns.update({feature.name: histories.feature(feature) for feature in wanted})
    state.add_features(pl.DataFrame([as_series(feature.name, columns[feature.name]) for feature in features]))


def _require(feature: str, names: Sequence[str], frame: pl.DataFrame, where: str) -> None:
    for name in names:
        if name not in frame.columns:
            raise InputError(
                f"The definition {feature!r} uses {name!r}, which is not there.",
                allowed=f"{where}: {', '.join(c for c in frame.columns if not c.startswith('#'))}",
            )
