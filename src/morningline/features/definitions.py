"""What a feature is: an object that says which history, over which window, of which value, in which unit.

A feature set is a sequence of these objects. Each adds columns to the entrants of events (what is known at the
cut-off) or, for `Derived` and `Centred`, to the history rows of events that are over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from morningline.features.windows import Days, Decay, Expanding, Rivals
from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from morningline.features.rating import System
    from morningline.features.windows import Condition, Key, Window

# What a definition's SQL may call: functions of one row. A summary of many rows would read the future.
FUNCTIONS = (
    *("ABS", "CEIL", "COALESCE", "EXP", "FLOOR", "GREATEST", "IF", "LEAST", "LN", "LOG10", "LOG2", "NULLIF"),
    *("POWER", "ROUND", "SIGN", "SQRT"),
)
KEYWORDS = ("AND", "BETWEEN", "CASE", "ELSE", "IN", "IS", "NOT", "OR", "THEN", "WHEN")

EVER = Expanding()

Aggregate = Literal["count", "sum", "mean", "rate", "min", "max", "std", "quantile", "slope", "last", "days_since"]
Within = Literal["rank", "z", "share", "gap_to_best", "others_mean", "others_best"]

# What can be said of a fading window: nothing that has no weights.
FADING = ("count", "sum", "mean", "rate")
# What is about the rows themselves where no value is named.
OF_ROWS = ("count", "days_since")
# What is reckoned from the first row of the key there is, to lose no digits, so that its bits depend on that.
FROM_THE_FIRST = ("std", "slope")


@dataclass(frozen=True, kw_only=True)
class Feature:
    """What every feature says of itself.

    Args:
        name: The feature's column.
        unit: Unit of the value.
        description: One sentence for the catalog.
        low: The smallest value it can have, where there is one. The quality of stored features is judged by it.
        high: The largest.
        nulls: Whether it may be unknown: `never` says that every entrant has it.
        kept: Whether it is a feature of the set, or only a step towards others.
    """

    name: str
    unit: str = ""
    description: str
    low: float | None = None
    high: float | None = None
    nulls: Literal["allowed", "never"] = "allowed"
    kept: bool = True


@dataclass(frozen=True, kw_only=True)
class History(Feature):
    """An aggregate over the earlier rows of a key.

    Args:
        key: Columns that an entrant and its history rows share: `("horse_id",)`, `("jockey_id", "trainer_id")`; or
            `Rivals`, whose rows are earlier meetings with the others of the event.
        value: A column of the history rows; null values and those that are no finite number are left out. Without
            one, count and days_since are about the rows themselves.
        where: Which rows of the key count: `Same("course_id")`, `Near("distance_m", share=0.1)`.
        window: Which of these rows, counted back from the cut-off.
        aggregate: What of them. `rate` is the mean drawn towards `prior` as if `prior_rows` more rows had shown it;
            `std` divides by one less than the rows; `quantile` is interpolated between the two rows about it;
            `slope` is the change in a day of the straight line of least squares; `last` is the newest value of the
            window, `days_since` its age. Null where no row of the window has the value, but for count, sum (zero)
            and rate (the prior).
        prior: Prior mean of a rate.
        prior_rows: Weight of the prior, in rows.
        quantile: Which one, from 0 to 1; the median where not given.

    Raises:
        InputError: The window has no rows, the aggregate lacks its value, or cannot be had of the window.

    Example:
        >>> History(name="runs", key=("horse_id",), aggregate="count", description="Runs so far.").name
        'runs'
    """

    key: Key
    value: str = ""
    where: tuple[Condition, ...] = ()
    window: Window = EVER
    aggregate: Aggregate = "mean"
    prior: float = 0.0
    prior_rows: float = 0.0
    quantile: float = 0.5

    @property
    def days_back(self) -> int | None:
        """How many days back any row can matter; None: however old it is."""
        if not isinstance(self.window, Days) or self.aggregate in FROM_THE_FIRST or isinstance(self.key, Rivals):
            return None
        return self.window.days

    def __post_init__(self) -> None:
        given = (
            f"The feature {self.name!r} asks for the {self.aggregate} of {self.value or 'nothing'!r} over {self.window}"
        )
        if not self.value and self.aggregate not in OF_ROWS:
            raise InputError(f"{given}.", allowed="count and days_since without a value", do="Name a history column.")
        if isinstance(self.window, Decay) and self.aggregate not in FADING:
            raise InputError(f"{given}.", allowed=f"{', '.join(FADING)} over a fading window")
        if min((1, *vars(self.window).values())) < 1:
            raise InputError(f"{given}.", allowed="windows of one row, one day or a half-life of one day, and more")
        if not 0 <= self.quantile <= 1:
            raise InputError(f"{given}, the quantile {self.quantile}.", allowed="0 to 1")
        if isinstance(self.key, Rivals) and self.where:
            raise InputError(f"{given} against rivals where {self.where}.", allowed="all meetings of rivals")


@dataclass(frozen=True, kw_only=True)
class Rating(Feature):
    """How strong an entity is, judged by whom it has beaten: moved by each event as its outcome becomes known.

    What is known first of an event moves the ratings, and that once: a correction reaches histories, not ratings.
    Who never competed has none. Of several entrants of one entity in an event the best one counts.

    Args:
        key: Columns of the card that say who is rated.
        result: A history column by which the entrants of an event are ordered, the smallest first.
        system: How ratings move.
        part: `mean` is the rating itself, `spread` how unsure it is (of systems that say so).
    """

    key: tuple[str, ...]
    result: str
    system: System
    part: Literal["mean", "spread"] = "mean"

    @property
    def after(self) -> tuple[str, str]:
        """Columns of the history rows with the rating and its spread after the event, null where it moved nobody."""
        return f"{self.name}_mean_after", f"{self.name}_spread_after"


@dataclass(frozen=True, kw_only=True)
class Expression(Feature):
    """A column computed from what is known of the entrant at the cut-off.

    Args:
        sql: A SQL expression over card columns and earlier features of the same entrant.

    Raises:
        InputError: The SQL looks at other rows.
    """

    sql: str

    def __post_init__(self) -> None:
        require_one_row(self.name, self.sql)


@dataclass(frozen=True, kw_only=True)
class WithinEvent(Feature):
    """How an entrant stands among those of its event.

    Args:
        of: A card column or an earlier feature.
        how: `rank` (1 is the highest value, ties share the mean rank), `z` (standard deviations from the event's
            mean, null where all are alike), `share` of the event's sum, `gap_to_best` (value minus the event's
            highest), `others_mean` and `others_best` (mean and highest of the others, whether or not the entrant has
            the value itself). Entrants without the value do not count.
    """

    of: str
    how: Within


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
    """A value of the history rows, less its mean over the rows of that day that were usable with it or before.

    Args:
        name: The history column.
        of: An earlier history column.
        by: Columns of the card that make a group within the day, such as course and surface.
        description: One sentence for the catalog.
    """

    name: str
    of: str
    by: tuple[str, ...]
    description: str


Step = History | Rating | Expression | WithinEvent | Derived | Centred


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
