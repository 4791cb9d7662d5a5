"""What may be chosen of boosted trees of rows, and of the interval around their number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from morningline.training.models.gradient_trees import Growth

if TYPE_CHECKING:
    from morningline.training.models.learner import Fitting

Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
"""A number within (0, 1)."""
Count = Annotated[int, msgspec.Meta(ge=1)]
"""A whole number of at least 1."""


class TreeParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How trees are grown.

    Args:
        rounds: Most trees.
        early_stopping_rounds: Rounds without gain after which no more trees are grown.
        booster: LightGBM parameters over the defaults.
    """

    rounds: Count = 600
    early_stopping_rounds: Count = 50
    booster: dict[str, Any] = {}

    def growth(self, fitting: Fitting) -> Growth:
        """The same with seed and threads; raises `InputError` where LightGBM would not take a parameter."""
        return Growth(
            booster=self.booster,
            rounds=self.rounds,
            early_stopping_rounds=self.early_stopping_rounds,
            seed=fitting.seed,
            threads=fitting.threads,
        )


class IntervalTreeParameters(TreeParameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How trees are grown, and how often their interval should hold.

    Args:
        level: How often; 0.9 is from p05 to p95.
        held_back_share: Share of the days, the last ones, that the trees never see and the interval is fitted on.
    """

    level: Share = 0.9
    held_back_share: Share = 0.2
