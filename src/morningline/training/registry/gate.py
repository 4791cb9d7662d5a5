"""The gate of a promotion: challenger against champion on the same events that neither has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from morningline.kit.errors import DataError
from morningline.training.dataset import sample_of
from morningline.training.evaluation.comparison import Comparison, compare_r2
from morningline.training.registry.unseen import require_column, unseen_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from pathlib import Path

    from morningline.training.registry.unseen import Later, Unseen
    from morningline.training.registry.versions import RegisteredModel

    Judge = Callable[[RegisteredModel, RegisteredModel], "ModelComparison"]

PREDICTED = "market_free"
"""The probabilities that are locked as predictions, and so the ones a champion is chosen by."""

PAIR = ["event_id", "entrant_id"]


@dataclass(frozen=True, kw_only=True)
class ModelComparison:
    """Two models on the same unseen events.

    Attributes:
        challenger: Id of the model that is to be better.
        champion: Id of the one it is held against.
        compared: Which of their probabilities.
        first_day: First local day with an event that both were judged on.
        last_day: Last such day.
        left_out: Reason to number of events of these days that were left out.
        result: ΔR² of the challenger over the champion with interval, minimum detectable effect and verdict.
    """

    challenger: str
    champion: str
    compared: str
    first_day: date
    last_day: date
    left_out: dict[str, int]
    result: Comparison


def judge_of(root: Path, later: Later, compared: str = PREDICTED) -> Judge:
    """What compares two models of a workspace.

    Args:
        root: The workspace.
        later: Gives what a model makes of days after its test; None where it cannot.
        compared: Which of their probabilities.
    """

    def judge(challenger: RegisteredModel, champion: RegisteredModel) -> ModelComparison:
        last = max(challenger.test_to, champion.test_to)
        one, other = (unseen_until(model, last, root, later) for model in (challenger, champion))
        return compare_unseen(one, other, compared)

    return judge


def compare_unseen(challenger: Unseen, champion: Unseen, compared: str = PREDICTED) -> ModelComparison:
    """Compare two models on the events of days that neither was trained or validated on.

    An event counts where both were judged on the same entrants with the same winner; a result that was corrected
    between their trainings does not.

    Args:
        challenger: What is to be better.
        champion: What it is held against.
        compared: Which of their probabilities.

    Raises:
        DataError: There is no such event, or all lie on one day.
    """
    first = max(challenger.model.test_from, champion.model.test_from)
    last = min(challenger.last_day, champion.last_day)
    one, other = (_of_period(side, first, last, compared) for side in (challenger, champion))
    pairs = one.join(other, on=PAIR, how="full", suffix="_other", coalesce=True)
    agree = (pl.col("won") == pl.col("won_other")).fill_null(value=False).all().over("event_id")
    known = (pl.col("won").is_not_null().any() & pl.col("won_other").is_not_null().any()).over("event_id")
    marked = pairs.with_columns(
        pl.when(~known).then(pl.lit("judged_once")).when(~agree).then(pl.lit("corrected")).alias("left_out")
    )
    rows = marked.filter(pl.col("left_out").is_null()).sort("day", *PAIR)
    if rows.is_empty():
        raise _nothing_shared(challenger, champion)
    sample = sample_of(rows.with_columns(pl.lit(None, pl.Float64).alias("odds")))
    left_out = marked.drop_nulls("left_out").group_by("left_out").agg(pl.col("event_id").n_unique()).sort("left_out")
    days = rows["day"]
    return ModelComparison(
        challenger=challenger.model.id,
        champion=champion.model.id,
        compared=compared,
        first_day=days[0],
        last_day=days[-1],
        left_out=dict(left_out.iter_rows()),
        result=compare_r2(rows["p"].to_numpy(), rows["p_other"].to_numpy(), sample),
    )


def _of_period(side: Unseen, first: date, last: date, compared: str) -> pl.DataFrame:
    require_column(side.rows, compared)
    chosen = side.rows.filter(pl.col("day").is_between(first, last))
    return chosen.select(*PAIR, "day", "won", pl.col(compared).alias("p"))


def _nothing_shared(challenger: Unseen, champion: Unseen) -> DataError:
    told = " and ".join(
        f"{side.model.id} from {side.model.test_from} to {side.last_day}" for side in (challenger, champion)
    )
    return DataError(
        f"No event was judged by both models on a day that neither has seen: {told}.",
        allowed="two models with unseen days in common",
        do="Train the challenger with a test period that the champion has not seen either, or compute the features "
        "of its days so that both can be scored on them.",
    )
