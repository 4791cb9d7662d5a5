"""What is learned from past runs, and when they are forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import psycopg

PAST_RUNS = 20
PRUNE_BATCH = 1_000

EXPECTED = """
    SELECT k.kind, (
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY past.seconds) FROM (
            SELECT extract(epoch FROM to_timestamp(w.completed_at / 1000.0)
                - coalesce(p.began_at, to_timestamp(w.started_at_epoch_ms / 1000.0)))::float8 AS seconds
            FROM run_requests AS q
            JOIN dbos.workflow_status AS w ON w.workflow_uuid = q.id AND w.status = 'SUCCESS'
            LEFT JOIN run_progress AS p ON p.run_id = q.id
            WHERE q.kind = k.kind ORDER BY q.created_at DESC, q.id DESC LIMIT %(past)s
        ) AS past)
    FROM unnest(%(kinds)s::text[]) AS k(kind)
"""
STATISTICS = """
    SELECT kind, count(*) AS runs, count(*) FILTER (WHERE status = 'queued') AS queued,
        count(*) FILTER (WHERE status = 'running') AS running,
        count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
        count(*) FILTER (WHERE status = 'failed') AS failed,
        count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE status = 'succeeded') AS median_seconds,
        max(seconds) FILTER (WHERE status = 'succeeded') AS longest_seconds,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY waited) AS median_wait_seconds,
        max(finished_at) FILTER (WHERE status = 'succeeded') AS last_success_at
    FROM (SELECT kind, status, finished_at, extract(epoch FROM finished_at - started_at)::float8 AS seconds,
              extract(epoch FROM started_at - created_at)::float8 AS waited
          FROM runs WHERE created_at >= coalesce(%(since)s::timestamptz, '-infinity')
              AND created_at < coalesce(%(until)s::timestamptz, 'infinity')) AS chosen
    GROUP BY kind ORDER BY kind
"""
# The engine's payload tables have no foreign keys, so each is emptied of the run by name, as DBOS itself does.
PRUNE = """
    WITH old AS (SELECT w.workflow_uuid AS id FROM dbos.workflow_status AS w
                 WHERE w.completed_at < (extract(epoch FROM now() - make_interval(days => %(days)s)) * 1000)::bigint
                     AND w.status IN ('SUCCESS', 'ERROR', 'CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED')
                     AND EXISTS (SELECT FROM run_requests AS q WHERE q.id = w.workflow_uuid)
                 ORDER BY w.completed_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED),
        inputs AS (DELETE FROM dbos.workflow_input WHERE workflow_uuid IN (SELECT id FROM old)),
        outputs AS (DELETE FROM dbos.workflow_output WHERE workflow_uuid IN (SELECT id FROM old)),
        steps AS (DELETE FROM dbos.operation_outputs WHERE workflow_uuid IN (SELECT id FROM old))
    DELETE FROM dbos.workflow_status WHERE workflow_uuid IN (SELECT id FROM old)
"""


@dataclass(frozen=True, kw_only=True)
class KindStatistics:
    """How the runs of a kind went; seconds, and UTC instants."""

    kind: str
    runs: int
    queued: int
    running: int
    succeeded: int
    failed: int
    cancelled: int
    median_seconds: float | None
    longest_seconds: float | None
    median_wait_seconds: float | None
    last_success_at: datetime | None


def expected_seconds(connection: psycopg.Connection[Any], kinds: Iterable[str]) -> dict[str, float | None]:
    """How long a run of each kind takes: the median of the last 20 that succeeded, None where none has."""
    return dict(connection.execute(EXPECTED, {"past": PAST_RUNS, "kinds": sorted(set(kinds))}).fetchall())


def statistics(
    connection: psycopg.Connection[Any], *, since: datetime | None = None, until: datetime | None = None
) -> list[KindStatistics]:
    """How runs went, by kind.

    Args:
        connection: From `Database.connect`.
        since: Only runs asked for at this UTC instant or later.
        until: Only runs asked for before this UTC instant.
    """
    with connection.cursor(row_factory=class_row(KindStatistics)) as cursor:
        return cursor.execute(STATISTICS, {"since": since, "until": until}).fetchall()


def prune(connection: psycopg.Connection[Any], days: int) -> int:
    """Delete runs that ended so many days ago or earlier, with their logs and steps; returns how many.

    Each thousand is committed for itself, so a long overdue pruning stands in nobody's way.
    """
    deleted = PRUNE_BATCH
    total = 0
    while deleted == PRUNE_BATCH:
        with connection.transaction():
            deleted = connection.execute(PRUNE, {"days": days, "batch": PRUNE_BATCH}).rowcount
        total += deleted
    return total
