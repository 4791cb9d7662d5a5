"""Promotion: who becomes champion and why, decided in one transaction and written down for good."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from morningline.kit.clock import utc_now
from morningline.kit.errors import DataError, InputError, IntegrityError
from morningline.training.registry.aliases import aliases, lock_task, set_alias
from morningline.training.registry.versions import find

if TYPE_CHECKING:
    from datetime import date, datetime

    import psycopg

    from morningline.training.registry.gate import Judge, ModelComparison

Outcome = Literal["first", "adopted", "forced", "refused", "rolled_back"]
TRIES = """
    SELECT count(DISTINCT to_model) FROM promotions
    WHERE task = %s AND from_model = %s AND to_model <> %s AND outcome IN ('adopted', 'forced', 'refused')
"""


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """A row of the table `promotions`: a proposal to promote a model, or a rollback, and what came of it.

    Attributes:
        outcome: `first` (there was no champion), `adopted`, `forced` (against the gate, with a reason), `refused`
            or `rolled_back`.
    """

    task: str
    decided_at: datetime
    decided_by: str
    outcome: Outcome
    from_model: str | None
    to_model: str
    compared: str | None = None
    metric: str | None = None
    first_day: date | None = None
    last_day: date | None = None
    verdict: str | None = None
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    mde: float | None = None
    reason: str | None = None

    @property
    def took_effect(self) -> bool:
        """Whether the champion is another one now."""
        return self.outcome != "refused"


NAMES = tuple(field.name for field in fields(Promotion))


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What came of a proposal.

    Attributes:
        promotion: As it is written down.
        comparison: What it rests on; None for a first champion, or where nothing could be compared.
        why_not_compared: Why not, where that is so.
        tried_before: How many other models were held against the same champion before: of models without any edge one
            in forty is adopted by luck.
    """

    promotion: Promotion
    comparison: ModelComparison | None
    why_not_compared: str | None
    tried_before: int


def promote(
    connection: psycopg.Connection[Any],
    task: str,
    model: str,
    judge: Judge,
    *,
    who: str,
    reason: str | None = None,
    force: bool = False,
) -> Decision:
    """Make a model the champion of its task if it is shown to be better, in the caller's transaction.

    A first champion needs only to exist. After that the verdict has to be `adopt`; a model that is refused becomes
    the challenger. Whoever predicts asks for the champion each time, so it takes effect when this commits.

    Args:
        connection: An open connection.
        task: What is predicted.
        model: Id, alias or version of the model.
        judge: Compares two models on days that neither has seen, as `judge_of` makes it.
        who: Who asks.
        reason: Why, in words; needed to force it.
        force: Promote it whatever the verdict, which is written down.

    Raises:
        NotFoundError: There is no such model.
        InputError: It is the champion already, or is forced without a reason.
    """
    if force and not (reason or "").strip():
        raise InputError(
            "A promotion was forced without a reason.",
            allowed="a reason, in words",
            do="Say why the gate is passed over; it is kept with the promotion.",
        )
    lock_task(connection, task)
    proposed, champion = find(connection, task, model), aliases(connection, task).get("champion")
    if proposed.id == champion:
        raise InputError(f"{proposed.id} is the champion of {task} already.", do="Name another model.")
    asked = Promotion(
        task=task,
        decided_at=utc_now(),
        decided_by=who,
        outcome="first",
        from_model=champion,
        to_model=proposed.id,
        reason=(reason or "").strip() or None,
    )
    decision = (
        Decision(promotion=asked, comparison=None, why_not_compared=None, tried_before=0)
        if champion is None
        else _judged(connection, asked, judge, force=force)
    )
    _take_effect(connection, decision.promotion)
    return decision


def roll_back(connection: psycopg.Connection[Any], task: str, *, who: str, reason: str | None = None) -> Promotion:
    """Have champion and previous champion change places, in the caller's transaction.

    Raises:
        InputError: There is no previous champion.
    """
    lock_task(connection, task)
    now = aliases(connection, task)
    if "previous" not in now:
        raise InputError(
            f"{task} has no previous champion to go back to.",
            allowed="a task of which a second champion was promoted",
            do="Promote the model you want: morningline models promote MODEL.",
        )
    promotion = Promotion(
        task=task,
        decided_at=utc_now(),
        decided_by=who,
        outcome="rolled_back",
        from_model=now["champion"],
        to_model=now["previous"],
        reason=(reason or "").strip() or None,
    )
    _take_effect(connection, promotion)
    return promotion


def promotions(connection: psycopg.Connection[Any], task: str, model_id: str | None = None) -> list[Promotion]:
    """What was decided of a task, or where one model was concerned, newest first."""
    rows = connection.execute(
        f"SELECT {', '.join(NAMES)} FROM promotions WHERE task = %(task)s "  # noqa: S608 - our own names
        "AND (%(model)s::text IS NULL OR %(model)s IN (from_model, to_model)) ORDER BY id DESC".encode(),
        {"task": task, "model": model_id},
    ).fetchall()
    return [Promotion(**dict(zip(NAMES, row, strict=True))) for row in rows]


def _judged(connection: psycopg.Connection[Any], asked: Promotion, judge: Judge, *, force: bool) -> Decision:
    """What the gate says of a model that is to follow a champion."""
    proposed, champion = (find(connection, asked.task, one) for one in (asked.to_model, asked.from_model))
    comparison, why_not = None, None
    try:
        comparison = judge(proposed, champion)
    except DataError as error:
        why_not = error.message
    except IntegrityError as error:
        # A champion whose files are lost must not be in the way of whoever gives a reason.
        if not force:
            raise
        why_not = error.message
    tried = connection.execute(TRIES, (asked.task, champion.id, proposed.id)).fetchone()
    return Decision(
        promotion=_concluded(asked, comparison, force=force),
        comparison=comparison,
        why_not_compared=why_not,
        tried_before=int(tried[0]) if tried else 0,
    )


def _concluded(asked: Promotion, comparison: ModelComparison | None, *, force: bool) -> Promotion:
    """A proposal with what the comparison allows to conclude; without one nothing is decided."""
    refused: Outcome = "forced" if force else "refused"
    if comparison is None:
        return replace(asked, outcome=refused, verdict="not_decided")
    result = comparison.result
    return replace(
        asked,
        outcome="adopted" if result.verdict == "adopt" else refused,
        compared=comparison.compared,
        metric=comparison.metric,
        first_day=comparison.first_day,
        last_day=comparison.last_day,
        verdict=result.verdict,
        estimate=result.estimate,
        low=result.low,
        high=result.high,
        mde=result.mde,
    )


def _take_effect(connection: psycopg.Connection[Any], promotion: Promotion) -> None:
    """Write it down and give the aliases to whom they belong now."""
    marks = ", ".join(["%s"] * len(NAMES))
    connection.execute(
        f"INSERT INTO promotions ({', '.join(NAMES)}) VALUES ({marks})".encode(),  # noqa: S608 - our own names
        [getattr(promotion, name) for name in NAMES],
    )
    if not promotion.took_effect:
        set_alias(connection, promotion.task, "challenger", promotion.to_model)
        return
    if aliases(connection, promotion.task).get("challenger") == promotion.to_model:
        set_alias(connection, promotion.task, "challenger", None)
    set_alias(connection, promotion.task, "champion", promotion.to_model)
    set_alias(connection, promotion.task, "previous", promotion.from_model)
