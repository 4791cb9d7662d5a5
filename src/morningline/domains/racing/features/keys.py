"""Whose history a feature is, and how one is written: `HORSE.mean("horse_speed_3", "speed", Last(3), "...")`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from morningline.features.definitions import Expanding, History

if TYPE_CHECKING:
    from morningline.features.definitions import Aggregate, Window

EVER = Expanding()

# A field has about twelve runners, so a runner of whom nothing is known wins one race in twelve.
AVERAGE_WIN = 1 / 12
AVERAGE_PLACE = 1 / 4
AVERAGE_FINISH = 1 / 2

# Unit of each history value; a rate or a mean of it has the same.
UNIT_OF = {
    "won": "share",
    "placed": "share",
    "finish_fraction": "share",
    "class_finish": "share",
    "early_fraction": "share",
    "gain": "share",
    "past_draw": "share",
    "beaten_log": "log lengths",
    "speed": "thousandths",
    "class_speed": "thousandths",
    "implied": "probability",
    "surprise": "probability",
    "strength": "log",
    "past_rating": "rating",
    "past_rating_high": "rating",
    "past_weight": "lb",
    "past_body_weight": "lb",
    "past_distance": "m",
    "finish_seconds": "s",
}


@dataclass(frozen=True)
class Key:
    """Writes the histories of one key.

    Args:
        columns: What a runner and its history rows share.

    Example:
        >>> Key("jockey_id").runs("jockey_runs_30d", EVER, "Rides.").key
        ('jockey_id',)
    """

    columns: tuple[str, ...]

    def __init__(self, *columns: str) -> None:
        object.__setattr__(self, "columns", columns)

    def __add__(self, other: Key) -> Key:
        """The key of both together, such as a jockey riding for a trainer."""
        return Key(*self.columns, *other.columns)

    def runs(self, name: str, window: Window, description: str) -> History:
        """How many runs."""
        return replace(self._of("count", name, "", window, description), unit="runs")

    def days_since(self, name: str, description: str) -> History:
        """Days since the last run."""
        return replace(self._of("days_since", name, "", EVER, description), unit="days")

    def mean(self, name: str, value: str, window: Window, description: str, *, step: bool = False) -> History:
        """Mean of a value; `step` where it only leads to other features."""
        return replace(self._of("mean", name, value, window, description), kept=not step)

    def rate(
        self, name: str, value: str, window: Window, description: str, *, prior: float = 0.0, prior_runs: float
    ) -> History:
        """Mean of a value, drawn towards `prior` as if `prior_runs` more runs had shown it."""
        return replace(self._of("rate", name, value, window, description), prior=prior, prior_rows=prior_runs)

    def total(self, name: str, value: str, window: Window, description: str, *, unit: str) -> History:
        """Sum of a value."""
        return replace(self._of("sum", name, value, window, description), unit=unit)

    def lowest(self, name: str, value: str, window: Window, description: str) -> History:
        """Smallest value."""
        return self._of("min", name, value, window, description)

    def highest(self, name: str, value: str, window: Window, description: str) -> History:
        """Largest value."""
        return self._of("max", name, value, window, description)

    def scatter(self, name: str, value: str, window: Window, description: str) -> History:
        """Standard deviation of a value."""
        return self._of("std", name, value, window, description)

    def newest(self, name: str, value: str, window: Window, description: str, *, step: bool = False) -> History:
        """Newest known value; `step` where it only leads to other features."""
        return replace(self._of("last", name, value, window, description), kept=not step)

    def _of(self, aggregate: Aggregate, name: str, value: str, window: Window, description: str) -> History:
        return History(
            name=name,
            key=self.columns,
            value=value,
            window=window,
            aggregate=aggregate,
            unit=UNIT_OF.get(value, ""),
            description=description,
        )


HORSE = Key("horse_id")
JOCKEY = Key("jockey_id")
TRAINER = Key("trainer_id")
COURSE = Key("course_id")
TRACK = Key("course_id", "surface", "distance_band")
STALL = TRACK + Key("draw")
