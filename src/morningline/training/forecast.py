"""A forecast: for each row the number that is expected, and the range it lies in as often as is said."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from morningline.training.grouped import Flags, Floats


def levels_of(level: float) -> tuple[float, float, float]:
    """The quantiles at the ends and in the middle of an interval: 0.9 is 0.05, 0.5 and 0.95."""
    low = round((1 - level) / 2, 9)
    return low, 0.5, round(1 - low, 9)


@dataclass(frozen=True, eq=False)
class Forecast:
    """What a regression model says of rows, in the unit of the target.

    Args:
        point: Shape (rows,): the median, unless the model says otherwise.
        low: Shape (rows,): lower end of the interval, which belongs to it; at most `point`.
        high: Shape (rows,): upper end, which belongs to it; at least `point`.
        level: How often the interval should hold the target, within (0, 1); 0.9 is from p05 to p95.

    Raises:
        InputError: If shapes differ, a number is not finite, or the point lies outside its interval.

    Example:
        >>> Forecast(point=[1.0], low=[-2.0], high=[5.0], level=0.9).covers([4.0]).tolist()
        [True]
    """

    point: Floats
    low: Floats
    high: Floats
    level: float

    def __post_init__(self) -> None:
        for field in fields(self)[:3]:
            object.__setattr__(self, field.name, np.ascontiguousarray(getattr(self, field.name), dtype=np.float64))
        parts = (self.low, self.point, self.high)
        same = self.point.ndim == 1 and {part.shape for part in parts} == {self.point.shape}
        if not same or not all(np.isfinite(part).all() for part in parts) or not 0 < self.level < 1:
            raise InputError(
                f"A forecast has shapes {[part.shape for part in parts]} (low, point, high) and level {self.level}.",
                allowed="three finite numbers for each row, and a level within (0, 1)",
                do="Find out why the model gave no number for a row.",
            )
        outside = (self.point < self.low) | (self.point > self.high)
        if outside.any():
            row = int(np.flatnonzero(outside)[0])
            raise InputError(
                f"Row number {row} has low {self.low[row]}, point {self.point[row]} and high {self.high[row]}.",
                allowed="low ≤ point ≤ high",
                do="Sort the quantiles of each row, as `rearranged` does.",
            )

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.point)

    @property
    def levels(self) -> tuple[float, float, float]:
        """Which quantiles low, point and high stand for."""
        return levels_of(self.level)

    def covers(self, target: Floats) -> Flags:
        """Whether each row's interval, ends included, holds its target, shape (rows,)."""
        return np.asarray((self.low <= target) & (target <= self.high))

    def widened(self, margin: Floats | float) -> Forecast:
        """The same with both ends further out by a margin: one number, or one for each row.

        A margin below zero draws the ends in, at most to the point.
        """
        low, high = np.minimum(self.low - margin, self.point), np.maximum(self.high + margin, self.point)
        return Forecast(self.point, low, high, self.level)

    def take_rows(self, mask: Flags) -> Forecast:
        """The forecast of some rows, in their order."""
        return Forecast(self.point[mask], self.low[mask], self.high[mask], self.level)
