"""Intervals that follow a drifting world: after each day, what it showed moves the margin of the next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from morningline.kit.errors import InputError
from morningline.training.models.conformal import rank_of, shortfalls

if TYPE_CHECKING:
    from morningline.training.forecast import Forecast
    from morningline.training.grouped import Floats, Integers

STEP = 0.02
"""How fast the aimed-at share of misses follows the observed one. Gibbs & Candès take 0.005, for one row a day."""
WINDOW_DAYS = 100
"""How many of the last days with outcomes the margin is taken from."""


class _Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The state as it is written."""

    level: float
    step: float
    window_days: int
    miss: float
    days: list[int]
    scores: list[float]


@dataclass(frozen=True, eq=False, kw_only=True)
class RollingConformal:
    """The margin after the last day whose outcomes are known.

    Adaptive conformal inference: miss ← miss + step · (wanted - observed share of misses), and the margin is the
    1 - miss quantile of recent scores (Gibbs & Candès 2021, "Adaptive conformal inference under distribution shift",
    NeurIPS 34). Its coverage in the long run needs no exchangeability. Here a step is a whole local day, all rows of
    a day have the margin of the days before, and where the paper's margin would be infinite, it is the largest score
    remembered.

    Args:
        level: How often the interval should hold.
        step: How fast `miss` moves, above 0.
        window_days: How many of the last days with outcomes are remembered, at least 1.
        miss: The share of misses that is aimed at now.
        days: Shape (scores,): local day of each remembered row, rising.
        scores: Shape (scores,): its shortfall; see `shortfalls`.
    """

    level: float
    step: float
    window_days: int
    miss: float
    days: Integers
    scores: Floats

    def __post_init__(self) -> None:
        if not self.step > 0 or self.window_days < 1:
            raise InputError(
                f"step is {self.step}, window_days is {self.window_days}.",
                allowed="a step above 0 and at least one day",
                do=f"Usual are {STEP} and {WINDOW_DAYS}.",
            )

    @classmethod
    def start(
        cls, forecast: Forecast, target: Floats, days: Integers, *, step: float = STEP, window_days: int = WINDOW_DAYS
    ) -> RollingConformal:
        """Begin with days that the model has not seen.

        Args:
            forecast: Of rows on those days.
            target: What came of them, shape (rows,).
            days: Shape (rows,): `date.toordinal()` of each row's local day.
            step: How fast to follow.
            window_days: How many days to remember.

        Raises:
            InputError: Shapes differ, a target is not finite, or step or window are impossible.
        """
        scores, order = shortfalls(forecast, target), np.argsort(days, kind="stable")
        state = cls(
            level=forecast.level,
            step=step,
            window_days=window_days,
            miss=1 - forecast.level,
            days=np.asarray(days, dtype=np.int64)[order],
            scores=scores[order],
        )
        return _remembering(state)

    @cached_property
    def margin(self) -> float:
        """What both ends are moved out by on the next day, in the unit of the target."""
        rank = min(max(rank_of(len(self.scores), 1 - self.miss), 1), len(self.scores))
        return float(np.partition(self.scores, rank - 1)[rank - 1])

    def apply(self, forecast: Forecast) -> Forecast:
        """The forecast of a day that is to come, with its interval moved by the margin."""
        return forecast.widened(self.margin)

    def after(self, forecast: Forecast, target: Floats, day: int) -> RollingConformal:
        """The state after one day.

        Args:
            forecast: What the model said of the day's rows, before `apply`.
            target: What came of them, shape (rows,).
            day: `date.toordinal()` of the local day, later than all that were seen.

        Raises:
            InputError: The day is not later, or targets are not one finite number for each row.
        """
        if day <= self.days[-1] or forecast.level != self.level:
            raise InputError(
                f"Day {day} with level {forecast.level} cannot follow day {self.days[-1]} with level {self.level}.",
                allowed="a later day and the same level",
                do="Give whole days in their order, each once.",
            )
        scores = shortfalls(forecast, target)
        missed = 1.0 - float(self.apply(forecast).covers(target).mean())
        state = replace(
            self,
            miss=self.miss + self.step * ((1 - self.level) - missed),
            days=np.concatenate([self.days, np.full(len(scores), day, dtype=np.int64)]),
            scores=np.concatenate([self.scores, scores]),
        )
        return _remembering(state)

    def walk(self, forecast: Forecast, target: Floats, days: Integers) -> tuple[Forecast, RollingConformal]:
        """Go through days in their order, each judged by what the days before it showed.

        Args:
            forecast: What the model said of the rows of all days, before `apply`.
            target: What came of them, shape (rows,).
            days: Shape (rows,): each row's local day.

        Returns:
            The forecast as it would have been given day by day, its rows in their order, and the state after the last.

        Raises:
            InputError: As `after`.
        """
        state, margins = self, np.empty(forecast.rows)
        for day in np.unique(days).tolist():
            rows = np.asarray(days) == day
            margins[rows] = state.margin
            state = state.after(forecast.take_rows(rows), np.asarray(target)[rows], day)
        return forecast.widened(margins), state

    def to_json(self) -> str:
        """The state as JSON that reads back to the same bits."""
        stored = _Stored(self.level, self.step, self.window_days, self.miss, self.days.tolist(), self.scores.tolist())
        return msgspec.json.encode(stored).decode()

    @classmethod
    def from_json(cls, text: str) -> RollingConformal:
        """Read what `to_json` wrote.

        Raises:
            InputError: The text is not a stored state.
        """
        try:
            stored = msgspec.json.decode(text, type=_Stored)
        except msgspec.MsgspecError as error:
            raise InputError(
                f"The text is not a stored margin: {error}.", do="Read the file that `to_json` wrote."
            ) from error
        return cls(
            level=stored.level,
            step=stored.step,
            window_days=stored.window_days,
            miss=stored.miss,
            days=np.array(stored.days, dtype=np.int64),
            scores=np.array(stored.scores, dtype=np.float64),
        )


def _remembering(state: RollingConformal) -> RollingConformal:
    """The state without what is older than its window."""
    firsts = np.concatenate([[0], np.flatnonzero(np.diff(state.days)) + 1])
    kept = slice(firsts[-state.window_days :][0], None)
    return replace(state, days=state.days[kept], scores=state.scores[kept])
