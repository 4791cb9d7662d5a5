"""The synthetic world as fact frames, and the facts as they were known at an instant."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from morningline.domains.racing.events import RaceFacts, events_of, no_rows
from morningline.domains.racing.schema import CATALOG
from morningline.domains.racing.world import World, simulate
from morningline.domains.racing.world.names import YARDS
from morningline.features.cutoffs import MORNING
from morningline.kit.clock import local_day_bounds

if TYPE_CHECKING:
    from datetime import datetime

    from morningline.features.cutoffs import Cutoff
    from morningline.features.engine import Events

ZONE = "Europe/London"
GOINGS = {g: g.lower().replace(" ", "_") for g in ("Good To Firm", "Good", "Good To Soft", "Soft", "Heavy", "Standard")}

Facts = dict[str, pl.DataFrame]


def small_world() -> Facts:
    """Ten weeks of racing over the change of the clocks, about 4,500 runners."""
    return facts_of(simulate(World(seed=3, horses=600, last_day=date(2023, 5, 7))).runs)


def facts_of(runs: pl.DataFrame) -> Facts:
    """Fact frames of a world's history; cards known when their day begins, results and prices when it is over."""
    text = pl.col("date").str.to_date("%d/%m/%Y")
    number = pl.col("pos").cast(pl.Int16, strict=False)
    clock = pl.col("time").str.split(":")
    stone = pl.col("wgt").str.split("-").list
    wide = runs.with_columns(
        text.alias("date"),
        number.alias("position"),
        pl.when(number.is_null()).then("pos").otherwise(pl.lit("FIN")).alias("outcome"),
        (14 * stone.first().cast(pl.Float64) + stone.last().cast(pl.Float64)).alias("weight_lbs"),
        (
            60 * clock.list.get(-2, null_on_oob=True).cast(pl.Float64, strict=False).fill_null(0)
            + clock.list.last().cast(pl.Float64, strict=False)
        ).alias("finish_seconds"),
        pl.col("btn").cast(pl.Float64, strict=False).alias("beaten_lengths"),
        pl.col("dist").replace_strict({d: y * 0.9144 for d, y in YARDS.items()}).alias("distance_m"),
        pl.col("going").replace_strict(GOINGS),
        pl.col("surface").replace_strict({"AW": "all_weather", "Turf": "turf"}),
        pl.col("type").str.to_lowercase(),
        pl.col("course").alias("course_id"),
        pl.col("jockey").alias("jockey_id"),
        pl.col("trainer").alias("trainer_id"),
        pl.col("class").alias("race_class"),
        pl.col("race_no").alias("race_number"),
        pl.col("num").alias("number"),
        pl.col("sp").alias("decimal_odds"),
        pl.lit("sp").alias("price_kind"),
        pl.lit("ring").alias("bookmaker_id"),
        pl.lit(ZONE).alias("time_zone"),
    )
    bounds = local_day_bounds(wide["date"], ZONE).rename({"day": "date"})
    wide = wide.join(bounds, on="date")
    before, after = wide.with_columns(known_at="starts_at"), wide.with_columns(known_at="ends_at")
    last_instant = pl.col("ends_at") - timedelta(microseconds=1)
    facts = {
        "ra_races": before.with_columns(id="race_id", event_at=last_instant).unique("id", maintain_order=True),
        "ra_runners": before.with_columns(event_at=last_instant),
        "ra_results": after.with_columns(event_at=last_instant),
        "ra_odds": after.with_columns(event_at=last_instant),
    }
    people = [
        ("courses", "course_id"),
        ("horses", "horse_id"),
        ("jockeys", "jockey_id"),
        ("trainers", "trainer_id"),
        ("bookmakers", "bookmaker_id"),
    ]
    for name, column in people:
        first = before.group_by(id=column).agg(pl.col("known_at").min(), pl.col("starts_at").min().alias("event_at"))
        facts[f"ra_mst_{name}"] = first.sort("id")
    return {name: _as_table(name, frame) for name, frame in facts.items()}


def _as_table(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        (pl.col(column) if column in frame.columns else pl.lit(None)).cast(dtype).alias(column)
        for column, dtype in CATALOG[name].dtypes.items()
    )


def known_then(facts: Facts, as_of: datetime) -> Facts:
    """The facts with everything gone that became known later."""
    return {name: frame.filter(pl.col("known_at") <= as_of) for name, frame in facts.items()}


def events_from(facts: Facts, cutoff: Cutoff = MORNING) -> Events:
    """What the feature engine is given."""
    sectionals = facts.get("ra_sectionals", no_rows("ra_sectionals"))
    return events_of(
        RaceFacts(
            races=facts["ra_races"],
            runners=facts["ra_runners"],
            results=facts["ra_results"],
            odds=facts["ra_odds"],
            sectionals=sectionals,
        ),
        cutoff,
    )


def versions(name: str, frame: pl.DataFrame) -> list[pl.DataFrame]:
    """Rows of a table as they are brought in: what was said first, then what corrects it."""
    of_row = pl.int_range(pl.len()).over(CATALOG[name].key)
    numbered = frame.sort("known_at", maintain_order=True).with_columns(of_row.alias("#version"))
    parts = numbered.partition_by("#version", include_key=False, maintain_order=True)
    return sorted(parts, key=lambda part: -part.height)


def corrected(results: pl.DataFrame, luck: random.Random) -> pl.DataFrame:
    """Results with what stewards and typists made of them later: winners disqualified, runs void, times put right."""
    late = (timedelta(minutes=20), timedelta(hours=30), timedelta(days=8))
    races = {race: luck.choice(late) for race in results["race_id"].unique().sort() if luck.random() < 0.1}
    again = results.filter(pl.col("race_id").is_in(races))
    again = again.with_columns(pl.col("known_at").max().over("race_id") + pl.col("race_id").replace_strict(races))
    won, last = pl.col("position") == 1, pl.col("position") == pl.col("position").max().over("race_id")
    gone = pl.when(won).then(pl.lit("DSQ")).when(last).then(pl.lit("VOID"))
    return pl.concat(
        [
            results,
            again.with_columns(
                pl.coalesce(gone, "outcome").alias("outcome"),
                pl.when(gone.is_null()).then(pl.col("position") - 1).alias("position"),
                pl.col("finish_seconds") + 0.5,
            ),
        ]
    )


def quoted_before(odds: pl.DataFrame, hours: int, factor: float) -> pl.DataFrame:
    """What a bookmaker quoted some hours before the prices at the off."""
    clocks = pl.col("event_at", "known_at") - timedelta(hours=hours)
    dearer = 1 + (pl.col("decimal_odds") - 1) * factor
    return odds.with_columns(clocks, dearer.alias("decimal_odds"), pl.lit("bookmaker").alias("price_kind"))


def untidy(facts: Facts, seed: int) -> Facts:
    """The same facts come in as they do in life: late, in pieces, with gaps, corrected, and with second markets."""
    luck = random.Random(seed)
    delays = {
        "ra_races": [timedelta(0)] * 30 + [timedelta(hours=7)],
        "ra_runners": [timedelta(0)] * 30 + [timedelta(hours=9), timedelta(days=9)],
        "ra_results": [timedelta(0)] * 8 + [timedelta(hours=-3), timedelta(hours=5), timedelta(days=7)],
        "ra_odds": [timedelta(0)] * 4 + [timedelta(hours=-3), timedelta(hours=8), timedelta(hours=30)],
    }
    late = dict(facts)
    exchange = facts["ra_odds"].with_columns(pl.lit("exchange_sp").alias("price_kind"), pl.col("decimal_odds") * 1.1)
    some = pl.Series([luck.random() < 0.5 for _ in range(exchange.height)])
    gaps = pl.Series([luck.random() < 0.98 for _ in range(facts["ra_odds"].height)])
    revised = facts["ra_odds"].with_columns(
        pl.col("event_at") + timedelta(seconds=1),
        pl.col("decimal_odds") * 1.2,
        known_at=pl.col("known_at") + timedelta(hours=18),
    )
    boarded = [race for race in facts["ra_odds"]["race_id"].unique().sort() if luck.random() < 0.7]
    on_board = facts["ra_odds"].filter(pl.col("race_id").is_in(boarded))
    boards = [quoted_before(on_board, hours, factor) for hours, factor in ((20, 0.9), (10, 1.3))]
    late["ra_odds"] = pl.concat([facts["ra_odds"].filter(gaps), exchange.filter(some), revised.filter(some), *boards])
    for name, choices in delays.items():
        frame = late[name]
        by_race = frame["id" if name == "ra_races" else "race_id"]
        race_delay = {race: luck.choice(choices) for race in by_race.unique().sort()}
        # Some rows of a race come with the race, and some by themselves.
        own = [luck.choice(choices) if luck.random() < 0.02 else race_delay[race] for race in by_race]
        late[name] = frame.with_columns(known_at=pl.col("known_at") + pl.Series(own, dtype=pl.Duration("us")))
    late["ra_results"] = corrected(late["ra_results"], luck)
    return late
