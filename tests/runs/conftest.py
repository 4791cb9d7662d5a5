"""Databases with the tables of runs in them, and workers in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from databases import temporary_database
from morningline.kit.database import Database
from morningline.runs import store
from morningline.runs.install import install
from morningline.runs.worker import Worker
from runs import hands
from runs.hands import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from morningline.runs.store import RunRow

HANDS = Path(__file__).parent / "hands.py"
PATIENCE_SECONDS = 60


@pytest.fixture(scope="session")
def template(postgres_url: str) -> Iterator[str]:
    """Address of a database in which runs are installed, to copy from."""
    with temporary_database(postgres_url) as url:
        install(Database(url))
        with psycopg.connect(url) as inside:
            inside.execute("CREATE TABLE marks (id bigint GENERATED ALWAYS AS IDENTITY, run text, mark text, pid int)")
        yield url


@pytest.fixture
def database(postgres_url: str, template: str) -> Iterator[Database]:
    """A database of this test alone."""
    with temporary_database(postgres_url, like=template) as url, Database(url) as opened:
        hands.database = opened
        yield opened


class Office:
    """What a test asks for and sees, on a connection of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.connection = database.connect()
        self.connection.autocommit = True
        self.processes: list[subprocess.Popen[str]] = []

    def ask(self, kind: str, priority: int = 0, **parameters: Any) -> str:
        return store.enqueue(self.connection, KINDS[kind], parameters, asked_by="ann", priority=priority)

    def find(self, run_id: str) -> RunRow:
        return store.find(self.connection, run_id)

    def wait(self, run_id: str, *statuses: str) -> RunRow:
        wanted = statuses or tuple(store.ENDED)
        return self.until(lambda: (row := self.find(run_id)).status in wanted and row)

    def until(self, seen: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if found := seen():
                return found
            time.sleep(0.02)
        pytest.fail("what was waited for did not come")

    def marks(self, run_id: str) -> list[str]:
        rows = self.connection.execute("SELECT mark FROM marks WHERE run = %s ORDER BY id", [run_id])
        return [mark for (mark,) in rows]

    def said(self, run_id: str) -> str:
        return "\n".join(line.message for line in store.read_logs(self.connection, run_id))

    def hire(self, slots: int = 1) -> subprocess.Popen[str]:
        """A worker in a process of its own, once it lives."""
        process = subprocess.Popen(
            [sys.executable, str(HANDS), self.database.url, str(slots)], stdout=subprocess.PIPE, text=True
        )
        self.processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process


@pytest.fixture
def office(database: Database) -> Iterator[Office]:
    opened = Office(database)
    yield opened
    for process in opened.processes:
        process.kill()
        process.communicate()
    opened.connection.close()


@pytest.fixture
def worker(database: Database) -> Iterator[Worker]:
    """A worker in this process."""
    made = Worker(database, KINDS.values(), slots=2, poll_seconds=0.05, log_level="error")
    made.start()
    yield made
    made.stop()
