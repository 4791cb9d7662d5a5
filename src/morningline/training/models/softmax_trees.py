"""Trees alone: LightGBM fitted to who won, within the event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from morningline.training.models.boosting import SoftmaxBooster
from morningline.training.models.learner import file_of
from morningline.training.models.machines import grows_apart
from morningline.training.models.pool import LogPool
from morningline.training.models.scaled_trees import BOOSTER_SPACE, SCALE, TREES, ScaledTrees, grow
from morningline.training.models.tree_parameters import TreeParameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.training.models.learner import Fitting, Range
    from morningline.training.sample import Sample


class SoftmaxTreesLearner:
    """Fits trees to the probability of the winner; their number and scale come from the last days of training."""

    kind: Literal["group"] = "group"
    parameters = TreeParameters
    space: Mapping[str, Range] = BOOSTER_SPACE
    booster: type[SoftmaxBooster] = SoftmaxBooster

    def fit(self, train: Sample, parameters: TreeParameters, fitting: Fitting) -> ScaledTrees:
        """Grow the trees."""

        def make(rounds: int, patience: int | None) -> SoftmaxBooster:
            return self.booster(
                parameters.booster,
                rounds=rounds,
                early_stopping_rounds=patience,
                seed=fitting.seed,
                threads=fitting.threads,
                machines=fitting.machines,
            )

        return grow(make, parameters.rounds, parameters.early_stopping_rounds, train, fitting)

    def spreads(self, parameters: TreeParameters) -> bool:
        """Whether the trees can grow on many machines."""
        return grows_apart(parameters.booster)

    def read(self, files: Mapping[str, str], *, threads: int) -> ScaledTrees:
        """Read what `files` wrote."""
        return ScaledTrees(
            self.booster.from_text(file_of(files, TREES), threads=threads), LogPool.from_json(file_of(files, SCALE))
        )


learner = SoftmaxTreesLearner()
