"""The model of how much something is: a learner's forecast, its interval fitted on days that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from morningline.training.forecast import Forecast
from morningline.training.models.conformal import SplitConformal
from morningline.training.models.learner import regression_learner
from morningline.training.models.rolling import RollingConformal
from morningline.training.models.stored import learner_in, with_contents, within_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.training.models.learner import Fitting, RegressionModel
    from morningline.training.observations import Observations

OF_LEARNER = "first_stage/"
"""Folder of the learner's own files."""

LEAST = "least.json"
SPLIT = "interval.json"
ROLLING = "rolling_interval.json"


@dataclass(frozen=True)
class AmountModel:
    """A fitted model of how much something is.

    Attributes:
        learner: Name of the learner.
        first_stage: What it fitted, with an interval of its own.
        margin: What moves the ends of that interval: one number from the validation, or the state of one that goes on
            with the days.
        least: No forecast goes below it; None where there is no such number.
    """

    learner: str
    first_stage: RegressionModel
    margin: SplitConformal | RollingConformal
    least: float | None

    def unwidened(self, rows: Observations) -> Forecast:
        """The forecast of each row as the first stage says it."""
        return at_least(self.first_stage.predict(rows), self.least)

    def predict(self, rows: Observations) -> Forecast:
        """The forecast of each row of days that are to come."""
        return at_least(self.margin.apply(self.unwidened(rows)), self.least)

    def live_through(self, rows: Observations) -> tuple[Forecast, AmountModel]:
        """The forecast of days that are over as it would have been given day by day, and the model after them.

        Args:
            rows: Their targets are known; a margin that goes on moves with them, after each day.

        Raises:
            InputError: A day is not later than all that the margin has moved with.
        """
        if isinstance(self.margin, SplitConformal):
            return self.predict(rows), self
        forecast, margin = self.margin.walk(self.unwidened(rows), rows.target, rows.days)
        return at_least(forecast, self.least), replace(self, margin=margin)

    def files(self) -> dict[str, str]:
        """The model as texts, by file name."""
        files = {f"{OF_LEARNER}{name}": text for name, text in self.first_stage.files().items()}
        files[LEAST] = msgspec.json.encode(self.least).decode()
        files[SPLIT if isinstance(self.margin, SplitConformal) else ROLLING] = self.margin.to_json()
        return with_contents(self.learner, files)

    @classmethod
    def from_files(cls, files: Mapping[str, str], *, threads: int) -> AmountModel:
        """The model that `files` wrote."""
        name = learner_in(files)
        first_stage = regression_learner(name).read(within_folder(files, OF_LEARNER), threads=threads)
        rolls = ROLLING in files
        margin = RollingConformal.from_json(files[ROLLING]) if rolls else SplitConformal.from_json(files[SPLIT])
        return cls(name, first_stage, margin, msgspec.json.decode(files[LEAST], type=float | None))


@dataclass(frozen=True, kw_only=True)
class IntervalChoice:
    """What a task says of the interval of its forecasts.

    Args:
        kind: `validation`: one margin from the validation; `rolling`: one that goes on from there with the days.
        least: The least that the target can be.
    """

    kind: Literal["validation", "rolling"] = "validation"
    least: float | None = None


def fit(
    parts: tuple[Observations, Observations],
    learner: str,
    parameters: msgspec.Struct,
    interval: IntervalChoice,
    fitting: Fitting,
) -> AmountModel:
    """Fit the first stage, and the interval.

    Args:
        parts: Rows for the first stage, and rows of later days for the interval, unseen until then.
        learner: Name of the learner.
        parameters: What was chosen of it.
        interval: What keeps the interval.
        fitting: How.

    Raises:
        NotFoundError: There is no such learner.
        DataError: The rows cannot be learnt from, or are too few for the interval.
    """
    train, validation = parts
    first_stage = regression_learner(learner).fit(train, parameters, fitting.part(0.0, 0.95))
    fitting.progress("Fitting the interval on the validation", 0.95)
    forecast = at_least(first_stage.predict(validation), interval.least)
    margin = (
        SplitConformal.fit(forecast, validation.target)
        if interval.kind == "validation"
        else RollingConformal.start(forecast, validation.target, validation.days)
    )
    return AmountModel(learner, first_stage, margin, interval.least)


def at_least(forecast: Forecast, least: float | None) -> Forecast:
    """A forecast with every number at or above the least that can be; its interval holds as often as before."""
    if least is None:
        return forecast
    point, low, high = (np.maximum(part, least) for part in (forecast.point, forecast.low, forecast.high))
    return Forecast(point, low, high, forecast.level)
