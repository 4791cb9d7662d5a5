"""Racecards as they stood at the cut-off: who was to run, for whom, from where, under which conditions."""

from __future__ import annotations

import polars as pl

from morningline.domains.racing.schema import CATALOG
from morningline.domains.racing.vocabulary import GOING_GROUP_OF
from morningline.features.cutoffs import Cutoff, at_cutoff, with_cutoffs


def cards(races: pl.DataFrame, runners: pl.DataFrame, cutoff: Cutoff) -> pl.DataFrame:
    """Runners with what the card says of their race.

    Args:
        races: Rows of `ra_races`, every version of each.
        runners: Rows of `ra_runners`, in the same way.
        cutoff: Until when facts count.

    Returns:
        One row a runner; `cutoff` is null where the card came too late for it, `#card_known_at` says when it came.
    """
    level = pl.col("race_class").str.extract(r"(\d)").cast(pl.Float64)
    group = pl.col("race_class").str.contains(r"(?i)g(?:roup|rade)?\s*\d")
    going = pl.col("going").replace_strict(dict(GOING_GROUP_OF), default=None, return_dtype=pl.String)
    said = at_cutoff(with_cutoffs(races, CATALOG["ra_races"], cutoff), "id").select(
        pl.col("id").alias("race_id"),
        "cutoff",
        pl.col("known_at").alias("#race_known_at"),
        "course_id",
        pl.col("race_number").cast(pl.Float64),
        "rating_high",
        "rating_low",
        pl.when(group).then(level - 4).otherwise(level).alias("class_level"),
        "distance_m",
        (pl.col("distance_m") / 100).round().cast(pl.Int32).alias("distance_band"),
        "surface",
        "rail",
        going.alias("going_group"),
    )
    declared = at_cutoff(runners.join(said, on="race_id", how="inner"), "race_id", "horse_id")
    declared = declared.with_columns(pl.max_horizontal("known_at", "#race_known_at").alias("#card_known_at"))
    return declared.with_columns(pl.when(pl.col("#card_known_at") <= pl.col("cutoff")).then("cutoff").alias("cutoff"))


def without(declared: pl.DataFrame, withdrawn: pl.DataFrame) -> pl.DataFrame:
    """Runners but those that were known to be withdrawn when the field was judged.

    Args:
        declared: What `cards` gave.
        withdrawn: Rows of `ra_changes`, withdrawals only.
    """
    runner = ["race_id", "horse_id"]
    first = withdrawn.group_by(runner).agg(pl.col("known_at").min().alias("#withdrawn_at"))
    gone = declared.join(first, on=runner).filter(pl.col("#withdrawn_at") <= pl.col("cutoff"))
    return declared.join(gone, on=runner, how="anti", maintain_order="left")


def entrants(declared: pl.DataFrame) -> pl.DataFrame:
    """The cards as the feature engine wants them."""
    in_time = pl.col("cutoff").is_not_null()
    return declared.select(
        pl.col("race_id").alias("event_id"),
        pl.col("horse_id").alias("entrant_id"),
        pl.col("date").alias("day"),
        "cutoff",
        "horse_id",
        "jockey_id",
        "trainer_id",
        "owner_id",
        "course_id",
        "surface",
        "rail",
        "going_group",
        "distance_m",
        "distance_band",
        "race_number",
        "class_level",
        pl.col("rating_high", "rating_low", "number", "draw", "age", "rating").cast(pl.Float64),
        "weight_lbs",
        "claim_lbs",
        "body_weight_lbs",
        "headgear",
        pl.col("headgear").is_not_null().cast(pl.Float64).alias("wears_headgear"),
        # Who was declared after the cut-off is no part of the field as it was known.
        pl.when(in_time).then(in_time.sum().over("race_id")).cast(pl.Float64).alias("field_size"),
    )
