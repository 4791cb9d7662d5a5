"""From counts to scores: each count of a day against what its source usually gives, the worst of them the score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from morningline.facts.quality_measures import PARTS

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW_DAYS = 180
"""A day is compared with the days of the half-year before it, never with itself."""
LEAST_DAYS = 20
"""So many of them must have facts; before nothing is usual yet."""
LOW = 0.1
"""What is usual at least: a tenth of the days had less. A fault that lasts longer than that tenth becomes usual."""
USUALLY = 0.8
"""A share that is usually less than this is not missed: some days have it and some have not, by their nature."""
CHANCE = 3.0
"""Standard deviations that few rows vary by of themselves; so much less than usual is not missed either."""

JUDGED = {
    "table": pl.String,
    "day": pl.Date,
    "rows": pl.Int64,
    **dict.fromkeys(PARTS, pl.Float64),
    "score": pl.Float64,
    "part": pl.String,
    "why": pl.String,
}
"""The quality of a table and day: its parts and the smallest of them, each in [0, 1], null where nothing is usual."""


def usual_low(values: pl.Expr, over: Sequence[str]) -> pl.Expr:
    """What is usual at least on each day, from the days before it; null where they are too few.

    Args:
        values: One value a `day`, in the order of days.
        over: Columns whose values have a history each.
    """
    return values.rolling_quantile_by(
        "day",
        f"{WINDOW_DAYS}d",
        min_samples=LEAST_DAYS,
        closed="left",
        quantile=LOW,
        interpolation="lower",
    ).over(over)


def judge(measures: pl.DataFrame) -> pl.DataFrame:
    """Judge counted days.

    A count that must hold of every source is judged as it stands. Any other is compared with the low end of what it
    was on the days before: `min(1, share / usual)`, with an allowance for chance where the rows are few. A part is the
    worst of its counts, the score the worst of its parts; `why` says of each part what its worst count was, the worst
    part first. No two rows can bear one key, so a table without further rules is unique.

    Args:
        measures: Rows in the shape of `quality_measures.MEASURE`, with the days before those that matter.

    Returns:
        Rows in the shape of `JUDGED`, in the order of tables and days.
    """
    counted = measures.filter(pl.col("of") > 0, pl.col("kind") != "watched").sort("day", maintain_order=True)
    series = ("table", "part", "name")
    held = counted.with_columns((pl.col("good") / pl.col("of")).alias("#held"))
    usual = held.with_columns(usual_low(pl.col("#held"), series).alias("#usual"))
    low, size = pl.col("#usual"), pl.col("kind") == "size"
    # The variance of a share is binomial; that of a size, such as the runners of a race, about its mean.
    variance = pl.when(size).then(low).otherwise(low * (1 - low)) / pl.col("of")
    due = pl.when(size | (low >= USUALLY)).then(low - CHANCE * variance.sqrt())
    worth = (
        pl.when(pl.col("kind") == "all").then("#held").when(pl.col("#due") > 0).then(pl.col("#held") / pl.col("#due"))
    )
    judged = (
        usual.with_columns(due.alias("#due"))
        .with_columns(worth.clip(0.0, 1.0).alias("#worth"))
        .drop_nulls("#worth")
        .sort("#worth", maintain_order=True)
    )
    place = ["table", "day"]
    # The worst count of each part, the worst part first.
    worst = judged.with_columns(_words().alias("#words")).unique([*place, "part"], keep="first", maintain_order=True)
    parts = worst.pivot("part", index=place, values="#worth", on_columns=list(PARTS))
    scores = worst.group_by(place, maintain_order=True).agg(
        pl.col("#worth").first().alias("score"),
        pl.col("part").first(),
        pl.col("#words").drop_nulls().str.join("; ").alias("why"),
    )
    rows = measures.unique(place, maintain_order=True).select(*place, "rows")
    judged_rows = rows.join(parts, on=place, how="left").join(scores, on=place, how="left")
    own_key = pl.when(pl.col("score").is_not_null() & (pl.col("rows") > 0)).then(1.0)
    whole = judged_rows.with_columns(pl.coalesce("uniqueness", own_key))
    return whole.select(pl.col(name).cast(dtype) for name, dtype in JUDGED.items())


def _words() -> pl.Expr:
    """A count in words; null where nothing is amiss."""
    usually = (
        pl.when(pl.col("kind") == "all")
        .then(pl.lit(""))
        .otherwise(pl.format(", usually at least {} %", _percent("#usual")))
    )
    subject = pl.when(pl.col("part") == "completeness").then(pl.format("{} filled", "name")).otherwise("name")
    shares = pl.format("{}: {} of {} ({} %{})", subject, "good", "of", _percent("#held"), usually)
    held, usual = (pl.col(name).round(1).cast(pl.String) for name in ("#held", "#usual"))
    sizes = pl.format("{}: {}, usually at least {}", "name", held, usual)
    said = pl.when(pl.col("kind") == "size").then(sizes).otherwise(shares)
    return pl.when(pl.col("#worth") < 1).then(said)


def _all() -> pl.Expr:
    return pl.col("kind") == "all"


def _percent(share: str) -> pl.Expr:
    """Whole percents that never round up to a false 100."""
    return (pl.col(share) * 100).floor().cast(pl.Int64)
