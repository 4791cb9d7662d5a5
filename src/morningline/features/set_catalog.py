"""The catalog of a feature set: what each feature is, in words a modeller reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from morningline.features.definitions import Expression, History, Rating, WithinEvent
from morningline.features.planning import columns_of
from morningline.features.windows import AtLeast, AtMost, Days, Decay, Last, Near, Rivals, Same

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morningline.features.definitions import Feature
    from morningline.features.feature_set import FeatureSet
    from morningline.features.windows import Condition, Window


@dataclass(frozen=True, kw_only=True)
class CatalogRow:
    """One feature in words.

    Attributes:
        name: Its column.
        unit: Unit of the value, empty where it has none.
        key: Whose history it is, `card` or `event`.
        window: Which rows it looks at: the key, which of its rows, and how far back.
        aggregate: What it takes of them.
        of: The value that is looked at, or the SQL; empty where the rows themselves are counted.
        range: The values it can have, empty where they have no bounds.
        nulls: `allowed` where it may be unknown, else `never`.
        description: One sentence.
    """

    name: str
    unit: str
    key: str
    window: str
    aggregate: str
    of: str
    range: str
    nulls: str
    description: str


def catalog(features: FeatureSet) -> list[CatalogRow]:
    """The features of a set, in the order of their columns; mere steps towards others are left out."""
    return [_row(step) for step in features.features]


def as_markdown(rows: Sequence[CatalogRow]) -> str:
    """A catalog as a table for a page."""
    heads = ("feature", "unit", "rows", "what of them", "range", "description")
    cells = [heads, ("---",) * len(heads)]
    for row in rows:
        taken = f"{row.aggregate} `{row.of}`" if row.of else row.aggregate
        cells.append((f"`{row.name}`", row.unit, row.window, taken, row.range, row.description))
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in cells)


def _row(step: Feature) -> CatalogRow:
    key, window, aggregate, of = _looks(step)
    return CatalogRow(
        name=step.name,
        unit=step.unit,
        key=key,
        window=window,
        aggregate=aggregate,
        of=of,
        range=_range(step.low, step.high),
        nulls=step.nulls,
        description=step.description,
    )


def _looks(step: Feature) -> tuple[str, str, str, str]:
    """Whose history, which rows, which aggregate, of what."""
    match step:
        case History():
            key = " and ".join(columns_of(step.key))
            key = f"{key} against today's rivals" if isinstance(step.key, Rivals) else key
            which = "".join(f", {_condition(condition)}" for condition in step.where)
            aggregate = f"quantile {step.quantile:g}" if step.aggregate == "quantile" else step.aggregate
            return key, f"{key}{which}, {_words(step.window)}", aggregate, step.value
        case Rating():
            key = " and ".join(step.key)
            return key, f"{key}, all events so far", f"{type(step.system).__name__} {step.part}", step.result
        case Expression():
            return "card", "card", "expression", step.sql
        case WithinEvent():
            return "event", "event", step.how, step.of
    raise TypeError(step)


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    if high is None:
        return f"from {low:g}"
    return f"to {high:g}" if low is None else f"{low:g} to {high:g}"


def _condition(condition: Condition) -> str:
    match condition:
        case Same(column):
            return f"same {column}"
        case Near(column, share, within):
            apart = [f"{share:.0%}" if share else "", f"{within:g}" if within else ""]
            return f"{column} within {' or '.join(part for part in apart if part)}"
        case AtLeast(column):
            return f"{column} at least this"
        case AtMost(column):
            return f"{column} at most this"


def _words(window: Window) -> str:
    match window:
        case Last(rows):
            return "last row" if rows == 1 else f"last {rows} rows"
        case Days(days):
            return "last day" if days == 1 else f"last {days} days"
        case Decay(half_life):
            return f"all rows so far, half-life {half_life} days"
    return "all rows so far"
