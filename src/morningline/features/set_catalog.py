"""The catalog of a feature set: what each feature is, in words a modeller reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from morningline.features.definitions import Days, Decay, Expression, History, Last

if TYPE_CHECKING:
    from morningline.features.definitions import Step, Window
    from morningline.features.feature_set import FeatureSet


@dataclass(frozen=True, kw_only=True)
class CatalogRow:
    """One feature in words.

    Attributes:
        name: Its column.
        unit: Unit of the value, empty where it has none.
        key: Whose history it is, `card` or `event`.
        window: Which rows it looks at: the key and how far back.
        aggregate: What it takes of them.
        description: One sentence.
    """

    name: str
    unit: str
    key: str
    window: str
    aggregate: str
    description: str


def catalog(features: FeatureSet) -> list[CatalogRow]:
    """The features of a set, in the order of their columns; mere steps towards others are left out."""
    return [_row(step) for step in features.features]


def _row(step: Step) -> CatalogRow:
    key, window, aggregate = "event", "event", getattr(step, "how", "")
    if isinstance(step, History):
        key = " and ".join(step.key)
        window, aggregate = f"{key}, {_words(step.window)}", step.aggregate
    elif isinstance(step, Expression):
        key, window, aggregate = "card", "card", "expression"
    unit = getattr(step, "unit", "")
    return CatalogRow(
        name=step.name, unit=unit, key=key, window=window, aggregate=aggregate, description=step.description
    )


def _words(window: Window) -> str:
    if isinstance(window, Last):
        return "last row" if window.rows == 1 else f"last {window.rows} rows"
    if isinstance(window, Days):
        return "last day" if window.days == 1 else f"last {window.days} days"
    if isinstance(window, Decay):
        return f"all rows so far, half-life {window.half_life_days} days"
    return "all rows so far"
