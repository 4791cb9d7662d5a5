"""Scoring: each locked prediction joined with what came of it and with the market on the same event."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from morningline.facts.store import load
from morningline.kit.clock import utc_now
from morningline.kit.database import read_frame
from morningline.kit.errors import DataError
from morningline.predictions.records import RECORDS
from morningline.training.dataset import sample_of
from morningline.training.evaluation.comparison import clustered_interval, compare_r2
from morningline.training.evaluation.metrics import score, winner_losses

if TYPE_CHECKING:
    from datetime import date

    import psycopg

    from morningline.training.task import Task

SCORES = RECORDS["scores"]


@dataclass(frozen=True, kw_only=True)
class ScoreReport:
    """How locked predictions did, beside the market on the same events.

    Attributes:
        predictions: Locked rows that have an outcome now.
        waiting: Locked rows whose event is not known to be over.
        events: Events that are scored; the last prediction before each event counts.
        excluded: Reason to number of events left out.
        models: `model` and `market`, each with its scores and the 95 % interval of its winner log loss.
        delta_r2: R² of the model less that of the market, with interval, minimum detectable effect and verdict;
            None on a single day, which cannot show how days differ.
    """

    predictions: int
    waiting: int
    events: int
    excluded: dict[str, int]
    models: dict[str, dict[str, float | None]]
    delta_r2: dict[str, Any] | None


def score_predictions(
    connection: psycopg.Connection[Any], task: Task, *, first: date | None = None, last: date | None = None
) -> ScoreReport:
    """Join outcomes and market to locked predictions, in the caller's transaction.

    Args:
        connection: An open connection.
        task: What was predicted.
        first: From this local day on; from the first prediction where not given.
        last: Until this local day.

    Raises:
        DataError: There are no predictions in that period.
    """
    locked = _locked(connection, task.name, first, last)
    if locked.is_empty():
        raise DataError(
            "There are no predictions to score in that period.", do="Make some with `morningline predict --date DAY`."
        )
    now = utc_now()
    answers = task.answers(connection, as_of=now, first=locked["day"].min()).drop("day")
    joined = locked.join(answers, on=["event_id", "entrant_id"], how="left", maintain_order="left")
    over = pl.col("event_id").is_in(answers["event_id"].unique().implode())
    ended = joined.filter(over)
    # An entrant that was predicted and did not take part has no answer; its chance falls to the others in proportion.
    took_part = ended.filter(pl.col("won").is_not_null())
    group = ["model_id", "as_of", "event_id"]
    share = 1 / pl.col("odds")
    marked = took_part.with_columns(
        (pl.col("probability") / pl.col("probability").sum().over(group)).alias("probability"),
        pl.when(pl.col("odds").is_not_null().all().over(group))
        .then(share / share.sum().over(group))
        .alias("market_probability"),
    )
    rows = ended.join(marked.select("id", "market_probability"), on="id", how="left").select(
        pl.col("id").alias("prediction_id"),
        pl.lit(now).alias("scored_at"),
        pl.col("won").fill_null(0.0),
        "market_probability",
        pl.col("odds").alias("market_odds"),
        pl.when(pl.col("won").is_null()).then(pl.lit("did_not_run")).otherwise("excluded").alias("excluded"),
    )
    load(connection, SCORES, rows)
    return _report(marked, waiting=joined.height - ended.height, scored=ended.height)


def _locked(connection: psycopg.Connection[Any], task: str, first: date | None, last: date | None) -> pl.DataFrame:
    columns: dict[str, pl.DataType | type[pl.DataType]] = {
        "id": pl.String,
        "model_id": pl.String,
        "as_of": pl.Datetime("us", "UTC"),
        "made_at": pl.Datetime("us", "UTC"),
        "event_id": pl.String,
        "entrant_id": pl.String,
        "day": pl.Date,
        "probability": pl.Float64,
    }
    sql = (
        f"SELECT {', '.join(columns)} FROM predictions WHERE task = %s AND day >= coalesce(%s, '-infinity'::date) "  # noqa: S608 - our own names
        "AND day <= coalesce(%s, 'infinity'::date) ORDER BY day, event_id, entrant_id, as_of, made_at, model_id"
    )
    return read_frame(connection, sql, columns, (task, first, last))


def _report(marked: pl.DataFrame, *, waiting: int, scored: int) -> ScoreReport:
    last_word = marked.filter(
        (pl.col("made_at") == pl.col("made_at").max().over("event_id"))
        & (pl.col("model_id") == pl.col("model_id").last().over("event_id"))
    )
    left_out = last_word.filter(pl.col("excluded").is_not_null()).unique("event_id")
    reasons = dict(left_out.group_by("excluded").len().sort("excluded").iter_rows())
    rows = last_word.filter(pl.col("excluded").is_null()).sort("day", "event_id", "entrant_id")
    if rows.is_empty():
        return ScoreReport(predictions=scored, waiting=waiting, events=0, excluded=reasons, models={}, delta_r2=None)
    sample = sample_of(rows)
    p = {"model": rows["probability"].to_numpy(), "market": rows["market_probability"].to_numpy()}
    # How days differ cannot be seen on one day, so one day has scores and no intervals.
    several_days = len(np.unique(sample.days)) > 1
    models: dict[str, dict[str, float | None]] = {}
    for name, probability in p.items():
        interval = clustered_interval(winner_losses(probability, sample), sample.days) if several_days else None
        ends = (interval.low, interval.high) if interval else (None, None)
        models[name] = {**asdict(score(probability, sample)), "log_loss_low": ends[0], "log_loss_high": ends[1]}
    shown = None
    if several_days:
        delta = asdict(compare_r2(p["model"], p["market"], sample))
        shown = {key: delta[key] for key in ("estimate", "low", "high", "mde", "verdict")}
    return ScoreReport(
        predictions=scored, waiting=waiting, events=sample.events, excluded=reasons, models=models, delta_r2=shown
    )
