"""`quality check` tells by its exit code whether a day is sound; `quality report` writes one page."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from morningline.cli.main import app
from morningline.facts.migrate import upgrade
from morningline.facts.store import load
from morningline.kit.database import Database
from morningline.kit.errors import DataError, InputError, NotFoundError
from morningline.kit.workspace import Workspace
from morningline.runs.install import install
from morningline.wiring.program import Program, domain_named, migration_folders
from morningline.wiring.quality import require_sound_day, require_sound_facts
from racing_facts import small_world

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Run = Callable[..., Result]

RACING = domain_named("racing")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return Workspace.create(tmp_path / "season").root


@pytest.fixture
def run(workspace: Path, fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("MORNINGLINE_HOME", str(workspace))
    monkeypatch.setenv("MORNINGLINE_DATABASE_URL", fresh_database)
    return lambda *words: CliRunner().invoke(app, ["quality", *words])


def raced(database: Database) -> None:
    upgrade(database, migration_folders())
    install(database)
    frames = small_world()
    with database.connect() as connection:
        for table in RACING.catalog.tables:
            if table.name in frames:
                load(connection, table, frames[table.name])


def test_a_day_is_sound_until_its_facts_break(run: Run, workspace: Path, fresh_database: str):
    database = Database(fresh_database)
    raced(database)
    done = run("check", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["sound"]
    day = told["days"][0]["day"]
    assert {row["table"] for row in told["days"]} == {t.name for t in RACING.catalog.tables if t.stage != "master"}
    with database.connect() as connection:
        connection.execute("UPDATE ra_runners SET jockey_id = NULL WHERE date = %s", (day,))
    done = run("check", "--day", day)
    assert done.exit_code == 1
    assert "jockey_id filled: 0 of" in " ".join(done.stdout.split())
    done = run("report", "--html", str(workspace / "q.html"))
    assert done.stdout.strip() == str(workspace / "q.html")
    assert "jockey_id filled: 0 of" in (workspace / "q.html").read_text(encoding="utf-8")
    history = json.loads(run("report", "--json").stdout)
    assert min(row["score"] for row in history["days"] if row["score"] is not None) == 0.0
    assert json.loads(run("check", "--from", "2023-03-01", "--to", "2023-03-31", "--json").stdout)["sound"]
    _assert_acts_are_guarded(workspace, fresh_database)


def _assert_acts_are_guarded(workspace: Path, url: str) -> None:
    """Broken facts are not worked with unless they are accepted; then they are, for good."""
    last = small_world()["ra_races"]["date"].max()
    with Program.at(workspace, {"MORNINGLINE_DATABASE_URL": url}) as program:
        with pytest.raises(DataError, match=f"Predicting {last + timedelta(days=2)} .*quality_predict"):
            require_sound_day(program, RACING, last + timedelta(days=2))
        assert require_sound_day(program, RACING, last + timedelta(days=20)) == 0
        with pytest.raises(DataError, match=r"Training .*quality_train"):
            require_sound_facts(program, RACING, "train", last=None)
        assert require_sound_facts(program, RACING, "train", last=last - timedelta(days=1)) == 0
        with pytest.raises(DataError, match=r"Computing features .*quality_compute"):
            require_sound_facts(program, RACING, "compute", last=None)
        assert require_sound_facts(program, RACING, "compute", last=None, accept=True) == 1
        assert require_sound_facts(program, RACING, "compute", last=None) == 0


def test_what_cannot_be_asked_is_refused(run: Run, fresh_database: str):
    done = run("check", "--day", "2023-03-01", "--from", "2023-03-01")
    assert isinstance(done.exception, InputError)
    done = run("check")
    assert isinstance(done.exception, NotFoundError)
    raced(Database(fresh_database))
    done = run("check", "--day", "2019-03-01")
    assert isinstance(done.exception, NotFoundError)
