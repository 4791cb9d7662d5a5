"""Retention: what is forgotten of old trainings and models, and what never is."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from morningline.kit.clock import utc_now
from morningline.training.registry.aliases import lock_task

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

# A name's newest model stays, so that its number is never given twice.
OLD_MODELS = """
    SELECT m.id, m.task, m.artefact FROM models AS m
    WHERE m.created_at < %(before)s AND NOT m.pinned AND m.id = coalesce(%(id)s, m.id)
        AND NOT EXISTS (SELECT FROM model_aliases AS a WHERE a.model_id = m.id)
        AND EXISTS (SELECT FROM models AS n WHERE n.task = m.task AND n.name = m.name AND n.number > m.number)
    ORDER BY m.created_at, m.id
"""
OLD_TRAININGS = """
    SELECT id FROM experiment_runs
    WHERE ended_at < %(before)s AND model_id IS NULL AND parent IS NULL ORDER BY ended_at, id
"""
# A trial goes with its training, never without it.
TRIALS = "SELECT id FROM experiment_runs WHERE parent = ANY(%s)"
RECORDS = ("experiment_metrics", "experiment_parameters", "experiment_artefacts")


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """What was deleted, or would be.

    Attributes:
        models: Ids of models, with their files.
        trainings: Ids of trainings, with what they recorded.
    """

    models: list[str]
    trainings: list[str]


def forget(
    connection: psycopg.Connection[Any], *, model_days: int, training_days: int, root: Path, dry_run: bool = False
) -> Forgotten:
    """Delete old models that nothing needs, then old trainings without a model.

    A model with an alias, that is pinned, that is the newest of its name, or that anything refers to, such as a
    prediction or a decision about who is champion, is needed.

    Args:
        connection: An open connection without a transaction under way.
        model_days: How old a model is at least; 0 deletes none.
        training_days: How long ago a training ended at least; 0 deletes none.
        root: The workspace.
        dry_run: Delete nothing, only say what would go.
    """
    if dry_run:
        with connection.transaction(force_rollback=True):
            return Forgotten(
                models=_forget_models(connection, model_days, None),
                trainings=_forget_trainings(connection, training_days),
            )
    return Forgotten(
        models=_forget_models(connection, model_days, root), trainings=_forget_trainings(connection, training_days)
    )


def _forget_models(connection: psycopg.Connection[Any], days: int, root: Path | None) -> list[str]:
    if not days:
        return []
    asked = {"before": utc_now() - timedelta(days=days), "id": None}
    with connection.transaction():
        chosen = connection.execute(OLD_MODELS, asked).fetchall()
    gone = []
    for identity, task, artefact in chosen:
        if not _delete(connection, task, {**asked, "id": identity}):
            continue
        gone.append(identity)
        with connection.transaction():
            # Whoever trains it again waits for this lock, and writes its files anew afterwards.
            lock_task(connection, task)
            there = connection.execute("SELECT FROM models WHERE id = %s", (identity,)).fetchone()
            if root is not None and there is None:
                shutil.rmtree(root / artefact, ignore_errors=True)
    return gone


def _delete(connection: psycopg.Connection[Any], task: str, asked: dict[str, Any]) -> bool:
    """Delete a model's row, unless it got an alias meanwhile or anything refers to it."""
    import psycopg

    try:
        with connection.transaction():
            lock_task(connection, task)
            if connection.execute(OLD_MODELS, asked).fetchone() is None:
                return False
            connection.execute("UPDATE experiment_runs SET model_id = NULL WHERE model_id = %(id)s", asked)
            connection.execute("DELETE FROM models WHERE id = %(id)s", asked)
    except psycopg.errors.ForeignKeyViolation:
        return False
    return True


def _forget_trainings(connection: psycopg.Connection[Any], days: int) -> list[str]:
    if not days:
        return []
    with connection.transaction():
        rows = connection.execute(OLD_TRAININGS, {"before": utc_now() - timedelta(days=days)}).fetchall()
        ids = [row[0] for row in rows]
        theirs = [*ids, *(row[0] for row in connection.execute(TRIALS, (ids,)).fetchall())]
        for table in RECORDS:
            connection.execute(f"DELETE FROM {table} WHERE run_id = ANY(%s)".encode(), (theirs,))  # noqa: S608 - our own names
        connection.execute("DELETE FROM experiment_runs WHERE id = ANY(%s)", (theirs,))
    return ids
