"""Races as the feature engine sees them: entrants with their cards at the cut-off, and what came of earlier ones."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from morningline.domains.racing.schema import CATALOG
from morningline.domains.racing.vocabulary import GOING_GROUP_OF
from morningline.facts.store import read
from morningline.features.engine import Events
from morningline.kit.clock import local_day_bounds

if TYPE_CHECKING:
    from datetime import date, datetime

    import psycopg

# Horses that came under no starter's orders have no form to show.
DID_NOT_RUN = ("NR", "VOID", "TNP")

# Prices at the off, the most liquid first: a race is measured against one market, never a mixture.
CLOSING_PRICES = ("final_tote", "exchange_sp", "sp")

# Behind thirty lengths a horse is eased; how much further back it walks in says nothing of its ability.
MOST_LENGTHS = 30.0


def racing_events(connection: psycopg.Connection[Any], *, as_of: datetime, day: date | None = None) -> Events:
    """Everything known at an instant, as entrants and outcomes.

    Args:
        connection: An open connection.
        as_of: UTC instant; what became known later does not exist.
        day: Only the entrants of this local day and of the past are wanted; the outcomes are the same.

    Returns:
        Entrants with `cutoff` at the start of their race's local day, and the outcomes of races that are over.
    """
    races = read(connection, CATALOG["ra_races"], as_of=as_of, where=f"date <= '{day.isoformat()}'" if day else "TRUE")
    runners = read(connection, CATALOG["ra_runners"], as_of=as_of)
    results = read(connection, CATALOG["ra_results"], as_of=as_of)
    return Events(_entrants(races, runners), _outcomes(results, closing_odds(connection, as_of=as_of)))


def closing_odds(connection: psycopg.Connection[Any], *, as_of: datetime) -> pl.DataFrame:
    """One price a runner: the last of the most liquid kind its race has.

    Returns:
        `race_id`, `horse_id`, `bookmaker_id`, `decimal_odds`, `known_at`.
    """
    odds = read(connection, CATALOG["ra_odds"], as_of=as_of, where="price_kind IN ('final_tote', 'exchange_sp', 'sp')")
    liquid = odds.with_columns(
        pl.col("price_kind")
        .replace_strict({k: i for i, k in enumerate(CLOSING_PRICES)}, return_dtype=pl.Int8)
        .alias("#kind")
    )
    chosen = liquid.filter(pl.col("#kind") == pl.col("#kind").min().over("race_id"))
    last = chosen.sort("race_id", "horse_id", "event_at", "bookmaker_id").unique(
        ["race_id", "horse_id"], keep="last", maintain_order=True
    )
    return last.select("race_id", "horse_id", "bookmaker_id", "decimal_odds", "known_at")


def day_cutoffs(connection: psycopg.Connection[Any], *, day: date, as_of: datetime) -> list[datetime]:
    """The distinct cut-offs of a local day's races known at an instant, UTC, in order."""
    races = read(connection, CATALOG["ra_races"], as_of=as_of, where=f"date = '{day.isoformat()}'")
    return cutoffs(races)["cutoff"].unique().sort().to_list()


def cutoffs(races: pl.DataFrame) -> pl.DataFrame:
    """The races with `cutoff`: the first instant of their local day, in UTC."""
    parts = [
        part.join(
            local_day_bounds(part["date"], part["time_zone"][0]).select(
                pl.col("day").alias("date"), pl.col("starts_at").alias("cutoff")
            ),
            on="date",
        )
        for part in races.partition_by("time_zone")
    ]
    return pl.concat(parts) if parts else races.with_columns(pl.lit(None, pl.Datetime("us", "UTC")).alias("cutoff"))


def _entrants(races: pl.DataFrame, runners: pl.DataFrame) -> pl.DataFrame:
    level = pl.col("race_class").str.extract(r"(\d)").cast(pl.Float64)
    group = pl.col("race_class").str.contains(r"(?i)g(?:roup|rade)?\s*\d")
    cards = cutoffs(races).select(
        pl.col("id").alias("race_id"),
        "cutoff",
        pl.col("known_at").alias("#card_known_at"),
        "course_id",
        pl.col("race_number").cast(pl.Float64),
        "rating_high",
        "rating_low",
        pl.when(group).then(level - 4).otherwise(level).alias("class_level"),
        "distance_m",
        (pl.col("distance_m") / 100).round().cast(pl.Int32).alias("distance_band"),
        "surface",
        pl.col("going").replace_strict(dict(GOING_GROUP_OF), default=None, return_dtype=pl.String).alias("going_group"),
    )
    declared = runners.join(cards, on="race_id", how="inner")
    # A card that became known after the cut-off cannot be used at it.
    known = declared.filter(pl.max_horizontal("known_at", "#card_known_at") <= pl.col("cutoff"))
    return known.select(
        pl.col("race_id").alias("event_id"),
        pl.col("horse_id").alias("entrant_id"),
        pl.col("date").alias("day"),
        "cutoff",
        "horse_id",
        "jockey_id",
        "trainer_id",
        "course_id",
        "surface",
        "going_group",
        "distance_m",
        "distance_band",
        "race_number",
        "class_level",
        pl.col("rating_high", "rating_low", "number", "draw", "age", "rating").cast(pl.Float64),
        "weight_lbs",
        "body_weight_lbs",
        pl.col("headgear").is_not_null().cast(pl.Float64).alias("wears_headgear"),
        pl.len().over("race_id").cast(pl.Float64).alias("field_size"),
    )


def _outcomes(results: pl.DataFrame, odds: pl.DataFrame) -> pl.DataFrame:
    ran = results.filter(~pl.col("outcome").is_in(DID_NOT_RUN)).join(
        odds.drop("bookmaker_id").rename({"known_at": "#odds_known_at"}), on=["race_id", "horse_id"], how="left"
    )
    together = ("race_id", "#usable_at")
    usable_at = pl.max_horizontal("known_at", "#odds_known_at", pl.col("event_at") + timedelta(microseconds=1))
    runs = ran.with_columns(usable_at.alias("#usable_at")).sort("race_id", "horse_id")
    first = pl.col("position") == 1
    size = pl.len().over(together).cast(pl.Float64)
    behind = (
        pl.when(pl.col("outcome") == "FIN")
        .then((pl.col("position") - 1) / pl.max_horizontal(size - 1, 1.0))
        .otherwise(1.0)
    )
    calls = pl.col("running_positions")
    early = (calls.list.first() - 1) / pl.max_horizontal(size - 1, 1.0)
    share = 1 / pl.col("decimal_odds")
    complete = pl.col("decimal_odds").is_not_null().all().over(together)
    return runs.select(
        pl.col("race_id").alias("event_id"),
        pl.col("horse_id").alias("entrant_id"),
        pl.col("#usable_at").alias("usable_at"),
        (first.cast(pl.Float64) / pl.max_horizontal(first.sum().over(together), 1)).fill_null(0.0).alias("won"),
        (pl.col("position") <= 3).cast(pl.Float64).fill_null(0.0).alias("placed"),
        behind.clip(0.0, 1.0).alias("finish_fraction"),
        pl.col("beaten_lengths").clip(0.0, MOST_LENGTHS),
        "finish_seconds",
        early.clip(0.0, 1.0).alias("early_fraction"),
        pl.when(complete).then(share / share.sum().over(together)).alias("implied"),
        size.alias("ran"),
    )
