"""Experiments: what each training was asked, what it recorded, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import msgspec

from morningline.kit.clock import utc_now
from morningline.kit.errors import InputError, NotFoundError
from morningline.training.registry.trials import CLOSE
from morningline.training.registry.versions import code_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import psycopg

LONGEST = 2000
"""Characters that are kept of an error."""

BEGIN_EXPERIMENT = """
    INSERT INTO experiments (name, task, created_at) VALUES (%(experiment)s, %(task)s, %(now)s)
    ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING task
"""
BEGIN_RUN = """
    INSERT INTO experiment_runs (id, experiment, status, attempt, configuration, asked_by, parent, seed, code_version,
        started_at)
    VALUES (%(id)s, %(experiment)s, 'running', 1, %(configuration)s, %(asked_by)s, %(parent)s, %(seed)s, %(code)s,
        %(now)s)
    ON CONFLICT (id) DO UPDATE SET status = 'running', attempt = experiment_runs.attempt + 1,
        code_version = excluded.code_version, started_at = excluded.started_at, ended_at = NULL, error = NULL,
        mirror = NULL
    RETURNING attempt
"""
FINISH = """
    UPDATE experiment_runs SET status = %(status)s, ended_at = %(now)s, error = %(error)s, mirror = %(mirror)s
    WHERE id = %(id)s AND attempt = %(attempt)s
"""
# From the last step of each name to that of the name before it: learning curves have thousands of steps.
LAST_METRICS = """
    WITH RECURSIVE last AS (
        SELECT r.id AS run_id, m.name, m.value FROM unnest(%s::text[]) AS r (id) CROSS JOIN LATERAL (
            SELECT name, value FROM experiment_metrics WHERE run_id = r.id ORDER BY name DESC, step DESC LIMIT 1
        ) AS m
        UNION ALL
        SELECT last.run_id, m.name, m.value FROM last CROSS JOIN LATERAL (
            SELECT name, value FROM experiment_metrics WHERE run_id = last.run_id AND name < last.name
            ORDER BY name DESC, step DESC LIMIT 1
        ) AS m
    )
    SELECT run_id, name, value FROM last ORDER BY run_id, name
"""


@dataclass(frozen=True, kw_only=True)
class TrainingStart:
    """What is known of a training when it begins.

    Args:
        run_id: Id of the run that does it.
        experiment: What it belongs to; the first training of that name makes it.
        task: What is predicted.
        configuration: What was asked, as JSON values.
        asked_by: Who asked.
        seed: Seed of everything random.
        parent: The training whose tuning it is a trial of.
    """

    run_id: str
    experiment: str
    task: str
    configuration: Mapping[str, Any]
    asked_by: str
    seed: int
    parent: str | None = None


@dataclass(frozen=True, kw_only=True)
class ExperimentRun:
    """A training: a row of the table `experiment_runs`, and what it recorded.

    Attributes:
        status: running, succeeded, failed or cancelled; of a trial also pruned.
        attempt: How often it was begun.
        parent: The training whose tuning it is a trial of; None where it is none.
        trials: How many trials its own tuning has.
        mirror: What came of mirroring it to MLflow; None where that was not asked.
        parameters: Name to value, as text.
        metrics: Name to the value at the last step.
    """

    id: str
    experiment: str
    status: str
    attempt: int
    configuration: dict[str, Any]
    asked_by: str
    parent: str | None
    seed: int
    code_version: str
    dataset_hash: str | None
    feature_set: str | None
    feature_version: str | None
    delta_version: int | None
    started_at: datetime
    ended_at: datetime | None
    error: str | None
    model_id: str | None
    mirror: str | None
    trials: int = 0
    parameters: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


COLUMNS = tuple(one.name for one in fields(ExperimentRun) if one.name not in {"trials", "parameters", "metrics"})
SELECT = f"""
    SELECT {", ".join(COLUMNS)}, (SELECT count(*) FROM experiment_runs AS c WHERE c.parent = r.id) AS trials
    FROM experiment_runs AS r
"""  # noqa: S608 - our own names


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Trainings that belong together, counted.

    Attributes:
        runs: Its trainings, trials of a tuning left out.
        succeeded: Those that came to their end.
        models: Models they registered.
        trials: Trials of their tunings.
        last_at: When the last one began (UTC).
    """

    name: str
    task: str
    created_at: datetime
    runs: int
    succeeded: int
    models: int
    trials: int
    last_at: datetime | None


def begin(connection: psycopg.Connection[Any], start: TrainingStart) -> int:
    """Open the record of a training, in the caller's transaction; one that was begun before goes on.

    Returns:
        Which attempt it is: what an earlier one says from now on, whose worker was taken for dead, counts for nothing.

    Raises:
        InputError: The experiment is of another task.
    """
    values = {
        "id": start.run_id,
        "experiment": start.experiment,
        "task": start.task,
        "configuration": msgspec.json.encode(dict(start.configuration)).decode(),
        "asked_by": start.asked_by,
        "parent": start.parent,
        "seed": start.seed,
        "code": code_version(),
        "now": utc_now(),
    }
    row = connection.execute(BEGIN_EXPERIMENT, values).fetchone()
    if row is not None and row[0] != start.task:
        raise InputError(
            f"The experiment {start.experiment!r} is of {row[0]}, the training of {start.task}.",
            allowed="an experiment of the same task",
            do="Give it another name.",
        )
    attempt = connection.execute(BEGIN_RUN, values).fetchone()
    return int(attempt[0]) if attempt else 1


def finish(
    connection: psycopg.Connection[Any],
    run_id: str,
    attempt: int,
    status: str,
    *,
    error: str | None = None,
    mirror: str | None = None,
) -> None:
    """Close the record of a training, in the caller's transaction; an attempt that was taken over tells nothing."""
    told = {"error": error and error[:LONGEST], "mirror": mirror and mirror[:LONGEST]}
    ended = {"id": run_id, "attempt": attempt, "status": status, "now": utc_now(), **told}
    connection.execute(FINISH, ended)
    connection.execute(CLOSE, ended)


def list_experiments(connection: psycopg.Connection[Any], task: str | None = None) -> list[Experiment]:
    """Every experiment, or those of a task, the one with the newest training first."""
    rows = connection.execute(
        """
        SELECT e.name, e.task, e.created_at, count(r.id) FILTER (WHERE r.parent IS NULL),
            count(r.id) FILTER (WHERE r.parent IS NULL AND r.status = 'succeeded'), count(DISTINCT r.model_id),
            count(r.parent), max(r.started_at)
        FROM experiments AS e LEFT JOIN experiment_runs AS r ON r.experiment = e.name
        WHERE %(task)s::text IS NULL OR e.task = %(task)s
        GROUP BY e.name ORDER BY max(r.started_at) DESC NULLS LAST, e.name
        """,
        {"task": task},
    ).fetchall()
    names = [one.name for one in fields(Experiment)]
    return [Experiment(**dict(zip(names, row, strict=True))) for row in rows]


def list_trainings(
    connection: psycopg.Connection[Any], experiment: str, *, limit: int | None = None, trials: bool = False
) -> list[ExperimentRun]:
    """The trainings of an experiment with what they recorded, newest first.

    Args:
        connection: An open connection.
        experiment: Its name.
        limit: At most so many; trials are not counted.
        trials: Each training is followed by the trials of its tuning, in their order.

    Raises:
        NotFoundError: There is no such experiment.
    """
    if connection.execute("SELECT FROM experiments WHERE name = %s", (experiment,)).fetchone() is None:
        known = ", ".join(one.name for one in list_experiments(connection))
        raise NotFoundError(f"There is no experiment {experiment!r}.", allowed=known or "none: nothing was trained yet")
    sql = f"{SELECT} WHERE experiment = %s AND parent IS NULL ORDER BY started_at DESC, id LIMIT %s"
    rows = connection.execute(sql.encode(), (experiment, limit)).fetchall()
    found = _with_records(connection, rows)
    if not trials:
        return found
    children = trials_of(connection, [one.id for one in found])
    return [run for one in found for run in (one, *children[one.id])]


def trials_of(connection: psycopg.Connection[Any], ids: Sequence[str]) -> dict[str, list[ExperimentRun]]:
    """The trials of each training's tuning with what they recorded, in their order."""
    sql = f"{SELECT} WHERE parent = ANY(%s) ORDER BY parent, (configuration->>'trial')::integer, started_at, id"
    found: dict[str, list[ExperimentRun]] = {one: [] for one in ids}
    for run in _with_records(connection, connection.execute(sql.encode(), (list(ids),)).fetchall()):
        found[str(run.parent)].append(run)
    return found


def trainings(connection: psycopg.Connection[Any], ids: Sequence[str]) -> list[ExperimentRun]:
    """Trainings by their ids with what they recorded, in the order given.

    Raises:
        NotFoundError: There is none of an id.
    """
    sql = f"{SELECT} WHERE id = ANY(%s)"
    found = {
        run.id: run for run in _with_records(connection, connection.execute(sql.encode(), (list(ids),)).fetchall())
    }
    missing = [one for one in ids if one not in found]
    if missing:
        raise NotFoundError(
            f"There is no training {missing[0]!r}.", do="See `morningline experiments list EXPERIMENT` for their ids."
        )
    return [found[one] for one in ids]


def trainings_of_model(connection: psycopg.Connection[Any], model_id: str) -> list[ExperimentRun]:
    """The trainings that gave a model, the first one first."""
    sql = f"{SELECT} WHERE model_id = %s ORDER BY started_at, id"
    return _with_records(connection, connection.execute(sql.encode(), (model_id,)).fetchall())


def step_metrics(connection: psycopg.Connection[Any], run_id: str) -> list[tuple[str, int, float, datetime]]:
    """Every metric of a training: name, step, value and when it was recorded (UTC), in the order of name and step."""
    return connection.execute(
        "SELECT name, step, value, logged_at FROM experiment_metrics WHERE run_id = %s ORDER BY name, step", (run_id,)
    ).fetchall()


def artefacts(connection: psycopg.Connection[Any], run_id: str) -> list[tuple[str, str, int]]:
    """The files of a training: path relative to the workspace, SHA-256 and bytes."""
    return connection.execute(
        "SELECT path, sha256, bytes FROM experiment_artefacts WHERE run_id = %s ORDER BY path", (run_id,)
    ).fetchall()


def _with_records(connection: psycopg.Connection[Any], rows: Sequence[tuple[Any, ...]]) -> list[ExperimentRun]:
    ids = [row[0] for row in rows]
    parameters: dict[str, dict[str, str]] = {one: {} for one in ids}
    metrics: dict[str, dict[str, float]] = {one: {} for one in ids}
    said = "SELECT run_id, name, value FROM experiment_parameters WHERE run_id = ANY(%s) ORDER BY run_id, name"
    for run_id, name, text in connection.execute(said, (ids,)):
        parameters[run_id][name] = text
    for run_id, name, value in connection.execute(LAST_METRICS, (ids,)):
        metrics[run_id][name] = value
    return [
        ExperimentRun(
            **dict(zip((*COLUMNS, "trials"), row, strict=True)), parameters=parameters[row[0]], metrics=metrics[row[0]]
        )
        for row in rows
    ]
