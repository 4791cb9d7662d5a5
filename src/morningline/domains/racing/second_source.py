"""What to make of it where two sources of the same races differ: words for a person, nothing that is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from morningline.domains.racing.schema import CATALOG
from morningline.domains.racing.vocabulary import OUTCOME_ALIASES
from morningline.facts.store import read_keyed

if TYPE_CHECKING:
    import psycopg

# The public odds are the dividend cut down to a tenth, and from 10 on to a whole number.
_FINE_UNTIL, _FINE, _COARSE = 10.0, 0.1, 1.0
_NOISE = 1e-6


def suggest(connection: psycopg.Connection[Any], differences: pl.DataFrame) -> list[str]:
    """Say which source is likely right, and what one of them lacks.

    Args:
        connection: Where the first source is stored.
        differences: What the two do not say alike, of `sources.reconciling`.
    """
    values = differences.filter(pl.col("kind") == "value")
    odds = values.filter((pl.col("table") == "ra_odds") & (pl.col("column") == "decimal_odds"))
    outcomes = values.filter((pl.col("table") == "ra_results") & (pl.col("column") == "outcome"))
    return [*_odds(connection, odds), *_disqualified(outcomes), *_missing(differences)]


def _odds(connection: psycopg.Connection[Any], odds: pl.DataFrame) -> list[str]:
    """A winner's odds can be checked: the pool paid them."""
    if odds.is_empty():
        return []
    keys = odds["event_id"].unique()
    runners = read_keyed(connection, CATALOG["ra_runners"], ["race_id", "horse_id", "number"], keys)
    paid = read_keyed(connection, CATALOG["ra_dividends"], ["race_id", "pool", "combination", "dividend"], keys)
    wins = paid.filter(pl.col("pool") == "win").select("race_id", "dividend", pl.col("combination").alias("number"))
    checked = (
        odds.join(runners, left_on=["event_id", "entrant_id"], right_on=["race_id", "horse_id"])
        .with_columns(pl.col("number").cast(pl.String))
        .join(wins, left_on=["event_id", "number"], right_on=["race_id", "number"])
    )
    agrees = {name: checked.filter(_is_paid(pl.col(name).cast(pl.Float64))).height for name in ("first", "second")}
    told = "none of them won, so no dividend can tell which source is right"
    if checked.height:
        told = (
            f"of the {checked.height:,} that won, the first agrees with the win dividend for {agrees['first']:,}, the "
            f"second for {agrees['second']:,}"
        )
    return [f"The odds of {_many(odds.height, 'runner')} differ; {told}."]


def _is_paid(odds: pl.Expr) -> pl.Expr:
    step = pl.when(odds < _FINE_UNTIL).then(_FINE).otherwise(_COARSE)
    return (pl.col("dividend") >= odds - _NOISE) & (pl.col("dividend") < odds + step - _NOISE)


def _disqualified(outcomes: pl.DataFrame) -> list[str]:
    found = outcomes.filter(pl.col("second") == "DSQ")
    if found.is_empty():
        return []
    others = ", ".join(found["first"].unique().sort())
    many = _many(found.height, "runner")
    return [f"The second has {many} as DSQ, the first as {others}: it may tell of the race before the inquiry."]


def _missing(differences: pl.DataFrame) -> list[str]:
    """Runners that only the second has: those that did not start need no row, those that did are missing."""
    alone = differences.filter(
        (pl.col("kind") == "only_second") & (pl.col("table") == "ra_runners") & pl.col("reason").is_not_null()
    )
    outcome = pl.col("reason").replace(dict(OUTCOME_ALIASES))
    known = alone.with_columns(outcome.alias("outcome")).filter(pl.col("outcome").is_in(_OUTCOMES))
    withdrawn, started = known.filter(pl.col("outcome") == "NR"), known.filter(pl.col("outcome") != "NR")
    said = []
    if withdrawn.height:
        said.append(
            f"{_many(withdrawn.height, 'runner')} of the second were withdrawn and are not in the first. They were on "
            "the card: fields of the first are smaller than what was known in the morning."
        )
    if started.height:
        counts = started["outcome"].value_counts().sort("outcome").rows()
        said.append(
            f"{_many(started.height, 'runner')} that started and did not finish "
            f"({', '.join(f'{word} {count}' for word, count in counts)}) are missing in the first: its books of those "
            "races are incomplete. Add them to the first source."
        )
    return said


_OUTCOMES = [*dict.fromkeys([*OUTCOME_ALIASES.values(), "PU", "UR", "DNF", "TNP", "DSQ", "NR"])]


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
