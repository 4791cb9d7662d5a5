"""What a report of quality is made of: the history of scores, the days that fall short, what was unlike before."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from morningline.facts.quality_measures import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime


@dataclass(frozen=True, kw_only=True)
class QualityData:
    """The quality of a domain's facts over some days.

    Attributes:
        domain: Whose facts.
        generated_at: When this was put together (UTC).
        first: First local day.
        last: Last local day.
        thresholds: Setting to the least score it asks for.
        days: A row a table and day, in the shape of `quality_history.HISTORY`.
        anomalies: In the shape of `anomalies.ANOMALY`.
    """

    domain: str
    generated_at: datetime
    first: date
    last: date
    thresholds: Mapping[str, float]
    days: pl.DataFrame
    anomalies: pl.DataFrame

    @property
    def threshold(self) -> float:
        """The highest threshold: a day under it stops something."""
        return max(self.thresholds.values())

    @cached_property
    def judged(self) -> pl.DataFrame:
        """The days of tables that have a score."""
        return self.days.drop_nulls("score")

    @cached_property
    def short(self) -> pl.DataFrame:
        """Those under the threshold, the newest first; accepted ones too."""
        return self.judged.filter(pl.col("score") < self.threshold).sort("day", "score", descending=[True, False])

    @cached_property
    def tables(self) -> pl.DataFrame:
        """A row a table: rows, days, the mean of each part, the lowest score and its day."""
        lowest = pl.col("score").arg_min()
        return self.judged.group_by("table", maintain_order=True).agg(
            pl.col("rows").sum(),
            pl.col("day").n_unique().alias("days"),
            *(pl.col(part).mean() for part in PARTS),
            pl.col("score").get(lowest).alias("lowest"),
            pl.col("day").get(lowest).alias("on"),
        )
