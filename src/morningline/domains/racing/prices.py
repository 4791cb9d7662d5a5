"""Markets: the price a race is measured against, the book a result is first used with, and the first one of all."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from morningline.domains.racing.schema import CATALOG
from morningline.facts.store import read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import psycopg

# Prices at the off, the most liquid first: a race is measured against one market, never a mixture.
CLOSING_PRICES = ("final_tote", "exchange_sp", "sp")
AT_THE_OFF = f"price_kind IN {CLOSING_PRICES}"


# A result waits a day for the prices of its race; what comes later is left out, and the result is used without it.
PATIENCE = timedelta(days=1)

RUNNER = ("race_id", "horse_id")
# What was known of a race's results at an instant, as a whole.
STATE = ("race_id", "#known_at")


def prices_of_histories(days: Sequence[str]) -> str:
    """Which rows of `ra_odds` say something of past races: prices at the off, and of those before it the first.

    Of prices before the off only those that were the first known of a runner: no later one can take their place.

    Args:
        days: SQL conditions on `date`, so that the search for earlier prices keeps to the same years' partitions.

    Returns:
        A SQL condition.
    """
    before = "".join(f" AND before.{condition}" for condition in days)
    return (
        f"{AT_THE_OFF} OR NOT EXISTS (SELECT FROM ra_odds AS before"
        " WHERE (before.race_id, before.horse_id, before.date) = (ra_odds.race_id, ra_odds.horse_id, ra_odds.date)"
        f" AND before.price_kind NOT IN {CLOSING_PRICES} AND before.known_at < ra_odds.known_at{before})"
    )


def closing_odds(connection: psycopg.Connection[Any], *, as_of: datetime) -> pl.DataFrame:
    """One price a runner: the last of the most liquid kind its race has.

    Returns:
        `race_id`, `horse_id`, `bookmaker_id`, `decimal_odds`, `known_at`.
    """
    odds = read(connection, CATALOG["ra_odds"], as_of=as_of, where=AT_THE_OFF).with_columns(_liquidity())
    chosen = odds.filter(pl.col("#kind") == pl.col("#kind").min().over("race_id"))
    return _last_prices(chosen, *RUNNER).select("race_id", "horse_id", "bookmaker_id", "decimal_odds", "known_at")


def closing_books(ran: pl.DataFrame, odds: pl.DataFrame) -> pl.DataFrame:
    """The first complete book of closing prices of a state of results, and when it was complete.

    Later prices, of a more liquid kind even, are left out: at the moment the result was first used with its market
    they were not known, and a history must not change in hindsight.

    Args:
        ran: Who ran, as each state of the results says: `race_id`, `horse_id`, `#known_at`.
        odds: Rows of `ra_odds`.

    Returns:
        `race_id`, `horse_id`, `#known_at`, `closing` (the share of a unit that pays one, margin removed),
        `#complete_at`, for complete books only.
    """
    rows = ran.select(*RUNNER, "#known_at", pl.len().over(STATE).alias("#size"))
    closing = odds.filter(pl.col("price_kind").is_in(CLOSING_PRICES))
    quoted = rows.join(closing.with_columns(_liquidity()).rename({"known_at": "#quoted_at"}), on=list(RUNNER))
    first = quoted.group_by(*STATE, "#kind", "#size", "horse_id").agg(pl.col("#quoted_at").min())
    books = first.group_by(*STATE, "#kind", "#size").agg(pl.col("#quoted_at").max(), pl.len().alias("#quotes"))
    complete = (
        books.filter(pl.col("#quotes") == pl.col("#size"))
        .with_columns(pl.max_horizontal("#quoted_at", "#known_at").alias("#complete_at"))
        .filter(pl.col("#complete_at") <= pl.col("#known_at") + PATIENCE)
        .sort("#complete_at", "#kind")
        .unique(STATE, keep="first", maintain_order=True)
        .select(*STATE, "#kind", "#complete_at")
    )
    chosen = quoted.join(complete, on=[*STATE, "#kind"]).filter(pl.col("#quoted_at") <= pl.col("#complete_at"))
    prices = _last_prices(chosen, *STATE, "horse_id")
    return prices.select(*RUNNER, "#known_at", _of_book(1 / pl.col("decimal_odds")).alias("closing"), "#complete_at")


def opening_books(ran: pl.DataFrame, odds: pl.DataFrame) -> pl.DataFrame:
    """The first book before the off, where every runner had a price when its state of the results was first known.

    Args:
        ran: As for `closing_books`.
        odds: Rows of `ra_odds`; of prices before the off only the first that was known of a runner counts.

    Returns:
        `race_id`, `horse_id`, `#known_at` and `opening`, the share of a unit that pays one, margin removed.
    """
    early = odds.filter(~pl.col("price_kind").is_in(CLOSING_PRICES))
    first = early.filter(pl.col("known_at") == pl.col("known_at").min().over(RUNNER))
    # Several houses that quote it in one instant have one opinion: the mean of theirs, in an order of their own.
    opinion = first.sort(*RUNNER, "bookmaker_id", "event_at").group_by(RUNNER, maintain_order=True)
    opened = opinion.agg((1 / pl.col("decimal_odds")).mean().alias("#share"), pl.col("known_at").first())
    rows = ran.select(*RUNNER, "#known_at", pl.len().over(STATE).alias("#size")).join(opened, on=list(RUNNER))
    known = rows.filter(pl.col("known_at") <= pl.col("#known_at")).sort(*STATE, "horse_id")
    complete = known.filter(pl.len().over(STATE) == pl.col("#size"))
    return complete.select(*RUNNER, "#known_at", _of_book(pl.col("#share")).alias("opening"))


def _of_book(share: pl.Expr) -> pl.Expr:
    return share / share.sum().over(STATE)


def _liquidity() -> pl.Expr:
    rank = {kind: place for place, kind in enumerate(CLOSING_PRICES)}
    return pl.col("price_kind").replace_strict(rank, return_dtype=pl.Int8).alias("#kind")


def _last_prices(odds: pl.DataFrame, *key: str) -> pl.DataFrame:
    rows = odds.sort(*key, "event_at", "bookmaker_id")
    return rows.unique(key, keep="last", maintain_order=True)
