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

# What takes a declared runner out of the field.
WITHDRAWALS = ("non_runner", "abandoned")
_WITHDRAWN = f"change IN {WITHDRAWALS}"

# Prices at the off, the most liquid first: a race is measured against one market, never a mixture.
CLOSING_PRICES = ("final_tote", "exchange_sp", "sp")
_AT_THE_OFF = f"price_kind IN {CLOSING_PRICES}"

# A result waits a day for the prices of its race; what comes later is left out, and the result is used without it.
PATIENCE = timedelta(days=1)

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
    until = f"date <= '{day.isoformat()}'" if day else "TRUE"
    races = read(connection, CATALOG["ra_races"], as_of=as_of, where=until, versions=True)
    runners = read(connection, CATALOG["ra_runners"], as_of=as_of, versions=True)
    results = read(connection, CATALOG["ra_results"], as_of=as_of)
    odds = read(connection, CATALOG["ra_odds"], as_of=as_of, where=_AT_THE_OFF)
    withdrawn = read(connection, CATALOG["ra_changes"], as_of=as_of, where=_WITHDRAWN)
    return events_of(races, runners, results, odds, withdrawn)


def events_of(
    races: pl.DataFrame,
    runners: pl.DataFrame,
    results: pl.DataFrame,
    odds: pl.DataFrame,
    withdrawn: pl.DataFrame | None = None,
) -> Events:
    """Entrants and outcomes from the facts of races.

    Args:
        races: Rows of `ra_races`; of a race that was corrected, what it said before as well.
        runners: Rows of `ra_runners`, in the same way.
        results: Rows of `ra_results`.
        odds: Rows of `ra_odds`, prices at the off only.
        withdrawn: Rows of `ra_changes`, withdrawals only. Who was known at the cut-off to have been withdrawn is no
            entrant; who was withdrawn later was one.
    """
    cards = _cards(races, runners)
    late = cards.select("race_id", "horse_id", "#card_known_at")
    outcomes = _outcomes(results.join(late, on=["race_id", "horse_id"], how="inner"), odds)
    return Events(_entrants(cards if withdrawn is None else _without(cards, withdrawn)), outcomes)


def _without(cards: pl.DataFrame, withdrawn: pl.DataFrame) -> pl.DataFrame:
    """Runners but those that were known to be withdrawn when the field was judged."""
    runner = ["race_id", "horse_id"]
    first = withdrawn.group_by(runner).agg(pl.col("known_at").min().alias("#withdrawn_at"))
    gone = cards.join(first, on=runner).filter(pl.col("#withdrawn_at") <= pl.col("cutoff"))
    return cards.join(gone, on=runner, how="anti", maintain_order="left")


def closing_odds(connection: psycopg.Connection[Any], *, as_of: datetime) -> pl.DataFrame:
    """One price a runner: the last of the most liquid kind its race has.

    Returns:
        `race_id`, `horse_id`, `bookmaker_id`, `decimal_odds`, `known_at`.
    """
    odds = read(connection, CATALOG["ra_odds"], as_of=as_of, where=_AT_THE_OFF).with_columns(_liquidity())
    chosen = odds.filter(pl.col("#kind") == pl.col("#kind").min().over("race_id"))
    return _last_prices(chosen).select("race_id", "horse_id", "bookmaker_id", "decimal_odds", "known_at")


def _liquidity() -> pl.Expr:
    rank = {kind: place for place, kind in enumerate(CLOSING_PRICES)}
    return pl.col("price_kind").replace_strict(rank, return_dtype=pl.Int8).alias("#kind")


def _last_prices(odds: pl.DataFrame) -> pl.DataFrame:
    rows = odds.sort("race_id", "horse_id", "event_at", "bookmaker_id")
    return rows.unique(["race_id", "horse_id"], keep="last", maintain_order=True)


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


def _cards(races: pl.DataFrame, runners: pl.DataFrame) -> pl.DataFrame:
    """Runners with what the card says of their race; `cutoff` is null where the card came too late for it."""
    level = pl.col("race_class").str.extract(r"(\d)").cast(pl.Float64)
    group = pl.col("race_class").str.contains(r"(?i)g(?:roup|rade)?\s*\d")
    cards = _at_cutoff(cutoffs(races), "id").select(
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
        pl.col("going").replace_strict(dict(GOING_GROUP_OF), default=None, return_dtype=pl.String).alias("going_group"),
    )
    at_cutoff = _at_cutoff(runners.join(cards, on="race_id", how="inner"), "race_id", "horse_id")
    declared = at_cutoff.with_columns(pl.max_horizontal("known_at", "#race_known_at").alias("#card_known_at"))
    return declared.with_columns(pl.when(pl.col("#card_known_at") <= pl.col("cutoff")).then("cutoff").alias("cutoff"))


def _at_cutoff(versions: pl.DataFrame, *key: str) -> pl.DataFrame:
    """Of the versions of a row, the last that was known at the cut-off; the first of all where none was."""
    if not versions.select(key).is_duplicated().any():
        return versions
    early = (pl.col("known_at") <= pl.col("cutoff")).fill_null(value=False)
    place = pl.when(early).then(-pl.col("known_at").to_physical()).otherwise(pl.col("known_at").to_physical())
    ranked = versions.with_row_index("#place").sort(*key, ~early, place)
    return ranked.unique(key, keep="first", maintain_order=True).sort("#place").drop("#place")


def _entrants(cards: pl.DataFrame) -> pl.DataFrame:
    in_time = pl.col("cutoff").is_not_null()
    return cards.select(
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
        # Who was declared after the cut-off is no part of the field as it was known.
        pl.when(in_time).then(in_time.sum().over("race_id")).cast(pl.Float64).alias("field_size"),
    )


# Results of a race that became known together: a part of them that comes later is judged by itself.
_TOGETHER = ("race_id", "#known_at")


def _closing_books(ran: pl.DataFrame, odds: pl.DataFrame) -> pl.DataFrame:
    """The first complete book of closing prices of results known together, and when it was complete.

    Later prices, of a more liquid kind even, are left out: at the moment the result was first used with its market
    they were not known, and a history must not change in hindsight.

    Returns:
        `race_id`, `horse_id`, `decimal_odds`, `#complete_at`, for complete books only.
    """
    rows = ran.select("race_id", "horse_id", "#known_at", pl.len().over(_TOGETHER).alias("#size"))
    quoted = rows.join(odds.with_columns(_liquidity()).rename({"known_at": "#quoted_at"}), on=["race_id", "horse_id"])
    first = quoted.group_by(*_TOGETHER, "#kind", "#size", "horse_id").agg(pl.col("#quoted_at").min())
    books = first.group_by(*_TOGETHER, "#kind", "#size").agg(pl.col("#quoted_at").max(), pl.len().alias("#quotes"))
    complete = (
        books.filter(pl.col("#quotes") == pl.col("#size"))
        .with_columns(pl.max_horizontal("#quoted_at", "#known_at").alias("#complete_at"))
        .filter(pl.col("#complete_at") <= pl.col("#known_at") + PATIENCE)
        .sort("#complete_at", "#kind")
        .unique(_TOGETHER, keep="first", maintain_order=True)
        .select(*_TOGETHER, "#kind", "#complete_at")
    )
    chosen = quoted.join(complete, on=[*_TOGETHER, "#kind"]).filter(pl.col("#quoted_at") <= pl.col("#complete_at"))
    return _last_prices(chosen).select("race_id", "horse_id", "decimal_odds", "#complete_at")


def _outcomes(results: pl.DataFrame, odds: pl.DataFrame) -> pl.DataFrame:
    known_at = pl.max_horizontal("known_at", "#card_known_at", pl.col("event_at") + timedelta(microseconds=1))
    ran = results.filter(~pl.col("outcome").is_in(DID_NOT_RUN)).with_columns(known_at.alias("#known_at"))
    runs = ran.join(_closing_books(ran, odds), on=["race_id", "horse_id"], how="left").sort("race_id", "horse_id")
    first = pl.col("position") == 1
    size = pl.len().over(_TOGETHER).cast(pl.Float64)
    behind = (
        pl.when(pl.col("outcome") == "FIN")
        .then((pl.col("position") - 1) / pl.max_horizontal(size - 1, 1.0))
        .otherwise(1.0)
    )
    calls = pl.col("running_positions")
    early = (calls.list.first() - 1) / pl.max_horizontal(size - 1, 1.0)
    share = 1 / pl.col("decimal_odds")
    return runs.select(
        pl.col("race_id").alias("event_id"),
        pl.col("horse_id").alias("entrant_id"),
        pl.coalesce("#complete_at", pl.col("#known_at") + PATIENCE).alias("usable_at"),
        (first.cast(pl.Float64) / pl.max_horizontal(first.sum().over(_TOGETHER), 1)).fill_null(0.0).alias("won"),
        (pl.col("position") <= 3).cast(pl.Float64).fill_null(0.0).alias("placed"),
        behind.clip(0.0, 1.0).alias("finish_fraction"),
        pl.col("beaten_lengths").clip(0.0, MOST_LENGTHS),
        "finish_seconds",
        early.clip(0.0, 1.0).alias("early_fraction"),
        (share / share.sum().over(_TOGETHER)).alias("implied"),
        size.alias("ran"),
    )
