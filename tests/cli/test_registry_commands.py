"""`models` and `experiments`: words become one act, everything is JSON too, a refusal is an exit code."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from typer.testing import CliRunner

from morningline.cli.main import app
from morningline.facts.migrate import upgrade
from morningline.kit.database import Database
from morningline.kit.errors import InputError, NotFoundError
from morningline.kit.workspace import Workspace
from morningline.runs.install import install
from morningline.training.registry import TrainingStart, recording
from morningline.wiring.program import migration_folders
from registered_models import FIRST_DAY, TASK, Shelf, blurred, world

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Run = Callable[..., Result]

ROWS = world(days=90)
FROM, LAST = FIRST_DAY + timedelta(days=30), FIRST_DAY + timedelta(days=89)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Workspace.create(tmp_path / "season").root


@pytest.fixture
def shelf(root: Path, fresh_database: str) -> Shelf:
    database = Database(fresh_database)
    upgrade(database, migration_folders())
    install(database)
    return Shelf(database, root)


@pytest.fixture
def run(root: Path, fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("MORNINGLINE_HOME", str(root))
    monkeypatch.setenv("MORNINGLINE_DATABASE_URL", fresh_database)
    return lambda *words: CliRunner().invoke(app, words)


def put(shelf: Shelf, name: str, noise: float) -> None:
    shelf.put(name, ROWS, blurred(ROWS, noise), test_from=FROM, test_to=LAST)


def read(done: Result) -> Any:
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def train(shelf: Shelf, run_id: str, rate: float, model: str | None = None) -> None:
    start = TrainingStart(
        run_id=run_id, experiment="rates", task=TASK, configuration={"rate": rate}, asked_by="ann", seed=1
    )
    with recording(shelf.database, start, root=shelf.root) as recorder:
        recorder.parameters({"rate": rate, "leaves": 31})
        for step in range(3):
            recorder.metric("loss", step, 2.0 - rate * step)
        if model:
            recorder.model(model)


def test_models_are_promoted_compared_and_rolled_back(run: Run, shelf: Shelf):
    put(shelf, "blurred", 1.0)
    put(shelf, "sharp", 0.0)
    first = run("models", "promote", "blurred", "--reason", "a beginning")
    assert first.exit_code == 0
    assert "blurred is the first champion of racing.win." in first.output
    compared = run("models", "compare", "sharp")
    assert "sharp is better than blurred." in compared.output
    assert "360 events of 60 days that neither has seen, 2024-01-31 to 2024-03-30" in compared.output
    assert "l2" in compared.output
    adopted = read(run("models", "promote", "logit_and_trees:2", "--json"))
    assert (adopted["promotion"]["outcome"], adopted["comparison"]["result"]["verdict"]) == ("adopted", "adopt")
    listed = read(run("models", "--json"))
    assert [(one["id"], one["aliases"]) for one in listed] == [("sharp", ["champion"]), ("blurred", ["previous"])]
    assert "Rolled back: blurred is the champion" in run("models", "rollback", "--reason", "late money").output
    assert read(run("models", "show", "--json"))["id"] == "blurred"
    assert read(run("models", "rollback", "--json"))["to_model"] == "sharp"


def test_a_promotion_that_is_refused_says_why_and_is_exit_code_1(run: Run, shelf: Shelf):
    put(shelf, "sharp", 0.0)
    put(shelf, "blurred", 1.0)
    run("models", "promote", "sharp")
    refused = run("models", "promote", "blurred")
    assert refused.exit_code == 1
    assert "blurred is worse than sharp." in refused.output
    assert "Refused: sharp stays the champion of racing.win; blurred is its challenger." in refused.output
    assert json.loads(run("models", "promote", "blurred", "--json").output)["promotion"]["outcome"] == "refused"
    unreasoned = run("models", "promote", "blurred", "--force")
    assert isinstance(unreasoned.exception, InputError)
    forced = run("models", "promote", "challenger", "--force", "--reason", "to see")
    assert forced.exit_code == 0
    assert "against the gate" in forced.output


def test_a_model_shows_data_code_seed_scores_with_intervals_and_its_history(run: Run, shelf: Shelf):
    put(shelf, "sharp", 0.0)
    train(shelf, "r1", 0.1, "sharp")
    run("models", "promote", "sharp", "--reason", "a beginning")
    said = " ".join(run("models", "show", "sharp").output.split())
    for words in ("form v1, Delta version 3", "ab" * 32, "0.1.0+test", "UTC by ann", "r1", "a beginning", "champion"):
        assert words in said, words
    found = read(run("models", "show", "sharp", "--json"))
    scores = {(one["model"], one["metric"]): one for one in found["scores"]}
    r2 = scores["market_free", "r2"]
    assert r2["low"] < r2["estimate"] < r2["high"]
    assert scores["uniform", "r2"]["estimate"] == pytest.approx(0.0)
    assert scores["market_free", "ece"]["low"] is None
    assert found["trainings"] == ["r1"]
    assert found["promotions"][0]["reason"] == "a beginning"


def test_a_model_is_pinned_and_what_is_old_is_pruned(run: Run, shelf: Shelf, monkeypatch: pytest.MonkeyPatch):
    for name in ("old", "kept", "newest"):
        put(shelf, name, 0.3)
    monkeypatch.setenv("MORNINGLINE_MODEL_RETENTION_DAYS", "1")
    assert "kept is kept whatever its age" in run("models", "pin", "kept").output
    assert read(run("models", "prune", "--dry-run", "--json"))["models"] == ["old"]
    assert "1 models and 0 trainings were deleted" in run("models", "prune").output
    assert [one["id"] for one in read(run("models", "list", "--json"))] == ["newest", "kept"]
    assert "no longer kept" in run("models", "pin", "kept", "--off").output
    assert read(run("models", "prune", "--json"))["models"] == ["kept"]


def test_trainings_are_listed_shown_and_compared(run: Run, shelf: Shelf):
    train(shelf, "r1", 0.1)
    train(shelf, "r2", 0.2)
    (experiment,) = read(run("experiments", "list", "--json"))
    assert (experiment["name"], experiment["runs"], experiment["succeeded"]) == ("rates", 2, 2)
    assert [one["id"] for one in read(run("experiments", "list", "rates", "--json"))] == ["r2", "r1"]
    assert "1.6000" in run("experiments", "list", "rates").output
    shown = read(run("experiments", "show", "r1", "--json"))
    assert (shown["status"], shown["parameters"], shown["metrics"]) == (
        "succeeded",
        {"rate": "0.1", "leaves": "31"},
        {"loss": 1.8},
    )
    assert [(step["step"], step["value"]) for step in shown["steps"]] == [(0, 2.0), (1, 1.9), (2, 1.8)]
    assert "1.9000" in run("experiments", "show", "r1", "--metric", "loss").output
    assert isinstance(run("experiments", "show", "r1", "--metric", "wishes").exception, NotFoundError)
    compared = read(run("experiments", "compare", "r1", "r2", "--json"))
    assert compared == {"runs": ["r1", "r2"], "parameters": {"rate": ["0.1", "0.2"]}, "metrics": {"loss": [1.8, 1.6]}}
    assert "rate" in run("experiments", "compare", "r1", "r2").output
    assert isinstance(run("experiments", "compare", "r1").exception, InputError)
    assert "rate" in run("experiments", "show", "r1").output


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_trainings_are_exported_one_row_each(run: Run, shelf: Shelf, root: Path, suffix: str):
    train(shelf, "r1", 0.1)
    train(shelf, "r2", 0.2)
    out = root / f"rates.{suffix}"
    assert "2 trainings" in run("experiments", "export", "rates", "--out", str(out)).output
    if suffix == "json":
        assert [row["metrics"] for row in json.loads(out.read_bytes())] == [{"loss": 1.6}, {"loss": 1.8}]
        return
    frame = pl.read_csv(out) if suffix == "csv" else pl.read_parquet(out)
    assert frame.select("id", "metric.loss").rows() == [("r2", 1.6), ("r1", 1.8)]
    assert [float(rate) for rate in frame["parameter.rate"]] == [0.2, 0.1]


def test_an_export_to_what_cannot_be_written_is_refused(run: Run, shelf: Shelf):
    train(shelf, "r1", 0.1)
    assert isinstance(run("experiments", "export", "rates", "--out", "rates.xlsx").exception, InputError)


def test_learners_are_listed_with_their_parameters_and_where_tuning_looks(run: Run, root: Path):
    assert root.is_dir()
    found = {one["name"]: one for one in read(run("models", "learners", "--json"))}
    trees = found["logit_and_trees"]
    assert trees["parameters"]["rounds"] > 0
    assert all(low < high for low, high in trees["space"].values())
    assert {one["kind"] for one in found.values()} == {"group", "binary", "regression"}
    assert "logit_and_trees" in run("models", "learners").output
