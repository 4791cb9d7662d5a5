"""What a training said of itself since the last writing, and how it is written at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from morningline.training.registry.trials import write_trials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import psycopg

    from morningline.training.registry.trials import TrialRecord

# Only the attempt that has the run may write: a frozen worker that wakes up finds no row here.
MINE = "WITH mine AS (SELECT id FROM experiment_runs WHERE id = %(run)s AND attempt = %(attempt)s FOR SHARE)"
METRICS = f"""
    {MINE} INSERT INTO experiment_metrics (run_id, name, step, value, logged_at)
    SELECT mine.id, given.* FROM mine, unnest(%(a)s::text[], %(b)s::bigint[], %(c)s::float8[], %(d)s::timestamptz[])
        AS given
    ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value, logged_at = excluded.logged_at
"""  # noqa: S608 - our own names
PARAMETERS = f"""
    {MINE} INSERT INTO experiment_parameters (run_id, name, value)
    SELECT mine.id, given.* FROM mine, unnest(%(a)s::text[], %(b)s::text[]) AS given
    ON CONFLICT (run_id, name) DO UPDATE SET value = excluded.value
"""  # noqa: S608 - our own names
ARTEFACTS = f"""
    {MINE} INSERT INTO experiment_artefacts (run_id, path, sha256, bytes)
    SELECT mine.id, given.* FROM mine, unnest(%(a)s::text[], %(b)s::text[], %(c)s::bigint[]) AS given
    ON CONFLICT (run_id, path) DO UPDATE SET sha256 = excluded.sha256, bytes = excluded.bytes
"""  # noqa: S608 - our own names
FACTS = ("dataset_hash", "feature_set", "feature_version", "delta_version", "model_id")
"""What becomes known of a training as it goes on."""

DESCRIBE = f"""
    UPDATE experiment_runs SET {", ".join(f"{name} = coalesce(%({name})s, {name})" for name in FACTS)}
    WHERE id = %(run)s AND attempt = %(attempt)s
"""  # noqa: S608 - our own names


@dataclass(frozen=True)
class Batch:
    """What waits to be written; of what is said twice the later counts.

    Attributes:
        parameters: Name to value, as text.
        metrics: Name and step to value and when it was recorded (UTC).
        artefacts: Path relative to the workspace to SHA-256 and bytes.
        facts: Name to value, of `FACTS`.
        trials: Number to trial of a tuning, as it stands.
    """

    parameters: dict[str, str] = field(default_factory=dict)
    metrics: dict[tuple[str, int], tuple[float, datetime]] = field(default_factory=dict)
    artefacts: dict[str, tuple[str, int]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    trials: dict[int, TrialRecord] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(len(part) for part in vars(self).values())

    def then(self, later: Batch) -> Batch:
        """Both as one."""
        return Batch(
            {**self.parameters, **later.parameters},
            {**self.metrics, **later.metrics},
            {**self.artefacts, **later.artefacts},
            {**self.facts, **later.facts},
            {**self.trials, **later.trials},
        )


def write(connection: psycopg.Connection[Any], run_id: str, attempt: int, batch: Batch) -> None:
    """Write a batch in a transaction of its own; of an attempt that no longer has the run nothing is written."""
    mine = {"run": run_id, "attempt": attempt}
    with connection.transaction():
        for sql, columns in (
            (PARAMETERS, _columns(iter(batch.parameters.items()))),
            (METRICS, _columns((*key, *value) for key, value in batch.metrics.items())),
            (ARTEFACTS, _columns((key, *value) for key, value in batch.artefacts.items())),
        ):
            if columns:
                connection.execute(sql.encode(), {**mine, **columns})
        if batch.facts:
            connection.execute(DESCRIBE.encode(), {**mine, **{name: batch.facts.get(name) for name in FACTS}})
        write_trials(connection, run_id, attempt, list(batch.trials.values()))


def _columns(rows: Iterator[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """Rows as columns, under the names the statements call them by; empty where there is no row."""
    return {name: list(column) for name, column in zip("abcd", zip(*rows, strict=True), strict=False)}
