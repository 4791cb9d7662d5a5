"""What came of every race beside its market: who won, at which odds, and which races cannot be scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from morningline.domains.racing.outcomes import DID_NOT_RUN
from morningline.domains.racing.prices import closing_odds
from morningline.domains.racing.schema import CATALOG
from morningline.facts.store import read

if TYPE_CHECKING:
    from datetime import date, datetime

    import psycopg

RACE = "race_id"

# A break of a month and more ends a season: Hong Kong's summer, a winter of turf.
SEASON_BREAK_DAYS = 30


def racing_answers(connection: psycopg.Connection[Any], *, as_of: datetime, first: date | None = None) -> pl.DataFrame:
    """Winners and prices of every race known to be over.

    Args:
        connection: An open connection.
        as_of: UTC instant; later results and prices do not exist.
        first: Only races from this local day on.

    Returns:
        `event_id`, `entrant_id`, `day`, `won`, `odds`, `excluded`: `dead_heat`, `no_winner`, `no_market`,
        `incomplete_book` (the book sums to less than its bookmaker's complete books do) or `one_runner`.
    """
    ran = ran_beside_market(connection, as_of=as_of, first=first)
    winners = (pl.col("position") == 1).sum().over(RACE)
    excluded = (
        pl.when(winners > 1)
        .then(pl.lit("dead_heat"))
        .when(winners == 0)
        .then(pl.lit("no_winner"))
        .when(pl.len().over(RACE) < 2)
        .then(pl.lit("one_runner"))
        .otherwise(market_missing())
    )
    won = (pl.col("position") == 1).cast(pl.Float64).fill_null(0.0) / pl.max_horizontal(winners, 1)
    return ran.select(
        pl.col(RACE).alias("event_id"),
        pl.col("horse_id").alias("entrant_id"),
        pl.col("date").alias("day"),
        won.alias("won"),
        pl.col("decimal_odds").alias("odds"),
        excluded.alias("excluded"),
    ).sort("event_id", "entrant_id")


def ran_beside_market(
    connection: psycopg.Connection[Any], *, as_of: datetime, first: date | None = None
) -> pl.DataFrame:
    """Results of every runner that ran, with the closing price where there is one.

    Args:
        connection: An open connection.
        as_of: UTC instant; later results and prices do not exist.
        first: Only races from this local day on.

    Returns:
        Rows of `ra_results` with `decimal_odds`, and the `least_book` of whoever quoted them.
    """
    since = f"date >= '{first.isoformat()}'" if first else "TRUE"
    results = read(connection, CATALOG["ra_results"], as_of=as_of, where=since)
    makers = read(connection, CATALOG["ra_mst_bookmakers"], as_of=as_of).select("id", "least_book")
    odds = closing_odds(connection, as_of=as_of).join(makers, left_on="bookmaker_id", right_on="id", how="left")
    prices = odds.select("race_id", "horse_id", "decimal_odds", "least_book")
    return results.filter(~pl.col("outcome").is_in(DID_NOT_RUN)).join(prices, on=["race_id", "horse_id"], how="left")


def market_missing() -> pl.Expr:
    """Why a race has no market to compare with, of rows of `ran_beside_market`; null where it has."""
    book = (1 / pl.col("decimal_odds")).sum().over(RACE)
    return (
        pl.when(pl.col("decimal_odds").is_null().any().over(RACE))
        .then(pl.lit("no_market"))
        .when(book < pl.coalesce(pl.col("least_book").max().over(RACE), pl.lit(1.0)))
        .then(pl.lit("incomplete_book"))
    )


def seasons(days: pl.Series) -> pl.Series:
    """Label each local day with its season: between breaks of a month and more, or the calendar year without them.

    Args:
        days: Local days, in any order.

    Returns:
        Labels such as `2021-22` or `2024`, in the order of the days.
    """
    racing = days.unique().sort()
    breaks = (racing.diff().dt.total_days() > SEASON_BREAK_DAYS).fill_null(value=False)
    if not breaks.any():
        return days.dt.year().cast(pl.String)
    blocks = pl.DataFrame({"day": racing, "block": breaks.cum_sum()})
    years = blocks.group_by("block").agg(
        pl.col("day").min().dt.year().alias("first"), pl.col("day").max().dt.year().alias("last")
    )
    label = (
        pl.when(pl.col("first") == pl.col("last"))
        .then(pl.col("first").cast(pl.String))
        .otherwise(pl.format("{}-{}", "first", pl.col("last").cast(pl.String).str.slice(2)))
    )
    labels = blocks.join(years.with_columns(label.alias("label")), on="block").select("day", "label")
    return days.rename("day").to_frame().join(labels, on="day", how="left", maintain_order="left")["label"]
