"""Which features are distributed otherwise in one period than in another, and by more than chance could do it.

`drift_measures` says how far apart two periods are, `drift_chance` how far chance alone takes them, and
`drift_verdict` what to make of both.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import log, sqrt
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from morningline.kit.errors import InputError
from morningline.monitoring.drift_chance import (
    FEWEST_EXPECTED,
    Blocks,
    Counts,
    coarsened,
    critical_distance,
    enough,
)
from morningline.monitoring.drift_measures import (
    FEW_VALUES,
    binned,
    distinct,
    jensen_shannon,
    kolmogorov_smirnov,
    present,
    psi,
    quantile_edges,
)
from morningline.monitoring.drift_verdict import ORDER, FeatureDrift, Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morningline.monitoring.drift_chance import Integers
    from morningline.monitoring.drift_measures import Column
    from morningline.monitoring.drift_verdict import Kind, Verdict

LEVEL = 0.01
TESTS = 3
"""Figures of a feature. The level is divided by all figures of all features (Bonferroni): that holds however features
hang together, and what a figure must exceed stays a plain number that does not depend on the others."""


@dataclass(frozen=True, kw_only=True)
class DriftReport:
    """How features changed between two periods.

    Attributes:
        features: A row a feature, worst first.
        level: Probability that any feature of two alike periods is called `watch` or `drift`.
        block_days: Days of a block; rows within one may be alike.
        reference_rows: Rows of the reference.
        current_rows: Rows of the current period.
        reference_blocks: Its blocks.
        current_blocks: The same of the current period.
    """

    features: Sequence[FeatureDrift]
    level: float
    block_days: int
    reference_rows: int
    current_rows: int
    reference_blocks: int
    current_blocks: int

    def count(self, verdict: Verdict) -> int:
        """How many features have a verdict."""
        return sum(feature.verdict == verdict for feature in self.features)


def drift(
    reference: pl.DataFrame, current: pl.DataFrame, names: Sequence[str], *, level: float = LEVEL, threads: int = 1
) -> DriftReport:
    """Compare the features of two periods, each by itself.

    Args:
        reference: A row an entrant: `day` (Date) and the features, numbers or booleans; NaN is null.
        current: The same of the period that is asked about.
        names: Which features.
        level: Probability of a false alarm among all of them.
        threads: CPU threads; a thread holds a column at a time.

    Returns:
        The report; the order of rows does not matter.

    Raises:
        InputError: A period has no rows, or a feature holds no numbers.

    Example:
        >>> days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 12, 31), eager=True).alias("day")
        >>> before = pl.DataFrame({"day": days, "age": [3.0, 4.0] * 183})
        >>> drift(before, before.with_columns(age=pl.col("age") * 2), ["age"]).features[0].verdict
        'drift'
    """
    _check(reference, current, names)
    blocks = Blocks.of_days(reference["day"], current["day"])
    per_test = level / max(TESTS * len(names), 1)

    def compared(name: str) -> FeatureDrift:
        return _feature(name, _column(reference[name]), _column(current[name]), blocks, per_test)

    with ThreadPoolExecutor(threads) as pool:
        features = list(pool.map(compared, names))
    return DriftReport(
        features=sorted(features, key=lambda feature: (ORDER.index(feature.verdict), -feature.severity, feature.name)),
        level=level,
        block_days=blocks.width,
        reference_rows=reference.height,
        current_rows=current.height,
        reference_blocks=len(np.unique(blocks.reference)),
        current_blocks=len(np.unique(blocks.current)),
    )


def _check(reference: pl.DataFrame, current: pl.DataFrame, names: Sequence[str]) -> None:
    for words, frame in (("reference", reference), ("current period", current)):
        if frame.is_empty():
            raise InputError(
                f"The {words} has no rows.", allowed="two periods with rows", do="Choose days that have features."
            )
        for name in names:
            dtype = frame.schema[name]
            if not dtype.is_numeric() and dtype not in (pl.Boolean, pl.Null):
                raise InputError(
                    f"The feature {name!r} is {dtype} in the {words}.",
                    allowed="numbers and booleans",
                    do="Give categories numbers, such as their codes.",
                )


def _column(feature: pl.Series) -> Column:
    """A column as an array in which nulls are NaN; what is stored as Float32 is not copied."""
    kept = feature if feature.dtype == pl.Float32 else feature.cast(pl.Float64)
    return kept.to_numpy()


def _feature(name: str, reference: Column, current: Column, blocks: Blocks, level: float) -> FeatureDrift:
    then, now = present(reference), present(current)
    kind, edges = _kind_and_edges(then, now)
    counts = Counts(_count(reference, edges, blocks.reference), _count(current, edges, blocks.current))
    held = counts.joined(np.append(np.arange(len(edges) + 1), -1))
    bins = _bins(coarsened(held), counts)
    effect = bins.spread.design_effect if bins.spread else None
    nulls, low, high, p = _nulls(counts.joined(np.append(np.zeros(len(edges) + 1, int), 1)), level)
    return FeatureDrift(
        name=name,
        kind=kind,
        reference_rows=len(reference),
        current_rows=len(current),
        reference_nulls=len(reference) - len(then),
        current_nulls=len(current) - len(now),
        reference_effective_rows=effect and len(reference) / effect,
        current_effective_rows=effect and len(current) / effect,
        bins=bins.bins,
        psi=_psi(bins, level),
        distance=_distance(kind, then, now, held, level),
        nulls=nulls,
        nulls_low=low,
        nulls_high=high,
        nulls_p=p,
    )


def _kind_and_edges(then: Column, now: Column) -> tuple[Kind, Column]:
    """What kind of feature it is by its values, and the upper ends of its bins but the last."""
    kinds = [distinct(period) for period in (then, now)]
    if max(map(len, kinds)) <= FEW_VALUES:
        values = np.union1d(*kinds)
        if len(values) <= FEW_VALUES:
            return "discrete" if len(values) > 1 else "constant", values[:-1]
    edges = quantile_edges(then)
    if len(then) and not len(edges):
        # Where nearly all is one value, its bin is that value alone, between what lies below and above.
        values = np.union1d(*kinds)
        usual = int(np.searchsorted(values, then[len(then) // 2]))
        edges = values[max(usual - 1, 0) : min(usual + 1, len(values) - 1)]
    return "continuous", edges


def _count(column: Column, edges: Column, blocks: Integers) -> Integers:
    """Rows by block and bin; the last bin is that of nulls."""
    bins, width = binned(column, edges), len(edges) + 2
    return np.bincount(blocks * width + bins, minlength=(blocks.max() + 1) * width).reshape(-1, width)


def _bins(values: Counts, counts: Counts) -> Counts:
    """The bins of PSI: those of the values, and one of nulls where each period expects enough of them."""
    nulls = Counts(counts.reference[:, -1:], counts.current[:, -1:])
    if not sum(int(total.sum()) for total in nulls.totals):
        return values
    if not sum(int(total.sum()) for total in values.totals):
        return nulls
    both = Counts(np.hstack([values.reference, nulls.reference]), np.hstack([values.current, nulls.current]))
    rare = both.spread is not None and both.spread.expected[-1] < FEWEST_EXPECTED
    return values if rare else both


def _psi(bins: Counts, level: float) -> Figure | None:
    if bins.bins < 2:
        return None
    if bins.spread is None:
        return Figure(name="psi", value=psi(*bins.totals), by_chance=None)
    value = psi(*bins.totals, rows_per_effective=bins.spread.design_effect)
    return Figure(name="psi", value=value, by_chance=bins.spread.critical(level))


def _distance(kind: Kind, then: Column, now: Column, held: Counts, level: float) -> Figure | None:
    if kind == "constant" or not len(then) or not len(now):
        return None
    if kind == "continuous":
        return Figure(name="ks", value=kolmogorov_smirnov(then, now), by_chance=critical_distance(held, level))
    categories = coarsened(held)
    spread = categories.spread
    # For small changes the divergence is an eighth of PSI, in nats.
    by_chance = sqrt(spread.critical(level) / (8 * log(2))) if spread else None
    return Figure(name="js", value=jensen_shannon(*categories.totals), by_chance=by_chance)


def _nulls(counts: Counts, level: float) -> tuple[Figure, float | None, float | None, float | None]:
    """The change of the share of nulls, its 95 % interval and its probability by chance."""
    (_, then), (_, now), (present_share, null_share) = counts.shares
    change = float(now - then)
    if not 0 < null_share < 1:
        decided = enough(counts.reference.sum(1), counts.current.sum(1))
        return Figure(name="nulls", value=0.0, by_chance=0.0 if decided else None), 0.0, 0.0, 1.0
    if counts.spread is None:
        return Figure(name="nulls", value=change, by_chance=None), None, None, None
    # Of two bins, Σ (p - q)² / s is change² / (s (1 - s)).
    unit = float(present_share * null_share)
    half = sqrt(unit * counts.spread.critical(0.05))
    figure = Figure(name="nulls", value=change, by_chance=sqrt(unit * counts.spread.critical(level)))
    return figure, change - half, change + half, counts.spread.probability(change**2 / unit)
