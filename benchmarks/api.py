"""The service with 5,000 runs in the queue and 8 clients at once, with a token: how long start, show and list take."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import psutil

from morningline.access import tokens
from morningline.kit.workspace import Workspace
from morningline.runs import store
from morningline.wiring.jobs import kinds
from morningline.wiring.program import Program

RUNS = 5_000
CLIENTS = 8
TIMES = 250
SPLIT = {"kind": "hold_out", "train_until": "2024-12-31", "test_from": "2025-06-01", "test_to": "2026-05-31"}
BODY = json.dumps({"split": SPLIT})
LIMITS_MS = {"start": 100, "show": 50, "list": 50, "list queued, 50 a page": 50, "list, second page": 50}


@contextmanager
def service(home: Path) -> Iterator[tuple[int, psutil.Process]]:
    environ = {**os.environ, "MORNINGLINE_HOME": str(home)}
    words = [sys.executable, "-m", "morningline.cli", "serve", "--port", "0", "--no-worker"]
    process = subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = int(process.stdout.readline().rpartition(":")[2].partition("/")[0])
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def measured(port: int, token: str, ask: Callable[[HTTPConnection, dict], None]) -> list[float]:
    taken: list[float] = []

    def client() -> None:
        connection = HTTPConnection("127.0.0.1", port)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        for _ in range(TIMES):
            started = time.perf_counter()
            ask(connection, headers)
            taken.append((time.perf_counter() - started) * 1000)
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(taken)


def asking(
    method: str, path: str, body: str | None = None, status: int = 200
) -> Callable[[HTTPConnection, dict], None]:
    def ask(connection: HTTPConnection, headers: dict) -> None:
        connection.request(method, f"/api/v1{path}", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != status:
            sys.exit(f"{method} {path} gave {answer.status}: {text[:300]!r}")

    return ask


def filled(home: Path) -> tuple[str, str]:
    """A workspace with runs in the queue: the id of one of them, and a token."""
    with Program.at(home, {}) as program, program.database.connect() as connection:
        kind = kinds(program)["train"]
        ids = [store.enqueue(connection, kind, {"domain": "racing"}, asked_by="ann") for _ in range(RUNS)]
        _, token = tokens.create(connection, "bench", "admin", created_by="bench")
        connection.commit()
        connection.autocommit = True
        connection.execute("ANALYZE")
    return ids[RUNS // 2], token


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="morningline-bench-") as folder:
        home = Workspace.create(Path(folder) / "w").root
        some, token = filled(home)
        with service(home) as (port, process):
            connection = HTTPConnection("127.0.0.1", port)
            connection.request("GET", "/api/v1/runs", headers={"Authorization": f"Bearer {token}"})
            cursor = json.load(connection.getresponse())["next"]
            asks = {
                "show": asking("GET", f"/training/jobs/{some}"),
                "list": asking("GET", "/training/jobs?limit=20"),
                "list queued, 50 a page": asking("GET", "/training/jobs?status=queued"),
                "list, second page": asking("GET", f"/runs?cursor={cursor}"),
                "start": asking("POST", "/training/jobs/start", BODY, 202),
            }
            load = os.getloadavg()[0] / os.cpu_count()
            print(f"{RUNS:,} queued runs, {CLIENTS} clients, {TIMES} requests each; load {load:.1f} a core before:")
            for name, ask in asks.items():
                before = sum(process.cpu_times()[:2])
                taken = measured(port, token, ask)
                used = (sum(process.cpu_times()[:2]) - before) / len(taken) * 1000
                p99 = taken[int(len(taken) * 0.99) - 1]
                print(
                    f"  {name:24} median {statistics.median(taken):7.1f} ms   p99 {p99:7.1f} ms   "
                    f"(limit {LIMITS_MS[name]} ms)   service {used:4.1f} ms of CPU each"
                )


if __name__ == "__main__":
    main()
