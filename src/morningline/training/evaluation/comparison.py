"""Is the new one better? Paired differences on the same events, with an interval that respects days."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from morningline.kit.errors import DataError, InputError
from morningline.training.evaluation.metrics import Z_95, chance_loss, winner_losses
from morningline.training.grouped import Floats, Integers
from morningline.training.sample import Sample

Verdict: TypeAlias = Literal["adopt", "reject", "not_decided"]

# The 80 % point of the standard normal distribution, for the power of the minimum detectable effect.
_Z_POWER = 0.841621
# Fewer clusters make bootstrap intervals too narrow: Cameron, Gelbach & Miller (2008), "Bootstrap-based
# improvements for inference with clustered errors", Rev. Economics and Statistics 90, find it from 5 to 30.
MINIMUM_DAYS = 30
# Resampled counts are made in blocks of about this many numbers, 32 MB, however many days there are.
_BLOCK = 4_000_000


@dataclass(frozen=True)
class ClusteredInterval:
    """A mean per event or row (or a ratio of sums) with its clustered 95 % interval.

    Args:
        estimate: The value on all events.
        low: 2.5 % point of the bootstrap.
        high: 97.5 % point.
        standard_error: Standard deviation of the bootstrap.
        events: How many events (or rows) there are.
        days: How many days (or other clusters) they lie on.
    """

    estimate: float
    low: float
    high: float
    standard_error: float
    events: int
    days: int


@dataclass(frozen=True)
class Comparison:
    """ΔR² of a new model over a reference on the same events, and what may be concluded.

    Args:
        estimate: R² of the new model less R² of the reference; above 0 is better.
        low: Lower end of its day-clustered 95 % interval.
        high: Upper end.
        mde: Minimum detectable effect: the true ΔR² that this many days would show (5 % two-sided) in 80 % of
            cases. It tells "no edge" from "too few data".
        verdict: `adopt`, `reject` or `not_decided`; see `decide`.
        r2_new: McFadden R² of the new model.
        r2_reference: McFadden R² of the reference.
        standard_error: Of the estimate, from the bootstrap.
        events: How many events were compared.
        days: How many days they lie on.
        replicates: How many bootstrap replicates were drawn.
        seed: Seed of the bootstrap; the same seed gives the same bits.
    """

    estimate: float
    low: float
    high: float
    mde: float
    verdict: Verdict
    r2_new: float
    r2_reference: float
    standard_error: float
    events: int
    days: int
    replicates: int
    seed: int


def compare_r2(
    p_new: Floats, p_reference: Floats, sample: Sample, *, replicates: int = 2000, seed: int = 1
) -> Comparison:
    """Compare two sets of probabilities by McFadden R² on the same events.

    Both see the same events, so only the differences of their log losses vary:
    Σ (loss_reference - loss_new) / Σ ln n. Days are resampled whole, because events of one day share weather,
    ground and form: Field & Welsh (2007), "Bootstrapping clustered data", J. R. Stat. Soc. B 69.

    Args:
        p_new: Probabilities of the candidate, shape (rows,).
        p_reference: Probabilities of what it must beat, shape (rows,).
        sample: The events, unseen by both.
        replicates: Bootstrap replicates, at least 100.
        seed: Seed of the bootstrap.

    Returns:
        The comparison.

    Raises:
        InputError: If probabilities do not fit the sample or there are too few replicates.
        DataError: If a winner had probability 0, all events lie on one day or no event has a choice.
    """
    new, reference = winner_losses(p_new, sample), winner_losses(p_reference, sample)
    chance = chance_loss(sample)
    interval = ratio_interval(reference - new, np.log(sample.sizes), sample.days, replicates=replicates, seed=seed)
    return Comparison(
        estimate=interval.estimate,
        low=interval.low,
        high=interval.high,
        mde=detectable(interval),
        verdict=decide(interval),
        r2_new=1.0 - float(new.sum()) / chance,
        r2_reference=1.0 - float(reference.sum()) / chance,
        standard_error=interval.standard_error,
        events=interval.events,
        days=interval.days,
        replicates=replicates,
        seed=seed,
    )


def detectable(interval: ClusteredInterval) -> float:
    """The minimum detectable effect of a test with that interval."""
    return (Z_95 + _Z_POWER) * interval.standard_error


def decide(interval: ClusteredInterval) -> Verdict:
    """Turn the interval of a difference (above 0 is better) into one of three verdicts.

    - `adopt`: the whole interval is above 0. A model without any edge is adopted in 2.5 % of cases.
    - `reject`: the whole interval is below 0: the new model is worse.
    - `not_decided`: the interval touches 0, or there are fewer than `MINIMUM_DAYS` days and it cannot be
      trusted. Nothing changes: keep the reference and collect more days until the minimum detectable effect
      is as small as an edge worth having.

    Args:
        interval: Estimate and interval of new less reference.

    Returns:
        The verdict.
    """
    if interval.days < MINIMUM_DAYS or interval.low <= 0 <= interval.high:
        return "not_decided"
    return "adopt" if interval.low > 0 else "reject"


def clustered_interval(
    values: Floats, clusters: Integers | Sequence[str], *, replicates: int = 2000, seed: int = 1
) -> ClusteredInterval:
    """Give the mean of one value per event or row, such as the winner log loss, a clustered interval.

    Args:
        values: Shape (events,), finite.
        clusters: Shape (events,): what goes together: each event's local day, or each row's day or entity.
        replicates: Bootstrap replicates, at least 100.
        seed: Seed of the bootstrap.

    Returns:
        The mean and its 95 % percentile interval.

    Raises:
        InputError: If shapes differ, a value is not finite or there are too few replicates.
        DataError: If all values lie in one cluster.
    """
    values = np.asarray(values, dtype=np.float64)
    return ratio_interval(values, np.ones(values.shape), clusters, replicates=replicates, seed=seed)


def ratio_interval(
    above: Floats, below: Floats, clusters: Integers | Sequence[str], *, replicates: int = 2000, seed: int = 1
) -> ClusteredInterval:
    """Give Σ above / Σ below a clustered interval; arguments and errors as `clustered_interval`."""
    _check(above, clusters, replicates)
    different, place = np.unique(clusters, return_inverse=True)
    if len(different) < 2:
        raise DataError(
            f"All {len(above)} values lie on one day, or in one cluster, so nothing shows how these differ.",
            allowed="values on two days (or in two clusters) or more",
            do=f"Compare over a longer period, at least {MINIMUM_DAYS} days for a verdict.",
        )
    sums = np.column_stack([np.bincount(place, above), np.bincount(place, below)]).astype(np.float64)
    drawn = _resample(sums, replicates, np.random.default_rng(seed))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return ClusteredInterval(
        estimate=float(above.sum() / below.sum()),
        low=float(low),
        high=float(high),
        standard_error=float(drawn.std(ddof=1)),
        events=len(above),
        days=len(different),
    )


def _resample(sums: Floats, replicates: int, random: np.random.Generator) -> Floats:
    """Draw days with replacement: how often each is drawn is multinomial, so a replicate is one product."""
    days = len(sums)
    block = max(1, _BLOCK // days)
    drawn = []
    for first in range(0, replicates, block):
        counts = random.multinomial(days, np.full(days, 1 / days), size=min(block, replicates - first))
        totals = counts @ sums
        drawn.append(totals[:, 0] / totals[:, 1])
    return np.concatenate(drawn)


def _check(values: Floats, clusters: Integers | Sequence[str], replicates: int) -> None:
    if values.ndim != 1 or values.shape != np.shape(clusters) or not np.isfinite(values).all() or replicates < 100:
        raise InputError(
            f"Values have shape {values.shape}, clusters {np.shape(clusters)}; {replicates} replicates were asked.",
            allowed="one finite value and one day (or other cluster) for each, and at least 100 replicates",
            do="Take values and days from the same sample; 2000 replicates are usual.",
        )
