"""The engine: every feature of every entrant from what could be known at its cut-off, and from nothing else.

A history row may be used by an entrant when `usable_at <= cutoff`, where `usable_at` is the later of the row's two
clocks. State is accumulated row by row in that order, so a value depends only on rows before it: cutting the
future, shuffling the input or computing one day instead of ten years gives the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import polars as pl

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
from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from morningline.features.definitions import Step

IDENTITY = ("event_id", "entrant_id")
SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class Events:
    """What a feature set is computed from.

    Attributes:
        entrants: One row an entrant: `event_id`, `entrant_id`, `day`, `cutoff` (UTC instant), and what its card
            says. Nothing in it may have become known after the cut-off.
        outcomes: One row an entrant of an event that is over: `event_id`, `entrant_id`, `usable_at` (UTC instant:
            the later of its clocks), and what came of it.
    """

    entrants: pl.DataFrame
    outcomes: pl.DataFrame


class State:
    """Entrants and history rows while the steps of a set are taken; both in one order, whatever order they came in."""

    def __init__(self, events: Events) -> None:
        self.entrants = events.entrants.sort(*IDENTITY)
        rows = events.outcomes.join(self.entrants.drop("cutoff"), on=list(IDENTITY), how="inner")
        self.history = rows.sort("usable_at", *IDENTITY)
        self._outcome_columns = [n for n in events.outcomes.columns if n not in IDENTITY]

    def add_features(self, columns: pl.DataFrame) -> None:
        """Add columns to the entrants, and as known before the event to their history rows."""
        self.entrants = self.entrants.hstack(columns)
        known = self.entrants.select(*IDENTITY, *columns.columns)
        self.history = self.history.join(known, on=list(IDENTITY), how="left", maintain_order="left")


def compute(events: Events, steps: Sequence[Step]) -> pl.DataFrame:
    """Take the steps of a feature set.

    Args:
        events: Entrants and the outcomes of events that are over.
        steps: The set's definitions, each using only columns of earlier ones.

    Returns:
        `event_id`, `entrant_id`, `day`, `as_of` (the cut-off) and each kept feature as Float32, null where it
        cannot be known; in the order of event and entrant.

    Raises:
        InputError: A definition uses a column that does not exist where it looks.
    """
    state = State(events)
    for kind, group in groupby(steps, key=type):
        if kind is History:
            _take_histories(state, [step for step in group if isinstance(step, History)])
        else:
            for step in group:
                _take(state, step)
    kept = [step.name for step in steps if getattr(step, "kept", False)]
    value = pl.col(kept).cast(pl.Float32)
    return state.entrants.select(
        *IDENTITY, "day", pl.col("cutoff").alias("as_of"), pl.when(value.is_finite()).then(value).name.keep()
    )


def _take(state: State, step: Step) -> None:
    try:
        if isinstance(step, Expression):
            state.add_features(state.entrants.select(pl.sql_expr(step.sql).cast(pl.Float64).alias(step.name)))
        elif isinstance(step, WithinEvent):
            state.add_features(state.entrants.select(_within(step).alias(step.name)))
        elif isinstance(step, Derived):
            state.history = state.history.with_columns(pl.sql_expr(step.sql).cast(pl.Float64).alias(step.name))
        elif isinstance(step, Centred):
            value = pl.col(step.of)
            state.history = state.history.with_columns(
                (value - value.mean().over("usable_at", *step.by)).alias(step.name)
            )
    except pl.exceptions.ColumnNotFoundError as error:
        raise InputError(
            f"The feature {step.name!r} uses a column that it cannot see: {str(error).splitlines()[0]}.",
            allowed="card columns and earlier features; outcomes only in Derived and Centred",
            do="Correct its definition; what came of an event is out of reach of the event itself.",
        ) from error


def _within(step: WithinEvent) -> pl.Expr:
    value = pl.col(step.of).cast(pl.Float64)
    event = "event_id"
    if step.how == "rank":
        return value.rank("average", descending=True).over(event)
    if step.how == "share":
        return value / value.sum().over(event)
    if step.how == "gap_to_best":
        return value - value.max().over(event)
    spread = value.std().over(event)
    return pl.when(spread > 0).then((value - value.mean().over(event)) / spread)


def _take_histories(state: State, features: Sequence[History]) -> None:
    by_key: dict[tuple[str, ...], list[History]] = {}
    for feature in features:
        by_key.setdefault(feature.key, []).append(feature)
    columns = {}
    for key, wanted in by_key.items():
        _require(state, key, wanted)
        frame = _histories_of_key(state, key, wanted)
        columns.update({feature.name: frame[feature.name] for feature in wanted})
    state.add_features(pl.DataFrame([columns[feature.name] for feature in features]))


def _require(state: State, key: tuple[str, ...], wanted: Iterable[History]) -> None:
    for name in key:
        if name not in state.entrants.columns:
            raise InputError(
                f"A history is kept by {name!r}, which no card says.",
                allowed=", ".join(state.entrants.columns),
            )
    for feature in wanted:
        if feature.value and feature.value not in state.history.columns:
            raise InputError(
                f"The feature {feature.name!r} aggregates {feature.value!r}, which no history row has.",
                allowed=", ".join(state.history.columns),
            )


def _histories_of_key(state: State, key: tuple[str, ...], wanted: Sequence[History]) -> pl.DataFrame:
    """All histories of one key: one sort, one pass of running states, one look-up for each distance in time."""
    code = _codes(state, key)
    values = sorted({feature.value for feature in wanted if feature.value})
    rows = state.history.select(
        *key, "usable_at", *(pl.col(v).cast(pl.Float64).alias(v) for v in values if v not in key)
    )
    rows = rows.join(code, on=list(key), how="inner", maintain_order="left").sort("#code", maintain_order=True)
    states = rows.select("#code", "usable_at", *(e.alias(n) for n, e in _states(wanted).items())).sort(
        "usable_at", maintain_order=True
    )
    targets = state.entrants.select(*key, "cutoff").with_row_index("#row").join(code, on=list(key), how="left")
    targets = targets.select("#row", "#code", "cutoff").sort("cutoff")
    now = _as_of(targets, states, 0)
    before = {
        days: _as_of(targets, states, days)
        for days in sorted({f.window.days for f in wanted if isinstance(f.window, Days)})
    }
    found = now.select("#row", *(_result(feature, now, before).alias(feature.name) for feature in wanted))
    return found.sort("#row")


def _codes(state: State, key: tuple[str, ...]) -> pl.DataFrame:
    # Small whole numbers sort and match many times faster than texts; which number a key gets does not matter.
    return state.history.select(key).drop_nulls().unique(maintain_order=True).with_row_index("#code")


def _states(wanted: Sequence[History]) -> dict[str, pl.Expr]:
    """Running states of a key up to and with each row; names are shared by all features that need the same."""
    states: dict[str, pl.Expr] = {}

    def running(expression: pl.Expr) -> pl.Expr:
        return expression.over("#code")

    for feature in wanted:
        value = pl.col(feature.value) if feature.value else pl.lit(1.0)
        window, name = feature.window, feature.value
        if feature.aggregate == "days_since":
            states["#last_at"] = pl.col("usable_at")
            continue
        if isinstance(window, Decay):
            states[_ewm(feature)] = running(value.ewm_mean_by("usable_at", half_life=f"{window.half_life_days}d"))
            continue
        if feature.aggregate in {"min", "max", "last"}:
            states[_extreme(feature)] = running(_extreme_state(feature, value))
            continue
        present = value.is_not_null().cast(pl.Float64) if feature.value else value
        for part, expression in (
            ("n", present),
            ("s", value.fill_null(0.0)),
            ("q", (value * value).fill_null(0.0)),
        ):
            if part == "q" and feature.aggregate != "std":
                continue
            total = expression.cum_sum()
            states[f"#{part} {name}"] = running(total)
            if isinstance(window, Last):
                states[f"#{part} {name} {window.rows}"] = running(total - total.shift(window.rows, fill_value=0.0))
    return states


def _extreme_state(feature: History, value: pl.Expr) -> pl.Expr:
    if feature.aggregate == "last":
        return value.forward_fill()
    maximum = feature.aggregate == "max"
    if isinstance(feature.window, Last):
        n = feature.window.rows
        return value.rolling_max(n, min_samples=1) if maximum else value.rolling_min(n, min_samples=1)
    running = value.cum_max() if maximum else value.cum_min()
    return running.forward_fill()


def _as_of(targets: pl.DataFrame, states: pl.DataFrame, days: int) -> pl.DataFrame:
    """The state of each target's key at its cut-off, or some days before it; rows in one order."""
    asked = targets.with_columns((pl.col("cutoff") - pl.duration(days=days)).alias("#at"))
    return asked.join_asof(
        states.rename({"usable_at": "#usable_at"}),
        left_on="#at",
        right_on="#usable_at",
        by="#code",
        strategy="backward",
        check_sortedness=False,
    )


def _result(feature: History, now: pl.DataFrame, before: dict[int, pl.DataFrame]) -> pl.Expr:
    window = feature.window
    if feature.aggregate == "days_since":
        return (pl.col("cutoff") - pl.col("#last_at")).dt.total_seconds() / SECONDS_PER_DAY
    if isinstance(window, Decay):
        return pl.col(_ewm(feature))
    if feature.aggregate in {"min", "max", "last"}:
        return pl.col(_extreme(feature))
    parts = {}
    for part in ("n", "s", "q"):
        column = f"#{part} {feature.value}" + (f" {window.rows}" if isinstance(window, Last) else "")
        if column not in now.columns:
            continue
        total = now[column].fill_null(0.0)
        if isinstance(window, Days):
            total = total - before[window.days][column].fill_null(0.0)
        parts[part] = pl.lit(total)
    return _aggregate(feature, parts)


def _aggregate(feature: History, parts: dict[str, pl.Expr]) -> pl.Expr:
    n, s = parts["n"], parts["s"]
    if feature.aggregate == "count":
        return n
    if feature.aggregate == "sum":
        return s
    if feature.aggregate == "rate":
        return (s + feature.prior * feature.prior_rows) / (n + feature.prior_rows)
    if feature.aggregate == "mean":
        return pl.when(n > 0).then(s / n)
    # The variance of a window by its sums; rounding can leave a tiny negative number where all values are equal.
    variance = (parts["q"] - s * s / n) / (n - 1)
    return pl.when(n > 1).then(variance.clip(lower_bound=0.0).sqrt())


def _ewm(feature: History) -> str:
    return f"#ewm {feature.value} {feature.window.half_life_days}" if isinstance(feature.window, Decay) else ""


def _extreme(feature: History) -> str:
    rows = feature.window.rows if isinstance(feature.window, Last) else ""
    if not isinstance(feature.window, Expanding | Last):
        raise InputError(
            f"{feature.name!r} asks for the {feature.aggregate} over a window in days.",
            allowed="Expanding() or Last(n)",
        )
    return f"#{feature.aggregate} {feature.value} {rows}"
