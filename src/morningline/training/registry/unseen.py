"""The days a model has not seen: its own test as it was kept, and what it makes of later days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from morningline.kit.errors import DataError, IntegrityError
from morningline.training.registry.artefacts import OUTCOMES, file_sha256

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from pathlib import Path

    from morningline.training.registry.versions import RegisteredModel

    Later = Callable[[RegisteredModel, date, date], pl.DataFrame | None]

NOT_SAID = ("event_id", "entrant_id", "day", "won", "target")
"""Columns of outcomes that no model said."""


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """What a model says of days that it was neither trained nor validated on.

    Args:
        model: The model.
        rows: One row an entrant: `event_id`, `entrant_id`, `day`, what came (`won`, or `target` of rows), and what
            each model said.
        last_day: Last local day that was judged.

    Raises:
        IntegrityError: A row is of a day that the model has seen.
    """

    model: RegisteredModel
    rows: pl.DataFrame
    last_day: date

    def __post_init__(self) -> None:
        first = min(self.rows["day"], default=self.model.test_from)
        if first < self.model.test_from:
            raise IntegrityError(
                f"{self.model.id} is to be judged on {first}, but it saw the days before {self.model.test_from}.",
                do="Please report it: a model is only ever judged on days after its validation.",
            )


def kept_outcomes(model: RegisteredModel, root: Path) -> pl.DataFrame:
    """A model's backtest entrant by entrant, which is known to be unchanged.

    Raises:
        IntegrityError: It is missing, is not what was registered, or mixes its parts.
    """
    path = root / model.artefact / OUTCOMES
    try:
        whole = file_sha256(path) == model.outcomes_sha256
    except FileNotFoundError:
        whole = False
    if not whole:
        raise IntegrityError(
            f"The backtest of {model.id} is missing, or is not what was registered.",
            do="Restore the folder from a backup, or train again.",
        )
    return pl.read_parquet(path)


def judged_rows(model: RegisteredModel, root: Path) -> pl.DataFrame:
    """The test of a model, entrant by entrant; of a walk-forward the test of each fold, by the model of that fold.

    Raises:
        IntegrityError: It is not what was registered.
    """
    return kept_outcomes(model, root).filter(pl.col("part") == "test").drop("part")


def unseen(model: RegisteredModel, root: Path) -> Unseen:
    """The test period of a model itself, as it was kept when it was registered.

    The tests of earlier folds of a walk-forward are left out: the model of the last fold, which is the one that was
    kept, was fitted on their days.

    Raises:
        IntegrityError: It is not what was registered, or a day of it was fitted on.
    """
    outcomes = kept_outcomes(model, root)
    fitted = max(outcomes.filter(pl.col("part") != "test")["day"], default=model.train_until)
    if fitted >= model.test_from:
        raise IntegrityError(
            f"{model.id} was fitted on {fitted}, within its test from {model.test_from}.", do="Train it again."
        )
    test = outcomes.filter((pl.col("part") == "test") & (pl.col("day") >= model.test_from))
    return Unseen(model=model, rows=test.drop("part"), last_day=model.test_to)


def unseen_until(model: RegisteredModel, last: date, root: Path, later: Later) -> Unseen:
    """The test period of a model and, where it ends before a day, what the model makes of the days up to it.

    Args:
        model: The model.
        last: Last local day that is asked for.
        root: The workspace.
        later: Gives a model's rows of later local days, both ends included; None where it cannot.

    Raises:
        IntegrityError: What was kept is not what was registered.
    """
    found = unseen(model, root)
    if model.test_to >= last:
        return found
    more = later(model, model.test_to + timedelta(days=1), last)
    if more is None:
        return found
    return Unseen(model=model, rows=pl.concat([found.rows, more], how="diagonal"), last_day=last)


def require_column(rows: pl.DataFrame, name: str) -> None:
    """Make sure that a backtest has the probabilities, or forecasts, that are asked for.

    Raises:
        DataError: It has not.
    """
    if name not in rows.columns:
        known = ", ".join(column for column in rows.columns if column not in NOT_SAID)
        raise DataError(f"The backtest has no probabilities or forecasts {name!r}.", allowed=known)
