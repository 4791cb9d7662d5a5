"""The trials of a tuning as trainings of their own: children of the training that asked for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from morningline.kit.clock import utc_now

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import psycopg

    from morningline.training.tuning.study import Trial

STATUSES = {"complete": "succeeded", "pruned": "pruned", "failed": "failed", "running": "running"}
"""How a trial stands, to how its training does."""

LOSS = "loss"
"""The metric of a trial: its loss after each fold, over all folds so far."""

# What a child has of its parent is what the parent has now: the data are known before anything is tried.
OF_PARENT = "seed, code_version, dataset_hash, feature_set, feature_version, delta_version"
MINE = f"""
    WITH mine AS (
        SELECT id, experiment, asked_by, {OF_PARENT} FROM experiment_runs
        WHERE id = %(run)s AND attempt = %(attempt)s FOR SHARE
    )
"""  # noqa: S608 - our own names
RUNS = f"""
    {MINE} INSERT INTO experiment_runs (id, experiment, status, attempt, configuration, asked_by, parent, {OF_PARENT},
        started_at, ended_at)
    SELECT given.id, mine.experiment, given.status, given.tries, given.configuration::jsonb, mine.asked_by, mine.id,
        {OF_PARENT}, given.started_at, given.ended_at
    FROM mine, unnest(%(a)s::text[], %(b)s::text[], %(c)s::integer[], %(d)s::text[], %(e)s::timestamptz[],
        %(f)s::timestamptz[]) AS given (id, status, tries, configuration, started_at, ended_at)
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, attempt = excluded.attempt,
        started_at = excluded.started_at, ended_at = excluded.ended_at
"""  # noqa: S608 - our own names
PARAMETERS = f"""
    {MINE} INSERT INTO experiment_parameters (run_id, name, value)
    SELECT given.* FROM mine, unnest(%(a)s::text[], %(b)s::text[], %(c)s::text[]) AS given
    ON CONFLICT (run_id, name) DO UPDATE SET value = excluded.value
"""  # noqa: S608 - our own names
LOSSES = f"""
    {MINE} INSERT INTO experiment_metrics (run_id, name, step, value, logged_at)
    SELECT given.id, '{LOSS}', given.fold, given.loss, %(now)s
    FROM mine, unnest(%(a)s::text[], %(b)s::bigint[], %(c)s::float8[]) AS given (id, fold, loss)
    ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value, logged_at = excluded.logged_at
    WHERE experiment_metrics.value IS DISTINCT FROM excluded.value
"""  # noqa: S608 - our own names
# What a worker elsewhere still tries when the training ends comes too late for it.
CLOSE = """
    UPDATE experiment_runs SET status = 'cancelled', ended_at = %(now)s
    WHERE parent = %(id)s AND status = 'running'
        AND EXISTS (SELECT FROM experiment_runs AS p WHERE p.id = %(id)s AND p.attempt = %(attempt)s)
"""


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """A trial as it is recorded.

    Attributes:
        trial: It itself, as it stands.
        seen_at: When it was seen so (UTC).
    """

    trial: Trial
    seen_at: datetime

    @property
    def status(self) -> str:
        """How its training stands."""
        return STATUSES[self.trial.state]

    @property
    def started_at(self) -> datetime:
        """When it was begun (UTC)."""
        return self.trial.begun_at or self.seen_at

    @property
    def ended_at(self) -> datetime | None:
        """When it ended (UTC)."""
        if self.status == "running":
            return None
        return self.started_at + timedelta(seconds=self.trial.seconds or 0.0)


def trial_id(parent: str, number: int) -> str:
    """The id of a trial's training: the same whoever records it, however often."""
    return sha256(f"{parent}/{number}".encode()).hexdigest()[:12]


def write_trials(
    connection: psycopg.Connection[Any], run_id: str, attempt: int, records: Sequence[TrialRecord]
) -> None:
    """Write trials in the caller's transaction; of an attempt that no longer has the run nothing is written."""
    ids = [trial_id(run_id, record.trial.number) for record in records]
    pairs = list(zip(ids, records, strict=True))
    runs = [(one, r.status, r.trial.tries, _configuration(r.trial), r.started_at, r.ended_at) for one, r in pairs]
    parameters = [
        (one, name, msgspec.json.encode(value).decode())
        for one, record in pairs
        for name, value in record.trial.parameters.items()
    ]
    losses = [(one, fold, loss) for one, record in pairs for fold, loss in enumerate(record.trial.losses)]
    for sql, rows in ((RUNS, runs), (PARAMETERS, parameters), (LOSSES, losses)):
        columns = dict(zip("abcdef", map(list, zip(*rows, strict=True)), strict=False))
        if columns:
            connection.execute(sql.encode(), {"run": run_id, "attempt": attempt, "now": utc_now(), **columns})


def _configuration(trial: Trial) -> str:
    return msgspec.json.encode({"trial": trial.number}).decode()
