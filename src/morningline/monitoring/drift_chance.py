"""What chance alone does to the shares of two periods, when rows of a day, a week or a month are alike.

Rows are not independent: entrants of one event share its ground, events of one day the weather, and an entity comes
back within weeks. So rows are counted by blocks of days; how the blocks differ among themselves says how far two
periods differ by chance. It is the design effect of survey statistics (Kish 1965, *Survey Sampling*), for tables of
counts by Rao and Scott (1984), "On chi-squared tests for multiway contingency tables with cell proportions estimated
from survey data", *Annals of Statistics* 12. A period is worth its rows over the design effect: its effective rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

if TYPE_CHECKING:
    import polars as pl

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

WIDTHS = (28, 7, 1)
"""Days of a block: the wider, the more of what makes rows alike lies within one."""
FEWEST_BLOCKS = 30
"""Of both periods: fewer say too little of how blocks differ (Cameron, Gelbach and Miller 2008, as in a backtest)."""
FEWEST_OF_A_PERIOD = 5
FEWEST_EXPECTED = 5.0
"""Effective rows that each period must expect of a bin, for chi-square to hold (Cochran 1954, *Biometrics* 10)."""


@dataclass(frozen=True)
class Blocks:
    """Which block of days each row lies in.

    Attributes:
        width: Days of a block.
        reference: Number of the block of each row of the reference, from 0.
        current: The same of the current period.
    """

    width: int
    reference: Integers
    current: Integers

    @classmethod
    def of_days(cls, reference: pl.Series, current: pl.Series) -> Blocks:
        """Cut two periods into the widest blocks of which there are enough; into days where there never are.

        Args:
            reference: The local day of each row of the reference (dtype Date).
            current: The same of the current period.
        """
        for width in WIDTHS:
            blocks = cls(width, _numbered(reference, width), _numbered(current, width))
            if enough(np.bincount(blocks.reference), np.bincount(blocks.current)):
                break
        return blocks


def _numbered(days: pl.Series, width: int) -> Integers:
    numbers = days.to_physical().to_numpy().astype(np.int64)
    blocks: Integers = (numbers - numbers.min()) // width
    return blocks


def enough(reference: Integers, current: Integers) -> bool:
    """Whether two periods, given the rows of their blocks, have enough blocks to see how they differ."""
    blocks = [int(np.count_nonzero(period)) for period in (reference, current)]
    return sum(blocks) >= FEWEST_BLOCKS and min(blocks) >= FEWEST_OF_A_PERIOD


@dataclass(frozen=True)
class Counts:
    """Rows of two periods by block and bin.

    Attributes:
        reference: Shape (blocks, bins).
        current: Shape (its blocks, bins).
    """

    reference: Integers
    current: Integers

    @property
    def bins(self) -> int:
        """How many bins there are."""
        return int(self.reference.shape[1])

    @cached_property
    def totals(self) -> tuple[Integers, Integers]:
        """Rows by bin, of the reference and of the current period."""
        return self.reference.sum(0), self.current.sum(0)

    @cached_property
    def shares(self) -> tuple[Floats, Floats, Floats]:
        """Share of each bin: in the reference, in the current period and in both together."""
        n, m = self.totals
        return n / n.sum(), m / m.sum(), (n + m) / (n.sum() + m.sum())

    def joined(self, into: Integers) -> Counts:
        """The same rows in fewer bins: bin i goes into bin `into[i]`, or nowhere where that is below 0."""
        door = np.equal.outer(into, np.arange(into.max(initial=0) + 1)).astype(np.int64)
        return Counts(self.reference @ door, self.current @ door)

    @cached_property
    def alone(self) -> float:
        """1/n + 1/m: how independent rows would vary."""
        return float(sum(1 / period.sum() for period in self.totals))

    def covariance(self, weights: Floats) -> Floats:
        """Covariance of the differences of shares by chance, after a linear map.

        Args:
            weights: What is made of the shares, shape (bins, figures).

        Returns:
            Shape (figures, figures): from both periods as one kind of day, or from each by itself, whichever is
            more. The first is steady where a period has few blocks, the second right where it varies more.
        """
        squares, separate = [], []
        for counts, shares in zip((self.reference, self.current), self.shares, strict=False):
            rows = counts.sum(1)
            off = (counts - np.outer(rows, shares)) @ weights
            squares.append(off.T @ off)
            blocks = np.count_nonzero(rows)
            separate.append(squares[-1] * blocks / (blocks - 1) / rows.sum() ** 2)
        all_rows = sum(int(period.sum()) for period in self.totals)
        pooled: Floats = (squares[0] + squares[1]) * self.blocks / (self.blocks - 2) / all_rows * self.alone
        return max(pooled, separate[0] + separate[1], key=np.trace)

    @cached_property
    def blocks(self) -> int:
        """Blocks with rows, of both periods."""
        return int(np.count_nonzero(self.reference.sum(1)) + np.count_nonzero(self.current.sum(1)))

    @cached_property
    def spread(self) -> Spread | None:
        """How far apart the shares lie by chance; None where blocks or bins are too few to say."""
        if self.bins < 2 or not enough(self.reference.sum(1), self.current.sum(1)):
            return None
        both = self.shares[2]
        covariance = self.covariance(np.diag(1 / np.sqrt(both)))
        # A bin of share s alone would vary by (1 - s)(1/n + 1/m).
        effects = np.diag(covariance) / ((1 - both) * self.alone)
        effective = both * min(int(period.sum()) for period in self.totals) / np.maximum(effects, 1)
        trace, squares, freedom = float(np.trace(covariance)), float((covariance**2).sum()), self.bins - 1
        if trace <= freedom * self.alone:
            return Spread(self.alone, freedom, self.blocks, 1.0, effective)
        effect = trace / (freedom * self.alone)
        return Spread(squares / trace, trace**2 / squares, self.blocks, effect, effective)


@dataclass(frozen=True)
class Spread:
    """How far apart the shares of two periods lie by chance.

    Σ (p - q)² / s over bins, with s the share in both periods together, is about `scale` times chi-square with
    `freedom` degrees (the second-order correction of Rao and Scott). For independent rows these are 1/n + 1/m and one
    degree less than there are bins.

    Attributes:
        scale: As above.
        freedom: As above.
        blocks: Blocks of both periods, from which the scale was estimated.
        design_effect: How many rows are worth an independent one, at least 1.
        expected: Effective rows that the shorter period expects of each bin, shape (bins,).
    """

    scale: float
    freedom: float
    blocks: int
    design_effect: float
    expected: Floats

    def critical(self, level: float) -> float:
        """What Σ (p - q)² / s exceeds by chance once in 1/`level` times.

        The scale is an estimate, so the quantile is one of F (Thomas and Rao 1987, *J. Am. Stat. Assoc.* 82).
        """
        return float(self.scale * self.freedom * special.fdtri(*self._freedoms, 1 - level))

    def probability(self, statistic: float) -> float:
        """How often chance alone makes Σ (p - q)² / s so great."""
        return float(special.fdtrc(*self._freedoms, statistic / self.scale / self.freedom))

    @property
    def _freedoms(self) -> tuple[float, float]:
        return self.freedom, self.freedom * (self.blocks - 2)


def coarsened(counts: Counts) -> Counts:
    """Join the rarest bin with its rarer neighbour until each period expects enough of every bin, or two are left."""
    while counts.bins > 2 and counts.spread is not None:
        expected = counts.spread.expected
        rarest = int(expected.argmin())
        if expected[rarest] >= FEWEST_EXPECTED:
            break
        neighbours = [at for at in (rarest - 1, rarest + 1) if 0 <= at < counts.bins]
        first = min(rarest, min(neighbours, key=lambda at: expected[at]))
        bins = np.arange(counts.bins)
        counts = counts.joined(bins - (bins > first))
    return counts


def critical_distance(values: Counts, level: float) -> float | None:
    """What the Kolmogorov-Smirnov statistic of two periods exceeds by chance once in 1/`level` times.

    c(level) √(1/n + 1/m) (Smirnov 1948, *Ann. Math. Stat.* 19) times the square root of the design effect of the shares
    below the bins' edges; widened as Student's t is against the normal, for that effect is an estimate.

    Args:
        values: Rows by block and bin, bins in the order of their values.
        level: Chance of a false alarm.
    """
    if values.bins < 2 or not enough(values.reference.sum(1), values.current.sum(1)):
        return None
    below = np.triu(np.ones((values.bins, values.bins)))[:, :-1]
    share = values.shares[2] @ below
    effect = np.trace(values.covariance(below)) / (share * (1 - share)).sum() / values.alone
    widened = special.stdtrit(values.blocks - 2, level / 2) / special.ndtri(level / 2)
    return float(special.kolmogi(level) * np.sqrt(max(effect, 1.0) * values.alone) * widened)
