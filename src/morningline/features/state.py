"""Entrants and history rows while the steps of a set are taken."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from morningline.features.columns import KEYS, Codes, microseconds, numbers, single
from morningline.features.listings import FOREVER, Listing, Moments
from morningline.features.past import Past
from morningline.features.planning import seen_by
from morningline.features.sorting import in_order_of, ordered
from morningline.features.within import Groups
from morningline.kit.compiled import load_beside
from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from morningline.features.columns import Singles
    from morningline.features.definitions import History
    from morningline.features.planning import Plan, Reach
    from morningline.features.sorting import Integers, Places

IDENTITY = ("event_id", "entrant_id")
GIVEN = (*IDENTITY, "day", "cutoff", "usable_at", "until")
"""Columns that are looked at whatever the steps are."""

ORDER = ("usable_at", "day", "place")
"""What history rows are sorted by: rows that became usable together by their day, then by event and entrant."""


@dataclass(frozen=True)
class Events:
    """What a feature set is computed from.

    Attributes:
        entrants: One row an entrant: `event_id`, `entrant_id`, `day`, `cutoff` (UTC instant), and what its card
            says, nothing of which may have become known after the cut-off. A null cut-off marks a card that came
            too late: the entrant gets no features, but what came of it is history all the same.
        outcomes: One row an entrant of an event that is over: `event_id`, `entrant_id`, `usable_at` (UTC instant:
            the latest of its clocks; null is never), and what came of it. Where outcomes are corrected, a row for
            each version, and `until` (UTC instant) says when it was corrected: null where it still stands.
    """

    entrants: pl.DataFrame
    outcomes: pl.DataFrame


class State:
    """Entrants and history rows while the steps of a set are taken; both in one order, whatever order they came in.

    Args:
        events: Entrants and outcomes.
        past: History rows of earlier days with the values that histories look at, as a computation of these days
            gave them; none of their days are among the events.
        planned: What any step looks at; everything where not given.

    Attributes:
        entrants: Those with a cut-off, in the order of event and entrant, and the features they have so far.
        history: The events' own history rows, and the values they have so far.
        past: The earlier ones.
        events: The events of the entrants.
        cutoffs: Of the entrants.

    Raises:
        InputError: An entrant or an outcome is there twice, or a card and an outcome share the name of a column.
    """

    def __init__(self, events: Events, past: pl.LazyFrame | None = None, planned: Plan | None = None) -> None:
        load_beside()
        self.past = None
        self._days_back: Mapping[str, int] = {}
        if past is not None and planned is not None:
            self._days_back = planned.days_back
            self.past = Past(past, events.entrants, _and_order(planned.seen), _earliest(events))
        # What is in single precision from here on was made by a step, and is finite or null; texts are numbered once.
        _require_apart(events.entrants, events.outcomes)
        entrants, outcomes = (
            frame.select(
                name for name in frame.columns if planned is None or name in planned.columns or name in GIVEN
            ).cast({pl.Float32: pl.Float64})
            for frame in (events.entrants, events.outcomes)
        )
        keys = [name for name, dtype in entrants.schema.items() if dtype == pl.String and name not in IDENTITY]
        of_card, of_outcome = _identities(entrants, outcomes)
        in_order, of_card = ordered(of_card)
        cards = entrants.with_columns(pl.col(keys).cast(KEYS))[in_order]
        _require_once("entrant", cards, of_card)
        cards = cards.with_columns(pl.int_range(pl.len(), dtype=pl.Int32).over("day").alias("place"))
        in_time = cards["cutoff"].is_not_null()
        self.entrants = cards.filter(in_time).drop("place")
        card = np.minimum(np.searchsorted(of_card, of_outcome), max(len(of_card) - 1, 0))
        known = np.flatnonzero((of_card[card] == of_outcome) & outcomes["usable_at"].is_not_null().to_numpy())
        self.history, card = _in_order(outcomes[known], cards.drop("cutoff"), card[known])
        _require_once(
            "outcome", self.history, card * len(known) + Moments.of(microseconds(self.history["usable_at"])).place
        )
        self._places = pl.Series(np.where(in_time, np.cumsum(in_time) - 1, -1)[card]).replace(-1, None)
        self.rated: list[pl.DataFrame] = []
        self.events = Groups.of(self.entrants["event_id"])
        self.cutoffs = Moments.of(microseconds(self.entrants["cutoff"]))
        self._rows: dict[Reach, Rows] = {}
        self._orders: dict[Reach, Places] = {}
        reaches = [("", None)] if planned is None or self.past is None else list(planned.seen)
        self._locks: dict[Reach, Lock] = {reach: Lock() for reach in reaches}

    def parts(self, head: str, steps: Sequence[History], *, whole: bool) -> Iterator[tuple[Places, State]]:
        """Parts of a state whose past is long, one after the other: entrants, and the state they are in alone.

        Args:
            head: First column of the keys of all steps.
            steps: What is asked of them.
            whole: Whether all entrants are one part.
        """
        if self.past is None:
            raise TypeError("Only what has a past has parts of it.")
        seen = _and_order(seen_by(steps, self._days_back))
        divided = list(self.past.parts(head))
        for number, values in enumerate([pl.concat(divided)] if whole else divided):
            ours, theirs = (f[head].is_in(values.cast(f.schema[head]).implode()) for f in (self.entrants, self.history))
            # Who has no value is in the first part.
            places = np.flatnonzero(ours.fill_null(number == 0).to_numpy()).astype(np.int32)
            part = copy(self)
            vars(part).update(
                entrants=self.entrants[places],
                history=self.history.filter(theirs),
                cutoffs=Moments(self.cutoffs.instants, self.cutoffs.place[places]),
                past=self.past.part(head, values, seen),
                _rows={},
                _orders={},
                _locks={reach: Lock() for reach in seen},
            )
            yield places, part

    def add_features(self, columns: Sequence[pl.Series]) -> None:
        """Add columns to the entrants."""
        self.entrants = self.entrants.hstack(list(columns))

    def derive(self, *columns: pl.Series) -> None:
        """Add columns to the events' own history rows."""
        self.history = self.history.hstack(list(columns))

    def rate(self, rows: pl.DataFrame) -> None:
        """Give history rows what ratings are after them.

        Args:
            rows: As `rated.Rated` has them.
        """
        self.history = self.history.hstack(rows.filter("#own").drop("#own", *ORDER))
        self.rated.append(rows.filter(~pl.col("#own")).drop("#own"))

    def require(self, asker: str, names: Iterable[str], *, of_rows: bool) -> None:
        """Have columns at hand; what was known of an entrant is known of its history row.

        Args:
            asker: Name of the definition that looks at them.
            names: Columns.
            of_rows: Whether it looks at history rows, else at entrants.

        Raises:
            InputError: There is no such column.
        """
        for name in names:
            if of_rows and name not in self.history.columns and name in self.entrants.columns:
                self.derive(self.entrants[name].gather(self._places))
            if name not in (self.history if of_rows else self.entrants).columns:
                where = "columns of the history rows" if of_rows else "what a card says, and earlier features"
                raise InputError(
                    f"The definition {asker!r} uses a column that it cannot see: {name!r}.",
                    allowed=f"{where}; outcomes are history, out of reach of their own event",
                    do="Correct it.",
                )

    def rows(self, names: Sequence[str], keys: Sequence[str], *, recent: bool = False) -> Rows:
        """History rows, the events' own and the earlier ones.

        Args:
            names: Columns besides `usable_at` and `until`.
            keys: Those by which entrants ask: of the past only rows of values that somebody asks for are needed.
            recent: Whether no more rows are needed than histories look at that look back some days only.
        """
        head = "" if self.past is None else keys[0]
        reach = head, self._days_back[head] if recent else None
        chosen = list(dict.fromkeys([*ORDER, "until", *names, *keys]))
        # Rows of different reaches are put in order side by side.
        with self._locks[reach]:
            if reach not in self._rows:
                self._rows[reach] = Rows(self.entrants, self._joined(reach, chosen))
            rows = self._rows[reach]
            missing = [name for name in chosen if name not in rows.frame.columns]
            if self.past is None:
                rows.show(self.entrants, self.history)
            elif missing:
                rows.show(self.entrants, rows.frame.hstack(self._joined(reach, missing)))
            return rows

    def _joined(self, reach: Reach, names: Sequence[str]) -> pl.DataFrame:
        """Columns of the earlier rows that somebody asks for, and of the events' own, in order."""
        if self.past is None:
            return self.history
        earlier = self.past.of(reach, names)
        own = self.history.select(pl.col(name).cast(earlier.schema[name]) for name in names)
        rows = pl.concat([earlier, own])
        if reach not in self._orders:
            columns = (
                microseconds(rows["usable_at"]),
                *(rows[name].to_physical().cast(pl.Int64).to_numpy() for name in ORDER[1:]),
            )
            self._orders[reach] = in_order_of(*columns)
        return rows[self._orders[reach]]


class Rows:
    """History rows as arrays.

    Args:
        entrants: Who asks.
        frame: The rows, sorted as history rows are; columns may be added to it later.
    """

    def __init__(self, entrants: pl.DataFrame, frame: pl.DataFrame) -> None:
        self.frame = frame
        self.codes = Codes(entrants, frame)
        self.usable = Moments.of(microseconds(frame["usable_at"]))
        until = frame["until"]
        self.until = None if until.null_count() == frame.height else microseconds(until, FOREVER)
        self._values: dict[str, Singles] = {}

    def show(self, entrants: pl.DataFrame, frame: pl.DataFrame) -> None:
        """The same entrants and rows, with more columns."""
        self.frame = frame
        self.codes.show(entrants, frame)

    def value(self, name: str) -> Singles:
        """A column's numbers, NaN where there is none."""
        if name not in self._values:
            self._values[name] = single(numbers(self.frame[name]))
        return self._values[name]

    def listed(self, code: Places, asked: Places | None = None) -> Listing:
        """The rows under keys, without those that have none (a negative code), or no key that is asked for."""
        listing = Listing(code, np.arange(len(code), dtype=np.int32), self.usable, self.until)
        if asked is not None:
            known = np.unique(np.append(asked, np.int32(-1)))
            found = known[np.searchsorted(known[:-1], code)]
            return listing[np.flatnonzero((found == code) & (code >= 0))]
        return listing if code.min(initial=0) >= 0 else listing[np.flatnonzero(code >= 0)]


def _and_order(seen: Mapping[Reach, frozenset[str]]) -> dict[Reach, frozenset[str]]:
    """The columns that steps look at, and those by which rows are put in order and corrected."""
    return {reach: names.union(ORDER, ["until"]) for reach, names in seen.items()}


def _earliest(events: Events) -> int:
    """The first cut-off, or when the first outcome became usable if that was earlier; `FOREVER` where there is none."""
    instants = (microseconds(events.entrants["cutoff"], FOREVER), microseconds(events.outcomes["usable_at"], FOREVER))
    return min(int(part.min(initial=FOREVER)) for part in instants)


def _identities(entrants: pl.DataFrame, outcomes: pl.DataFrame) -> tuple[Integers, Integers]:
    """Event and entrant of each row as one whole number; numbers sort as the texts do."""
    found = np.zeros(entrants.height + outcomes.height, dtype=np.int64)
    for name in IDENTITY:
        both = pl.concat([entrants[name], outcomes[name]]).cast(pl.String)
        texts = both.cast(pl.Categorical(pl.Categories.random()))
        known = pl.DataFrame({"text": texts.unique()}).with_columns(code=pl.col("text").to_physical())
        known = known.sort(pl.col("text").cast(pl.String)).with_row_index("rank")
        rank = np.zeros(known.height + 1, dtype=np.int64)
        rank[known["code"].to_numpy()] = known["rank"].to_numpy()
        found = (found << 32) | rank[texts.to_physical().to_numpy()]
    return found[: entrants.height], found[entrants.height :]


def _in_order(outcomes: pl.DataFrame, cards: pl.DataFrame, card: Integers) -> tuple[pl.DataFrame, Integers]:
    """Outcomes beside their cards, sorted as history rows are, and the place of each one's card."""
    if "until" not in outcomes.columns:
        outcomes = outcomes.with_columns(pl.lit(None, outcomes.schema["usable_at"]).alias("until"))
    usable = Moments.of(microseconds(outcomes["usable_at"])).place
    order = in_order_of(usable, cards["day"].to_physical().cast(pl.Int64).to_numpy()[card], card)
    rows = outcomes[order].hstack(cards[card[order]].drop(IDENTITY))
    return rows.with_columns(_first_known(rows).alias("first_known")), card[order]


def _first_known(rows: pl.DataFrame) -> pl.Series:
    """Which rows are what was known first of an outcome, and no correction."""
    if rows["until"].null_count() == rows.height:
        return pl.Series([True]).new_from_index(0, rows.height)
    return rows.select(pl.struct(IDENTITY).is_first_distinct()).to_series()


def _require_once(noun: str, rows: pl.DataFrame, keys: Integers) -> None:
    """Refuse rows that are there twice."""
    order, in_order = ordered(keys)
    again = order[1:][in_order[1:] == in_order[:-1]].tolist()
    if again:
        raise InputError(
            f"The {noun} of {' and '.join(map(repr, rows.select(IDENTITY).row(again[0])))} is there more than once.",
            allowed="one row an entrant of an event",
        )


def _require_apart(entrants: pl.DataFrame, outcomes: pl.DataFrame) -> None:
    shared = sorted(set(entrants.columns) & set(outcomes.columns) - set(IDENTITY))
    if shared:
        raise InputError(f"Cards and outcomes both have a column {', '.join(shared)}.", do="Rename one of them.")
