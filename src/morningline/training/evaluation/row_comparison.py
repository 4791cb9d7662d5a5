"""Is the new one better? Paired losses on the same rows, with an interval that respects days or entities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from morningline.kit.errors import InputError
from morningline.training.evaluation.comparison import Verdict, clustered_interval, decide, detectable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morningline.training.grouped import Floats, Integers


@dataclass(frozen=True)
class LossComparison:
    """How much smaller the loss of a new model is than a reference's, and what may be concluded.

    Args:
        estimate: Mean loss of the reference less that of the new model, in the unit of the loss; above 0 is better.
        low: Lower end of its clustered 95 % interval.
        high: Upper end.
        mde: Minimum detectable effect, in the unit of the loss; see `Comparison`.
        verdict: `adopt`, `reject` or `not_decided`; see `decide`.
        loss_new: Mean loss of the new model.
        loss_reference: Mean loss of the reference.
        skill: Share of the reference's loss that is saved; None where that loss is 0.
        standard_error: Of the estimate, from the bootstrap.
        rows: How many rows were compared.
        clusters: How many days or entities they lie on.
        replicates: How many bootstrap replicates were drawn.
        seed: Seed of the bootstrap; the same seed gives the same bits.
    """

    estimate: float
    low: float
    high: float
    mde: float
    verdict: Verdict
    loss_new: float
    loss_reference: float
    skill: float | None
    standard_error: float
    rows: int
    clusters: int
    replicates: int
    seed: int

    @property
    def events(self) -> int:
        """How many rows were compared, by the name that a comparison of events has for it."""
        return self.rows

    @property
    def days(self) -> int:
        """How many clusters, the same."""
        return self.clusters


def compare_losses(
    new: Floats, reference: Floats, clusters: Integers | Sequence[str], *, replicates: int = 2000, seed: int = 1
) -> LossComparison:
    """Compare two models by their losses on the same rows.

    Both see the same rows, so only the differences vary. Clusters are resampled whole: days where what happens on one
    day touches all rows, entities where a few of them are unlike the rest. Where both may hold, look at both and
    believe the wider interval.

    Args:
        new: Loss of the candidate on each row, shape (rows,).
        reference: Loss of what it must beat, shape (rows,).
        clusters: Shape (rows,): each row's local day, or its entity.
        replicates: Bootstrap replicates, at least 100.
        seed: Seed of the bootstrap.

    Returns:
        The comparison.

    Raises:
        InputError: If shapes differ, a loss is not finite or there are too few replicates.
        DataError: If all rows lie in one cluster.
    """
    new, reference = np.asarray(new, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if new.shape != reference.shape:
        raise InputError(
            f"Losses of shape {new.shape} were compared with losses of shape {reference.shape}.",
            allowed="one loss of each model for each row",
            do="Score both models on the same rows.",
        )
    interval = clustered_interval(reference - new, clusters, replicates=replicates, seed=seed)
    total = float(reference.sum())
    return LossComparison(
        estimate=interval.estimate,
        low=interval.low,
        high=interval.high,
        mde=detectable(interval),
        verdict=decide(interval),
        loss_new=float(new.mean()),
        loss_reference=float(reference.mean()),
        skill=1.0 - float(new.sum()) / total if total else None,
        standard_error=interval.standard_error,
        rows=interval.events,
        clusters=interval.days,
        replicates=replicates,
        seed=seed,
    )
