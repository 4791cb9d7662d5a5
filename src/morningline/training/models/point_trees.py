"""One number with the same margin on both sides: trees for the mean, the median, or Huber's middle between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from morningline.training.forecast import Forecast
from morningline.training.models.conformal import SplitConformal
from morningline.training.models.gradient_trees import ABSOLUTE, SQUARED, GradientTrees, grow_tuned, huber
from morningline.training.models.learner import Range, file_of
from morningline.training.models.scaled_trees import BOOSTER_SPACE
from morningline.training.models.tree_parameters import IntervalTreeParameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from morningline.training.models.gradient_trees import Loss
    from morningline.training.models.learner import Fitting
    from morningline.training.observations import Observations


class HuberParameters(IntervalTreeParameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of trees, and where Huber's loss becomes linear.

    Args:
        threshold: In standard deviations of the target, as its quartiles suggest them. 1.345 loses 5 % of the
            efficiency of least squares where the errors are normal (Huber 1964).
    """

    threshold: Annotated[float, msgspec.Meta(gt=0)] = 1.345


@dataclass(frozen=True, eq=False)
class PointModel:
    """A fitted number with its margin.

    Attributes:
        trees: The number.
        conformal: The margin on both sides of it.
    """

    trees: GradientTrees
    conformal: SplitConformal

    def predict(self, rows: Observations) -> Forecast:
        """The number and the interval of each row."""
        return self.conformal.apply(bare(self.trees, rows, self.conformal.level))

    def importance(self) -> dict[str, float]:
        """Each feature's share of the gain, largest first."""
        return self.trees.importance()

    def files(self) -> dict[str, str]:
        """The model as texts, by file name."""
        return {"trees.txt": self.trees.text, "conformal.json": self.conformal.to_json()}


@dataclass(frozen=True)
class PointTreesLearner:
    """Fits the number on the earlier days and the margin on the last ones, which the trees never see.

    Attributes:
        loss: What the trees make small, from the parameters.
        parameters: What may be chosen.
        space: Where tuning looks.
    """

    loss: Callable[[Any], Loss]
    parameters: type[IntervalTreeParameters] = IntervalTreeParameters
    space: Mapping[str, Range] = field(default_factory=dict)
    kind: Literal["regression"] = "regression"

    def fit(self, train: Observations, parameters: IntervalTreeParameters, fitting: Fitting) -> PointModel:
        """Fit number and margin."""
        train.require_target()
        seen, held_back = train.split_days(parameters.held_back_share)
        trees = grow_tuned(seen, self.loss(parameters), parameters.growth(fitting), fitting.part(0.0, 0.95))
        fitting.progress("Fitting the interval on held-back days", 0.95)
        conformal = SplitConformal.fit(bare(trees, held_back, parameters.level), held_back.target)
        return PointModel(trees, conformal)

    def read(self, files: Mapping[str, str], *, threads: int) -> PointModel:
        """Read what `files` wrote."""
        conformal = SplitConformal.from_json(file_of(files, "conformal.json"))
        return PointModel(GradientTrees.from_text(file_of(files, "trees.txt"), threads=threads), conformal)


def bare(trees: GradientTrees, rows: Observations, level: float) -> Forecast:
    """The number as an interval without width."""
    point = trees.values(rows)
    return Forecast(point, point, point, level)


squared = PointTreesLearner(lambda _: SQUARED, space=BOOSTER_SPACE)
absolute = PointTreesLearner(lambda _: ABSOLUTE, space=BOOSTER_SPACE)
robust = PointTreesLearner(
    lambda parameters: huber(parameters.threshold),
    parameters=HuberParameters,
    space={**BOOSTER_SPACE, "threshold": Range(low=0.3, high=3.0, log=True)},
)
