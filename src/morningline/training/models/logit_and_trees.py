"""A conditional logit and trees in one pool: smooth where little is known, and bent where much is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from morningline.training.models.boosting import SoftmaxBooster
from morningline.training.models.conditional_logit import ConditionalLogit
from morningline.training.models.last_days import tuning_parts
from morningline.training.models.learner import Range
from morningline.training.models.pool import LogPool
from morningline.training.models.scaled_trees import BOOSTER_SPACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.training.grouped import Floats
    from morningline.training.models.learner import Fitting
    from morningline.training.sample import Sample


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be chosen of the pool; stored with it.

    Args:
        l2: Ridge penalty of the conditional logit.
        rounds: Most trees.
        early_stopping_rounds: Rounds without gain after which no more trees are grown.
        booster: LightGBM parameters over the defaults.
    """

    l2: float = 10.0
    rounds: int = 600
    early_stopping_rounds: int = 50
    booster: dict[str, Any] = {}


@dataclass(frozen=True)
class LogitAndTrees:
    """A fitted pool.

    Attributes:
        logit: Conditional logit on the features.
        booster: Trees on the features.
        pool: Both together.
    """

    logit: ConditionalLogit
    booster: SoftmaxBooster
    pool: LogPool

    def log_scores(self, sample: Sample) -> Floats:
        """Ln p of each row, shape (rows,)."""
        return self.pool.log_scores([self.logit.log_scores(sample), self.booster.log_scores(sample)], sample.starts)

    def importance(self) -> dict[str, float]:
        """Each feature's share of the trees' gain, largest first."""
        return self.booster.importance()

    def files(self) -> dict[str, str]:
        """The model as texts, by file name."""
        return {
            "conditional_logit.json": self.logit.to_json(),
            "booster.txt": self.booster.to_text(),
            "pool.json": self.pool.to_json(),
        }


class LogitAndTreesLearner:
    """Fits both to all events; the number of trees and the pool come from the last part, unseen by a first pair."""

    parameters = Parameters
    space: Mapping[str, Range] = {
        "l2": Range(low=1.0, high=200.0, log=True),
        **BOOSTER_SPACE,
    }

    def fit(self, train: Sample, parameters: Parameters, fitting: Fitting) -> LogitAndTrees:
        """Fit the pool."""
        fitting.progress("Tuning on the last part of training", 0.0)
        earlier, later = tuning_parts(train)
        trial_logit = ConditionalLogit(parameters.l2).fit(earlier)
        trial = SoftmaxBooster(
            parameters.booster,
            rounds=parameters.rounds,
            early_stopping_rounds=parameters.early_stopping_rounds,
            seed=fitting.seed,
            threads=fitting.threads,
        ).fit(
            earlier,
            later,
            lambda trees: fitting.progress(f"Growing tree {trees} on trial", 0.4 * trees / parameters.rounds),
        )
        members = [trial_logit.log_scores(later), trial.log_scores(later)]
        pool = LogPool.fit(members, later.starts, later.won)
        fitting.progress("Fitting the conditional logit", 0.4)
        logit = ConditionalLogit(parameters.l2).fit(train)
        booster = SoftmaxBooster(
            parameters.booster,
            rounds=trial.trees,
            early_stopping_rounds=None,
            seed=fitting.seed,
            threads=fitting.threads,
        ).fit(
            train,
            told=lambda trees: fitting.progress(
                f"Growing tree {trees} of {trial.trees}", 0.5 + 0.5 * trees / trial.trees
            ),
        )
        return LogitAndTrees(logit, booster, pool)

    def read(self, files: Mapping[str, str], *, threads: int) -> LogitAndTrees:
        """Read what `files` wrote."""
        return LogitAndTrees(
            ConditionalLogit.from_json(files["conditional_logit.json"]),
            SoftmaxBooster.from_text(files["booster.txt"], threads=threads),
            LogPool.from_json(files["pool.json"]),
        )


learner = LogitAndTreesLearner()
