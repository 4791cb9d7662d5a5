"""What a feature is: an object that says which history, over which window, of which value, in which unit.

A feature set is a sequence of these objects. Each adds columns to the entrants of events (what is known at the
cut-off) or, for `Derived` and `Centred`, to the history rows of events that are over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Aggregate = Literal["count", "sum", "mean", "rate", "min", "max", "std", "last", "days_since"]
Within = Literal["rank", "z", "share", "gap_to_best"]


@dataclass(frozen=True)
class Expanding:
    """Everything known so far."""


@dataclass(frozen=True)
class Last:
    """The last `rows` history rows of the key."""

    rows: int


@dataclass(frozen=True)
class Days:
    """The history rows that became usable in the last `days` days before the cut-off."""

    days: int


@dataclass(frozen=True)
class Decay:
    """Everything known so far, a row `half_life_days` older than another counting half as much."""

    half_life_days: int


Window = Expanding | Last | Days | Decay


@dataclass(frozen=True, kw_only=True)
class History:
    """An aggregate over the earlier rows of a key.

    Args:
        name: The feature's column.
        key: Columns that an entrant and its history rows share: `("horse_id",)`, `("jockey_id", "trainer_id")`.
        value: A column of the history rows; null values are left out. Not needed for count and days_since.
        window: Which of the earlier rows.
        aggregate: What of them. `rate` is the mean drawn towards `prior` as if `prior_rows` more rows had shown it.
        prior: Prior mean of a rate.
        prior_rows: Weight of the prior, in rows.
        unit: Unit of the value.
        description: One sentence for the catalog.
        kept: Whether it is a feature of the set, or only a step towards others.

    Example:
        >>> History(name="runs", key=("horse_id",), aggregate="count", description="Runs so far.").name
        'runs'
    """

    name: str
    key: tuple[str, ...]
    value: str = ""
    window: Window = Expanding()
    aggregate: Aggregate = "mean"
    prior: float = 0.0
    prior_rows: float = 0.0
    unit: str = ""
    description: str
    kept: bool = True


@dataclass(frozen=True, kw_only=True)
class Expression:
    """A column computed from what is known of the entrant at the cut-off.

    Args:
        name: The feature's column.
        sql: A SQL expression over card columns and earlier features.
        unit: Unit of the result.
        description: One sentence for the catalog.
        kept: Whether it is a feature of the set, or only a step towards others.
    """

    name: str
    sql: str
    unit: str = ""
    description: str
    kept: bool = True


@dataclass(frozen=True, kw_only=True)
class WithinEvent:
    """How an entrant stands among those of its event.

    Args:
        name: The feature's column.
        of: An earlier column.
        how: `rank` (1 is the highest value, ties share the mean rank), `z` (standard deviations from the event's
            mean), `share` of the event's sum, or `gap_to_best` (value minus the event's highest).
        unit: Unit of the result.
        description: One sentence for the catalog.
        kept: Whether it is a feature of the set, or only a step towards others.
    """

    name: str
    of: str
    how: Within
    unit: str = ""
    description: str
    kept: bool = True


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A value of the history rows, computed from their outcome and from what was known before it.

    Args:
        name: The history column.
        sql: A SQL expression over outcome columns, card columns and earlier features of the same row.
        description: One sentence for the catalog.
    """

    name: str
    sql: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Centred:
    """A value of the history rows, less its mean over the rows that became usable together with it.

    Args:
        name: The history column.
        of: An earlier history column.
        by: Columns that make a group, such as course and surface: the day is one already, because rows that
            became usable at another instant are no part of it.
        description: One sentence for the catalog.
    """

    name: str
    of: str
    by: tuple[str, ...]
    description: str


Step = History | Expression | WithinEvent | Derived | Centred
