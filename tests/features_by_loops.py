"""Features by plain loops over rows: what the engine is held against, with none of its code."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from hypothesis import HealthCheck, Phase, settings

from chance_events import ENTRANTS, OUTCOMES
from morningline.features.definitions import History
from morningline.features.engine import Events, compute
from morningline.features.windows import AtLeast, AtMost, Days, Decay, Expanding, Last, Near, Rivals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

# A failing history is shown as it was found: to shrink one takes minutes, and the columns named say enough.
FIND = settings(
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
PRIOR, PRIOR_ROWS = 0.25, 3.0
FADING = ("count", "sum", "mean", "rate")
AGGREGATES = (*FADING, "min", "max", "std", "quantile", "slope", "last", "days_since")
WINDOWS = (Expanding(), Last(1), Last(2), Last(5), Days(1), Days(10), Decay(2), Decay(40))
ONE_DAY = timedelta(days=1)
FOREVER = datetime.max.replace(tzinfo=UTC)

Row = dict[str, Any]


def history(aggregate, window=Expanding(), key=("who",), value="score", where=(), quantile=0.5) -> History:  # noqa: B008 - frozen
    return History(
        name=f"{aggregate} {quantile} {value} {key} {window} {where}",
        key=key,
        value=value,
        where=where,
        window=window,
        aggregate=aggregate,
        prior=PRIOR,
        prior_rows=PRIOR_ROWS,
        quantile=quantile,
        description="",
    )


def every(*, keys=(("who",),), wheres=((),), windows=WINDOWS, aggregates=AGGREGATES) -> list[History]:
    """Histories of all keys, conditions, windows and aggregates."""
    return [
        history(aggregate, window, key, where=where)
        for key in keys
        for where in wheres
        for window in windows
        for aggregate in aggregates
        if aggregate in FADING or not isinstance(window, Decay)
    ]


@dataclass(frozen=True)
class Seen:
    """A row that an entrant may look at: when it became usable, and the value (None where there is none)."""

    usable_at: datetime
    value: float | None


class Past:
    """The outcomes beside their cards, looked through row by row.

    Args:
        events: Entrants and outcomes.
        made: More values of the rows, made from earlier ones.
    """

    def __init__(self, events: Events, **made: Callable[[Past, Row], float | None]) -> None:
        self.cards = {(r["event_id"], r["entrant_id"]): r for r in events.entrants.iter_rows(named=True)}
        rows = [
            self.cards[row["event_id"], row["entrant_id"]] | {"until": None} | row
            for row in events.outcomes.iter_rows(named=True)
            if row["usable_at"] is not None
        ]
        self.rows: list[Row] = sorted(rows, key=order)
        for place, row in enumerate(self.rows):
            row["place"] = place
        for name, make in made.items():
            values = [make(self, row) for row in self.rows]
            for row, value in zip(self.rows, values, strict=True):
                row[name] = value
        self._seen: dict[Any, list[Seen]] = {}

    def known(self, instant) -> Iterator[Row]:
        """The rows that are usable at an instant, oldest first."""
        return (row for row in self.rows if alive(row, instant))

    def seen(self, feature, entrant) -> list[Seen]:
        """The rows that a history looks at, whatever its window, oldest first."""
        asked = feature.key, feature.where, feature.value, entrant["event_id"], entrant["entrant_id"]
        if asked not in self._seen:
            look = self._meetings if isinstance(feature.key, Rivals) else self._rows
            self._seen[asked] = list(look(feature, entrant))
        return self._seen[asked]

    def _rows(self, feature, entrant) -> Iterator[Seen]:
        for row in self.known(entrant["cutoff"]):
            if agree(row, entrant, feature.key) and all(admits(c, entrant, row) for c in feature.where):
                yield Seen(row["usable_at"], finite(row[feature.value]) if feature.value else 1.0)

    def _meetings(self, feature, entrant) -> Iterator[Seen]:
        who = feature.key.entity
        field = [c for c in self.cards.values() if c["event_id"] == entrant["event_id"] and c["cutoff"] is not None]
        rivals = [card for card in field if not agree(card, entrant, who) and agree(card, card, who)]
        found = [
            (max(own["usable_at"], their["usable_at"]), own["place"], their["place"], own, their)
            for rival in rivals
            for own in self.known(entrant["cutoff"])
            if agree(own, entrant, who)
            for their in self.known(entrant["cutoff"])
            if their["event_id"] == own["event_id"] and agree(their, rival, who)
        ]
        for usable_at, _, _, own, their in sorted(found, key=lambda met: met[:3]):
            yield Seen(usable_at, compared(feature, own, their))


def order(row: Row) -> tuple[Any, ...]:
    return row["usable_at"], row["day"], row["event_id"], row["entrant_id"]


def alive(row: Row, instant) -> bool:
    return row["usable_at"] <= instant < (row["until"] or FOREVER)


def finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def agree(one: Row, other: Row, names: Iterable[str]) -> bool:
    return all(one[name] is not None and one[name] == other[name] for name in names)


def admits(condition, entrant: Row, row: Row) -> bool:
    now, was = entrant[condition.column], row[condition.column]
    if isinstance(now, str) or isinstance(was, str):
        return now == was
    if finite(now) is None or finite(was) is None:
        return False
    match condition:
        case Near():
            return abs(was - now) <= max(abs(now) * condition.share, condition.within)
        case AtLeast():
            return was >= now
        case AtMost():
            return was <= now
    return was == now


def compared(feature, own: Row, their: Row) -> float | None:
    if not feature.value:
        return 1.0
    mine, yours = finite(own[feature.value]), finite(their[feature.value])
    if mine is None or yours is None:
        return None
    if feature.key.compare == "difference":
        return mine - yours
    return 1.0 if mine < yours else 0.0 if mine > yours else 0.5


def in_window(rows: list[Seen], window, cutoff) -> list[Seen]:
    if isinstance(window, Last):
        return rows[-window.rows :]
    if isinstance(window, Days):
        return [row for row in rows if row.usable_at > cutoff - window.days * ONE_DAY]
    return rows


def by_loops(feature, past: Past, entrant: Row) -> float | None:  # noqa: C901, PLR0911 - one line an aggregate
    """What a history says of an entrant."""
    cutoff = entrant["cutoff"]
    rows = [row for row in in_window(past.seen(feature, entrant), feature.window, cutoff) if row.value is not None]
    values = [row.value for row in rows]
    weights = [1.0] * len(rows)
    if isinstance(feature.window, Decay):
        weights = [0.5 ** ((cutoff - row.usable_at) / ONE_DAY / feature.window.half_life_days) for row in rows]
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
        case "quantile":
            return float(np.quantile(values, feature.quantile))
        case "slope":
            days = [(row.usable_at - rows[0].usable_at) / ONE_DAY for row in rows]
            return statistics.linear_regression(days, values).slope if len(set(days)) > 1 else None
        case "last":
            return values[-1]
    return (cutoff - rows[-1].usable_at) / ONE_DAY


def close(found, wanted, *, size=100.0) -> bool:
    if found is None or wanted is None:
        return found is wanted
    return math.isclose(found, wanted, rel_tol=2e-6, abs_tol=2e-6 * size)


def check(events: Events, features, wanted, *, steps=()) -> None:
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


def check_histories(events: Events, features: Sequence[History]) -> None:
    """Every history is what loops give."""
    past = Past(events)
    check(events, features, lambda feature, entrant: by_loops(feature, past, entrant))


def last_of(events: Events, *features) -> list[float | None]:
    """Features of the last entrant."""
    return list(compute(events, features).row(-1)[4:])


def story(*told: dict[str, Any]) -> Events:
    """Events told row by row.

    Args:
        told: What is said of an entrant: `day` (of January 2024; its start is the cut-off), `event_id` (one a day
            where it is not given), columns of the card, `cutoff` (None where the card came too late), and `versions`
            of the outcome, each `(known, until, score)` with instants in days of January; `until` is None where it
            still stands.
    """
    entrants, outcomes = [], []
    for place, row in enumerate(told):
        day = row["day"]
        identity = {"event_id": row.get("event_id", f"e{day:06.2f}"), "entrant_id": f"{place:03}"}
        card = {"who": None, "where": None, "stall": None, "said": None}
        entrants.append(card | {"cutoff": on(day)} | row | identity | {"day": on(day).date()})
        for known, until, score in row.get("versions", ()):
            clocks = {"usable_at": on(known), "until": None if until is None else on(until)}
            outcomes.append({**identity, **clocks, "score": score, "time": None})
    cards = pl.DataFrame([{name: row[name] for name in ENTRANTS} for row in entrants], ENTRANTS)
    return Events(cards, pl.DataFrame(outcomes, OUTCOMES))


def on(day: float) -> datetime:
    """An instant in days of January 2024."""
    return datetime(2023, 12, 31, tzinfo=UTC) + timedelta(days=day)
