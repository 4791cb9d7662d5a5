"""Boosted trees for rows that stand for themselves: one loss of LightGBM, a number for each row."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from morningline.kit.errors import InputError
from morningline.training.models.growing import (
    DEFAULT_PARAMETERS,
    check_growth,
    check_names,
    fixed,
    gain_shares,
    library,
    read_sealed,
    telling,
)
from morningline.training.models.sealed import seal, unseal
from morningline.training.models.steps import Step, unrecorded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import lightgbm

    from morningline.training.grouped import Floats
    from morningline.training.models.learner import Fitting
    from morningline.training.observations import Observations

TUNING_SHARE = 0.15
"""Share of the days, the last ones, that decides the number of trees."""

# The distance between the quartiles of a normal distribution, in standard deviations.
_QUARTILES_APART = 1.349


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What the trees make small.

    Args:
        objective: LightGBM's name of the objective.
        metric: LightGBM's name of the metric that says when to stop.
        settings: What belongs to both, such as a quantile's level.
        degree: Residuals of twice the size have a loss of 2 to this power; 0 where targets have no scale.
    """

    objective: str
    metric: str
    degree: int
    settings: Mapping[str, float] = field(default_factory=dict)


SQUARED = Loss(objective="regression", metric="l2", degree=2)
"""(y - f)²; its best number is the mean."""
ABSOLUTE = Loss(objective="regression_l1", metric="l1", degree=1)
"""|y - f|; its best number is the median."""
LOGISTIC = Loss(objective="binary", metric="binary_logloss", degree=0)
"""-ln of the probability of what happened; the trees' number is its logit."""


def huber(threshold: float) -> Loss:
    """Squared up to a residual of `threshold` standard deviations, linear beyond (Huber 1964, Ann. Math. Stat. 35)."""
    return Loss(objective="huber", metric="huber", degree=2, settings={"alpha": threshold})


def pinball(level: float) -> Loss:
    """The loss whose best number is the quantile of that level (Koenker & Bassett 1978, Econometrica 46)."""
    return Loss(objective="quantile", metric="quantile", degree=1, settings={"alpha": level})


@dataclass(frozen=True, kw_only=True)
class Growth:
    """How trees are grown.

    Args:
        booster: LightGBM parameters over the defaults, by their main names.
        rounds: Most trees, at least 1.
        early_stopping_rounds: Rounds without gain on the later rows after which no more are grown.
        seed: Seed of bagging and feature sampling.
        threads: Threads, at least 1; the same number gives the same bits.

    Raises:
        InputError: A number is not positive, or a parameter is unknown or set here.
    """

    booster: Mapping[str, Any]
    rounds: int
    early_stopping_rounds: int
    seed: int
    threads: int

    def __post_init__(self) -> None:
        check_growth(
            self.booster,
            rounds=self.rounds,
            early_stopping_rounds=self.early_stopping_rounds,
            seed=self.seed,
            threads=self.threads,
        )

    def settings(self, loss: Loss) -> dict[str, Any]:
        """All that LightGBM is told."""
        chosen = fixed({**DEFAULT_PARAMETERS, **self.booster}, seed=self.seed, threads=self.threads)
        return {**chosen, "objective": loss.objective, "metric": loss.metric, **loss.settings}


class Scale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the targets lie; trees are grown on (target - centre) / spread and their numbers turned back.

    LightGBM keeps targets in 32 bits and Huber's threshold is in their unit, so both want targets of about 1.

    Args:
        centre: The median.
        spread: The standard deviation that the quartiles suggest, or the plain one where they are equal.
    """

    centre: float = 0.0
    spread: float = 1.0

    @classmethod
    def of(cls, target: Floats) -> Scale:
        """The scale of known targets."""
        low, centre, high = np.quantile(target, [0.25, 0.5, 0.75]).tolist()
        spread = (high - low) / _QUARTILES_APART or float(target.std())
        return cls(centre, spread or 1.0)


@dataclass(frozen=True, eq=False)
class GradientTrees:
    """Grown trees.

    Attributes:
        booster: LightGBM's.
        text: What is stored: a seal over the scale in the first line and LightGBM's text after it.
        scale: What the trees' numbers are turned back with.
        threads: Threads for predicting.
    """

    booster: lightgbm.Booster
    text: str
    scale: Scale
    threads: int

    @property
    def trees(self) -> int:
        """How many there are."""
        return int(self.booster.num_trees())

    def values(self, rows: Observations) -> Floats:
        """The trees' number for each row, shape (rows,), in the unit of the target; of `LOGISTIC` the logit.

        Raises:
            InputError: The features are not those of the fit.
        """
        rows.require_names(tuple(self.booster.feature_name()))
        raw = self.booster.predict(rows.features, raw_score=True, num_threads=self.threads)
        return self.scale.centre + self.scale.spread * np.asarray(raw, dtype=np.float64)

    def importance(self) -> dict[str, float]:
        """Each feature's share of the total gain, largest first."""
        return gain_shares(self.booster)

    @classmethod
    def from_text(cls, text: str, *, threads: int) -> GradientTrees:
        """Read stored trees.

        Raises:
            InputError: The text has no seal, or is not that of such trees.
            IntegrityError: The text is not what was saved.
        """
        first, _, grown = unseal(text).partition("\n")
        try:
            scale = msgspec.json.decode(first, type=Scale)
        except msgspec.MsgspecError as error:
            raise InputError(
                f"The text does not begin with a scale: {error}.", do="Read it with the learner that wrote it."
            ) from error
        return cls(read_sealed(seal(grown)), text, scale, threads)


def grow(
    train: Observations,
    loss: Loss,
    growth: Growth,
    later: Observations | None = None,
    told: Callable[[int], None] = lambda _trees: None,
    step: Step = unrecorded,
) -> GradientTrees:
    """Grow trees; the same rows, seed and threads give the same text.

    Args:
        train: Rows to learn from.
        loss: What is made small.
        growth: How.
        later: Rows of later days that decide when to stop; without them all rounds are grown.
        told: Is told after each round how many trees there are; what it raises ends the fit.
        step: Is told the loss of the later rows after each round, in the unit of the target.

    Returns:
        The trees, read back from the text that is stored, so that a saved model cannot differ from a fresh one.

    Raises:
        InputError: A feature's name is not possible, or the later rows have other features.
        DataError: The targets are unknown, or not those of the loss.
    """
    lightgbm = library()
    check_names(train.names)
    train.require_target(binary=loss is LOGISTIC)
    scale = Scale() if loss is LOGISTIC else Scale.of(train.target)
    settings = growth.settings(loss)
    matrix = _matrix(train, scale, settings)
    callbacks, unseen = [telling(told, step, scale.spread**loss.degree)], []
    if later is not None:
        later.require_names(train.names)
        unseen.append(_matrix(later, scale, settings, reference=matrix))
        callbacks.append(lightgbm.early_stopping(growth.early_stopping_rounds, verbose=False))
    booster = lightgbm.train(settings, matrix, num_boost_round=growth.rounds, valid_sets=unseen, callbacks=callbacks)
    grown = booster.model_to_string(num_iteration=booster.best_iteration)
    header = msgspec.json.encode(scale).decode()
    return GradientTrees.from_text(seal(f"{header}\n{grown}"), threads=growth.threads)


def grow_tuned(train: Observations, loss: Loss, growth: Growth, fitting: Fitting) -> GradientTrees:
    """Grow on all rows as many trees as the last days, unseen by a first try, ask for.

    Args:
        train: Rows of two days or more.
        loss: What is made small.
        growth: How.
        fitting: Told of each tree, and of the loss of the last days in rehearsal.

    Raises:
        InputError: As `grow`.
        DataError: As `grow`, or all rows lie on one day.
    """
    earlier, later = train.split_days(TUNING_SHARE)
    trial = grow(
        earlier,
        loss,
        growth,
        later,
        lambda trees: fitting.progress(f"Growing tree {trees} on trial", 0.5 * trees / growth.rounds),
        fitting.under("rehearsal").step,
    )
    wanted = max(trial.trees, 1)
    return grow(
        train,
        loss,
        replace(growth, rounds=wanted),
        told=lambda trees: fitting.progress(f"Growing tree {trees} of {wanted}", 0.5 + 0.5 * trees / wanted),
    )


def _matrix(
    rows: Observations, scale: Scale, settings: Mapping[str, Any], reference: lightgbm.Dataset | None = None
) -> lightgbm.Dataset:
    matrix: lightgbm.Dataset = library().Dataset(
        rows.features,
        label=(rows.target - scale.centre) / scale.spread,
        feature_name=list(rows.names),
        reference=reference,
        params=dict(settings),
    )
    return matrix
