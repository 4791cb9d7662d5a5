"""A feed that keeps books, machines that collect from it, and what there is to compare when they are done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import pytest

from morningline.kit.workspace import Workspace
from morningline.runs import store
from morningline.wiring import acts
from morningline.wiring.program import Program

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from morningline.runs.store import RunRow

TODAY = "2026-11-21"
PATIENCE_SECONDS = 240
COMMAND = (sys.executable, "-m", "morningline.cli")
CLEAN = (200, 404)
LATE_SECONDS = 2.0
"""How long after its caller's death a busy feed may see a call; no other takes the dead one's run up so soon."""
COVERAGE = "SELECT endpoint, day, generation, status, said, events, pages, rows_read, rows_kept FROM coverage"


def until(seen: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """What is waited for, once it is there."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := seen():
            return found
        time.sleep(0.02)
    pytest.fail("what was waited for did not come")


@dataclass(frozen=True)
class Call:
    """A call as the feed saw it."""

    at: float
    target: str
    status: int
    fault: str

    @property
    def clean(self) -> bool:
        """Whether it got the answer it asked for."""
        return self.status in CLEAN and not self.fault


class FeedServer:
    """The simulator as a process of its own, its clock standing at `TODAY`."""

    def __init__(self, folder: Path, *, faults: str = "none", limit: float = 0.0) -> None:
        self._log = folder / f"calls-{faults}-{time.monotonic_ns()}.jsonl"
        self._process = subprocess.Popen(
            [
                *(*COMMAND, "simulate", "--port", "0", "--today", TODAY, "--bookmakers", "1"),
                *("--faults", faults, "--log", str(self._log)),
                *(part for name in ("racecards", "other") for part in ("--limit", f"{name}={limit}")),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().removeprefix("Serving on ").strip()
        self.limit = limit

    def calls(self) -> list[Call]:
        """Every call so far, in the order of arrival."""
        lines = [json.loads(line) for line in self._log.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
        return sorted(
            (Call(at=c["at"], target=c["target"], status=c["status"], fault=c["fault"]) for c in lines),
            key=lambda call: call.at,
        )

    def stop(self) -> None:
        """Be gone, so that whoever calls finds nobody."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclass(frozen=True)
class Picture:
    """What a machine has: rows and content of every table of facts, the ledger, what was turned away."""

    facts: dict[str, Any]
    coverage: list[tuple[Any, ...]]
    quarantine: list[tuple[Any, ...]]


class Machine:
    """A workspace of its own, and the processes that work in it."""

    def __init__(
        self, root: Path, feed: FeedServer, *, database_url: str | None = None, archive: Path | None = None
    ) -> None:
        workspace = Workspace.create(root)
        lines = [
            *([f'database_url = "{database_url}"'] if database_url else []),
            *([f'raw_archive = "{archive}"'] if archive else []),
            "[feeds.racing_api]",
            f'url = "{feed.url}"',
            'plan = "pro"',
            "history = true",
            f"limits = {{ free = {feed.limit}, racecards = {feed.limit}, other = {feed.limit} }}",
        ]
        workspace.config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MORNINGLINE_")},
            "MORNINGLINE_HOME": str(root),
            "RACING_API_USERNAME": "user",
            "RACING_API_PASSWORD": "password",
        }
        self.root = root
        self.archive = archive or workspace.archive
        self.program = Program.at(root, {"MORNINGLINE_HOME": str(root)})
        self.workers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.program.close()

    def do(self, *words: str, command: Sequence[str] = COMMAND) -> subprocess.CompletedProcess[str]:
        """Give a command and wait for its end."""
        return subprocess.run(
            [*command, *words], env=self._environ, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
        )

    def json(self, *words: str) -> Any:
        """What a command prints as JSON; it must go well."""
        done = self.do(*words, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def ask(self, first: str, last: str) -> str:
        """Ask for a backfill, and return its run's id."""
        asked: str = self.json("collect", "events", "--from", first, "--to", last, "--detach")["run"]
        return asked

    def hire(self) -> subprocess.Popen[bytes]:
        """A worker in a process of its own; it lives when this returns, and takes runs a moment later."""
        with (self.root / "workers.log").open("ab") as log:
            worker = subprocess.Popen([*COMMAND, "worker"], env=self._environ, stdout=log, stderr=log)
        self.workers.append(worker)
        return worker

    def kill(self, worker: subprocess.Popen[bytes]) -> float:
        """End a worker as a power cut does; returns when."""
        worker.send_signal(signal.SIGKILL)
        at = time.time()
        worker.wait()
        self.workers.remove(worker)
        return at

    def find(self, run_id: str) -> RunRow:
        """How a run stands."""
        with self.program.database.connect(read_only=True) as connection:
            return store.find(connection, run_id)

    def holder(self, run_id: str) -> subprocess.Popen[bytes] | None:
        """Which of the workers has a run in hand."""
        with self.program.database.connect(read_only=True) as connection:
            row = connection.execute(
                "SELECT worker FROM runs WHERE id = %s AND status = 'running'", [run_id]
            ).fetchone()
        pid = int(row[0].split(":")[1]) if row and row[0] else 0
        return next((worker for worker in self.workers if worker.pid == pid), None)

    def end(self, run_id: str) -> RunRow:
        """How a run stands when it has ended well."""
        row: RunRow = until(lambda: (row := self.find(run_id)).finished_at and row)
        assert row.status == "succeeded", f"{row.error}\n{(self.root / 'workers.log').read_text(encoding='utf-8')}"
        return row

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        with self.program.database.connect(read_only=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def picture(self) -> Picture:
        """Everything that must not depend on what happened on the way."""
        quarantine = self.rows("SELECT file, row, reason FROM quarantine")
        return Picture(acts.fingerprints(self.program), sorted(self.rows(COVERAGE)), sorted(quarantine, key=str))


def busiest_second(calls: Sequence[Call]) -> int:
    """Most calls that arrived in any second, wherever it begins."""
    times = [call.at for call in calls]
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def repeated_at(calls: Sequence[Call], deaths: Sequence[float]) -> list[int]:
    """How many calls were made again because of each death; fails for one made again for no such reason."""
    seen: dict[str, float] = {}
    repeated: Counter[int] = Counter()
    for call in calls:
        if not call.clean:
            continue
        if call.target in seen:
            since = seen[call.target] - LATE_SECONDS
            cause = next((n for n, at in enumerate(deaths) if since <= at <= call.at), None)
            assert cause is not None, f"{call} was made again though nobody died since {seen[call.target]}"
            repeated[cause] += 1
        seen[call.target] = call.at
    return [repeated[n] for n in range(len(deaths))]
