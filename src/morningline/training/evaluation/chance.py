"""What chance alone makes of a calibration error: without it no such number can be read."""

from dataclasses import dataclass

import numpy as np

from morningline.kit.errors import InputError
from morningline.training.evaluation.metrics import ECE_BINS, places_in_bins
from morningline.training.grouped import Floats, Integers, check_starts

DRAWS = 400


@dataclass(frozen=True)
class ChanceLevel:
    """The calibration error of a model that is right about every probability, on events of this number and kind.

    Args:
        mean: Its mean.
        low: What it exceeds in 95 of 100 periods like this one.
        high: What it exceeds in 5 of 100; an error above it shows that the probabilities are wrong.
    """

    mean: float
    low: float
    high: float


def ece_by_chance(p: Floats, starts: Integers, *, draws: int = DRAWS, seed: int = 1) -> ChanceLevel:
    """Draw winners from the probabilities themselves, and measure the calibration error of each draw.

    Shares of winners scatter about their probabilities, and their distances do not cancel, so the error of a right
    model is not 0: it falls with the root of the number of events. Comparing with draws from the model is the
    consistency resampling of Bröcker & Smith (2007), "Increasing the reliability of reliability diagrams", Weather
    and Forecasting 22; that of Vaicenavicius et al. (2019), "Evaluating model calibration in classification",
    AISTATS, for the ECE.

    Args:
        p: Probabilities, shape (rows,), that sum to one within each event.
        starts: Offsets of the events, shape (events + 1,).
        draws: How often winners are drawn, at least 100.
        seed: Seed of the draws; the same seed gives the same bits.

    Returns:
        Mean and range over the draws, with the bins of `Scores.ece`.

    Raises:
        InputError: If `p` is not within [0, 1], offsets do not cover the rows, or there are too few draws.
    """
    p = np.asarray(p, dtype=np.float64)
    check_starts(starts, len(p))
    if draws < 100 or not ((p >= 0) & (p <= 1)).all():
        raise InputError(
            f"{draws} draws from {p.size} probabilities were asked.",
            allowed="at least 100 draws, and probabilities within [0, 1]",
            do="Give probabilities, not scores; 400 draws are usual.",
        )
    places = places_in_bins(p, ECE_BINS)
    expected = np.bincount(places, p)
    random = np.random.default_rng(seed)
    ends = np.cumsum(p)
    before = np.concatenate([[0.0], ends])[starts]
    errors = np.empty(draws)
    for draw in range(draws):
        at = before[:-1] + random.random(len(starts) - 1) * np.diff(before)
        # Rounding of the running sum may point at a neighbour's row.
        winners = np.clip(np.searchsorted(ends, at, side="right"), starts[:-1], starts[1:] - 1)
        drawn = np.bincount(places[winners], minlength=len(expected))
        errors[draw] = np.abs(expected - drawn).sum() / p.size
    low, high = np.quantile(errors, [0.05, 0.95])
    return ChanceLevel(mean=float(errors.mean()), low=float(low), high=float(high))
