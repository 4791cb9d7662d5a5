"""How good probabilities of single rows were: proper scores, ranking, and calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from morningline.kit.errors import DataError, InputError
from morningline.training.evaluation.metrics import reliability

if TYPE_CHECKING:
    from morningline.training.grouped import Floats


@dataclass(frozen=True)
class BinaryScores:
    """The numbers shown for one set of probabilities.

    Args:
        log_loss: Mean of -ln of the probability of what came, in nats; smaller is better.
        r2: McFadden's (1974) R² against the share of these rows: 0 is knowing only that, 1 is certainty; None where
            all rows came alike.
        brier: Mean of (p - y)² (Brier 1950, Monthly Weather Review 78); smaller is better.
        auc: How often a row where it happened has the larger p than one where it did not, ties counting half (Hanley &
            McNeil 1982, Radiology 143); None where all rows came alike. It says nothing of calibration.
        ece: Expected calibration error over 20 bins of equal count; smaller is better.
        share: How often it happened.
        rows: How many rows were scored.
    """

    log_loss: float
    r2: float | None
    brier: float
    auc: float | None
    ece: float
    share: float
    rows: int


def binary_losses(p: Floats, target: Floats) -> Floats:
    """Return -ln of the probability of what came.

    Args:
        p: Probability that it happens, shape (rows,), within [0, 1].
        target: Shape (rows,): 1.0 where it happened, 0.0 where it did not.

    Returns:
        Shape (rows,), in nats.

    Raises:
        InputError: If these are not one probability and one outcome for each row.
        DataError: If what came had probability 0: its loss is infinite, and so would be every mean.
    """
    p, target = _checked(p, target)
    of_what_came = np.where(target == 1.0, p, 1.0 - p)
    if not of_what_came.all():
        raise DataError(
            f"What came of row number {int(of_what_came.argmin())} had probability 0.",
            allowed="probabilities within (0, 1) where both can happen",
            do="Find out why the model called it impossible; its log loss is infinite.",
        )
    return -np.log(of_what_came)


def score_binary(p: Floats, target: Floats) -> BinaryScores:
    """Score probabilities against what came; arguments and errors as `binary_losses`."""
    losses = binary_losses(p, target)
    p, target = _checked(p, target)
    share = float(target.mean())
    bins = reliability(p, target)
    both = 0.0 < share < 1.0
    chance = -share * np.log(share) - (1 - share) * np.log1p(-share) if both else 0.0
    return BinaryScores(
        log_loss=float(losses.mean()),
        r2=1.0 - float(losses.mean() / chance) if both else None,
        brier=float(((p - target) ** 2).mean()),
        auc=_auc(p, target) if both else None,
        ece=sum(part.rows * abs(part.mean_predicted - part.observed) for part in bins) / len(p),
        share=share,
        rows=len(p),
    )


def _auc(p: Floats, target: Floats) -> float:
    """The Mann-Whitney statistic: the mean rank of the rows where it happened, ties sharing theirs."""
    _, place, rows = np.unique(p, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(rows) - (rows - 1) / 2)[place]
    happened = int(target.sum())
    above = float(ranks[target == 1.0].sum()) - happened * (happened + 1) / 2
    return above / (happened * (len(p) - happened))


def _checked(p: Floats, target: Floats) -> tuple[Floats, Floats]:
    p, target = np.asarray(p, dtype=np.float64), np.asarray(target, dtype=np.float64)
    right = p.ndim == 1 and p.shape == target.shape and p.size > 0 and bool(((p >= 0) & (p <= 1)).all())
    if not right or not ((target == 0) | (target == 1)).all():
        raise InputError(
            f"Probabilities of shape {p.shape} and outcomes of shape {target.shape} were given.",
            allowed="for each row a probability within [0, 1], and 1.0 or 0.0",
            do="Take both from the same rows, after their days.",
        )
    return p, target
