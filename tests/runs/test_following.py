"""Commands ask for a run and follow it: here where no worker lives, at a worker where one does, or not at all."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

import psycopg
import pytest

from morningline.cli.main import main
from morningline.kit.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Line:
    """The command line on a workspace and a database of its own."""

    def __init__(self, home: Path, url: str) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MORNINGLINE_")}
        self.environ = {**clean, "MORNINGLINE_HOME": str(home), "MORNINGLINE_DATABASE_URL": url}
        self.home, self.url = home, url
        self.begun: list[subprocess.Popen[str]] = []

    def begin(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "morningline.cli", *words]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=self.environ)
        self.begun.append(process)
        return process

    def run(self, *words: str) -> tuple[int, str, str]:
        """Run a command in this process, which spares its start."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["morningline", *words])
            for name in ("MORNINGLINE_HOME", "MORNINGLINE_DATABASE_URL"):
                patch.setenv(name, self.environ[name])
            with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
                main()
        return int(end.value.code or 0), out.getvalue(), err.getvalue()

    def runs(self, *words: str) -> list[dict[str, object]]:
        return json.loads(self.run("runs", "list", "--json", *words)[1])

    def until(self, sql: str) -> None:
        deadline = time.monotonic() + 60
        with psycopg.connect(self.url, autocommit=True) as connection:
            while time.monotonic() < deadline:
                if connection.execute(sql).fetchone() == (True,):
                    return
                time.sleep(0.05)
        pytest.fail(f"what was waited for did not come: {sql}")


@pytest.fixture
def line(tmp_path: Path, fresh_database: str) -> Iterator[Line]:
    made = Line(Workspace.create(tmp_path / "season").root, fresh_database)
    yield made
    for process in made.begun:
        process.kill()
        process.communicate()


WORK_WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'ra_runners'::regclass)"
WORKER_LIVES = "SELECT to_regclass('run_workers') IS NOT NULL AND EXISTS (SELECT FROM run_workers WHERE serves_all)"


def test_without_a_worker_the_command_does_the_run_itself_and_leaves_it_in_the_list(line: Line):
    code, out, err = line.run("features", "compute")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "morningline: There are no entrants to compute features for.",
        "What to do: Import or collect facts first.",
    ]
    (row,) = line.runs("--kind", "features")
    assert (row["status"], row["attempt"], row["parameters"]["domain"]) == ("failed", 1, "racing")
    run_id = str(row["id"])
    assert "no entrants" in line.run("runs", "show", run_id)[1]
    assert "no entrants" in line.run("runs", "logs", run_id)[1]
    assert line.run("runs", "retry", run_id)[0] == 2
    assert [r["attempt"] for r in line.runs()] == [2, 1]
    (counted,) = json.loads(line.run("runs", "stats", "--json")[1])
    assert (counted["kind"], counted["failed"]) == ("features", 2)
    assert line.runs("--since", "2000-01-01", "--until", "2000-01-02") == []
    assert line.run("runs", "list", "--since", "soon")[0] == 2
    assert "0 runs deleted" in line.run("runs", "prune")[1]


def test_a_detached_run_waits_for_a_worker_which_stops_when_told(line: Line):
    code, out, err = line.run("features", "compute", "--detach", "--priority", "2")
    run_id = out.strip()
    assert code == 0
    assert "morningline worker" in err
    assert [(r["id"], r["status"], r["priority"]) for r in line.runs()] == [(run_id, "queued", 2)]
    worker = line.begin("worker")
    line.until(f"SELECT status = 'failed' FROM runs WHERE id = '{run_id}'")
    # While a worker lives, it does what is asked.
    code, _, err = line.run("features", "compute")
    assert (code, "no entrants" in err) == (2, True)
    with psycopg.connect(line.url) as connection:
        executors = connection.execute("SELECT DISTINCT executor_id FROM dbos.workflow_status").fetchall()
    assert len(executors) == 1
    worker.send_signal(signal.SIGINT)
    out, err = worker.communicate(timeout=30)
    assert (worker.returncode, out) == (0, "")
    assert [line.split()[0] for line in err.splitlines()] == ["Worker", "Worker"]


@pytest.mark.parametrize(
    ("number", "code", "status", "says"),
    [(signal.SIGINT, 130, "cancelled", "runs retry"), (signal.SIGTERM, 143, "queued", "back to the queue")],
)
def test_a_command_that_is_interrupted_says_what_becomes_of_its_run(
    line: Line, number: int, code: int, status: str, says: str
):
    assert line.run("runs", "list")[0] == 0
    with psycopg.connect(line.url) as locked:
        locked.execute("LOCK TABLE ra_runners")
        process = line.begin("features", "compute")
        line.until(WORK_WAITS)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, says in err) == (code, True), err
    assert [row["status"] for row in line.runs()] == [status]
