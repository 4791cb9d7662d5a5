"""Making predictions: the features of a day as they are known at its cut-off, a model, and rows that never change."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from morningline.facts.store import load
from morningline.features.engine import compute
from morningline.kit.clock import utc_now
from morningline.kit.database import read_frame
from morningline.kit.errors import DataError
from morningline.predictions.records import RECORDS
from morningline.training.dataset import unplayed_sample

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    import psycopg

    from morningline.features.feature_set import FeatureSet
    from morningline.training.models.win_model import WinModel
    from morningline.training.registry import RegisteredModel
    from morningline.training.task import Task

PREDICTIONS = RECORDS["predictions"]


@dataclass(frozen=True)
class Predictor:
    """Everything a prediction is made with.

    Args:
        task: What is predicted.
        features: The feature set the program computes.
        registered: The model's row in the registry.
        model: The model itself.
    """

    task: Task
    features: FeatureSet
    registered: RegisteredModel
    model: WinModel

    def require_fit(self, day: date) -> None:
        """Refuse a model that cannot predict a day honestly.

        Raises:
            DataError: The model was fitted with that day's outcomes, or on another version of the features.
        """
        if day < self.registered.test_from:
            raise DataError(
                f"The model {self.registered.id} was fitted on days until the eve of {self.registered.test_from}; "
                f"{day} is not later, so it has seen what it would predict.",
                do="Train a model on days before, or predict a later day.",
            )
        if self.registered.feature_version != self.features.version:
            raise DataError(
                f"The model {self.registered.id} was trained on feature version {self.registered.feature_version}; "
                f"this program computes {self.features.version}.",
                do="Run `morningline features compute` and `morningline backtest` to train a model on these features.",
            )


@dataclass(frozen=True)
class DayPredictions:
    """The predictions of a day.

    Attributes:
        rows: What is locked, as the table has it.
        made: How many rows are new.
        differing: Rows that were locked before with another probability than would be given now.
    """

    rows: pl.DataFrame
    made: int
    differing: int


def predict_day(connection: psycopg.Connection[Any], predictor: Predictor, day: date) -> DayPredictions:
    """Predict every event of a local day and lock the rows, in the caller's transaction.

    Args:
        connection: An open connection.
        predictor: With what.
        day: The local day.

    Returns:
        What is locked now; rows locked before stay as they were.

    Raises:
        DataError: There are no events, or the model cannot predict that day honestly.
    """
    predictor.require_fit(day)
    made = _made(connection, predictor, day)
    before = stored(connection, day=day, model_id=predictor.registered.id)
    count = load(connection, PREDICTIONS, made)
    locked = stored(connection, day=day, model_id=predictor.registered.id)
    again = made.select("id", "probability").join(before.select("id", pl.col("probability").alias("#locked")), on="id")
    differing = again.filter(pl.col("probability") != pl.col("#locked")).height
    return DayPredictions(locked, count.inserted, differing)


def predict_events(predictor: Predictor, features: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Predict from computed features: rows of the table `predictions` but for `made_at`.

    Args:
        predictor: With what.
        features: What the engine gave for whole events.
        as_of: UTC instant of what was known.
    """
    names = predictor.features.names
    rows = features.sort("day", "event_id", "entrant_id")
    sample = unplayed_sample(rows, names)
    p = np.exp(predictor.model.market_free(sample))
    inputs = sample.features
    event_hash = [
        sha256("\x1f".join(names).encode() + inputs[a:b].tobytes()).hexdigest()
        for a, b in zip(sample.starts[:-1], sample.starts[1:], strict=True)
    ]
    ids = [
        _identity(predictor, event, entrant, as_of)
        for event, entrant in rows.select("event_id", "entrant_id").iter_rows()
    ]
    made = rows.select(
        pl.Series("id", ids),
        pl.lit(predictor.task.name).alias("task"),
        "event_id",
        "entrant_id",
        "day",
        pl.lit(as_of).dt.cast_time_unit("us").alias("as_of"),
        pl.lit(predictor.registered.id).alias("model_id"),
        pl.lit(predictor.features.version).alias("feature_version"),
        pl.Series("probability", p),
        pl.Series("fair_odds", 1 / p),
        pl.lit(0, pl.Int32).alias("rank"),
        pl.Series("inputs", inputs.tolist(), dtype=pl.List(pl.Float64)),
        pl.Series("inputs_hash", np.array(event_hash, dtype=object)[sample.group_of_rows()].tolist()),
    )
    rank = pl.col("probability").rank("min", descending=True).over("event_id")
    return made.with_columns(rank.cast(pl.Int32).alias("rank"))


def stored(
    connection: psycopg.Connection[Any],
    *,
    day: date | None = None,
    event_id: str | None = None,
    model_id: str | None = None,
    ids: Sequence[str] = (),
) -> pl.DataFrame:
    """Locked predictions, in the order of day, event and rank; conditions that are given must all hold."""
    conditions = {
        "day = %s": day,
        "event_id = %s": event_id,
        "model_id = %s": model_id,
        "id = ANY(%s)": list(ids) or None,
    }
    chosen = {text: value for text, value in conditions.items() if value is not None}
    where = " AND ".join(chosen) or "TRUE"
    columns = ", ".join(PREDICTIONS.columns)
    sql = f"SELECT {columns} FROM predictions WHERE {where} ORDER BY day, event_id, as_of, model_id, rank, entrant_id"  # noqa: S608 - our own names
    dtypes = {**PREDICTIONS.dtypes, "inputs": pl.List(pl.Float64)}
    return read_frame(connection, sql, dtypes, tuple(chosen.values()))


def with_scores(
    connection: psycopg.Connection[Any], *, day: date | None = None, event_id: str | None = None
) -> pl.DataFrame:
    """Locked predictions without their inputs, beside what came of them where that is known."""
    rows = stored(connection, day=day, event_id=event_id).drop("inputs", "inputs_hash")
    schema = {"id": pl.String, "won": pl.Float64, "market_probability": pl.Float64, "market_odds": pl.Float64}
    sql = "SELECT prediction_id AS id, won, market_probability, market_odds FROM scores WHERE prediction_id = ANY(%s)"
    return rows.join(read_frame(connection, sql, schema, (rows["id"].to_list(),)), on="id", how="left")


def _made(connection: psycopg.Connection[Any], predictor: Predictor, day: date) -> pl.DataFrame:
    now = utc_now()
    parts = []
    # Events of one local day in two time zones have two cut-offs, and each may know only what came before its own.
    for cutoff in predictor.task.cutoffs(connection, day=day, as_of=now, cutoff=predictor.features.cutoff):
        as_of = min(cutoff, now)
        events = predictor.task.events(connection, as_of=as_of, cutoff=predictor.features.cutoff, last=day)
        features = compute(events, predictor.features.steps).filter(
            (pl.col("day") == day) & (pl.col("as_of") == cutoff)
        )
        if features.height:
            parts.append(predict_events(predictor, features, as_of).with_columns(pl.lit(now).alias("made_at")))
    if not parts:
        raise DataError(
            f"There are no events on {day} whose card was known at the cut-off.",
            do="Import or collect the card of that day, or look at `db query` for the days there are.",
        )
    return pl.concat(parts)


def _identity(predictor: Predictor, event: str, entrant: str, as_of: datetime) -> str:
    text = f"{predictor.task.name}\x1f{event}\x1f{entrant}\x1f{predictor.registered.id}\x1f{as_of.isoformat()}"
    return sha256(text.encode()).hexdigest()[:16]
