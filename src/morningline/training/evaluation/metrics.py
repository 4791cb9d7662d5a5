"""How good probabilities were: event-level scores against what happened, and calibration by rows."""

from dataclasses import dataclass

import numpy as np

from morningline.kit.errors import DataError, InputError
from morningline.training.grouped import Floats, Integers, group_maxima, group_sums, spread
from morningline.training.sample import Sample

# The 97.5 % point of the standard normal distribution: 95 % lie within this many standard errors.
Z_95 = 1.959964
ECE_BINS = 20


@dataclass(frozen=True)
class Scores:
    """The numbers shown for one set of probabilities.

    Args:
        winner_log_loss: Mean over events of -ln p_winner, in nats; smaller is better.
        r2: McFadden's (1974) R² against 1/n: 1 - Σ -ln p_winner / Σ ln n; 0 is chance, 1 is certainty.
        brier: Mean over rows of (p - y)² (Brier 1950, Monthly Weather Review 78); smaller is better.
        top1: Share of events won by the entrant with the largest p; k entrants that tie count 1/k.
        ece: Expected calibration error over 20 bins of equal count, weighted by rows (Naeini, Cooper &
            Hauskrecht 2015, AAAI); smaller is better.
        events: How many events were scored.
        rows: How many entrants they had.
    """

    winner_log_loss: float
    r2: float
    brier: float
    top1: float
    ece: float
    events: int
    rows: int


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows with similar probabilities, and how many of them won.

    Args:
        mean_predicted: Mean probability, within [0, 1].
        observed: Share that won.
        low: Lower end of the share's 95 % interval.
        high: Upper end.
        rows: How many rows the bin has.
    """

    mean_predicted: float
    observed: float
    low: float
    high: float
    rows: int


def winner_losses(p: Floats, sample: Sample) -> Floats:
    """Return -ln p of each event's winner.

    Args:
        p: Probabilities, shape (rows,), that sum to one within each event.
        sample: The events.

    Returns:
        Shape (events,), in nats.

    Raises:
        InputError: If `p` is not one probability for each row, summing to one within each event.
        DataError: If a winner had probability 0: its loss is infinite, and so would be every mean.
    """
    p = np.asarray(p, dtype=np.float64)
    if p.shape != (sample.rows,) or not ((p >= 0) & (p <= 1)).all():
        raise InputError(
            f"The probabilities have shape {p.shape}; smallest {p.min(initial=np.inf)}, largest "
            f"{p.max(initial=-np.inf)}.",
            allowed=f"{sample.rows} numbers within [0, 1], none missing",
            do="Give probabilities, not scores, of exactly these events.",
        )
    distance = np.abs(group_sums(p, sample.starts) - 1.0)
    if distance.max() > 1e-6:
        raise InputError(
            f"The probabilities of event {sample.event_ids[int(distance.argmax())]} do not sum to one.",
            allowed="sums of 1 within each event, up to 0.000001",
            do="Normalise within the event, for example with `group_softmax`.",
        )
    of_winners = p[sample.winner_rows()]
    if not of_winners.all():
        raise DataError(
            f"The winner of event {sample.event_ids[int(of_winners.argmin())]} had probability 0.",
            allowed="a probability above 0 for every entrant that can win",
            do="Find out why the model called it impossible; its log loss is infinite.",
        )
    return -np.log(of_winners)


def score(p: Floats, sample: Sample) -> Scores:
    """Score probabilities against the winners.

    Args:
        p: Probabilities, shape (rows,), that sum to one within each event.
        sample: The events.

    Returns:
        The scores.

    Raises:
        InputError: If `p` is not one probability for each row, summing to one within each event.
        DataError: If a winner had probability 0, or no event has two entrants.
    """
    losses = winner_losses(p, sample)
    p = np.asarray(p, dtype=np.float64)
    return Scores(
        winner_log_loss=float(losses.mean()),
        r2=1.0 - float(losses.sum()) / chance_loss(sample),
        brier=float(((p - sample.won) ** 2).mean()),
        top1=_top1(p, sample),
        ece=calibration_error(p, sample.won),
        events=sample.events,
        rows=sample.rows,
    )


def chance_loss(sample: Sample) -> float:
    """Return Σ ln n over events, the loss of chance in nats; raises `DataError` if no event has a choice."""
    loss = float(np.log(sample.sizes).sum())
    if loss == 0.0:
        raise DataError(
            "No event has two entrants, so there was nothing to predict.",
            allowed="at least one event with two entrants or more",
            do="Score a longer period.",
        )
    return loss


def _top1(p: Floats, sample: Sample) -> float:
    largest = p == spread(group_maxima(p, sample.starts), sample.starts)
    ties = group_sums(largest.astype(np.float64), sample.starts)
    return float((largest[sample.winner_rows()] / ties).mean())


def calibration_error(p: Floats, won: Floats) -> float:
    """Return the expected calibration error of `Scores.ece`.

    Args:
        p: Probabilities, shape (rows,).
        won: Shape (rows,): 1.0 for winners, else 0.0.

    Returns:
        Mean distance of probability and share of winners over the bins; `ece_by_chance` says what is much.

    Raises:
        InputError: If shapes differ or there are no rows.
    """
    bins = reliability(p, won, ECE_BINS)
    gaps = [part.rows * abs(part.mean_predicted - part.observed) for part in bins]
    return float(sum(gaps)) / sum(part.rows for part in bins)


def places_in_bins(p: Floats, bins: int) -> Integers:
    """Return the bin of each row, from 0: bins of equal count, where equal probabilities share one.

    Args:
        p: Probabilities, shape (rows,).
        bins: Most bins, at least 1; many ties make fewer.
    """
    cuts = np.arange(1, bins) * p.size // bins
    edges = np.unique(np.sort(p)[cuts])
    return np.searchsorted(edges, p, side="right")


def reliability(p: Floats, won: Floats, bins: int = ECE_BINS) -> list[ReliabilityBin]:
    """Compare probabilities with shares of winners, in bins of equal count.

    Equal probabilities always share a bin, so the answer does not depend on the order of the rows; many ties
    make fewer bins. The interval is Wilson's (1927), "Probable inference, the law of succession, and
    statistical inference", JASA 22, as if rows were independent: within an event only one can win, which
    makes it a little wide.

    Args:
        p: Probabilities, shape (rows,).
        won: Shape (rows,): 1.0 for winners, else 0.0.
        bins: Most bins, at least 1.

    Returns:
        The bins with rows, from the smallest probabilities to the largest.

    Raises:
        InputError: If shapes differ, there are no rows or `bins` is below 1.
    """
    p, won = np.asarray(p, dtype=np.float64), np.asarray(won, dtype=np.float64)
    if p.ndim != 1 or p.shape != won.shape or p.size == 0 or bins < 1:
        raise InputError(
            f"Probabilities of shape {p.shape}, outcomes of shape {won.shape} and {bins} bins were given.",
            allowed="as many outcomes as probabilities, at least one of each, and at least one bin",
            do="Take both from the same sample.",
        )
    place = places_in_bins(p, bins)
    rows = np.bincount(place)
    predicted, winners = np.bincount(place, p), np.bincount(place, won)
    return [_reliability_bin(float(predicted[i]), float(winners[i]), int(rows[i])) for i in np.flatnonzero(rows)]


def _reliability_bin(predicted: float, winners: float, rows: int) -> ReliabilityBin:
    share, z2 = winners / rows, Z_95**2
    centre = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = Z_95 * np.sqrt(share * (1 - share) / rows + z2 / (4 * rows**2)) / (1 + z2 / rows)
    return ReliabilityBin(
        mean_predicted=predicted / rows,
        observed=share,
        low=max(0.0, float(centre - half)),
        high=min(1.0, float(centre + half)),
        rows=rows,
    )
