"""Trees whose number and whose scale come from the last days of training, unseen by a first growing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from morningline.training.models.last_days import tuning_parts
from morningline.training.models.learner import Range
from morningline.training.models.pool import LogPool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from morningline.training.grouped import Floats
    from morningline.training.models.learner import Fitting
    from morningline.training.models.steps import Step
    from morningline.training.sample import Sample

BOOSTER_SPACE: Mapping[str, Range] = {
    "booster.learning_rate": Range(low=0.01, high=0.1, log=True),
    "booster.num_leaves": Range(low=7, high=63, log=True, whole=True),
    "booster.min_data_in_leaf": Range(low=50, high=1000, log=True, whole=True),
    "booster.lambda_l2": Range(low=0.1, high=100.0, log=True),
    "booster.feature_fraction": Range(low=0.2, high=1.0),
}
"""Where LightGBM's parameters are looked for."""

TREES, SCALE = "booster.txt", "scale.json"


class Trees(Protocol):
    """Trees of any library, as `SoftmaxBooster` has them."""

    @property
    def trees(self) -> int: ...  # noqa: D102 - how many there are

    def bins(self, whole: Sample) -> Any: ...  # noqa: ANN401, D102 - what a library knows of features, for more fits
    def fit(  # noqa: D102
        self,
        train: Sample,
        validation: Sample | None = None,
        told: Callable[[int], None] = ...,
        bins: Any = None,  # noqa: ANN401
        step: Step = ...,
    ) -> Trees: ...
    def log_scores(self, sample: Sample) -> Floats: ...  # noqa: D102
    def importance(self) -> dict[str, float]: ...  # noqa: D102
    def to_text(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class ScaledTrees:
    """Fitted trees and what their scores are worth.

    Attributes:
        booster: The trees.
        scale: One exponent of their probabilities: ranking gives scores in no unit, and boosting sharpens a little.
    """

    booster: Trees
    scale: LogPool

    def log_scores(self, sample: Sample) -> Floats:
        """Ln p of each row, shape (rows,)."""
        return self.scale.log_scores([self.booster.log_scores(sample)], sample.starts)

    def importance(self) -> dict[str, float]:
        """Each feature's share of what the trees gain, largest first."""
        return self.booster.importance()

    def files(self) -> dict[str, str]:
        """The model as texts, by file name."""
        return {TREES: self.booster.to_text(), SCALE: self.scale.to_json()}


def grow(
    make: Callable[[int, int | None], Trees], rounds: int, patience: int, train: Sample, fitting: Fitting
) -> ScaledTrees:
    """Grow trees on the earlier days, see on the last days how many and at which scale, and grow as many on all.

    Args:
        make: Most trees, and rounds without gain before stopping (None grows all), to trees that are not fitted.
        rounds: Most trees.
        patience: Rounds without gain after which the first growing stops.
        train: Events that are over.
        fitting: Who is told of progress and steps: those of the rehearsal, and of the whole.
    """
    earlier, later = tuning_parts(train)
    trees = make(rounds, patience)
    bins = trees.bins(train)
    trial = trees.fit(
        earlier,
        later,
        lambda grown: fitting.progress(f"Growing tree {grown} on trial", 0.45 * grown / rounds),
        bins,
        fitting.under("rehearsal").step,
    )
    scale = LogPool.fit([trial.log_scores(later)], later.starts, later.won)
    kept = trial.trees
    booster = make(kept, None).fit(
        train,
        told=lambda grown: fitting.progress(f"Growing tree {grown} of {kept}", 0.45 + 0.55 * grown / kept),
        bins=bins,
        step=fitting.under("whole").step,
    )
    return ScaledTrees(booster, scale)
