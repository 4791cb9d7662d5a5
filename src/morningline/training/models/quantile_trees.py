"""A range and its middle: trees for p05, p50 and p95, widened by what unseen days show to be missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from morningline.training.forecast import Forecast, levels_of
from morningline.training.models.conformal import SplitConformal
from morningline.training.models.learner import file_of
from morningline.training.models.quantiles import QuantileTrees, grow_quantiles
from morningline.training.models.scaled_trees import BOOSTER_SPACE
from morningline.training.models.tree_parameters import IntervalTreeParameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.training.models.learner import Fitting, Range
    from morningline.training.observations import Observations


@dataclass(frozen=True, eq=False)
class QuantileModel:
    """Fitted quantiles with their margin.

    Attributes:
        quantiles: Low end, median and high end.
        conformal: The margin of the ends (CQR).
    """

    quantiles: QuantileTrees
    conformal: SplitConformal

    def predict(self, rows: Observations) -> Forecast:
        """The median and the interval of each row."""
        return self.conformal.apply(unwidened(self.quantiles, rows, self.conformal.level))

    def importance(self) -> dict[str, float]:
        """Each feature's share of the gain, mean over the three, largest first."""
        return self.quantiles.importance()

    def files(self) -> dict[str, str]:
        """The model as texts, by file name."""
        return {**self.quantiles.files(), "conformal.json": self.conformal.to_json()}


class QuantileTreesLearner:
    """Fits the quantiles on the earlier days and the margin on the last ones, which the trees never see."""

    kind: Literal["regression"] = "regression"
    parameters = IntervalTreeParameters
    space: Mapping[str, Range] = BOOSTER_SPACE

    def fit(self, train: Observations, parameters: IntervalTreeParameters, fitting: Fitting) -> QuantileModel:
        """Fit quantiles and margin."""
        train.require_target()
        seen, held_back = train.split_days(parameters.held_back_share)
        levels = levels_of(parameters.level)
        quantiles = grow_quantiles(seen, levels, parameters.growth(fitting), fitting.part(0.0, 0.95))
        fitting.progress("Fitting the interval on held-back days", 0.95)
        forecast = unwidened(quantiles, held_back, parameters.level)
        return QuantileModel(quantiles, SplitConformal.fit(forecast, held_back.target))

    def read(self, files: Mapping[str, str], *, threads: int) -> QuantileModel:
        """Read what `files` wrote."""
        conformal = SplitConformal.from_json(file_of(files, "conformal.json"))
        return QuantileModel(QuantileTrees.read(files, levels_of(conformal.level), threads=threads), conformal)


def unwidened(quantiles: QuantileTrees, rows: Observations, level: float) -> Forecast:
    """The quantiles as they were grown."""
    low, point, high = quantiles.values(rows).T
    return Forecast(point, low, high, level)


learner = QuantileTreesLearner()
