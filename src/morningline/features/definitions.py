"""What a feature is: an object that says which history, over which window, of which value, in which unit.

A feature set is a sequence of these objects. Each adds columns to the entrants of events (what is known at the
cut-off) or, for `Derived` and `Centred`, to the history rows of events that are over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from morningline.kit.errors import InputError

# What a definition's SQL may call: functions of one row. A summary of many rows would read the future.
FUNCTIONS = (
    *("ABS", "CEIL", "COALESCE", "EXP", "FLOOR", "GREATEST", "IF", "LEAST", "LN", "LOG10", "LOG2", "NULLIF"),
    *("POWER", "ROUND", "SIGN", "SQRT"),
)
KEYWORDS = ("AND", "BETWEEN", "CASE", "ELSE", "IN", "IS", "NOT", "OR", "THEN", "WHEN")

# What can be said of a fading window: nothing that has no weights.
FADING = ("count", "sum", "mean", "rate")

Aggregate = Literal["count", "sum", "mean", "rate", "min", "max", "std", "last", "days_since"]
Within = Literal["rank", "z", "share", "gap_to_best"]


@dataclass(frozen=True)
class Expanding:
    """Everything known so far."""


@dataclass(frozen=True)
class Last:
    """The last `rows` history rows of the key, whether or not they have the value; at least one."""

    rows: int


@dataclass(frozen=True)
class Days:
    """The history rows that became usable in the last `days` days (of 24 hours) before the cut-off; at least one."""

    days: int


@dataclass(frozen=True)
class Decay:
    """Everything known so far, a row `half_life_days` older than another counting half as much.

    The mean does not depend on the cut-off; a count, a sum and the rows behind a rate fade up to it.
    """

    half_life_days: int


Window = Expanding | Last | Days | Decay


@dataclass(frozen=True, kw_only=True)
class History:
    """An aggregate over the earlier rows of a key.

    Args:
        name: The feature's column.
        key: Columns that an entrant and its history rows share: `("horse_id",)`, `("jockey_id", "trainer_id")`.
        value: A column of the history rows; null values and those that are no finite number are left out. Without
            one, count and days_since are about the rows themselves.
        window: Which of the earlier rows.
        aggregate: What of them. `rate` is the mean drawn towards `prior` as if `prior_rows` more rows had shown it;
            `std` divides by one less than the rows; `last` is the newest value of the window, `days_since` its age.
            Null where no row of the window has the value, but for count, sum (zero) and rate (the prior).
        prior: Prior mean of a rate.
        prior_rows: Weight of the prior, in rows.
        unit: Unit of the value.
        description: One sentence for the catalog.
        kept: Whether it is a feature of the set, or only a step towards others.

    Raises:
        InputError: The window has no rows, the aggregate lacks its value, or cannot be had of the window.

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

    def __post_init__(self) -> None:
        given = (
            f"The feature {self.name!r} asks for the {self.aggregate} of {self.value or 'nothing'!r} over {self.window}"
        )
        if not self.value and self.aggregate not in {"count", "days_since"}:
            raise InputError(f"{given}.", allowed="count and days_since without a value", do="Name a history column.")
        if isinstance(self.window, Decay) and self.aggregate not in FADING:
            raise InputError(f"{given}.", allowed=f"{', '.join(FADING)} over a fading window")
        if min((1, *vars(self.window).values())) < 1:
            raise InputError(f"{given}.", allowed="windows of one row, one day or a half-life of one day, and more")


@dataclass(frozen=True, kw_only=True)
class Expression:
    """A column computed from what is known of the entrant at the cut-off.

    Args:
        name: The feature's column.
        sql: A SQL expression over card columns and earlier features of the same entrant.
        unit: Unit of the result.
        description: One sentence for the catalog.
        kept: Whether it is a feature of the set, or only a step towards others.

    Raises:
        InputError: The SQL looks at other rows.
    """

    name: str
    sql: str
    unit: str = ""
    description: str
    kept: bool = True

    def __post_init__(self) -> None:
        require_one_row(self.name, self.sql)


@dataclass(frozen=True, kw_only=True)
class WithinEvent:
    """How an entrant stands among those of its event.

    Args:
        name: The feature's column.
        of: An earlier column.
        how: `rank` (1 is the highest value, ties to the precision of Float32 share the mean rank), `z` (standard
            deviations from the event's mean, null where all are alike), `share` of the event's sum, or
            `gap_to_best` (value minus the event's highest). Entrants without the value do not count.
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

    Raises:
        InputError: The SQL looks at other rows.
    """

    name: str
    sql: str
    description: str

    def __post_init__(self) -> None:
        require_one_row(self.name, self.sql)


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


def require_one_row(name: str, sql: str) -> None:
    """Refuse SQL that could look at any row but its own.

    Args:
        name: Of the definition.
        sql: Its expression.

    Raises:
        InputError: It calls a function that is not one of a single row, or has a window or query in it.
    """
    words = re.findall(r"[A-Za-z_]\w*(?=\s*\()|\b(?:OVER|SELECT)\b", re.sub(r"'[^']*'|\"[^\"]*\"", "''", sql.upper()))
    foreign = sorted(set(words) - set(FUNCTIONS) - set(KEYWORDS))
    if foreign:
        raise InputError(
            f"The definition {name!r} uses {', '.join(foreign)}, which may look at other rows, the future's too.",
            allowed=", ".join(FUNCTIONS),
            do="Write it of one row; use History or WithinEvent for what other rows say.",
        )
