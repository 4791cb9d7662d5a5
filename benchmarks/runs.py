"""Asking for a run and looking at runs with 100,000 of them in the table, beside DBOS's own client, with the plans."""

import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import psycopg

from morningline.kit.database import Database
from morningline.kit.postgres import EmbeddedPostgres
from morningline.runs import store, upkeep
from morningline.runs.install import install
from morningline.runs.kinds import Kind

RUNS = 100_000
TIMES = 200
KIND = Kind("import", print)
FILL = f"""
    SET session_replication_role = replica;
    INSERT INTO dbos.workflow_status (workflow_uuid, status, name, queue_name, application_version, created_at,
        updated_at, recovery_attempts, executor_id, started_at_epoch_ms, completed_at, serialization, priority)
    SELECT lpad(to_hex(n), 12, '0'), CASE n % 50 WHEN 0 THEN 'ERROR' WHEN 1 THEN 'CANCELLED' ELSE 'SUCCESS' END, 'run',
        'runs', '1', at, at, 1, 'w', at + 1000, at + 1000 + n % 60000, 'portable_json', 2
    FROM (SELECT n, (extract(epoch FROM now()) * 1000)::bigint - ({RUNS} - n)::bigint * 60000 AS at
          FROM generate_series(1, {RUNS}) AS n) AS s;
    INSERT INTO dbos.workflow_output (workflow_uuid, output) SELECT workflow_uuid, '{{"rows": 1}}'
        FROM dbos.workflow_status;
    INSERT INTO run_requests (id, kind, parameters, priority, asked_by, queue, created_at)
    SELECT workflow_uuid, (ARRAY['import', 'features', 'collect', 'train'])[1 + (created_at / 60000) % 4],
        '{{"folder": "/data"}}', 0, 'ann', 'runs', to_timestamp(created_at / 1000.0) FROM dbos.workflow_status;
    INSERT INTO run_progress (run_id, began_at, share, sentence)
    SELECT workflow_uuid, to_timestamp(started_at_epoch_ms / 1000.0), 1, 'Checking' FROM dbos.workflow_status;
    INSERT INTO run_logs (run_id, attempt, level, message)
    SELECT workflow_uuid, 1, 'info', 'Line ' || n FROM dbos.workflow_status, generate_series(1, 3) AS n;
    SET session_replication_role = DEFAULT;
    ANALYZE
"""  # noqa: S608 - our own words


def timed(name: str, act: Callable[[], object], times: int = TIMES) -> None:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        act()
        taken.append((time.perf_counter() - started) * 1000)
    taken.sort()
    p99 = taken[int(len(taken) * 0.99) - 1]
    print(f"  {name:44} median {statistics.median(taken):8.2f} ms   p99 {p99:8.2f} ms")


def plans(connection: psycopg.Connection, run_id: str) -> None:
    show = f"SELECT {store.COLUMNS} FROM runs WHERE id = '{run_id}'"  # noqa: S608 - our own words
    listed = store.LIST.replace("%(limit)s", "20").replace("%(offset)s", "0")
    for name in ("status", "since", "until"):
        listed = listed.replace(f"%({name})s", "NULL")
    queries = {
        "show": show,
        "list": listed.replace("%(kind)s", "NULL"),
        "list --kind import": listed.replace("%(kind)s", "'import'"),
        "expected seconds": upkeep.EXPECTED.replace("%(past)s", "20").replace("%(kinds)s", "ARRAY['import']"),
    }
    print("\nHow the database finds them:")
    for name, query in queries.items():
        plan = [row[0] for row in connection.execute(f"EXPLAIN {query}")]
        scans = [line.strip(" ->") for line in plan if "Scan" in line]
        print(f"  {name}")
        for line in scans:
            print(f"    {line}")
        if any("Seq Scan" in line for line in scans):
            sys.exit("A table is read from end to end:\n" + "\n".join(plan))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="morningline-bench-") as folder, EmbeddedPostgres(Path(folder)) as url:
        database = Database(url)
        install(database)
        connection = database.connect()
        connection.autocommit = True
        started = time.perf_counter()
        connection.execute(FILL)
        connection.execute("CHECKPOINT")  # so that what follows does not pay for it
        print(f"{RUNS:,} runs filled in {time.perf_counter() - started:.1f} s; {TIMES} times each, one connection:\n")
        asked = []

        def enqueue() -> None:
            with connection.transaction():
                asked.append(store.enqueue(connection, KIND, {"folder": "/data"}, asked_by="ann"))

        some = f"{RUNS // 2:012x}"
        timed("morningline: enqueue, committed", enqueue)
        timed("morningline: show", lambda: store.find(connection, some))
        timed("morningline: list, 20 newest", lambda: store.list_runs(connection, store.Filters()))
        timed("morningline: list --kind import", lambda: store.list_runs(connection, store.Filters(kind="import")))
        timed("morningline: list --status failed", lambda: store.list_runs(connection, store.Filters(status="failed")))
        timed("morningline: list --page 100", lambda: store.list_runs(connection, store.Filters(page=100)))
        timed("morningline: expected seconds", lambda: upkeep.expected_seconds(connection, ["import"]))
        timed("morningline: stats of all runs", lambda: upkeep.statistics(connection), times=5)
        rival(url, some)
        plans(connection, some)
        connection.close()


def rival(url: str, some: str) -> None:
    warnings.simplefilter("ignore")
    from dbos import DBOSClient

    client = DBOSClient(system_database_url=url)
    options = {"queue_name": "runs", "workflow_name": "run"}
    timed("DBOSClient: enqueue", lambda: client.enqueue(options, {"folder": "/data"}))
    timed("DBOSClient: list_workflows, one by id", lambda: client.list_workflows(workflow_ids=[some]))
    timed("DBOSClient: list_workflows, 20 newest", lambda: client.list_workflows(limit=20, sort_desc=True))
    client.destroy()


main()
