"""The mirror: MLflow's own client finds every training there; MLflow failing fails none and is told."""

from __future__ import annotations

import importlib
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from morningline.training.registry import Mirrored, MlflowMirror, TrainingStart, recording, trainings
from registered_models import TASK

if TYPE_CHECKING:
    from pathlib import Path

    from morningline.kit.database import Database

# SQLAlchemy's own complaint about how MLflow uses it.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")

START: dict[str, Any] = {
    "experiment": "first",
    "task": TASK,
    "configuration": {"l2": 20},
    "asked_by": "ann",
    "seed": 20,
}


@pytest.fixture(scope="module", autouse=True)
def mlflow_imported() -> None:
    """Once and whole: a mirror that nobody waits for would still import it while the next test takes it away."""
    importlib.import_module("mlflow.tracking")


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store in a file; MLflow takes seconds to make its tables."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


def mirrored(database: Database, root: Path, mirror: MlflowMirror, run_id: str = "r1") -> list[str]:
    """A training with this mirror; returns what was warned of."""
    warned: list[str] = []
    begin = TrainingStart(run_id=run_id, **START)
    with recording(database, begin, root=root, mirror=mirror, warn=warned.append) as recorder:
        recorder.parameters({"l2": 20, "odd name (really)": "x" * 7000})
        for step in range(1500):
            recorder.metric("loss", step, 1.0 / (step + 1))
        recorder.dataset(dataset_hash="d1", feature_set="form", feature_version="v1", delta_version=3)
        (root / "model.txt").write_bytes(b"abc")
        recorder.artefact(root / "model.txt")
    return warned


def told(database: Database, run_id: str = "r1") -> tuple[str, str | None]:
    with database.connect(read_only=True) as connection:
        found = trainings(connection, [run_id])[0]
    return found.status, found.mirror


def test_mlflows_own_client_finds_the_training(database: Database, tmp_path: Path, uri: str):
    from mlflow.tracking import MlflowClient

    assert mirrored(database, tmp_path, MlflowMirror(uri)) == []
    with pytest.raises(ValueError, match="no such column"):
        raise_in(database, tmp_path, MlflowMirror(uri), "r2")
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("first")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert {name: run.info.status for name, run in runs.items()} == {"r1": "FINISHED", "r2": "FAILED"}
    run = runs["r1"]
    assert run.data.params["l2"] == "20"
    assert len(run.data.params["odd name _really_"]) == 6000
    history = {one.step: one.value for one in client.get_metric_history(run.info.run_id, "loss")}
    assert history == {step: 1.0 / (step + 1) for step in range(1500)}
    tags = run.data.tags
    assert (tags["morningline.run_id"], tags["mlflow.user"]) == ("r1", "ann")
    assert (tags["morningline.feature_version"], tags["morningline.configuration"]) == ("v1", '{"l2":20}')
    assert tags["morningline.artefact.model.txt"].startswith("sha256:ba7816bf")
    status, words = told(database)
    assert (status, words) == ("succeeded", f"run {run.info.run_id} of {uri}")


def raise_in(database: Database, root: Path, mirror: MlflowMirror, run_id: str) -> None:
    with recording(database, TrainingStart(run_id=run_id, **START), root=root, mirror=mirror):
        raise ValueError("no such column")


def test_a_second_attempt_closes_what_the_first_left_open(uri: str):
    from mlflow.tracking import MlflowClient

    begin = TrainingStart(run_id="again", **{**START, "experiment": "second"})
    killed = MlflowMirror(uri)
    killed.begin(begin, 1)
    killed._todo.put(None)
    killed._thread.join()
    after = MlflowMirror(uri)
    after.begin(begin, 2)
    assert not after.end("succeeded").failed
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("second")
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(run.info.status for run in runs) == ["FINISHED", "KILLED"]


def test_a_server_that_refuses_fails_no_training_and_is_told(database: Database, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    warned = mirrored(database, tmp_path, MlflowMirror(f"http://ann:secret@127.0.0.1:{port}"))
    status, words = told(database)
    assert status == "succeeded"
    assert words.startswith("failed: ")
    assert len(warned) == 1
    assert "not, or not wholly, mirrored" in warned[0]
    assert "secret" not in warned[0] + words


def test_a_server_that_never_answers_is_not_waited_for(database: Database, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        uri = f"http://127.0.0.1:{listening.getsockname()[1]}"
        warned = mirrored(database, tmp_path, MlflowMirror(uri, wait_seconds=0.2))
    assert "had not taken it 0.2 s after the training ended" in warned[0]
    assert told(database)[0] == "succeeded"


def test_a_client_that_is_not_installed_is_named(database: Database, tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    (warned,) = mirrored(database, tmp_path, MlflowMirror("sqlite:///nowhere.db"))
    assert "Install morningline[mlflow]" in warned
    assert told(database) == ("succeeded", "failed: MLflow's client is not installed. Install morningline[mlflow].")


@pytest.mark.parametrize("address", ["file:///nowhere", "nothing://ann:secret@host"])
def test_an_address_that_mlflow_does_not_take_is_told_without_its_password(address: str):
    mirror = MlflowMirror(address)
    mirror.begin(TrainingStart(run_id="r1", **START), 1)
    found = mirror.end("succeeded")
    assert isinstance(found, Mirrored)
    assert found.failed
    assert "maintenance mode" in found.words or "nothing://ann:***@host" in found.words
    assert "secret" not in found.words
