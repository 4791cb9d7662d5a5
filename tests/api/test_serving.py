"""`morningline serve`: one process that serves and works, ends politely, and listens to others only with a token."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx2
import psycopg
import pytest

from morningline.kit.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class House:
    """A workspace and the commands in it."""

    def __init__(self, home: Path, url: str) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MORNINGLINE_")}
        self.environ = {**clean, "MORNINGLINE_HOME": str(home), "MORNINGLINE_DATABASE_URL": url}
        self.processes: list[subprocess.Popen[str]] = []

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "morningline.cli", *words]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words), env=self.environ, capture_output=True, text=True, check=False, timeout=120
        )

    def serve(self, *words: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            self.command("serve", "--port", "0", *words),
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Serving on http"), process.stderr.read() if process.stderr else ""
        return process, line.removeprefix("Serving on ").strip()


@pytest.fixture
def house(tmp_path: Path, fresh_database: str) -> Iterator[House]:
    made = House(Workspace.create(tmp_path / "season").root, fresh_database)
    yield made
    for process in made.processes:
        process.kill()
        process.communicate()


def run_of(address: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    with httpx2.Client(base_url=address, headers=headers or {}, timeout=30) as client:
        run = client.post("/fingerprints/start", json={}).json()["id"]
        for _ in range(600):
            found: dict[str, Any] = client.get(f"/runs/{run}").json()
            if found["status"] in {"succeeded", "failed", "cancelled"}:
                return found
            time.sleep(0.1)
    pytest.fail("the run did not end")


def scheduled(house: House, address: str, status: str) -> dict[str, Any]:
    """The run of the schedule `count`, which is due at once."""
    with psycopg.connect(house.environ["MORNINGLINE_DATABASE_URL"]) as connection:
        connection.execute("UPDATE run_schedules SET next_at = now()")
    for _ in range(600):
        found: list[dict[str, Any]] = httpx2.get(f"{address}/runs?asked_by=schedule+count").json()["items"]
        if found and found[0]["status"] == status:
            return found[0]
        time.sleep(0.05)
    pytest.fail("what was due was not asked for")


def test_one_process_serves_and_does_the_runs_and_ends_politely(house: House):
    process, address = house.serve()
    assert run_of(address)["status"] == "succeeded"
    wanted = {"name": "count", "kind": "fingerprint", "cron": "* * * * *"}
    assert httpx2.post(f"{address}/schedules", json=wanted).status_code == 201
    assert scheduled(house, address, "succeeded")["asked_by"] == "schedule count"
    with httpx2.Client(base_url=address) as idle:
        idle.get("/runs")
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "There is no token" in said
    assert "API, scheduler and worker" in said
    assert "Traceback" not in said
    assert "[]" in house.run("db", "query", "SELECT id FROM run_workers", "--json").stdout


def test_a_service_without_a_worker_leaves_runs_to_others(house: House):
    process, address = house.serve("--no-worker")
    with httpx2.Client(base_url=address) as client:
        asked = client.post("/fingerprints/start", json={}).json()
        assert asked["worker"] is False
        assert client.get(f"/runs/{asked['id']}").json()["status"] == "queued"
        wanted = {"name": "count", "kind": "fingerprint", "cron": "0 0 1 1 *"}
        assert client.post("/schedules", json=wanted).status_code == 201
        assert scheduled(house, address, "queued")["asked_by"] == "schedule count"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "API and scheduler run in this process" in said


@pytest.mark.proof
def test_a_service_and_workers_fire_a_schedule_once_and_the_runs_are_done(house: House):
    process, address = house.serve("--no-worker")
    for _ in range(2):
        worker = subprocess.Popen(house.command("worker"), env=house.environ, stderr=subprocess.PIPE, text=True)
        house.processes.append(worker)
        assert worker.stderr is not None
        assert "schedules" in worker.stderr.readline()
    # The service fires too; the proof is that the workers do where it does not live any more.
    wanted = {"name": "count", "kind": "fingerprint", "cron": "0 0 1 1 *"}
    httpx2.post(f"{address}/schedules", json=wanted)
    assert scheduled(house, address, "succeeded")
    process.kill()
    for done in (2, 3, 4):
        with psycopg.connect(house.environ["MORNINGLINE_DATABASE_URL"]) as connection:
            connection.execute("UPDATE run_schedules SET next_at = now()")
        for _ in range(600):
            with psycopg.connect(house.environ["MORNINGLINE_DATABASE_URL"]) as connection:
                found = connection.execute("SELECT asked_by, status FROM runs").fetchall()
            if found == [("schedule count", "succeeded")] * done:
                break
            time.sleep(0.05)
        assert found == [("schedule count", "succeeded")] * done


def test_who_follows_a_log_does_not_hold_the_end_up(house: House):
    process, address = house.serve("--no-worker")
    run = httpx2.post(f"{address}/fingerprints/start", json={}).json()["id"]
    with httpx2.stream("GET", f"{address}/runs/{run}/logs?follow=true", timeout=30) as stream:
        lines = stream.iter_lines()
        next(lines)
        process.send_signal(signal.SIGTERM)
        list(lines)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_others_are_listened_to_only_once_there_is_a_token(house: House):
    refused = house.run("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - what is refused
    assert refused.returncode == 2
    assert "tokens create" in refused.stderr
    made = house.run("tokens", "create", "nightly", "--scope", "operate")
    assert "not shown again" in made.stderr
    token = made.stdout.strip()
    _, address = house.serve("--host", "0.0.0.0")  # noqa: S104 - with a token it may
    here = address.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
    assert httpx2.get(f"{here}/runs").status_code == 401
    assert run_of(here, {"Authorization": f"Bearer {token}"})["asked_by"] == "nightly"
    identity = token.split("_")[1]
    assert house.run("tokens", "revoke", identity).returncode == 0
    assert httpx2.get(f"{here}/runs", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert house.run("tokens", "revoke", identity).returncode == 2
    listed = house.run("tokens", "list").stdout
    assert identity in listed
    assert token not in listed
    entries = house.run("audit").stdout
    assert [word in entries for word in ("tokens create", "tokens revoke", "start_fingerprint")] == [True] * 3
    assert "refused" in entries


def test_a_port_that_is_taken_is_said(house: House):
    _, address = house.serve("--no-worker")
    refused = house.run("serve", "--port", address.rpartition(":")[2].partition("/")[0])
    assert refused.returncode == 2
    assert "Choose another" in refused.stderr


def test_what_is_served_is_told_without_a_workspace(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "morningline.cli", "openapi"],
        env={**os.environ, "MORNINGLINE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert '"/api/v1/runs"' in done.stdout
