"""What a training says of itself is written in batches, survives threads, kills and a database that is away."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from time import sleep
from typing import TYPE_CHECKING, Any

import pytest

from morningline.kit.errors import DatabaseError, InputError, NotFoundError
from morningline.runs.run import RunCancelled, RunReleased
from morningline.training.registry import (
    Recorder,
    TrainingStart,
    artefacts,
    begin,
    list_experiments,
    list_trainings,
    recording,
    step_metrics,
    trainings,
)
from registered_models import TASK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from morningline.kit.database import Database
    from morningline.training.registry import ExperimentRun


def start(run_id: str = "r1", experiment: str = "first", **other: Any) -> TrainingStart:
    known: dict[str, Any] = {"task": TASK, "configuration": {"l2": 20}, "asked_by": "ann", "seed": 20}
    return TrainingStart(run_id=run_id, experiment=experiment, **{**known, **other})


def begun(database: Database, **other: Any) -> int:
    with database.connect() as connection:
        return begin(connection, start(**other))


def training(database: Database, run_id: str = "r1") -> ExperimentRun:
    with database.connect(read_only=True) as connection:
        return trainings(connection, [run_id])[0]


def steps(database: Database, run_id: str = "r1") -> dict[tuple[str, int], float]:
    with database.connect(read_only=True) as connection:
        return {(name, step): value for name, step, value, _ in step_metrics(connection, run_id)}


def break_off(database: Database, root: Path, error: BaseException) -> None:
    with recording(database, start(), root=root) as recorder:
        recorder.metric("loss", 0, 1.0)
        raise error


def test_everything_that_was_said_is_written_by_the_end(database: Database, tmp_path: Path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model.txt").write_bytes(b"abc")
    with recording(database, start(parent="study"), root=tmp_path) as recorder:
        recorder.parameters({"l2": 20, "booster": {"num_leaves": 31, "deep": {}}, "learner": "trees"})
        for step in range(1200):
            recorder.metric("loss", step, 2.0 / (step + 1))
        recorder.metric("loss", 3, math.nan)
        recorder.metric("loss", 4, math.inf)
        recorder.artefact(tmp_path / "models" / "model.txt")
        recorder.dataset(dataset_hash="d1", feature_set="form", feature_version="v1", delta_version=3)
    found = training(database)
    assert (found.status, found.attempt, found.parent, found.error) == ("succeeded", 1, "study", None)
    assert found.parameters == {"booster.deep": "{}", "booster.num_leaves": "31", "l2": "20", "learner": "trees"}
    assert (found.dataset_hash, found.feature_set, found.delta_version) == ("d1", "form", 3)
    assert found.metrics == {"loss": 2.0 / 1200}
    said = steps(database)
    assert len(said) == 1200
    assert math.isnan(said["loss", 3])
    assert said["loss", 4] == math.inf
    with database.connect(read_only=True) as connection:
        ((path, digest, size),) = artefacts(connection, "r1")
    assert (path, digest[:8], size) == ("models/model.txt", "ba7816bf", 3)


def test_what_is_said_is_there_while_the_training_goes_on(database: Database):
    begun(database)
    with Recorder(database, "r1") as recorder:
        for step in range(500):
            recorder.metric("loss", step, 1.0)
        # A batch is written at once, and less than one after a second; nobody asked for it.
        while len(steps(database)) < 500:
            sleep(0.02)
        recorder.metric("loss", 500, 1.0)
        while len(steps(database)) < 501:
            sleep(0.02)


def test_many_threads_say_things_at_once_and_none_is_lost(database: Database):
    begun(database)
    with Recorder(database, "r1") as recorder, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda thread: [recorder.metric(f"m{thread}", s, s) for s in range(400)], range(8)))
    assert steps(database) == {(f"m{thread}", step): float(step) for thread in range(8) for step in range(400)}


def test_a_worker_that_is_killed_loses_only_what_was_not_written_yet(database: Database):
    begun(database)
    code = f"""
        import os, sys
        from morningline.kit.database import Database
        from morningline.training.registry import Recorder
        recorder = Recorder(Database({database.url!r}), "r1")
        for step in range(700):
            recorder.metric("loss", step, step)
        recorder.flush()
        recorder.metric("loss", 700, 700)
        print("said", flush=True)
        sys.stdin.read()
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stdout.readline() == b"said\n"
        os.kill(child.pid, signal.SIGKILL)
    said = steps(database)
    assert {step: value for (_, step), value in said.items() if step < 700} == {step: step for step in range(700)}
    assert set(said) <= {("loss", step) for step in range(701)}
    assert training(database).status == "running"


class Away:
    """A database that is away for a while."""

    def __init__(self, database: Database, times: int) -> None:
        self.database, self.times = database, times
        self.meanwhile: Callable[[], None] = lambda: None

    def connect(self, **how: Any) -> Any:
        if self.times > 0:
            self.times -= 1
            self.meanwhile()
            raise DatabaseError("The database is away.")
        return self.database.connect(**how)


def test_what_is_said_while_the_database_is_away_is_written_when_it_is_back(database: Database):
    begun(database)
    with Recorder(Away(database, 2), "r1") as recorder:  # type: ignore[arg-type]
        recorder.metric("loss", 0, 1.0)
        for _ in range(2):
            with pytest.raises(DatabaseError, match="is away"):
                recorder.flush()
        recorder.metric("loss", 0, 2.0)
        recorder.metric("loss", 1, 3.0)
        recorder.flush()
    assert steps(database) == {("loss", 0): 2.0, ("loss", 1): 3.0}


def test_what_is_said_during_a_writing_that_fails_is_later_than_what_was_to_be_written(database: Database):
    begun(database)
    away = Away(database, 1)
    with Recorder(away, "r1") as recorder:  # type: ignore[arg-type]
        away.meanwhile = lambda: recorder.metric("loss", 0, 2.0)
        recorder.metric("loss", 0, 1.0)
        with pytest.raises(DatabaseError, match="is away"):
            recorder.flush()
    assert steps(database) == {("loss", 0): 2.0}


def test_a_connection_that_was_cut_is_opened_anew(database: Database):
    begun(database)
    with Recorder(database, "r1") as recorder:
        recorder.metric("loss", 0, 1.0)
        recorder.flush()
        with database.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        recorder.metric("loss", 1, 1.0)
        with pytest.raises(DatabaseError, match="could not be written"):
            recorder.flush()
        recorder.flush()
    assert len(steps(database)) == 2


def test_an_attempt_that_was_taken_over_can_write_nothing_more(database: Database):
    first = begun(database)
    zombie = Recorder(database, "r1", attempt=first)
    zombie.metric("loss", 0, 1.0)
    zombie.flush()
    assert begun(database) == 2
    zombie.metric("loss", 0, 9.0)
    zombie.parameter("l2", 9)
    zombie.dataset(dataset_hash="d9", feature_set="form", feature_version="v9", delta_version=9)
    zombie.close()
    found = training(database)
    assert steps(database) == {("loss", 0): 1.0}
    assert (found.parameters, found.dataset_hash) == ({}, None)


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("no such column"), "failed"), (RunCancelled("r1"), "cancelled"), (KeyboardInterrupt(), "failed")],
)
def test_a_training_that_breaks_off_says_how_and_keeps_what_it_said(database: Database, tmp_path, error, status):
    with pytest.raises(type(error)):
        break_off(database, tmp_path, error)
    found = training(database)
    assert found.status == status
    assert found.ended_at is not None
    assert found.error == (str(error) or "KeyboardInterrupt")
    assert steps(database) == {("loss", 0): 1.0}


def test_a_training_whose_worker_stops_goes_on_in_the_same_record(database: Database, tmp_path: Path):
    with pytest.raises(RunReleased):
        break_off(database, tmp_path, RunReleased("r1"))
    assert (training(database).status, training(database).ended_at) == ("running", None)
    with recording(database, start(), root=tmp_path) as recorder:
        recorder.metric("loss", 0, 1.0)
        recorder.metric("loss", 1, 0.5)
    found = training(database)
    assert (found.status, found.attempt) == ("succeeded", 2)
    assert steps(database) == {("loss", 0): 1.0, ("loss", 1): 0.5}


def test_what_cannot_be_kept_is_refused_where_it_is_said(database: Database):
    begun(database)
    with Recorder(database, "r1") as recorder:
        for name in ("", " ", "x" * 201, "a\0b", "half \ud800"):
            with pytest.raises(InputError, match="no name to record under"):
                recorder.metric(name, 0, 1.0)
        with pytest.raises(InputError, match="step -1"):
            recorder.metric("loss", -1, 1.0)
        for value in ("x" * 20_001, "a\0b"):
            with pytest.raises(InputError, match="characters"):
                recorder.parameter("l2", value)
    with pytest.raises(InputError, match="has ended"):
        recorder.metric("loss", 0, 1.0)


def test_an_experiment_belongs_to_one_task_and_counts_its_trainings(database: Database, tmp_path: Path):
    for run_id in ("r1", "r2"):
        with recording(database, start(run_id), root=tmp_path):
            pass
    begun(database, run_id="r3", experiment="second")
    with pytest.raises(InputError, match="is of"):
        begun(database, run_id="r4", task="other.task")
    with database.connect(read_only=True) as connection:
        found = {one.name: (one.runs, one.succeeded, one.models) for one in list_experiments(connection)}
        assert [one.id for one in list_trainings(connection, "first")] == ["r2", "r1"]
        assert [one.id for one in list_trainings(connection, "first", limit=1)] == ["r2"]
        assert [one.id for one in trainings(connection, ["r3", "r1"])] == ["r3", "r1"]
        with pytest.raises(NotFoundError, match="no experiment 'third'"):
            list_trainings(connection, "third")
        with pytest.raises(NotFoundError, match="no training 'r4'"):
            trainings(connection, ["r1", "r4"])
    assert found == {"first": (2, 2, 0), "second": (1, 0, 0)}
