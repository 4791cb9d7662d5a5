"""Histories asked together: those of one key with one set of conditions, answered from one sort of its rows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from morningline.features.columns import as_series
from morningline.features.conditions import numbers_of, resembling
from morningline.features.histories import KeyHistories
from morningline.features.listings import Moments, Ranges
from morningline.features.meetings import meetings
from morningline.features.planning import columns_of
from morningline.features.sorting import stable_order
from morningline.features.windows import Rivals, Same
from morningline.kit.memory import give_back

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import polars as pl

    from morningline.features.columns import Singles
    from morningline.features.definitions import History
    from morningline.features.listings import Listing
    from morningline.features.sorting import Places
    from morningline.features.state import Rows, State
    from morningline.features.windows import Condition

THREADS = 2
"""Groups of histories that are answered at once: more of them would hold more rows in memory."""

ROWS_AT_ONCE = 1_000_000
"""Listed rows and entrants that are worked on together: keys are divided into parts, which bounds the memory."""


MANY = 16
"""Histories of one group after which freed memory is given back: to do so costs time when it is taken again."""


@dataclass(frozen=True)
class Group:
    """Histories of one key and the same conditions.

    Attributes:
        key: Columns of the key, those that have to be the same included.
        rivals: Whether rows are meetings with rivals.
        conditions: What rows have to meet besides.
        recent: Whether all of them look back some days only, and no older rows are needed.
        features: The histories.
    """

    key: tuple[str, ...]
    rivals: bool
    conditions: tuple[Condition, ...]
    recent: bool
    features: Sequence[History]

    @property
    def large(self) -> bool:
        """Whether much is held to answer them: rows of their own for each entrant, or many columns."""
        return self.rivals or bool(self.conditions) or len(self.features) > MANY

    @property
    def values(self) -> list[str]:
        """Columns of the history rows that they look at."""
        return sorted({f.value for f in self.features if f.value})


def grouped(features: Iterable[History], *, apart: bool) -> list[Group]:
    """Histories by whose rows they are about; `apart`, where older rows are only read for those that look at them."""
    groups: dict[tuple[tuple[str, ...], bool, tuple[Condition, ...], bool], list[History]] = {}
    for feature in features:
        rivals = isinstance(feature.key, Rivals)
        key = columns_of(feature.key)
        same = [c.column for c in feature.where if isinstance(c, Same)]
        conditions = tuple(c for c in feature.where if not isinstance(c, Same))
        recent = apart and feature.days_back is not None
        groups.setdefault(((*key, *same), rivals, conditions, recent), []).append(feature)
    return [Group(*known, some) for known, some in groups.items()]


@dataclass(frozen=True)
class Question:
    """What a group of histories is computed from, as arrays: it can be answered anywhere.

    Attributes:
        features: The histories.
        asked: Key of each entrant as its code, negative where it has none.
        cutoffs: Of each entrant.
        listing: The rows of the keys.
        values: History columns by name, by position of the row.
    """

    features: Sequence[History]
    asked: Places
    cutoffs: Moments
    listing: Listing
    values: dict[str, Singles]

    def parts(self) -> Iterator[tuple[Places | slice, Question]]:
        """The question divided by keys, and for each part the entrants that ask it."""
        bits = ((len(self.listing.code) + len(self.asked)) // ROWS_AT_ONCE).bit_length()
        if not bits:
            yield slice(None), self
            return
        # The low bits of the code say which part.
        mask = (1 << min(bits, 8)) - 1
        ours, theirs = (_divided(codes & mask, mask + 1) for codes in (self.asked, self.listing.code))
        for asking, rows in zip(ours, theirs, strict=True):
            cutoffs = Moments(self.cutoffs.instants, self.cutoffs.place[asking])
            yield asking, Question(self.features, self.asked[asking], cutoffs, self.listing[rows], self.values)

    def answer(self) -> list[Singles]:
        """Each feature of each entrant."""
        histories = KeyHistories(Ranges(self.asked, self.cutoffs, self.listing), self.values)
        found: dict[str, Singles] = {}
        for _, some in groupby(sorted(self.features, key=_value), key=_value):
            found |= {feature.name: histories.feature(feature) for feature in some}
            # What was made of one value is of no use to the next.
            histories.forget()
        return [found[feature.name] for feature in self.features]


def _divided(parts: Places, count: int) -> list[Places]:
    """The places of each part, in order."""
    order = stable_order(parts)
    return np.split(order, np.cumsum(np.bincount(parts, minlength=count))[:-1])


def _value(feature: History) -> str:
    return feature.value


Answerer = Callable[["Iterable[Question]"], "Iterable[list[Singles]]"]
"""Answers questions in their order, in this process or on other machines."""


def here(questions: Iterable[Question]) -> Iterable[list[Singles]]:
    """Answer questions in this process, one after the other."""
    return (question.answer() for question in questions)


def ask(state: State, features: Sequence[History], answer: Answerer) -> list[pl.Series]:
    """Answer histories, the groups of them side by side; where the past is long, those of one key and part at a time.

    Args:
        state: Entrants and history rows.
        features: What is asked.
        answer: Where it is answered.

    Returns:
        Each feature in the order of the entrants, null where it cannot be known.
    """
    if state.past is None or not state.past.long:
        return _asked(state, features, answer)
    columns = {feature.name: np.empty(state.entrants.height, np.float32) for feature in features}
    for (head, rivals), some in _by_head(features).items():
        # Rivals stand in one race, whoever they are.
        for places, part in state.parts(head, some, whole=rivals):
            for found in _asked(part, some, answer):
                columns[found.name][places] = found.to_numpy()
            give_back()
    return [as_series(name, column) for name, column in columns.items()]


def _by_head(features: Iterable[History]) -> dict[tuple[str, bool], list[History]]:
    """Histories by the first column of their keys, those of rivals apart."""
    found: dict[tuple[str, bool], list[History]] = {}
    for feature in features:
        found.setdefault((columns_of(feature.key)[0], isinstance(feature.key, Rivals)), []).append(feature)
    return found


def _asked(state: State, features: Sequence[History], answer: Answerer) -> list[pl.Series]:
    def answers(group: Group) -> list[pl.Series]:
        columns = _answers(state, group, answer)
        if group.large:
            give_back()
        return columns

    # The longest first, so that none is left to be waited for alone at the end.
    groups = sorted(
        grouped(features, apart=state.past is not None), key=lambda group: len(group.features), reverse=True
    )
    with ThreadPoolExecutor(THREADS) as pool:
        found = {column.name: column for columns in pool.map(answers, groups) for column in columns}
    return [found[feature.name] for feature in features]


def _answers(state: State, group: Group, answer: Answerer) -> list[pl.Series]:
    question, places = _question(state, group), []

    def parts() -> Iterator[Question]:
        for place, part in question.parts():
            places.append(place)
            yield part

    columns = [np.empty(len(question.asked), dtype=np.float32) for _ in group.features]
    for number, answers in enumerate(answer(parts())):
        for column, values in zip(columns, answers, strict=True):
            column[places[number]] = values
    return [as_series(feature.name, column) for feature, column in zip(group.features, columns, strict=True)]


def _question(state: State, group: Group) -> Question:
    beside = [c.column for c in group.conditions]
    names = [*group.values, *beside, *(["event_id"] if group.rivals else [])]
    rows = state.rows(names, group.key, recent=group.recent)
    asked, code = rows.codes.of(group.key)
    # The past is read by the first column of a key; rows of which nobody asks by the others need no place in order.
    listing = rows.listed(code, asked if state.past is not None and len(group.key) > 1 else None)
    if group.conditions:
        theirs = [column[listing.row] for column in numbers_of(rows.frame, group.conditions)]
        ours = numbers_of(state.entrants, group.conditions)
        asked, listing = resembling(asked, listing, group.conditions, ours, theirs)
    elif group.rivals:
        asked, listing = _of_rivals(state, rows, asked, listing)
    return Question(group.features, asked, state.cutoffs, listing, {name: rows.value(name) for name in group.values})


def _of_rivals(state: State, rows: Rows, asked: Places, listing: Listing) -> tuple[Places, Listing]:
    past_event = rows.codes.of(("event_id",))[1][listing.row]
    return meetings(state.events.begins, asked, state.cutoffs, past_event, listing)
