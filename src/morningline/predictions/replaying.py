"""Replay: a past prediction computed again from its id, and proof that the bits are equal or what differs."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from morningline.features.engine import compute
from morningline.kit.errors import NotFoundError
from morningline.predictions.predicting import predict_events, stored

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from morningline.predictions.predicting import Predictor


@dataclass(frozen=True)
class Replay:
    """What a replay found.

    Attributes:
        id: The prediction.
        event_id: Its event.
        entrant_id: Its entrant.
        as_of: What was known when it was made.
        model_id: The model that made it.
        locked: The probability as it was locked.
        replayed: The probability computed again, or None where it cannot be.
        differences: What differs, in words; empty where every bit is equal.
    """

    id: str
    event_id: str
    entrant_id: str
    as_of: datetime
    model_id: str
    locked: float
    replayed: float | None
    differences: list[str]

    @property
    def equal(self) -> bool:
        """Whether every bit is equal."""
        return not self.differences


def find_prediction(connection: psycopg.Connection[Any], prediction_id: str) -> dict[str, Any]:
    """A locked prediction by its id.

    Raises:
        NotFoundError: Nothing bears the id.
    """
    rows = stored(connection, ids=[prediction_id])
    if rows.is_empty():
        raise NotFoundError(
            f"There is no prediction {prediction_id!r}.", do="Take an id from `morningline predictions show`."
        )
    return rows.row(0, named=True)


def replay(connection: psycopg.Connection[Any], locked: dict[str, Any], predictor: Predictor) -> Replay:
    """Compute a prediction again from the facts as they were known then.

    Args:
        connection: An open connection.
        locked: What `find_prediction` found.
        predictor: With the model that made it.
    """
    cutoff = predictor.features.cutoff
    events = predictor.task.events(connection, as_of=locked["as_of"], cutoff=cutoff, last=locked["day"])
    features = compute(events, predictor.features.steps).filter(pl.col("event_id") == locked["event_id"])
    differences = []
    if predictor.features.version != locked["feature_version"]:
        differences.append(f"feature version: was {locked['feature_version']}, is {predictor.features.version}")
    again = None
    if features.height and features["entrant_id"].is_in([locked["entrant_id"]]).any():
        rows = predict_events(predictor, features, locked["as_of"])
        again = rows.filter(pl.col("entrant_id") == locked["entrant_id"]).row(0, named=True)
        differences += _differences(locked, again, predictor.features.names)
    else:
        differences.append("the facts no longer hold this entrant as it was known then")
    return Replay(
        id=locked["id"],
        event_id=locked["event_id"],
        entrant_id=locked["entrant_id"],
        as_of=locked["as_of"],
        model_id=locked["model_id"],
        locked=locked["probability"],
        replayed=again["probability"] if again else None,
        differences=differences,
    )


def _differences(locked: dict[str, Any], again: dict[str, Any], names: list[str]) -> list[str]:
    found = []
    if len(locked["inputs"]) != len(again["inputs"]):
        found.append(f"inputs: were {len(locked['inputs'])} features, are {len(again['inputs'])}")
    else:
        pairs = zip(names, locked["inputs"], again["inputs"], strict=True)
        found += [f"input {name}: was {was!r}, is {now!r}" for name, was, now in pairs if _bits(was) != _bits(now)]
    if locked["inputs_hash"] != again["inputs_hash"] and not found:
        found.append("inputs of another entrant of the event differ")
    for name in ("probability", "fair_odds"):
        if _bits(locked[name]) != _bits(again[name]):
            found.append(f"{name}: was {locked[name]!r}, is {again[name]!r}")
    if locked["rank"] != again["rank"]:
        found.append(f"rank: was {locked['rank']}, is {again['rank']}")
    return found


def _bits(value: float | None) -> bytes:
    return struct.pack("<d", float("nan") if value is None else value)
