"""Trees alone: LightGBM fitted to who won, within the event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from morningline.training.models.boosting import SoftmaxBooster
from morningline.training.models.learner import file_of
from morningline.training.models.pool import LogPool
from morningline.training.models.scaled_trees import BOOSTER_SPACE, SCALE, TREES, ScaledTrees, TreeParameters, grow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.training.models.learner import Fitting, Range
    from morningline.training.sample import Sample


class SoftmaxTreesLearner:
    """Fits trees to the probability of the winner; their number and scale come from the last days of training."""

    kind: Literal["group"] = "group"
    parameters = TreeParameters
    space: Mapping[str, Range] = BOOSTER_SPACE

    def fit(self, train: Sample, parameters: TreeParameters, fitting: Fitting) -> ScaledTrees:
        """Grow the trees."""

        def make(rounds: int, patience: int | None) -> SoftmaxBooster:
            return SoftmaxBooster(
                parameters.booster,
                rounds=rounds,
                early_stopping_rounds=patience,
                seed=fitting.seed,
                threads=fitting.threads,
            )

        return grow(make, parameters.rounds, parameters.early_stopping_rounds, train, fitting)

    def read(self, files: Mapping[str, str], *, threads: int) -> ScaledTrees:
        """Read what `files` wrote."""
        return ScaledTrees(
            SoftmaxBooster.from_text(file_of(files, TREES), threads=threads), LogPool.from_json(file_of(files, SCALE))
        )


learner = SoftmaxTreesLearner()
