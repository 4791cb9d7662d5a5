"""What racing predicts: who wins, who is among the first three, and how many lengths behind the winner it is."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from morningline.domains.racing.answers import RACE, market_missing, racing_answers, ran_beside_market, seasons
from morningline.domains.racing.events import day_cutoffs, racing_events
from morningline.training.task import Task

if TYPE_CHECKING:
    from datetime import date, datetime

    import psycopg

    from morningline.training.grouped import Floats

PLACES = 3
"""Who is among the first so many is placed; a dead heat for the last of them places both."""


def place_answers(connection: psycopg.Connection[Any], *, as_of: datetime, first: date | None = None) -> pl.DataFrame:
    """Who of every race known to be over was placed, and how likely the market held it to be.

    Who ran and did not finish, or was disqualified, was not placed: that is known, and counts.

    Args:
        connection: An open connection.
        as_of: UTC instant; later results and prices do not exist.
        first: Only races from this local day on.

    Returns:
        `event_id`, `entrant_id`, `day`, `placed`, `market` (Harville's model from closing odds, the margin taken off
        in proportion), `excluded`: `no_winner`, `few_runners` (all would be placed), `no_market` or `incomplete_book`.
    """
    ran = ran_beside_market(connection, as_of=as_of, first=first).sort(RACE, "horse_id")
    excluded = (
        pl.when((pl.col("position") == 1).sum().over(RACE) == 0)
        .then(pl.lit("no_winner"))
        .when(pl.len().over(RACE) <= PLACES)
        .then(pl.lit("few_runners"))
        .otherwise(market_missing())
    )
    rows = ran.select(
        *_identity(),
        (pl.col("position") <= PLACES).fill_null(value=False).cast(pl.Float64).alias("placed"),
        (1 / pl.col("decimal_odds")).alias("#inverse"),
        excluded.alias("excluded"),
    )
    counted = rows.filter(pl.col("excluded").is_null())
    market = counted.select("event_id", "entrant_id", pl.Series("market", _placed_by_market(counted), dtype=pl.Float64))
    return rows.join(market, on=["event_id", "entrant_id"], how="left").select(
        "event_id", "entrant_id", "day", "placed", "market", "excluded"
    )


def lengths_answers(connection: psycopg.Connection[Any], *, as_of: datetime, first: date | None = None) -> pl.DataFrame:
    """How far behind the winner every runner of a race known to be over finished.

    Args:
        connection: An open connection.
        as_of: UTC instant; later results do not exist.
        first: Only races from this local day on.

    Returns:
        `event_id`, `entrant_id`, `day`, `beaten_lengths` (0 for the winner; null where it is not known), `excluded`:
        `no_winner`, `one_runner`, `not_measured` of a finisher without a distance, and of who did not finish the
        outcome as the result has it, such as `outcome_PU`. Nothing is put in the place of what was not measured.
    """
    ran = ran_beside_market(connection, as_of=as_of, first=first)
    excluded = (
        pl.when((pl.col("position") == 1).sum().over(RACE) == 0)
        .then(pl.lit("no_winner"))
        .when(pl.len().over(RACE) < 2)
        .then(pl.lit("one_runner"))
        .when(pl.col("outcome") != "FIN")
        .then(pl.format("outcome_{}", "outcome"))
        .when(pl.col("beaten_lengths").is_null())
        .then(pl.lit("not_measured"))
    )
    finished = pl.when(pl.col("outcome") == "FIN").then(pl.col("beaten_lengths"))
    rows = ran.select(*_identity(), finished.alias("beaten_lengths"), excluded.alias("excluded"))
    return rows.sort("event_id", "entrant_id")


def _identity() -> tuple[pl.Expr, ...]:
    return (
        pl.col(RACE).alias("event_id"),
        pl.col("horse_id").alias("entrant_id"),
        pl.col("date").alias("day"),
    )


def _placed_by_market(rows: pl.DataFrame) -> Floats:
    """The market's chance of a place of each row of whole races, the rows of each together."""
    from morningline.training.models.placing import HARVILLE

    if rows.is_empty():
        return np.empty(0)
    sizes = rows.group_by("event_id", maintain_order=True).len()["len"].to_numpy()
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    share = rows.select(pl.col("#inverse") / pl.col("#inverse").sum().over("event_id"))["#inverse"]
    return HARVILLE.place(share.to_numpy(), starts, PLACES)


_of_races = partial(Task, events=racing_events, cutoffs=day_cutoffs, seasons=seasons)

TASKS = (
    _of_races(name="racing.win", answers=racing_answers),
    _of_races(
        name="racing.place",
        answers=place_answers,
        kind="binary",
        target="placed",
        references=("market",),
    ),
    _of_races(
        name="racing.beaten_lengths",
        answers=lengths_answers,
        kind="regression",
        target="beaten_lengths",
        unit="lengths",
        least=0.0,
    ),
)
"""The usual one first."""
