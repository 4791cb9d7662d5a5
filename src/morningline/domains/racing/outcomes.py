"""What came of runners, as it was known from when until when: results, their markets and sectional times."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from morningline.domains.racing.prices import PATIENCE, RUNNER, STATE, closing_books, opening_books
from morningline.features.state import IDENTITY

# Horses that came under no starter's orders have no form to show.
DID_NOT_RUN = ("NR", "VOID", "TNP")

# Behind thirty lengths a horse is eased; how much further back it walks in says nothing of its ability.
MOST_LENGTHS = 30.0
# The same of a section, in thousandths of the time that the field took.
MOST_SLOWER = 100.0


def outcomes(results: pl.DataFrame, odds: pl.DataFrame, sectionals: pl.DataFrame) -> pl.DataFrame:
    """Outcomes with their two clocks: a row for each version that some cut-off could see.

    A race is judged as a whole: whenever something more became known of it, its results are a new state, and a
    runner of whom another state says something else has another version. A state is usable once its closing market
    is complete, and a day after it was known without one.

    Args:
        results: Rows of `ra_results`, every version of each, with `#card_known_at`.
        odds: Rows of `ra_odds`: closing prices, and the first before the off.
        sectionals: Rows of `ra_sectionals`, every version of each.

    Returns:
        `event_id`, `entrant_id`, `usable_at`, `until` (null where it still stands) and what came of the runner.
    """
    known_at = pl.max_horizontal("known_at", "#card_known_at", pl.col("event_at") + timedelta(microseconds=1))
    states = _states(results.with_columns(known_at.alias("#known_at")))
    ran = states.filter(~pl.col("outcome").is_in(DID_NOT_RUN))
    market = closing_books(ran, odds).join(opening_books(ran, odds), on=[*RUNNER, "#known_at"], how="left")
    lasting = _lasting(states.join(market.select(*STATE, "#complete_at").unique(), on=list(STATE), how="left"))
    seen = ran.join(lasting, on=list(STATE)).join(market.drop("#complete_at"), on=[*RUNNER, "#known_at"], how="left")
    judged = _judged(seen.join(_sections(seen, sectionals), on=[*RUNNER, "#known_at"], how="left"))
    void = states.filter(pl.col("outcome").is_in(DID_NOT_RUN)).join(lasting, on=list(STATE))
    return _versions(judged, void.select(event_id="race_id", entrant_id="horse_id", usable_at="usable_at"))


def _states(results: pl.DataFrame) -> pl.DataFrame:
    """The results of each race as they were whenever more became known of it."""
    # Of versions that count from the same instant, as those before the race is over do, the last one is the truth.
    ordered = results.sort(*STATE, "horse_id", "known_at")
    rows = ordered.unique([*STATE, "horse_id"], keep="last", maintain_order=True)
    several = pl.col("#known_at").n_unique().over("race_id") > 1
    changing = rows.filter(several)
    instants = changing.select("race_id", pl.col("#known_at").alias("#then")).unique()
    known = changing.join(instants, on="race_id").filter(pl.col("#known_at") <= pl.col("#then"))
    newest = known.sort("race_id", "#then", "horse_id", "#known_at")
    newest = newest.unique(["race_id", "#then", "horse_id"], keep="last", maintain_order=True)
    newest = newest.with_columns(pl.col("#then").alias("#known_at")).select(rows.columns)
    return pl.concat([rows.filter(~several), newest]).sort(*STATE, "horse_id")


def _lasting(states: pl.DataFrame) -> pl.DataFrame:
    """When each state became usable, without those that were superseded before."""
    # Nobody waits for the market of a race that nobody ran.
    void = pl.col("outcome").is_in(DID_NOT_RUN).all()
    told = states.group_by(STATE).agg(pl.col("#complete_at").max(), void.alias("#void")).sort(STATE)
    waits = pl.when("#void").then("#known_at").otherwise(pl.col("#known_at") + PATIENCE)
    each = told.select(*STATE, pl.coalesce("#complete_at", waits).alias("usable_at"))
    superseded = pl.col("usable_at").reverse().cum_min().reverse().shift(-1).over("race_id")
    return each.filter((pl.col("usable_at") < superseded) | superseded.is_null())


def _sections(seen: pl.DataFrame, sectionals: pl.DataFrame) -> pl.DataFrame:
    """How the race was run, of runners whose sections were known when their state became usable."""
    known = seen.select(*RUNNER, "#known_at", "usable_at").join(sectionals, on=list(RUNNER))
    known = known.filter(pl.col("known_at") <= pl.col("usable_at")).sort(*STATE, "horse_id", "known_at")
    newest = known.unique([*STATE, "horse_id"], keep="last", maintain_order=True)
    seconds = pl.col("section_seconds")
    timed = newest.filter((seconds.list.len() > 2) & ~seconds.list.contains(None))
    late = seconds.list.tail(2).list.sum() / seconds.list.sum()
    against = 1000 * (1 - seconds.list.last() / seconds.list.last().median().over(STATE))
    saved = 1000 * (late.median().over(STATE) - late)
    return timed.select(
        *RUNNER,
        "#known_at",
        against.clip(-MOST_SLOWER, MOST_SLOWER).alias("last_section"),
        saved.clip(-MOST_SLOWER, MOST_SLOWER).alias("late_share"),
    )


def _judged(seen: pl.DataFrame) -> pl.DataFrame:
    """What each state says of each runner, against the others of the race."""
    runs = seen.sort(*STATE, "horse_id")
    first = pl.col("position") == 1
    size = pl.len().over(STATE).cast(pl.Float64)
    others = pl.max_horizontal(size - 1, 1.0)
    calls = pl.col("running_positions").cast(pl.List(pl.Float64)) - 1
    finished = pl.col("outcome") == "FIN"
    behind = pl.when(finished).then((pl.col("position") - 1) / others).otherwise(1.0)
    return runs.select(
        pl.col("race_id").alias("event_id"),
        pl.col("horse_id").alias("entrant_id"),
        "usable_at",
        (first.cast(pl.Float64) / pl.max_horizontal(first.sum().over(STATE), 1)).fill_null(0.0).alias("won"),
        (pl.col("position") <= 3).cast(pl.Float64).fill_null(0.0).alias("placed"),
        pl.col("position").cast(pl.Float64),
        behind.clip(0.0, 1.0).alias("finish_fraction"),
        pl.col("beaten_lengths").clip(0.0, MOST_LENGTHS),
        "finish_seconds",
        (calls.list.first() / others).clip(0.0, 1.0).alias("early_fraction"),
        (calls.list.get(-2, null_on_oob=True) / others).clip(0.0, 1.0).alias("turn_fraction"),
        pl.col("closing").alias("implied"),
        pl.col("opening").alias("opened"),
        "last_section",
        "late_share",
        size.alias("ran"),
    )


def _versions(judged: pl.DataFrame, void: pl.DataFrame) -> pl.DataFrame:
    """Rows that differ from what was said before, each until something else was."""
    said = [name for name in judged.columns if name not in (*IDENTITY, "usable_at")]
    rows = pl.concat([judged, void], how="diagonal").sort(*IDENTITY, "usable_at")
    entrant = pl.struct(IDENTITY)
    new = (entrant.ne_missing(entrant.shift())) | pl.struct(said).ne_missing(pl.struct(said).shift())
    changed = rows.filter(new).with_columns(pl.col("usable_at").shift(-1).over(IDENTITY).alias("until"))
    return changed.filter(pl.col("ran").is_not_null())
