"""Judging models on days after their tests, so that an older one can be held against a newer one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morningline.kit.clock import utc_now
from morningline.kit.errors import DataError, NotFoundError
from morningline.wiring.tasks import domain_of_task

if TYPE_CHECKING:
    from datetime import date

    import polars as pl

    from morningline.training.registry import RegisteredModel
    from morningline.training.registry.gate import Judge
    from morningline.training.task import Task
    from morningline.wiring.program import Program


def judge_of_workspace(program: Program, task: Task, compared: str | None) -> Judge:
    """What compares two models of a task by what was kept of them, and by stored features after that.

    Args:
        program: The workspace.
        task: What they predict.
        compared: Which of their numbers; those that are predicted where none are named.
    """
    from morningline.training.judging import judging_of
    from morningline.training.registry import Terms, judge_of

    def later(model: RegisteredModel, first: date, last: date) -> pl.DataFrame | None:
        return judged_later(program, task, model, first, last)

    terms = Terms(judging=judging_of(task.kind), metric=task.metric, compared=compared or "")
    return judge_of(program.workspace.root, later, terms=terms)


def judged_later(program: Program, task: Task, model: RegisteredModel, first: date, last: date) -> pl.DataFrame | None:
    """What a model makes of the stored features of days after its test; None where these are of another version.

    Raises:
        DataError: The stored features are stale.
    """
    from morningline.training.dataset import Source
    from morningline.training.judging import judging_of
    from morningline.wiring.featuring import stale_from

    domain, judging = domain_of_task(task.name), judging_of(task.kind)
    try:
        store = program.features(domain, model.feature_set)
        if store.features.version != model.feature_version:
            return None
        version = store.version()
        features = store.read_matrix(version, first=first, last=last)
    except NotFoundError:
        return None
    if features.rows.is_empty():
        return None
    stale = stale_from(program, domain, store, until=last)
    if stale is not None and stale <= last:
        raise DataError(
            f"{model.id} is to be judged on days up to {last}, but the stored features are stale from {stale} on.",
            do="Run `morningline features compute`, then this again.",
        )
    with program.database.connect(read_only=True) as connection:
        answers = task.answers(connection, as_of=utc_now())
    source = Source(
        task=model.task,
        feature_version=model.feature_version,
        delta_version=version,
        first=first,
        last=last,
        gate=None,
    )
    try:
        dataset = judging.gather(task, features, answers, source)
    except DataError:
        return None
    fitted = model.load(program.workspace.root, threads=program.threads)
    return judging.tell(fitted, dataset)
