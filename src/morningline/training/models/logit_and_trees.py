"""A conditional logit and trees in one pool: smooth where little is known, and bent where much is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from morningline.training.models.boosting import SoftmaxBooster
from morningline.training.models.calibration import Said
from morningline.training.models.conditional_logit import ConditionalLogit
from morningline.training.models.learner import Range, file_of
from morningline.training.models.machines import grows_apart
from morningline.training.models.pool import LogPool
from morningline.training.models.rehearsing import rehearsal_parts
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
        rehearsed: What the rehearsals said, pooled; null in a model that was read again.
    """

    logit: ConditionalLogit
    booster: SoftmaxBooster
    pool: LogPool
    rehearsed: Said | None = None

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
    """Fits both to all events; the number of trees and the pool come from rehearsals on the last parts of training."""

    kind: Literal["group"] = "group"
    parameters = Parameters
    space: Mapping[str, Range] = {
        "l2": Range(low=1.0, high=200.0, log=True),
        **BOOSTER_SPACE,
    }

    def fit(self, train: Sample, parameters: Parameters, fitting: Fitting) -> LogitAndTrees:
        """Fit the pool."""
        rehearsals = []
        parts = list(rehearsal_parts(train))
        for number, (earlier, later) in enumerate(parts):
            share = fitting.part(0.6 * number / len(parts), 0.6 * (number + 1) / len(parts), f"rehearsal_{number + 1}")
            share.progress(f"Rehearsal {number + 1} of {len(parts)}", 0.0)
            rehearsals.append(_rehearse(earlier, later, parameters, share))
        by_logit, by_trees = (Said.joined([getattr(one, name) for one in rehearsals]) for name in ("logit", "booster"))
        pool = LogPool.fit([by_logit.log_p, by_trees.log_p], by_logit.starts, by_logit.won)
        rehearsed = replace(by_logit, log_p=pool.log_scores([by_logit.log_p, by_trees.log_p], by_logit.starts))
        fitting.progress("Fitting the conditional logit", 0.6)
        whole = fitting.under("whole")
        logit = ConditionalLogit(parameters.l2).fit(train, whole.under("logit").step)
        trees = round(sum(one.trees for one in rehearsals) / len(rehearsals))
        booster = SoftmaxBooster(
            parameters.booster,
            rounds=trees,
            early_stopping_rounds=None,
            seed=fitting.seed,
            threads=fitting.threads,
            machines=fitting.machines,
        ).fit(
            train,
            told=lambda grown: fitting.progress(f"Growing tree {grown} of {trees}", 0.65 + 0.35 * grown / trees),
            step=whole.under("trees").step,
        )
        return LogitAndTrees(logit, booster, pool, rehearsed)

    def spreads(self, parameters: Parameters) -> bool:
        """Whether the trees can grow on many machines."""
        return grows_apart(parameters.booster)

    def read(self, files: Mapping[str, str], *, threads: int) -> LogitAndTrees:
        """Read what `files` wrote."""
        return LogitAndTrees(
            ConditionalLogit.from_json(file_of(files, "conditional_logit.json")),
            SoftmaxBooster.from_text(file_of(files, "booster.txt"), threads=threads),
            LogPool.from_json(file_of(files, "pool.json")),
        )


class _Rehearsal(NamedTuple):
    """What both said of a part of training from the days before it, and how many trees were best."""

    logit: Said
    booster: Said
    trees: int


def _rehearse(earlier: Sample, later: Sample, parameters: Parameters, fitting: Fitting) -> _Rehearsal:
    logit = ConditionalLogit(parameters.l2).fit(earlier, fitting.under("logit").step)
    booster = SoftmaxBooster(
        parameters.booster,
        rounds=parameters.rounds,
        early_stopping_rounds=parameters.early_stopping_rounds,
        seed=fitting.seed,
        threads=fitting.threads,
        machines=fitting.machines,
    ).fit(
        earlier,
        later,
        lambda grown: fitting.progress(f"Growing tree {grown} in rehearsal", grown / parameters.rounds),
        step=fitting.under("trees").step,
    )
    by_logit, by_trees = (
        Said(model.log_scores(later), later.starts, later.won, later.days) for model in (logit, booster)
    )
    return _Rehearsal(by_logit, by_trees, booster.trees)


learner = LogitAndTreesLearner()
