"""Intervals that hold as often as they say: widened by what unseen rows show to be missing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from morningline.kit.errors import DataError, InputError

if TYPE_CHECKING:
    from morningline.training.forecast import Forecast
    from morningline.training.grouped import Floats


def shortfalls(forecast: Forecast, target: Floats) -> Floats:
    """How far each target lies outside its interval; below zero is how far inside.

    max(low - y, y - high), the conformity score of Romano, Patterson & Candès (2019), "Conformalized quantile
    regression", NeurIPS 32. Where low = point = high it is |y - point|, that of split conformal prediction (Lei,
    G'Sell, Rinaldo, Tibshirani & Wasserman 2018, "Distribution-free predictive inference for regression", JASA 113).

    Args:
        forecast: What was said.
        target: What came, shape (rows,), finite.

    Returns:
        Shape (rows,), in the unit of the target.

    Raises:
        InputError: The targets are not one finite number for each row.
    """
    target = np.asarray(target, dtype=np.float64)
    if target.shape != (forecast.rows,) or not np.isfinite(target).all():
        raise InputError(
            f"Targets of shape {target.shape} were given to a forecast of {forecast.rows} rows.",
            allowed="one finite number for each row",
            do="Take both from the same rows, after their days.",
        )
    return np.maximum(forecast.low - target, target - forecast.high)


def rank_of(rows: int, level: float) -> int:
    """Which of so many sorted scores a new one stays below with at least that probability: ⌈(rows + 1) · level⌉."""
    # 0.9 · 30 is 27.000000000000004 to a computer, and its next whole number would be 28.
    return math.ceil((rows + 1) * level - 1e-9)


class SplitConformal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One margin for all rows, from rows that the model has not seen.

    If the unseen rows and a new one are exchangeable, the new interval holds with a probability of at least `level`,
    whatever the model and the data (Romano, Patterson & Candès 2019, theorem 1). Time breaks that promise slowly: where
    the world drifts, `RollingConformal` keeps it on average.

    Args:
        level: How often the interval should hold.
        margin: What both ends are moved out by, in the unit of the target; below zero they are drawn in.
        rows: From how many unseen rows.

    Example:
        >>> SplitConformal(level=0.9, margin=0.5, rows=100).to_json()
        '{"level":0.9,"margin":0.5,"rows":100}'
    """

    level: float
    margin: float
    rows: int

    @classmethod
    def fit(cls, forecast: Forecast, target: Floats) -> SplitConformal:
        """Fit the margin.

        Args:
            forecast: Of rows that the model has not seen.
            target: What came of them, shape (rows,).

        Raises:
            InputError: The targets are not one finite number for each row.
            DataError: There are too few rows for the level.
        """
        scores = shortfalls(forecast, target)
        rank = rank_of(len(scores), forecast.level)
        if rank > len(scores):
            raise DataError(
                f"{len(scores)} held-back rows cannot say how wide an interval of {forecast.level:.0%} must be.",
                allowed=f"at least {math.ceil(forecast.level / (1 - forecast.level) - 1e-9)} rows; hundreds are usual",
                do="Train over a longer period, or hold back a larger share of it.",
            )
        return cls(forecast.level, float(np.partition(scores, rank - 1)[rank - 1]), len(scores))

    def apply(self, forecast: Forecast) -> Forecast:
        """The forecast with its interval moved by the margin; it always holds the point."""
        return forecast.widened(self.margin)

    def to_json(self) -> str:
        """The margin as JSON that reads back to the same bits."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str) -> SplitConformal:
        """Read what `to_json` wrote.

        Raises:
            InputError: The text is not a stored margin.
        """
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as error:
            raise InputError(
                f"The text is not a stored margin: {error}.", do="Read the file that `to_json` wrote."
            ) from error
