"""`schedules` makes what is asked for again and again, shows it, pauses it, and asks for it out of turn."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from typer.testing import CliRunner

from morningline.cli.main import app
from morningline.kit.errors import InputError
from morningline.kit.workspace import Workspace
from morningline.wiring.jobs import kinds
from morningline.wiring.program import Program

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Run = Callable[..., Result]

PAGE = Path(__file__).parent.parent.parent / "docs" / "how-to" / "run-on-a-schedule.md"
DAILY = ("--kind", "fingerprint", "--cron", "0 20 * * *", "--zone", "Europe/London")


@pytest.fixture
def run(tmp_path: Path, fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("MORNINGLINE_HOME", str(Workspace.create(tmp_path / "season").root))
    monkeypatch.setenv("MORNINGLINE_DATABASE_URL", fresh_database)
    return lambda *words: CliRunner().invoke(app, ["schedules", *words])


def test_a_schedule_from_its_first_day_to_its_last(run: Run, tmp_path: Path, fresh_database: str):
    assert "due next at" in run("add", "count", *DAILY).stdout
    file = tmp_path / "asked.json"
    file.write_text('{"domain": "racing", "keep_days": 1}', encoding="utf-8")
    vacuum = ("add", "tidy", "--kind", "vacuum", "--cron", "0 4 * * sun", "--params", str(file), "--paused")
    made = json.loads(run(*vacuum, "--parameter", "keep_days=9", "--parameter", "dry_run=true", "--json").stdout)
    assert made["parameters"] == {"domain": "racing", "keep_days": 9, "dry_run": True}
    assert made["next_at"] is None
    assert "is paused" in run("pause", "count").stdout
    assert "due next at" in run("resume", "count").stdout
    done = json.loads(run("run", "count", "--detach", "--json").stdout)
    listed = {row["name"]: row for row in json.loads(run("list", "--json").stdout)}
    assert (listed["count"]["last_run"], listed["count"]["last_status"]) == (done["run"], "queued")
    table = run("list").stdout
    assert "queued" in table
    assert "paused" in table
    with psycopg.connect(fresh_database) as connection:
        (asked,) = connection.execute("SELECT asked_by FROM runs").fetchall()
    assert asked == ("schedule count",)
    assert "removed" in run("remove", "count").stdout
    assert "count" not in run("list").stdout


def test_what_the_page_says_can_be_scheduled(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    page = PAGE.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (asked,) = re.findall(r"^```json\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    Path("train.json").write_text(asked, encoding="utf-8")
    lines = re.findall(r"^morningline schedules (add .*)$", page, re.MULTILINE)
    assert len(lines) == 7
    for line in lines:
        done = run(*shlex.split(line))
        assert done.exit_code == 0, (line, done.exception)
    assert len(json.loads(run("list", "--json").stdout)) == 7


def test_the_page_names_every_kind(run: Run, tmp_path: Path):
    run("list")
    with Program.at(tmp_path / "season", os.environ) as program:
        known = {kind.name for kind in kinds(program).values() if kind.check is not None}
    said = PAGE.read_text(encoding="utf-8").partition("The kinds are")[2].partition(".\n")[0]
    assert set(re.findall(r"`(\w+)`", said)) == known


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--parameter", "day"), "NAME=VALUE"),
        (("--parameter", "day={day}"), "There is no parameter 'day'"),
        (("--zone", "Mars"), "Mars"),
        (("--cron", "often"), "1 fields"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_can(run: Run, words: tuple[str, ...], says: str):
    refused = run("add", "count", *DAILY, *words)
    assert isinstance(refused.exception, InputError)
    assert says in str(refused.exception)
    assert json.loads(run("list", "--json").stdout) == []
