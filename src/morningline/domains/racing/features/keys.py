"""Whose history a feature is, and how one is written: `HORSE.mean("horse_speed_1", "speed", Last(1), "...")`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from morningline.features.definitions import Expression, History, Within, WithinEvent
from morningline.features.windows import Expanding, Rivals

if TYPE_CHECKING:
    from morningline.features.definitions import Aggregate
    from morningline.features.windows import Condition, Window

EVER = Expanding()

# A field has about twelve runners, so a runner of whom nothing is known wins one race in twelve.
AVERAGE_WIN = 1 / 12
AVERAGE_PLACE = 1 / 4
AVERAGE_FINISH = 1 / 2


class Scale(NamedTuple):
    """What a number is measured in, and between which bounds it must lie."""

    unit: str
    low: float | None = None
    high: float | None = None


SHARE = Scale("share", 0, 1)
CHANCE = Scale("probability", 0, 1)
BEYOND = Scale("probability", -1, 1)
SHIFT = Scale("share", -1, 1)
RUNS = Scale("runs", 0)
DAYS = Scale("days", 0)
SPEED = Scale("thousandths")
LOG = Scale("log")
LENGTHS = Scale("log lengths", 0, 4)
RATING = Scale("rating")
POUNDS = Scale("lb", 0)
METRES = Scale("m", 0)
POINTS = Scale("points")
FLAG = Scale("0 or 1", 0, 1)

SCALE_OF = {
    "": RUNS,
    "won": SHARE,
    "placed": SHARE,
    "finish_fraction": SHARE,
    "early_fraction": SHARE,
    "turn_fraction": SHARE,
    "past_draw": Scale("share", 0),
    "class_finish": Scale("share"),
    "gain": SHIFT,
    "late_gain": SHIFT,
    "beaten_log": LENGTHS,
    "speed": SPEED,
    "class_speed": SPEED,
    "last_section": SPEED,
    "late_share": SPEED,
    "implied": CHANCE,
    "surprise": BEYOND,
    "strength": LOG,
    "move": LOG,
    "past_rating": RATING,
    "past_rating_high": RATING,
    "past_weight": POUNDS,
    "past_body_weight": POUNDS,
    "past_distance": METRES,
    "past_rider": SHARE,
    "past_opposition": POINTS,
    "finish_seconds": Scale("s", 0),
}
"""Scale of each history value; a mean, a rate or an extreme of it has the same."""


DRAW_SHARE = "CASE WHEN field_size > 1 THEN (draw - 1) / (field_size - 1) END"
"""The stall of a card as a share of its field."""


@dataclass(frozen=True)
class Key:
    """Writes the histories of one key.

    Args:
        columns: What a runner and its history rows share.
        where: Which of these rows count.
        rivals: How both sides are compared where the rows are meetings with rivals of today.

    Example:
        >>> Key("jockey_id").runs("jockey_runs_30d", EVER, "Rides.").key
        ('jockey_id',)
    """

    columns: tuple[str, ...]
    where: tuple[Condition, ...] = ()
    rivals: Rivals | None = None

    def __init__(self, *columns: str, where: tuple[Condition, ...] = (), rivals: Rivals | None = None) -> None:
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "where", where)
        object.__setattr__(self, "rivals", rivals)

    def __add__(self, other: Key) -> Key:
        """The key of both together, such as a jockey riding for a trainer."""
        return Key(*self.columns, *other.columns, where=(*self.where, *other.where))

    def when(self, *conditions: Condition) -> Key:
        """The same key, of whose rows only some count."""
        return Key(*self.columns, where=(*self.where, *conditions))

    def runs(self, name: str, window: Window, description: str, value: str = "") -> History:
        """How many runs, or how many of those with a value."""
        return self._of("count", name, value, window, description, RUNS)

    def days_since(self, name: str, description: str, value: str = "") -> History:
        """Days since the last run, or the last with a value."""
        return self._of("days_since", name, value, EVER, description, DAYS)

    def mean(self, name: str, value: str, window: Window, description: str, *, step: bool = False) -> History:
        """Mean of a value; `step` where it only leads to other features."""
        return replace(self._of("mean", name, value, window, description), kept=not step)

    def median(self, name: str, value: str, window: Window, description: str) -> History:
        """Median of a value."""
        return self._of("quantile", name, value, window, description)

    def rate(
        self, name: str, value: str, window: Window, description: str, *, prior: float = 0.0, prior_runs: float
    ) -> History:
        """Mean of a value, drawn towards `prior` as if `prior_runs` more runs had shown it."""
        return replace(self._of("rate", name, value, window, description), prior=prior, prior_rows=prior_runs)

    def wins(self, name: str, window: Window, description: str, *, prior_runs: float) -> History:
        """Share of runs won, drawn towards an average runner."""
        return self.rate(name, "won", window, description, prior=AVERAGE_WIN, prior_runs=prior_runs)

    def finish(self, name: str, window: Window, description: str, *, prior_runs: float) -> History:
        """Mean share of the field ahead, drawn towards the middle."""
        return self.rate(name, "finish_fraction", window, description, prior=AVERAGE_FINISH, prior_runs=prior_runs)

    def total(self, name: str, value: str, window: Window, description: str, *, unit: str) -> History:
        """Sum of a value that is never below zero."""
        return self._of("sum", name, value, window, description, Scale(unit, 0))

    def lowest(self, name: str, value: str, window: Window, description: str) -> History:
        """Smallest value."""
        return self._of("min", name, value, window, description)

    def highest(self, name: str, value: str, window: Window, description: str) -> History:
        """Largest value."""
        return self._of("max", name, value, window, description)

    def scatter(self, name: str, value: str, window: Window, description: str) -> History:
        """Standard deviation of a value."""
        return self._of("std", name, value, window, description, Scale(SCALE_OF[value].unit, 0))

    def trend(self, name: str, value: str, window: Window, description: str) -> History:
        """Change of a value in a day, by the straight line of least squares."""
        return self._of("slope", name, value, window, description, Scale(f"{SCALE_OF[value].unit} a day"))

    def newest(self, name: str, value: str, window: Window, description: str, *, step: bool = False) -> History:
        """Newest known value; `step` where it only leads to other features."""
        return replace(self._of("last", name, value, window, description), kept=not step)

    def _of(
        self, aggregate: Aggregate, name: str, value: str, window: Window, description: str, scale: Scale | None = None
    ) -> History:
        unit, low, high = scale or self._scale(value)
        return History(
            name=name,
            key=self.rivals or self.columns,
            value=value,
            where=self.where,
            window=window,
            aggregate=aggregate,
            unit=unit,
            low=low,
            high=high,
            nulls="never" if self == HORSE and aggregate in {"count", "sum", "rate"} else "allowed",
            description=description,
        )

    def _scale(self, value: str) -> Scale:
        if self.rivals is None:
            return SCALE_OF[value]
        if self.rivals.compare == "ahead":
            return SHARE
        unit, low, high = SCALE_OF[value]
        apart = None if low is None or high is None else high - low
        return Scale(unit, None if apart is None else -apart, apart)


def said(name: str, sql: str, scale: Scale, description: str, *, step: bool = False) -> Expression:
    """A feature of one row: what the card says, or one feature against another."""
    unit, low, high = scale
    return Expression(name=name, sql=sql, unit=unit, low=low, high=high, description=description, kept=not step)


STANDING = {"rank": Scale("rank", 1), "z": Scale("sd"), "share": SHARE}


def among(name: str, of: str, how: Within, description: str, scale: Scale | None = None) -> WithinEvent:
    """How a runner stands among those of its race; a gap and what the others have is on the scale of the feature."""
    unit, low, high = scale or STANDING[how]
    return WithinEvent(name=name, of=of, how=how, unit=unit, low=low, high=high, description=description)


HORSE = Key("horse_id")
JOCKEY = Key("jockey_id")
TRAINER = Key("trainer_id")
OWNER = Key("owner_id")
COURSE = Key("course_id")
TRACK = Key("course_id", "surface", "distance_band")
STALL = TRACK + Key("draw")
AHEAD = Key("horse_id", rivals=Rivals(("horse_id",), compare="ahead"))
APART = Key("horse_id", rivals=Rivals(("horse_id",), compare="difference"))
