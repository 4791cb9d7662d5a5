"""How far apart two distributions are: population stability index, Kolmogorov-Smirnov, Jensen-Shannon."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from morningline.monitoring.drift_chance import Floats, Integers

# A column as it is: Float32 as features are stored, or Float64; nulls are NaN.
Column: TypeAlias = npt.NDArray[np.floating]

BINS = 10
FEW_VALUES = 20
HALF_A_ROW = 0.5
"""What each share's count is raised by, so that an empty bin has a logarithm: Jeffreys' prior."""


def present(column: Column) -> Column:
    """The values of a column in their order, without its nulls."""
    ordered = np.sort(column)
    return ordered[: len(ordered) - np.count_nonzero(np.isnan(ordered))]


def distinct(ordered: Column) -> Column:
    """The different values of an ordered column."""
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered


def quantile_edges(ordered: Column) -> Column:
    """The values that cut a column into bins of equal count, as far as its ties let it.

    Args:
        ordered: What `present` gave of the reference.

    Returns:
        At most `BINS` - 1 rising values, each the upper end of a bin; none where there are no values.
    """
    if not len(ordered):
        return ordered
    edges: Column = distinct(ordered[np.arange(1, BINS) * len(ordered) // BINS])
    return edges[: np.searchsorted(edges, ordered[-1])]


def binned(column: Column, edges: Column) -> Integers:
    """The bin of each row: how many edges its value exceeds; nulls have the bin after the last."""
    bins = np.zeros(len(column), np.int8)
    # A pass for each of a few edges is far quicker than a search for each row.
    for edge in edges:
        bins += column > edge
    bins[np.isnan(column)] = len(edges) + 1
    return bins.astype(np.int64)


def psi(reference: Integers, current: Integers, *, rows_per_effective: float = 1.0) -> float:
    """Population stability index: Σ (p - q) ln(p / q), Kullback's divergence both ways (Siddiqi 2006).

    Args:
        reference: Rows by bin.
        current: The same of the current period.
        rows_per_effective: How many rows are worth an independent one. Half of such a row is added to each bin.
    """
    added = HALF_A_ROW * rows_per_effective
    p, q = ((rows + added) / (rows.sum() + added * len(rows)) for rows in (reference, current))
    return float(((p - q) * np.log(p / q)).sum())


def jensen_shannon(reference: Integers, current: Integers) -> float:
    """Jensen-Shannon distance: the square root of the divergence in bits, in [0, 1] (Endres and Schindelin 2003).

    Args:
        reference: Rows by bin.
        current: The same of the current period.
    """
    p, q = reference / reference.sum(), current / current.sum()
    divergence = _entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2
    return float(np.sqrt(max(divergence, 0.0)))


def _entropy(shares: Floats) -> float:
    held = shares[shares > 0]
    return float(-(held * np.log2(held)).sum())


def kolmogorov_smirnov(reference: Column, current: Column) -> float:
    """The greatest distance between two empirical distribution functions, exact on all rows, with ties.

    Args:
        reference: What `present` gave, with at least one value.
        current: The same of the current period.
    """
    fewer, more = sorted((reference, current), key=len)
    starts = np.flatnonzero(np.append(True, fewer[1:] != fewer[:-1]))
    ends = np.append(starts[1:], len(fewer))
    # Between two values of the one column its function stands still, so only there and just below must one look.
    at = np.searchsorted(more, fewer[starts], "right") / len(more) - ends / len(fewer)
    below = np.searchsorted(more, fewer[starts], "left") / len(more) - starts / len(fewer)
    return float(max(np.abs(at).max(), np.abs(below).max()))
