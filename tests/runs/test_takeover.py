"""Workers that are killed, frozen or cut off lose nothing: another goes on, and no finished step is done again."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from morningline.kit.database import Database
from morningline.kit.postgres import EmbeddedPostgres
from morningline.kit.postgres_cluster import Cluster
from morningline.runs.install import install
from runs.conftest import HANDS, Office

STEPS = 8


def assert_climbed_once(office: Office, run_id: str, begun_when_killed: int) -> None:
    """Every step was done; the one in flight, and it alone, may have been begun twice."""
    row = office.wait(run_id)
    assert (row.status, row.result) == ("succeeded", str(list(range(STEPS))).replace(" ", ""))
    marks = office.marks(run_id)
    assert list(dict.fromkeys(marks)) == [f"step {n}" for n in range(STEPS)]
    twice = {mark for mark in marks if marks.count(mark) > 1}
    assert twice <= {f"step {begun_when_killed - 1}"}
    assert len(marks) <= STEPS + 1


def test_a_live_worker_goes_on_with_the_run_of_one_that_was_killed(office: Office):
    # Both live before there is work: a busy machine may take longer to start a worker than the run takes.
    workers = {worker.pid: worker for worker in (office.hire(), office.hire())}
    run_id = office.ask("stairs", steps=STEPS, seconds=0.3)
    office.until(lambda: len(office.marks(run_id)) == 4)
    (pid,) = office.connection.execute("SELECT DISTINCT pid FROM marks WHERE run = %s", [run_id]).fetchall()[0]
    workers[pid].kill()
    killed_at = time.monotonic()
    workers[pid].wait()
    # Counted when nobody climbs: until the kill the next step may begin at any moment.
    begun = len(office.marks(run_id))
    office.until(lambda: (row := office.find(run_id)).attempt == 2 and row.status != "queued")
    assert time.monotonic() - killed_at < 10
    assert_climbed_once(office, run_id, begun)
    assert "was not heard of any more" in office.said(run_id)


@pytest.mark.proof
def test_a_worker_that_starts_later_goes_on_with_what_was_left(office: Office):
    first = office.hire()
    run_id = office.ask("stairs", steps=STEPS, seconds=0.1)
    office.until(lambda: len(office.marks(run_id)) >= 3)
    first.kill()
    first.wait()
    begun = len(office.marks(run_id))
    office.hire()
    assert_climbed_once(office, run_id, begun)
    assert office.find(run_id).attempt == 2


@pytest.mark.proof
def test_a_worker_that_was_frozen_does_not_go_on_with_what_another_took(office: Office):
    frozen = office.hire()
    run_id = office.ask("stairs", steps=STEPS, seconds=0.3)
    office.until(lambda: len(office.marks(run_id)) == 3)
    frozen.send_signal(signal.SIGSTOP)
    begun = len(office.marks(run_id))
    office.hire()
    office.until(lambda: office.find(run_id).attempt == 2 and len(office.marks(run_id)) > begun)
    frozen.send_signal(signal.SIGCONT)
    assert_climbed_once(office, run_id, begun)


def test_a_worker_that_was_frozen_in_a_step_stops_when_it_looks_up(office: Office):
    frozen = office.hire()
    run_id = office.ask("ticks")
    office.until(lambda: office.marks(run_id))
    frozen.send_signal(signal.SIGSTOP)
    other = office.hire()
    office.until(lambda: str(other.pid) in office.marks(run_id))
    before = office.marks(run_id).count(str(frozen.pid))
    frozen.send_signal(signal.SIGCONT)
    more = len(office.marks(run_id)) + 30
    office.until(lambda: len(office.marks(run_id)) > more)
    # One mark may have been on its way when it froze.
    assert office.marks(run_id).count(str(frozen.pid)) <= before + 1
    assert office.find(run_id).attempt == 2
    # It lives, and is of use again.
    other.kill()
    office.until(lambda: office.marks(run_id)[-1] == str(frozen.pid))
    assert office.find(run_id).attempt == 3


def test_a_worker_that_is_told_to_stop_leaves_its_run_to_the_next(office: Office):
    first = office.hire()
    run_id = office.ask("stairs", steps=STEPS, seconds=0.2)
    office.until(lambda: len(office.marks(run_id)) == 3)
    told_at = time.monotonic()
    first.terminate()
    assert first.wait(timeout=20) == 0
    assert time.monotonic() - told_at < 5
    assert office.find(run_id).status == "queued"
    office.hire()
    row = office.wait(run_id)
    assert (row.status, row.attempt) == ("succeeded", 2)
    assert office.marks(run_id) == [f"step {n}" for n in range(STEPS)]


def test_a_worker_survives_the_death_of_the_database(capfd: pytest.CaptureFixture[str]):
    # Not under pytest's own folder, into which the server's user may not look.
    with tempfile.TemporaryDirectory(prefix="morningline-runs-") as folder:
        embedded = EmbeddedPostgres(Path(folder))
        with Database(embedded.acquire(), embedded) as database:
            install(database)
            with database.connect() as connection:
                connection.execute("CREATE TABLE marks (id bigserial, run text, mark text, pid int)")
            office = Office(database)
            member = subprocess.Popen([sys.executable, "-c", MEMBER, str(HANDS.parent.parent), folder])
            try:
                run_id = office.ask("stairs", steps=STEPS, seconds=0.3)
                office.until(lambda: len(office.marks(run_id)) == 3)
                found = Cluster(Path(folder)).postmaster()
                assert found is not None
                subprocess.run(["kill", "-9", str(found.pid)], check=True)
                office.until(lambda: reopened(office))
                row = office.wait(run_id)
                assert (row.status, row.result) == ("succeeded", "[0,1,2,3,4,5,6,7]")
                marks = office.marks(run_id)
                assert list(dict.fromkeys(marks)) == [f"step {n}" for n in range(STEPS)]
                assert len(marks) <= STEPS + 2
            finally:
                member.kill()
                member.wait()
                office.connection.close()
    capfd.readouterr()


def reopened(office: Office) -> bool:
    """Connect again as any process would, which starts the server again if the worker has not yet."""
    office.connection.close()
    office.connection = office.database.connect()
    office.connection.autocommit = True
    return True


MEMBER = """
import sys, threading
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from morningline.kit.database import Database
from morningline.kit.postgres import EmbeddedPostgres
from morningline.runs.worker import Worker
from runs import hands
embedded = EmbeddedPostgres(Path(sys.argv[2]))
hands.database = Database(embedded.acquire(), embedded)
Worker(hands.database, hands.KINDS.values(), poll_seconds=0.1).run(threading.Event())
"""
