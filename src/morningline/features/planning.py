"""In which order the steps of a set are taken: what history rows are made of first, then every history at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from morningline.features.definitions import Centred, Derived, Expression, History, Rating, WithinEvent
from morningline.features.windows import Rivals
from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from morningline.features.definitions import Step
    from morningline.features.windows import Key


Reach = tuple[str, int | None]
"""Earlier history rows: those that share a key's first column with an entrant, as many days back; None is all."""


@dataclass(frozen=True)
class Plan:
    """The steps of a set in the order in which they are taken.

    Attributes:
        stages: Steps that are taken together: all of one kind, or histories and ratings, which look back.
        values: Columns of the history rows that histories look at: what is kept of a row once its event is over.
        columns: All that any step looks at, of cards, outcomes and other steps.
        seen: The columns of earlier history rows that are looked at, by which of these rows.
        days_back: For the first column of keys, how many days back those histories look that look back some days only.
    """

    stages: Sequence[Sequence[Step]]
    values: Sequence[str]
    columns: frozenset[str]
    seen: Mapping[Reach, frozenset[str]]
    days_back: Mapping[str, int]


def plan(steps: Sequence[Step]) -> Plan:
    """Order the steps of a set, in whatever order they are given.

    Raises:
        InputError: A definition's SQL is none, or definitions wait for each other.
    """
    by_name = {step.name: step for step in steps}
    first: set[str] = set()
    makers = [step for step in steps if isinstance(step, Derived | Centred)]
    values = {name for step in steps for name in _of_rows(step)}
    waiting = [*makers, *(by_name[name] for name in values if name in by_name)]
    while waiting:
        step = waiting.pop()
        if step.name not in first:
            first.add(step.name)
            waiting += [by_name[name] for name in _sources(step) if name in by_name]
    ordered = _stages([step for step in steps if step.name in first])
    ordered += _stages([step for step in steps if step.name not in first])
    looking_back = [step for step in steps if isinstance(step, History | Rating)]
    days_back = _days_back(looking_back)
    return Plan(
        ordered,
        sorted(values),
        frozenset(name for step in steps for name in _sources(step)),
        seen_by(looking_back, days_back),
        days_back,
    )


def _days_back(steps: Iterable[History | Rating]) -> dict[str, int]:
    found: dict[str, int] = {}
    for step in steps:
        if isinstance(step, History) and step.days_back is not None:
            head = columns_of(step.key)[0]
            found[head] = max(found.get(head, 0), step.days_back)
    return found


def seen_by(steps: Iterable[History | Rating], days_back: Mapping[str, int]) -> dict[Reach, frozenset[str]]:
    """The columns of earlier history rows that some steps look at, by which of these rows."""
    found: dict[Reach, frozenset[str]] = {}
    for step in steps:
        head = columns_of(step.key)[0]
        seen = [*step.key, *step.after] if isinstance(step, Rating) else _sources(step)
        # Meetings are found by their events.
        event = ["event_id"] if isinstance(step.key, Rivals) else []
        recent = isinstance(step, History) and step.days_back is not None
        reach = head, days_back[head] if recent else None
        found[reach] = found.get(reach, frozenset()).union(seen, event)
    return found


def _stages(steps: Sequence[Step]) -> list[list[Step]]:
    """Whatever can be taken, kind by kind; what looks back last, so that as much of it as can be is taken together."""
    stages: list[list[Step]] = []
    waiting = {step.name: step for step in steps}
    while waiting:
        ready = [step for step in waiting.values() if not waiting.keys() & set(_sources(step))]
        if not ready:
            raise InputError(
                f"The definitions {', '.join(sorted(waiting))} wait for each other.", do="Break the circle."
            )
        others = [step for step in ready if not isinstance(step, History | Rating)]
        stages.append([step for step in others if type(step) is type(others[0])] or ready)
        for step in stages[-1]:
            del waiting[step.name]
    return stages


def _sources(step: Step) -> Iterable[str]:
    """Names of what a step looks at, wherever it is."""
    match step:
        case History():
            return [name for name in (step.value, *columns_of(step.key), *(c.column for c in step.where)) if name]
        case Rating():
            return [step.result, *step.key]
        case WithinEvent():
            return [step.of]
        case Centred():
            return [step.of, *step.by]
        case Expression() | Derived():
            return roots(step)


def _of_rows(step: Step) -> Iterable[str]:
    """Names of the columns of history rows that a step looks at whenever an event asks."""
    match step:
        case History():
            return _sources(step)
        case Rating():
            return [step.result, *step.key]
    return ()


def columns_of(key: Key) -> tuple[str, ...]:
    """The columns that a key is made of."""
    return key.entity if isinstance(key, Rivals) else key


def expression(step: Expression | Derived) -> pl.Expr:
    """A definition's SQL as an expression.

    Raises:
        InputError: It is no SQL expression.
    """
    try:
        return pl.sql_expr(step.sql)
    except pl.exceptions.PolarsError as error:
        raise InputError(f"The SQL of the definition {step.name!r} is not right: {error}.", do="Correct it.") from error


def roots(step: Expression | Derived) -> list[str]:
    """Names of the columns that a definition's SQL looks at."""
    return expression(step).meta.root_names()
