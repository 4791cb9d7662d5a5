"""How races finished and what pools paid on it: the order of the runners, where, and what combination won."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from morningline.domains.racing.outcomes import DID_NOT_RUN
from morningline.domains.racing.schema import CATALOG
from morningline.facts.store import read

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg


class Pool(NamedTuple):
    """What a pool asks for: so many of the first finishers, in their order or in any."""

    finishers: int
    ordered: bool


ORDER_POOLS = {
    "win": Pool(1, ordered=True),
    "quinella": Pool(2, ordered=False),
    "forecast": Pool(2, ordered=True),
    "exacta": Pool(2, ordered=True),
    "trio": Pool(3, ordered=False),
    "tierce": Pool(3, ordered=True),
    "trifecta": Pool(3, ordered=True),
}
"""Pools on the first three or fewer of one race."""


def finishes(connection: psycopg.Connection[Any], *, as_of: datetime) -> pl.DataFrame:
    """The finish of every race known to be over.

    Args:
        connection: An open connection.
        as_of: UTC instant; later results do not exist.

    Returns:
        A row for each runner that ran: `event_id`, `entrant_id`, `number` (on the saddlecloth), `position` (null
        without a placing) and `venue`, the course.
    """
    runner = ["race_id", "horse_id"]
    ran = read(connection, CATALOG["ra_results"], as_of=as_of).filter(~pl.col("outcome").is_in(DID_NOT_RUN))
    cards = read(connection, CATALOG["ra_runners"], as_of=as_of).select(*runner, "number")
    races = read(connection, CATALOG["ra_races"], as_of=as_of).select(pl.col("id").alias("race_id"), "course_id")
    joined = ran.join(cards, on=runner, how="left").join(races, on="race_id", how="left")
    return joined.select(
        pl.col("race_id").alias("event_id"),
        pl.col("horse_id").alias("entrant_id"),
        "number",
        "position",
        pl.col("course_id").alias("venue"),
    ).sort("event_id", "entrant_id")


def paid(connection: psycopg.Connection[Any], pool: str, *, as_of: datetime) -> pl.DataFrame:
    """What a pool paid on one combination of the first finishers.

    Args:
        connection: An open connection.
        pool: One of `ORDER_POOLS`.
        as_of: UTC instant; later dividends do not exist.

    Returns:
        `event_id`, `numbers` (those of the combination, rising where any order wins) and `dividend` for one unit.
        Races with two winning combinations, which a dead heat makes, are left out.
    """
    rows = read(connection, CATALOG["ra_dividends"], as_of=as_of).filter(pl.col("pool") == pool)
    numbers = pl.col("combination").str.split("-").list.eval(pl.element().cast(pl.Int64, strict=False))
    single = rows.filter(pl.len().over("race_id") == 1).select(
        pl.col("race_id").alias("event_id"),
        (numbers if ORDER_POOLS[pool].ordered else numbers.list.sort()).alias("numbers"),
        "dividend",
    )
    return single.filter(pl.col("dividend") > 0).sort("event_id")
