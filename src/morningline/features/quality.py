"""How good computed features are, day by day: there as usual, within what they declare, one row an entrant.

The scores are made as those of facts are: what a feature usually has is the standard, not that every value be there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np
import polars as pl

from morningline.facts.quality_measures import MEASURE, PARTS
from morningline.facts.quality_scores import judge
from morningline.features.state import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morningline.features.matrix import FeatureMatrix

IN_BOUNDS = "{} within what it declares"
ROWS_AT_ONCE = 1024
"""So many rows are judged at once: what is said of them stays in the processor's cache."""
ROW_AN_ENTRANT = "rows are one an entrant"


class Declared(Protocol):
    """What a feature declares of its values."""

    @property
    def name(self) -> str:
        """Its column."""

    @property
    def low(self) -> float | None:
        """The smallest value it can have."""

    @property
    def high(self) -> float | None:
        """The largest."""

    @property
    def nulls(self) -> str:
        """`never` where every entrant has a value, else `allowed`."""


@dataclass(frozen=True, kw_only=True)
class PartitionQuality:
    """The quality of a part of a feature table, such as a month.

    Attributes:
        rows: Its rows.
        completeness: Values that are there, against the usual share of each feature; the mean of its days by rows. None
            where too few days came before to know what is usual.
        validity: Values that are what their feature declares, of the worst feature; the mean of its days by rows.
        uniqueness: Rows that are the only one of their entrant.
        score: The smallest of these; None where there are no rows.
        days: A row a day in the shape of `quality_scores.JUDGED`, with `why`.
        counts: What was counted, in the shape of `quality_measures.MEASURE`; `before` of the partitions that follow.
    """

    rows: int
    completeness: float | None
    validity: float | None
    uniqueness: float | None
    score: float | None
    days: pl.DataFrame
    counts: pl.DataFrame


def partition_quality(
    frame: pl.DataFrame, features: Sequence[Declared], before: pl.DataFrame | None = None
) -> PartitionQuality:
    """Judge a part of a feature table.

    Args:
        frame: Its rows: `event_id`, `entrant_id`, `day` and the features.
        features: The definitions of these features.
        before: What was counted of the half-year before: `counts` of earlier partitions, one below the other.

    Example:
        >>> from morningline.features.definitions import Expression
        >>> share = Expression(name="share", description="", sql="1", low=0.0, high=1.0)
        >>> rows = {"event_id": ["e", "e"], "entrant_id": ["a", "b"], "day": [date(2024, 5, 1)] * 2}
        >>> partition_quality(pl.DataFrame({**rows, "share": [0.25, 1.25]}), [share]).validity
        0.5
    """
    counts = count_features(frame, features)
    known = counts if before is None else pl.concat([before, counts])
    days = judge(known).join(counts.select("day").unique(), on="day", how="semi")
    means = {name: _mean(days, name) for name in ("completeness", "validity", "uniqueness")}
    score = min((value for value in means.values() if value is not None), default=None)
    return PartitionQuality(rows=frame.height, **means, score=score, days=days, counts=counts)


def months_short_of(matrix: FeatureMatrix, features: Sequence[Declared], least: float) -> pl.DataFrame:
    """Months in which too few values of a feature are what it declares: what no model should be trained on.

    Args:
        matrix: The features, in the order of days.
        features: The definitions of its columns, in their order.
        least: The least share of values.

    Returns:
        `month`, `feature`, `share`, the worst first.
    """
    bounds = [(-np.inf if f.low is None else f.low, np.inf if f.high is None else f.high) for f in features]
    most = np.finfo(matrix.values.dtype).max
    # A bound is rounded as the values were, so that a share of exactly 0.1 is not above 0.1; infinity is no value.
    low, high = np.clip(np.array(bounds).reshape(-1, 2).T, -most, most).astype(matrix.values.dtype)
    may_lack = np.array([f.nulls != "never" for f in features])
    month = matrix.rows["day"].dt.month_start()
    starts = np.append(np.flatnonzero(month.ne_missing(month.shift()).to_numpy()), matrix.rows.height).tolist()
    sound = np.zeros((len(starts) - 1, len(features)))
    for one, (begin, end) in enumerate(pairwise(starts)):
        for row in range(begin, end, ROWS_AT_ONCE):
            values = matrix.values[row : min(row + ROWS_AT_ONCE, end)]
            declared = (values >= low) & (values <= high) | np.isnan(values) & may_lack
            sound[one] += declared.sum(axis=0)
    shares = sound / np.diff(starts)[:, None]
    months, short = np.nonzero(shares < least)
    found = {
        "month": month.gather(starts[:-1]).dt.strftime("%Y-%m")[months],
        "feature": pl.Series([features[one].name for one in short.tolist()], dtype=pl.String),
        "share": shares[months, short],
    }
    return pl.DataFrame(found).sort("share", "month", "feature")


def count_features(frame: pl.DataFrame, features: Sequence[Declared]) -> pl.DataFrame:
    """Count, day by day, which values are there and which are what their feature declares.

    Returns:
        Rows in the shape of `quality_measures.MEASURE`, `table` empty, in the order of days and parts.
    """
    there = [pl.col(f.name).count().alias(f"completeness:{f.name}") for f in features]
    sound = [_is_declared(f).sum().alias(f"validity:{IN_BOUNDS.format(f.name)}") for f in features]
    single = pl.struct(IDENTITY).n_unique().alias(f"uniqueness:{ROW_AN_ENTRANT}")
    daily = frame.group_by("day").agg(pl.len().alias("rows"), *there, *sound, single).sort("day")
    long = daily.unpivot(index=["day", "rows"], variable_name="#what", value_name="good").with_columns(
        pl.col("#what").str.splitn(":", 2).struct.rename_fields(["part", "name"]).struct.unnest()
    )
    kind = pl.when(pl.col("part") == "completeness").then(pl.lit("share")).otherwise(pl.lit("all"))
    whole = long.with_columns(pl.lit("").alias("table"), pl.col("rows").alias("of"), kind.alias("kind"))
    return whole.sort("day", pl.col("part").cast(pl.Enum(PARTS)), maintain_order=True).select(
        pl.col(name).cast(dtype) for name, dtype in MEASURE.items()
    )


def _is_declared(feature: Declared) -> pl.Expr:
    """Whether a value is null where it may be, and else a number within its bounds."""
    value = pl.col(feature.name)
    sound = value.is_finite()
    # Polars rounds a bound as it rounded the values, so that a share of exactly 0.1 is not above 0.1.
    if feature.low is not None:
        sound &= value >= feature.low
    if feature.high is not None:
        sound &= value <= feature.high
    return sound.fill_null(value=feature.nulls != "never")


def _mean(days: pl.DataFrame, part: str) -> float | None:
    """The mean of a part over the days it is known of, each as often as it has rows."""
    known = days.drop_nulls(part)
    if known.is_empty():
        return None
    return float(known.select((pl.col(part) * pl.col("rows")).sum() / pl.col("rows").sum()).item())
