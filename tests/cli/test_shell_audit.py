"""What is changed from the shell is in the audit, whichever command it was; who only looks leaves nothing."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import typer
from typer.testing import CliRunner

from databases import new_database, temporary_database
from morningline.cli.auditing import ELSEWHERE, LOOKS, ChangingCommand
from morningline.cli.main import app
from morningline.kit.errors import DatabaseError
from morningline.kit.workspace import Workspace
from morningline.runs.install import install

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

NOTHING = "0123456789ab"
# What each command is given: nothing that it could do for long, and mostly something that is not there.
GIVEN: dict[str, str] = {
    "audit": "",
    "backtest": "--train-until 2023-12-31 --test-from 2024-02-01 --test-to 2024-03-01 --detach",
    "collect all": "--from 2024-01-01 --to 2024-01-02 --detach",
    "collect details": "--detach",
    "collect events": "--from 2024-01-01 --to 2024-01-02 --detach",
    "collect masters": "--detach",
    "collect results": "--day 2024-01-01 --detach",
    "collect status": "",
    "collect today": "--detach",
    "db downgrade": "nonsense --yes",
    "db fingerprint": "",
    "db query": "SELECT 1",
    "db upgrade": "",
    "db url": "",
    "doctor": "",
    "experiments compare": "a b",
    "experiments export": "first --out first.csv",
    "experiments list": "",
    "experiments show": NOTHING,
    "features compute": "--detach",
    "features diff": "1 2",
    "features drift": "--reference-from 2024-01-01 --reference-to 2024-01-31 --from 2024-02-01 --to 2024-02-02",
    "features export": "--out rows.parquet",
    "features list": "",
    "features quality": "",
    "features show": "speed",
    "features status": "",
    "features vacuum": "--dry-run",
    "features verify": "",
    "import": "nothing.toml . --detach",
    "lineage": "model nothing",
    "mappings": "",
    "models compare": "a b",
    "models learners": "",
    "models list": "",
    "models pin": "nothing",
    "models promote": "nothing",
    "models prune": "--dry-run",
    "models rollback": "",
    "models show": "nothing",
    "predict": "--date 2024-01-01",
    "predictions show": "",
    "quality check": "",
    "quality report": "",
    "reconcile": "",
    "reparse": "--detach",
    "replay": "nothing",
    "report": "",
    "runs cancel": NOTHING,
    "runs list": "",
    "runs logs": NOTHING,
    "runs prune": "",
    "runs retry": NOTHING,
    "runs show": NOTHING,
    "runs stats": "",
    "schedules add": "nightly --kind nothing --cron daily",
    "schedules list": "",
    "schedules pause": "nothing",
    "schedules remove": "nothing",
    "schedules resume": "nothing",
    "schedules run": "nothing --detach",
    "score": "",
    "serve": "--host 0.0.0.0",
    "settings": "",
    "tokens create": "nightly",
    "tokens list": "",
    "tokens revoke": "nothing",
    "train": "--detach",
    "worker": "",
}


def commands() -> dict[str, Any]:
    """Every command by its words."""
    found: dict[str, Any] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        inner = getattr(command, "commands", None)
        if inner is None:
            found[" ".join(words)] = command
        for name, each in (inner or {}).items():
            walk(each, (*words, name))

    walk(typer.main.get_command(app), ())
    return found


@pytest.fixture(scope="module")
def tables(postgres_url: str) -> Iterator[str]:
    """A database with every table, of which copies are made."""
    with new_database(postgres_url) as database:
        install(database)
        yield database.url


@pytest.fixture
def url(postgres_url: str, tables: str) -> Iterator[str]:
    with temporary_database(postgres_url, like=tables) as address:
        yield address


@pytest.fixture
def run(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    root = Workspace.create(tmp_path / "season").root
    monkeypatch.setenv("MORNINGLINE_HOME", str(root))
    monkeypatch.setenv("MORNINGLINE_DATABASE_URL", url)
    monkeypatch.chdir(root)
    return lambda *words: CliRunner().invoke(app, words)


def entries(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT act, outcome, begun IS NOT NULL FROM audit ORDER BY id").fetchall()


def test_every_command_is_known_to_look_to_change_or_to_do_neither_here():
    there = set(commands())
    assert there >= LOOKS | set(ELSEWHERE)
    assert set(GIVEN) == there - set(ELSEWHERE)
    changing = {name for name, command in commands().items() if isinstance(command, ChangingCommand)}
    assert changing == there - LOOKS


def test_every_changing_command_leaves_an_entry_and_no_other_does(run, url: str, monkeypatch):
    monkeypatch.setattr("morningline.runs.worker.Worker.run", lambda _worker, **_until: True)
    wrong = {}
    for name, words in GIVEN.items():
        before = len(entries(url))
        done = run(*name.split(), *([words] if name == "db query" else words.split()))
        # What was typed has to be understood, or nothing was begun.
        assert "Usage:" not in done.output, done.output
        found = entries(url)[before:]
        acts = [entry[0] for entry in found]
        if acts != ([] if name in LOOKS else [name, name]):
            wrong[name] = (found, done.output, done.exception)
        if found:
            assert (found[0][1:], found[-1][2]) == (("begun", False), True)
    assert wrong == {}


def last(url: str) -> tuple[Any, ...]:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT surface, actor, act, target, address, outcome, detail FROM audit ORDER BY id DESC LIMIT 1"
        ).fetchone()
    assert row is not None
    return row


def test_an_entry_says_who_did_what_with_which_words_and_what_came_of_it(run, url: str):
    me = getpass.getuser()
    asked = run("train", "--model", "softmax_trees", "--seed", "0", "--no-register", "--detach")
    made = asked.output.split()[0]
    words = "--model softmax_trees --seed 0 --no-register --detach"
    assert last(url) == ("shell", me, "train", words, None, "done", f"run {made}")
    run("tokens", "create", "nightly", "--days", "3")
    assert last(url)[2:] == ("tokens create", "nightly --days 3", None, "done", None)
    run("models", "rollback", "--reason", "late money")
    assert last(url)[2:6] == ("models rollback", "--reason late money", None, "refused")
    assert "previous champion" in last(url)[6]
    shown = run("audit", "--outcome", "refused").output
    assert "models rollback" in shown
    assert "here" in shown


def test_what_cannot_be_written_down_is_not_done(run, url: str):
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE audit ADD CONSTRAINT closed CHECK (id < 0) NOT VALID")
    refused = run("tokens", "create", "nightly")
    assert isinstance(refused.exception, DatabaseError)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM api_tokens").fetchone() == (0,)


def test_a_command_that_is_broken_off_has_failed(run, url: str, monkeypatch: pytest.MonkeyPatch):
    def interrupted(*_args: Any, **_more: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("morningline.access.tokens.create", interrupted)
    run("tokens", "create", "nightly")
    assert last(url)[5:] == ("failed", "KeyboardInterrupt")


def test_the_first_command_of_a_workspace_makes_the_audit_and_ends_in_it(
    run, fresh_database: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MORNINGLINE_DATABASE_URL", fresh_database)
    assert run("tokens", "create", "nightly").exit_code == 0
    assert entries(fresh_database) == [("tokens create", "done", False)]
