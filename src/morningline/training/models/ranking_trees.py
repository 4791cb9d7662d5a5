"""Trees that learn who comes before whom, and are then told how sure to be of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from morningline.training.grouped import Floats, group_log_softmax
from morningline.training.models.boosting import SoftmaxBooster
from morningline.training.models.pool import LogPool
from morningline.training.models.softmax_trees import SoftmaxTreesLearner

if TYPE_CHECKING:
    from morningline.training.models.steps import Step
    from morningline.training.sample import Sample


class RankingBooster(SoftmaxBooster):
    """Trees fitted to the order of each event's entrants, with the winner before all others.

    Each pair of winner and loser counts by what their exchange would change in NDCG (`lambdarank`; Burges 2010, "From
    RankNet to LambdaRank to LambdaMART: an overview", MSR-TR-2010-82). That gives scores no unit, so growing stops by
    the winner log loss that they have at their best scale. LightGBM's `rank_xendcg` is not offered: on Hong Kong it
    explained 0.142 where this explained 0.157, and what it bounds is what `SoftmaxBooster` fits without a bound.
    """

    def goal(self, train: Sample, step: Step) -> dict[str, Any]:  # noqa: ARG002 - LightGBM says no loss of its own
        """The order of each event."""
        # An entrant stands against all others, not only against those that the scores put first.
        return {"objective": "lambdarank", "lambdarank_truncation_level": int(train.sizes.max())}

    def stopping_loss(self, validation: Sample) -> Any:  # noqa: ANN401 - LightGBM's callback types are its own
        """The winner log loss at the best scale."""
        winners = validation.winner_rows()

        def metric(scores: Floats, _: object) -> tuple[str, float, bool]:
            log_p = group_log_softmax(scores, validation.starts)
            scaled = LogPool.fit([log_p], validation.starts, validation.won).log_scores([log_p], validation.starts)
            return "winner_log_loss", float(-scaled[winners].mean()), False

        return metric


class RankingTreesLearner(SoftmaxTreesLearner):
    """Fits trees to the order; their number and the scale that makes them probabilities come from the last days."""

    booster = RankingBooster


learner = RankingTreesLearner()
