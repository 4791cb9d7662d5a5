"""Models in a registry whose probabilities are known, without a fit: what a gate, a card or a command is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from morningline.training.grouped import group_softmax
from morningline.training.registry.artefacts import OUTCOMES, file_sha256
from morningline.training.registry.versions import RegisteredModel, _insert

if TYPE_CHECKING:
    from pathlib import Path

    from morningline.kit.database import Database

TASK = "racing.win"
FIRST_DAY = date(2024, 1, 1)
EVENTS_A_DAY = 6
MADE_AT = datetime(2024, 12, 31, tzinfo=UTC)


def world(days: int = 120, seed: int = 1) -> pl.DataFrame:
    """Events of as many days from FIRST_DAY on, with the true chance of each entrant and who won."""
    random = np.random.default_rng(seed)
    events = days * EVENTS_A_DAY
    sizes = random.integers(5, 11, events)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    scores = random.normal(size=starts[-1])
    noisy = scores + random.gumbel(size=starts[-1])
    rows = []
    truth = group_softmax(scores, starts)
    for event, (a, b) in enumerate(pairwise(starts)):
        won = np.zeros(b - a)
        won[noisy[a:b].argmax()] = 1.0
        rows += [
            (f"e{event:05}", f"r{row:02}", FIRST_DAY + timedelta(event // EVENTS_A_DAY), won[row], truth[a + row])
            for row in range(b - a)
        ]
    return pl.DataFrame(rows, schema=["event_id", "entrant_id", "day", "won", "truth"], orient="row")


def blurred(rows: pl.DataFrame, noise: float, seed: int = 7) -> pl.Series:
    """The true chances seen through noise, summing to one within each event."""
    random = np.random.default_rng(seed)
    wild = rows.with_columns((pl.col("truth") * np.exp(noise * random.normal(size=rows.height))).alias("p"))
    return wild.select(pl.col("p") / pl.col("p").sum().over("event_id"))["p"]


@dataclass
class Shelf:
    """A registry, and models put into it as if they had been trained."""

    database: Database
    root: Path
    made: int = field(default=0)

    def put(
        self,
        name: str,
        rows: pl.DataFrame,
        p: pl.Series,
        *,
        test_from: date,
        test_to: date,
        validate_from: date | None = None,
        **other: Any,
    ) -> RegisteredModel:
        """A model that gives probabilities `p` to `rows`; before `test_from` it was validated, before that trained."""
        validation = validate_from or test_from - timedelta(days=20)
        part = (
            pl.when(pl.col("day") >= test_from)
            .then(pl.lit("test"))
            .when(pl.col("day") >= validation)
            .then(pl.lit("validation"))
            .otherwise(pl.lit("train"))
        )
        told = rows.with_columns(part.alias("part"), p.alias("market_free")).filter(pl.col("day") <= test_to)
        uniform = (1.0 / pl.len().over("event_id")).alias("uniform")
        others = [pl.col("market_free").alias(one) for one in ("combined", "market", "market_power")]
        told = told.with_columns(uniform, *others).drop("truth")
        return self.keep(name, told, test_from=test_from, test_to=test_to, **other)

    def keep(
        self, name: str, outcomes: pl.DataFrame, *, test_from: date, test_to: date, **other: Any
    ) -> RegisteredModel:
        """A model with these outcomes, whatever they are."""
        self.made += 1
        folder = self.root / "models" / name
        folder.mkdir(parents=True)
        outcomes.write_parquet(folder / OUTCOMES)
        values: dict[str, Any] = {
            "id": name,
            "task": TASK,
            "name": "logit_and_trees",
            "number": self.made,
            "created_at": MADE_AT + timedelta(hours=self.made),
            "registered_by": "ann",
            "train_until": FIRST_DAY,
            "test_from": test_from,
            "test_to": test_to,
            "feature_set": "form",
            "feature_version": "v1",
            "delta_version": 3,
            "data_fingerprint": "ab" * 32,
            "code_version": "0.1.0+test",
            "seed": 20,
            "parameters": {"learner": "logit_and_trees", "l2": self.made},
            "metrics": {"first_day": str(FIRST_DAY), "excluded": {}, "delta_r2": {"verdict": "not_decided"}},
            "artefact": f"models/{name}",
            "artefact_sha256": "0" * 64,
            "outcomes_sha256": file_sha256(folder / OUTCOMES),
            "pinned": False,
        }
        row = RegisteredModel(**{**values, **other})
        with self.database.connect() as connection:
            _insert(connection, row)
        return row
