"""The gate of a promotion: challenger against champion on the same events that neither has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from morningline.kit.errors import DataError
from morningline.training.judging.groups import GROUPS
from morningline.training.registry.unseen import require_column, unseen_until
from morningline.training.task import USUAL

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from pathlib import Path

    from morningline.training.evaluation.comparison import Comparison
    from morningline.training.evaluation.row_comparison import LossComparison
    from morningline.training.judging.judging import Judging
    from morningline.training.registry.unseen import Later, Unseen
    from morningline.training.registry.versions import RegisteredModel

    Judge = Callable[[RegisteredModel, RegisteredModel], "ModelComparison"]

PREDICTED = GROUPS.predicted
"""The probabilities of who wins that are locked as predictions, and so the ones a champion is chosen by."""

PAIR = ["event_id", "entrant_id"]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """By what two models are compared.

    Args:
        judging: What the kind of their task is compared by.
        metric: The task's deciding metric.
        compared: Whose numbers; those that are predicted where none are named.
    """

    judging: Judging = GROUPS
    metric: str = USUAL["group"].metrics[0]
    compared: str = ""

    @property
    def column(self) -> str:
        """The column of the outcomes that is compared."""
        return self.compared or self.judging.predicted


@dataclass(frozen=True, kw_only=True)
class ModelComparison:
    """Two models on the same unseen events, or rows.

    Attributes:
        challenger: Id of the model that is to be better.
        champion: Id of the one it is held against.
        compared: Which of their numbers.
        metric: By which metric: `winner_log_loss` is told as ΔR², another as the loss that is saved.
        first_day: First local day with something that both were judged on.
        last_day: Last such day.
        left_out: Reason to number of events, or rows, of these days that were left out.
        result: The challenger over the champion with interval, minimum detectable effect and verdict; above 0 is
            better.
    """

    challenger: str
    champion: str
    compared: str
    metric: str
    first_day: date
    last_day: date
    left_out: dict[str, int]
    result: Comparison | LossComparison


def judge_of(root: Path, later: Later, compared: str = "", terms: Terms | None = None) -> Judge:
    """What compares two models of a workspace.

    Args:
        root: The workspace.
        later: Gives what a model makes of days after its test; None where it cannot.
        compared: Which of their numbers; those that are predicted where none are named.
        terms: By what; as who wins where not given.
    """
    agreed = terms or Terms(compared=compared)

    def judge(challenger: RegisteredModel, champion: RegisteredModel) -> ModelComparison:
        last = max(challenger.test_to, champion.test_to)
        one, other = (unseen_until(model, last, root, later) for model in (challenger, champion))
        return compare_unseen(one, other, terms=agreed)

    return judge


def compare_unseen(
    challenger: Unseen, champion: Unseen, compared: str = "", terms: Terms | None = None
) -> ModelComparison:
    """Compare two models on the events, or rows, of days that neither was trained or validated on.

    Of who wins, an event counts where both were judged on the same entrants with the same winner; else a row counts
    where both were judged on it with the same target. A result that was corrected between their trainings does not.

    Args:
        challenger: What is to be better.
        champion: What it is held against.
        compared: Which of their numbers; those that are predicted where none are named.
        terms: By what; as who wins where not given.

    Raises:
        DataError: There is nothing of that kind, or all lies on one day.
    """
    agreed = terms or Terms(compared=compared)
    first = max(challenger.model.test_from, champion.model.test_from)
    last = min(challenger.last_day, champion.last_day)
    one, other = (_of_period(side, first, last, agreed.column) for side in (challenger, champion))
    pairs = one.join(other, on=PAIR, how="full", suffix="_other", coalesce=True)
    marked = agreed.judging.marked(pairs)
    rows = marked.filter(pl.col("left_out").is_null()).sort("day", *PAIR)
    if rows.is_empty():
        raise _nothing_shared(challenger, champion)
    days = rows["day"]
    return ModelComparison(
        challenger=challenger.model.id,
        champion=champion.model.id,
        compared=agreed.column,
        metric=agreed.metric,
        first_day=days[0],
        last_day=days[-1],
        left_out=agreed.judging.counted(marked),
        result=agreed.judging.compare(rows, agreed.metric),
    )


def _of_period(side: Unseen, first: date, last: date, compared: str) -> pl.DataFrame:
    require_column(side.rows, compared)
    chosen = side.rows.filter(pl.col("day").is_between(first, last))
    came = [name for name in ("won", "target") if name in chosen.columns]
    return chosen.select(*PAIR, "day", *came, pl.col(compared).alias("p"))


def _nothing_shared(challenger: Unseen, champion: Unseen) -> DataError:
    told = " and ".join(
        f"{side.model.id} from {side.model.test_from} to {side.last_day}" for side in (challenger, champion)
    )
    return DataError(
        f"Nothing was judged by both models on a day that neither has seen: {told}.",
        allowed="two models with unseen days in common",
        do="Train the challenger with a test period that the champion has not seen either, or compute the features "
        "of its days so that both can be scored on them.",
    )
