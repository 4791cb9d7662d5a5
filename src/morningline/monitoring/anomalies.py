"""Days that are unlike the days before them: half a card, a column that a feed no longer fills, rows come twice.

Quality asks whether a day is good enough to work with; this asks whether something has changed, however small, and
tells it the same day. Both look at the same counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from morningline.facts.quality_measures import ROWS_AN_EVENT
from morningline.facts.quality_scores import LEAST_DAYS, WINDOW_DAYS

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTEXT_DAYS = 2 * WINDOW_DAYS
"""Days before the first that matters: it is compared with a window of days, and each of those with one of its own."""
LEAST_WEEKS = 6
"""Besides `LEAST_DAYS`, so many of the same weekday must be known, where weekdays differ."""
UNLIKELY = 4.5
"""Robust standard deviations beyond which a day is an anomaly: no clean simulated year has one, see its proof."""
LEAST_SPREAD = 0.1
"""A count is never taken to be steadier than a tenth up or down, nor an anomaly under `LEAST_CHANGE`."""
LEAST_CHANGE = 0.4
LEAST_SIZE = 0.1
"""Sizes are compared by their ratio; none at all counts as this."""
LEAST_EXPECTED = 0.9
RARE = 0.05
"""What so many of the days before had is no anomaly; a column with less than half of that is taken to be empty."""
LEAST_DROP = 0.1
"""A share is no anomaly where it fell by less than this."""
SIZES = ("size", "watched")
WATCHED_PARTS = ("completeness", "consistency", "uniqueness")
# 1.4826 times the median distance from the median is the standard deviation of a normal distribution.
NORMAL = 1.4826

ANOMALY = {
    "table": pl.String,
    "day": pl.Date,
    "name": pl.String,
    "seen": pl.Float64,
    "expected": pl.Float64,
    "distance": pl.Float64,
    "words": pl.String,
}
"""One anomaly: what was counted, what the days before let expect, and how many robust deviations lie between."""


def find_anomalies(counts: pl.DataFrame) -> pl.DataFrame:
    """Days whose counts or shares are unlike those of the days before.

    The number of events and shares are compared with the same weekday of the last `WINDOW_DAYS`, rows an event and
    other sizes with all of those days; what is expected is a median, and how far it may be off comes from the distances
    of the days before and from the chance of so many rows. A column that was filled on nearly all days and is now
    (nearly) empty is an anomaly however much it varies.

    Args:
        counts: Rows in the shape of `quality_measures.MEASURE`, with the `CONTEXT_DAYS` before those that matter.

    Returns:
        Rows in the shape of `ANOMALY`, in the order of days and tables.
    """
    parts = [_of_events(counts), _of_sizes(counts), _of_shares(counts)]
    found = pl.concat([part.select(pl.col(n).cast(d) for n, d in ANOMALY.items()) for part in parts])
    return found.sort("day", "table", "name")


def _of_events(counts: pl.DataFrame) -> pl.DataFrame:
    """How many events there are on a day, where they are fewer than on that weekday of the weeks before."""
    others = counts.filter(pl.col("name") == ROWS_AN_EVENT).select("table").unique()
    days = counts.filter(pl.col("part").is_not_null()).unique(["table", "day"], maintain_order=True)
    seen = days.join(others, on="table", how="anti").select(
        "table", "day", pl.lit("rows").alias("name"), pl.col("rows").cast(pl.Float64).alias("seen")
    )
    # Where few are the rule their number varies more: the logarithm of a Poisson count of n by about 1 / √n.
    few = 1 / (pl.col("#median").exp() + 1)
    # More than usual is a big day of the calendar.
    return _unlike_in_size(seen, few, by_weekday=True).filter(pl.col("distance") < 0)


def _of_sizes(counts: pl.DataFrame) -> pl.DataFrame:
    """How many rows there are to an event and the like, where they are more or fewer than there were."""
    sizes = counts.filter(pl.col("kind").is_in(SIZES), pl.col("of") > 0)
    days = sizes.select("table", "day", "name", (pl.col("good") / pl.col("of")).alias("seen"), "kind", "of")
    few = pl.when(pl.col("name") == ROWS_AN_EVENT).then(1 / (pl.col("#median").exp() * pl.col("of"))).otherwise(0.0)
    odd = _unlike_in_size(days, few, by_weekday=False)
    # What is rarer than one to one comes as it likes, and of what is only watched more is no fault.
    return odd.filter(pl.col("expected") >= LEAST_EXPECTED, (pl.col("kind") == "size") | (pl.col("distance") < 0))


def _unlike_in_size(days: pl.DataFrame, chance: pl.Expr, *, by_weekday: bool) -> pl.DataFrame:
    """Sizes far from what is expected, by their ratio; `chance` is the variance of its logarithm beside the usual."""
    log = (pl.col("seen") + LEAST_SIZE).log()
    known = _with_expectation(days.with_columns(log.alias("#value")), ("table", "name"), by_weekday=by_weekday)
    expected = pl.col("#median").exp() - LEAST_SIZE
    spread = (pl.max_horizontal(NORMAL * pl.col("#mad"), LEAST_SPREAD) ** 2 + chance).sqrt()
    distance = (pl.col("#value") - pl.col("#median")) / spread
    odd = known.with_columns(distance.alias("distance"), expected.alias("expected")).filter(
        pl.col("distance").abs() > UNLIKELY,
        (pl.col("seen") - pl.col("expected")).abs() > LEAST_CHANGE * pl.col("expected"),
    )
    words = pl.format("{}: {}, expected about {}", "name", _short("seen"), _short("expected"))
    return odd.with_columns(words.alias("words"))


def _of_shares(counts: pl.DataFrame) -> pl.DataFrame:
    """Columns filled and agreements kept, where fewer are than there were."""
    shares = counts.filter(
        pl.col("part").is_in(WATCHED_PARTS), ~pl.col("kind").is_in(SIZES), pl.col("of") > 0
    ).with_columns((pl.col("good") / pl.col("of")).alias("#value"))
    series = ("table", "part", "name")
    known = _with_expectation(shares, series, by_weekday=True).with_columns(
        _earlier(pl.col("#value"), RARE, LEAST_DAYS).over(series).alias("#low")
    )
    value, usual, low = pl.col("#value"), pl.col("#median"), pl.col("#low")
    distance = (value - usual) / ((NORMAL * pl.col("#mad")) ** 2 + _chance(usual)).sqrt()
    emptied = (value < low / 2) & (low - value > UNLIKELY * _chance(low).sqrt())
    odd = known.with_columns(distance.alias("distance"), value.alias("seen"), usual.alias("expected")).filter(
        (pl.col("distance") < -UNLIKELY) | emptied, value < low, usual - value > LEAST_DROP
    )
    said = pl.when(pl.col("part") == "completeness").then(pl.format("{} filled", "name")).otherwise("name")
    words = pl.format("{}: {} of {}, expected about {} %", said, "good", "of", (usual * 100).round(0).cast(pl.Int64))
    return odd.with_columns(words.alias("words"))


def _chance(share: pl.Expr) -> pl.Expr:
    """The binomial variance of a share of so many; never less than that of one among them."""
    return (share * (1 - share)).clip(lower_bound=1 / pl.col("of")) / pl.col("of")


def _with_expectation(days: pl.DataFrame, series: Sequence[str], *, by_weekday: bool) -> pl.DataFrame:
    """What the days before let expect: `#median` and `#mad`; days with too few before them are left out."""
    value, alike = pl.col("#value"), [*series, pl.col("day").dt.weekday()] if by_weekday else list(series)
    median = _earlier(value, 0.5, LEAST_WEEKS if by_weekday else LEAST_DAYS).over(alike)
    rows = days.sort("day", maintain_order=True).with_columns(median.alias("#median"))
    # Each of the days before, whatever weekday it was, is as far off as it was from what was expected of it then.
    off = (value - pl.col("#median")).abs()
    mad = _earlier(off, 0.5, LEAST_DAYS).over(series)
    return rows.with_columns(mad.alias("#mad")).drop_nulls(["#median", "#mad"])


def _earlier(value: pl.Expr, quantile: float, least: int) -> pl.Expr:
    return value.rolling_quantile_by(
        "day", f"{WINDOW_DAYS}d", min_samples=least, closed="left", quantile=quantile, interpolation="lower"
    )


def _short(name: str) -> pl.Expr:
    """A number with as many places as its size deserves."""
    value = pl.col(name)
    whole = value.round(0).cast(pl.Int64).cast(pl.String)
    return pl.when(value < 20).then(value.round(1).cast(pl.String)).otherwise(whole)
