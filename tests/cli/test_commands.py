"""The command line: words become one act, refusals say what to do, exit codes are kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from morningline.kit.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return Workspace.create(tmp_path / "season").root


@pytest.fixture
def run(workspace: Path, fresh_database: str) -> Run:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MORNINGLINE_")}
    environ = {**clean, "MORNINGLINE_HOME": str(workspace), "MORNINGLINE_DATABASE_URL": fresh_database}

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "morningline.cli", *words]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, env={**environ, **more}, timeout=120
        )

    return run


def test_help_lists_every_command(run: Run):
    done = run("--help")
    assert done.returncode == 0
    words = "init settings doctor demo import mappings features train backtest models report predict score replay db"
    for word in words.split():
        assert f"  {word}" in done.stdout


def test_a_folder_that_is_no_workspace_says_how_to_make_one(run: Run, tmp_path: Path):
    done = run("settings", MORNINGLINE_HOME=str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "morningline init" in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_are_shown_with_their_origin(run: Run):
    rows = json.loads(run("settings", "--json", MORNINGLINE_SEED="7").stdout)
    seed = next(row for row in rows if row["name"] == "seed")
    assert (seed["value"], seed["origin"]) == ("7", "MORNINGLINE_SEED")


def test_an_unknown_setting_is_refused(run: Run):
    done = run("settings", MORNINGLINE_SEEDS="7")
    assert done.returncode == 2
    assert "MORNINGLINE_SEED" in done.stderr


def test_the_doctor_finds_a_sound_installation_sound(run: Run):
    done = run("doctor", "--json")
    assert done.returncode == 0, done.stdout
    looked_at = {finding["name"] for finding in json.loads(done.stdout)}
    assert looked_at >= {"versions", "time zone data", "workspace", "disk", "database", "tables"}


def test_the_doctor_says_what_is_wrong_and_what_to_do(run: Run, workspace: Path):
    (workspace / "models").rmdir()
    done = run("doctor")
    assert done.returncode == 1
    assert "WRONG" in done.stdout
    assert "morningline init" in done.stdout
    refused = run("doctor", "--json", MORNINGLINE_DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
    assert refused.returncode == 1
    assert "cannot be reached" in refused.stdout


def test_the_queries_of_an_empty_database_run(run: Run):
    done = run(
        "db",
        "query",
        "SELECT (SELECT count(*) FROM ra_races) AS races, (SELECT count(*) FROM ra_runners) AS runners,"
        " (SELECT count(*) FROM ra_mst_horses) AS horses, (SELECT count(*) FROM ra_mst_jockeys) AS jockeys",
        "--json",
    )
    assert json.loads(done.stdout) == [{"races": 0, "runners": 0, "horses": 0, "jockeys": 0}]


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("DELETE FROM ra_races", "read-only"),
        ("COMMIT; DELETE FROM ra_races", "multiple commands"),
        ("SET default_transaction_read_only = off; DELETE FROM ra_races", "multiple commands"),
        ("SELECT nothing FROM nowhere", "does not exist"),
    ],
)
def test_a_query_that_is_not_one_that_reads_is_refused(run: Run, sql: str, says: str):
    done = run("db", "query", sql)
    assert done.returncode == 2
    assert says in done.stderr


def test_a_percent_sign_is_a_percent_sign(run: Run):
    assert run("db", "query", "SELECT 'a%b' LIKE 'a%' AS x", "--csv").stdout == "x\nTrue\n"


def test_a_query_is_printed_as_csv(run: Run):
    assert run("db", "query", "SELECT 1 AS one, 'a,b' AS two", "--csv").stdout == 'one,two\n1,"a,b"\n'


def test_tables_go_down_and_up_again(run: Run):
    assert run("db", "fingerprint").returncode == 0
    assert "nothing" in run("db", "downgrade", "base", "--yes").stdout
    assert "racing_0001" in run("db", "upgrade").stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("predict", "--date", "2024-02-30"), "not a day"),
        (("import", "nothing", "."), "no mapping 'nothing'"),
        (("import", "hk", "/nowhere/at/all"), "no folder"),
        (
            ("backtest", "--train-until", "2020-01-01", "--test-from", "2019-01-01", "--test-to", "2021-01-01"),
            "Allowed",
        ),
        (("report",), "no model"),
        (("score",), "no predictions"),
        (("features", "export", "--out", "x.parquet"), "not computed yet"),
        (("features", "compute"), "no entrants"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, words: tuple[str, ...], says: str):
    done = run(*words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_features_are_listed_with_unit_and_description(run: Run):
    rows = json.loads(run("features", "list", "--json").stdout)
    assert len(rows) >= 60
    assert all(row["name"] and row["description"] for row in rows)
