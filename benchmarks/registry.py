"""Recording metrics, finding the champion and promoting, beside a statement a metric and, where installed, MLflow."""

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from morningline.facts import migrate
from morningline.kit.clock import utc_now
from morningline.kit.database import Database
from morningline.kit.postgres import EmbeddedPostgres
from morningline.training.registry import Recorder, TrainingStart, begin, find, list_trainings
from morningline.training.registry.aliases import set_alias
from morningline.wiring.program import migration_folders

METRICS = 1_000
TIMES = 20
MODELS = 2_000
TRAININGS = 2_000
TASK = "racing.win"
FILL = f"""
    INSERT INTO models SELECT 'm' || n, '{TASK}', 'trees', n, now() - make_interval(hours => {MODELS} - n), 'ann',
        '2024-01-01', '2024-03-01', '2024-06-01', 'form', 'v1', 1, 'x', 'x', 20, '{{"l2": 20}}',
        jsonb_build_object('models', (SELECT jsonb_object_agg('m' || k, random()) FROM generate_series(1, 60) AS k)),
        'models/m' || n, 'x', 'x', false FROM generate_series(1, {MODELS}) AS n;
    INSERT INTO experiments VALUES ('many', '{TASK}', now());
    INSERT INTO experiment_runs SELECT 'r' || n, 'many', 'succeeded', 1, '{{}}', 'ann', NULL, 20, 'x', 'd', 'form',
        'v1', 1, now() - make_interval(hours => n), now(), NULL, NULL, NULL FROM generate_series(1, {TRAININGS}) AS n;
    INSERT INTO experiment_metrics SELECT 'r' || n, 'loss', s, random(), now()
        FROM generate_series(1, {TRAININGS}) AS n, generate_series(1, 100) AS s;
"""  # noqa: S608 - our own words


def timed(name: str, act: Callable[[], object], times: int = TIMES) -> None:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        act()
        taken.append((time.perf_counter() - started) * 1000)
    taken.sort()
    print(f"  {name:52} median {statistics.median(taken):8.1f} ms   longest {taken[-1]:8.1f} ms")


def begun(database: Database) -> str:
    run_id = uuid4().hex[:12]
    start = TrainingStart(run_id=run_id, experiment="one", task=TASK, configuration={}, asked_by="ann", seed=20)
    with database.connect() as connection:
        begin(connection, start)
    return run_id


def recorded(database: Database) -> None:
    with Recorder(database, begun(database)) as recorder:
        for step in range(METRICS):
            recorder.metric("loss", step, 1.0 / (step + 1))


def said(database: Database) -> float:
    """Seconds that the training itself spends on saying a thousand metrics."""
    with Recorder(database, begun(database)) as recorder:
        started = time.perf_counter()
        for step in range(METRICS):
            recorder.metric("loss", step, 1.0 / (step + 1))
        return time.perf_counter() - started


def one_by_one(database: Database) -> None:
    run_id = begun(database)
    sql = "INSERT INTO experiment_metrics VALUES (%s, 'loss', %s, %s, %s)"
    with database.connect() as connection:
        connection.autocommit = True
        for step in range(METRICS):
            connection.execute(sql, (run_id, step, 1.0 / (step + 1), utc_now()))


def mlflow(folder: Path) -> None:
    try:
        from mlflow.tracking import MlflowClient
    except ImportError:
        return
    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.create_experiment("one")

    def metric_by_metric() -> None:
        run = client.create_run(experiment).info.run_id
        for step in range(METRICS // 10):
            client.log_metric(run, "loss", 1.0 / (step + 1), step=step)

    timed(f"MLflow in SQLite, {METRICS // 10} metrics one by one", metric_by_metric, 3)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="morningline-bench-") as folder:
        (Path(folder) / "database").mkdir()
        with EmbeddedPostgres(Path(folder) / "database") as url, Database(url) as database:
            migrate.upgrade(database, migration_folders())
            with database.connect() as connection:
                connection.execute(FILL.encode())
                set_alias(connection, TASK, "champion", f"m{MODELS // 2}")
                connection.execute("ANALYZE")
            print(f"{METRICS} metrics of a training, {MODELS} models, {TRAININGS} trainings with 100 metrics each:")
            recorded(database)
            timed("recorded: begun, said, written, closed", lambda: recorded(database))
            spent = timedelta(seconds=statistics.median(said(database) for _ in range(TIMES)))
            print(f"  {'of this the training itself waits':52} median {spent.total_seconds() * 1000:8.1f} ms")
            timed("a statement each", lambda: one_by_one(database), 3)
            with database.connect(read_only=True) as connection:
                timed("the champion found", lambda: find(connection, TASK), 200)
                timed("50 trainings listed", lambda: list_trainings(connection, "many", limit=50))
            mlflow(Path(folder))


if __name__ == "__main__":
    main()
