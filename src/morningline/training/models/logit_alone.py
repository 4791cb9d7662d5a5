"""The conditional logit alone: the smoothest model of who wins, and the quickest to fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from morningline.training.models.conditional_logit import ConditionalLogit
from morningline.training.models.learner import Range, file_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.training.grouped import Floats
    from morningline.training.models.learner import Fitting
    from morningline.training.sample import Sample

WEIGHTS = "conditional_logit.json"


class LogitParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be chosen of the logit; stored with it.

    Args:
        l2: Ridge penalty on the standardised weights.
    """

    l2: float = 10.0


@dataclass(frozen=True)
class LogitAlone:
    """A fitted conditional logit.

    Attributes:
        logit: The weights.
    """

    logit: ConditionalLogit

    def log_scores(self, sample: Sample) -> Floats:
        """Ln p of each row, shape (rows,)."""
        return self.logit.log_scores(sample)

    def importance(self) -> dict[str, float]:
        """Each feature's share of the standardised weights' sizes, its being missing included; largest first."""
        return self.logit.shares()

    def files(self) -> dict[str, str]:
        """The model as texts, by file name."""
        return {WEIGHTS: self.logit.to_json()}


class LogitLearner:
    """Fits the weights to all events; nothing of it is random."""

    kind: Literal["group"] = "group"
    parameters = LogitParameters
    space: Mapping[str, Range] = {"l2": Range(low=0.1, high=1000.0, log=True)}

    def fit(self, train: Sample, parameters: LogitParameters, fitting: Fitting) -> LogitAlone:
        """Fit the weights."""
        fitting.progress("Fitting the conditional logit", 0.0)
        return LogitAlone(ConditionalLogit(parameters.l2).fit(train, fitting.under("logit").step))

    def read(self, files: Mapping[str, str], *, threads: int) -> LogitAlone:  # noqa: ARG002 - it needs none
        """Read what `files` wrote."""
        return LogitAlone(ConditionalLogit.from_json(file_of(files, WEIGHTS)))


learner = LogitLearner()
