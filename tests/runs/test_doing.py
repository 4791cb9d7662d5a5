"""A worker does what was asked: in order of priority, within limits, and tells what came of it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from morningline.kit.errors import InputError
from morningline.runs import store
from morningline.runs.agreement import DEAD_SECONDS
from morningline.runs.failure import is_fault, restore
from morningline.runs.kinds import Kind
from morningline.runs.run import Run, RunReleased, RunTaken
from morningline.runs.worker import Worker
from runs.hands import KINDS

if TYPE_CHECKING:
    from morningline.kit.database import Database
    from runs.conftest import Office


@pytest.mark.usefixtures("worker")
def test_a_run_gives_its_result_progress_and_log(office: Office):
    row = office.wait(office.ask("echo", rows=3))
    assert row.status == "succeeded"
    assert row.result == '{"z":{"rows":3},"a":null,"by":"ann"}'
    assert (row.share, row.sentence, row.figures) == (0.5, "Echoing", {"rows": 3})
    assert row.started_at is not None
    assert row.finished_at is not None
    assert row.created_at <= row.started_at <= row.finished_at
    assert office.said(row.id) == "attempt 1"


@pytest.mark.usefixtures("worker")
def test_what_a_run_refuses_comes_back_as_the_same_error(office: Office):
    row = office.wait(office.ask("refuse", what="horse"))
    assert row.status == "failed"
    recorded = msgspec.json.decode(row.error or "")
    error = restore(recorded)
    assert isinstance(error, InputError)
    assert (error.message, error.allowed, error.do) == ("There is no 'horse'.", "something else", "Ask for it.")
    assert not is_fault(recorded)


@pytest.mark.usefixtures("worker")
def test_a_nul_in_what_a_run_says_ends_nothing_else_and_is_shown_as_its_symbol(office: Office):
    row = office.wait(office.ask("garble"))
    assert (row.status, row.sentence) == ("failed", "Reading a␀b")
    assert office.said(row.id) == "There is no 'a␀b'."
    assert restore(msgspec.json.decode(row.error or "")).message == "There is no 'a\0b'."


@pytest.mark.usefixtures("worker")
def test_a_fault_of_the_program_keeps_its_traceback(office: Office):
    row = office.wait(office.ask("stumble"))
    recorded = msgspec.json.decode(row.error or "")
    assert is_fault(recorded)
    assert "ZeroDivisionError" in recorded["data"]["traceback"]
    assert "1 / 0" in recorded["data"]["traceback"]


@pytest.mark.usefixtures("worker")
def test_a_kind_that_nobody_knows_fails_and_says_what_is_known(office: Office):
    run_id = store.enqueue(office.connection, Kind("unheard", print), {}, asked_by="ann")
    row = office.wait(run_id)
    assert row.status == "failed"
    assert "cannot do 'unheard'" in (row.error or "")
    assert "stairs" in (row.error or "")


@pytest.mark.usefixtures("worker")
def test_a_step_that_the_database_fails_is_tried_again(office: Office):
    assert office.wait(office.ask("flaky")).result == '"try 2"'


def test_the_most_urgent_run_goes_first_and_then_the_oldest(office: Office, database: Database):
    asked = [office.ask("stairs", priority, steps=1) for priority in (0, -1, 2, 1, 0, 2)]
    alone = Worker(database, KINDS.values(), poll_seconds=0.05)
    alone.start()
    try:
        for run_id in asked:
            assert office.wait(run_id).status == "succeeded"
    finally:
        alone.stop()
    begun = [run for (run,) in office.connection.execute("SELECT run FROM marks ORDER BY id")]
    assert begun == [asked[n] for n in (2, 5, 3, 0, 4, 1)]


@pytest.mark.usefixtures("worker")
def test_a_kind_with_a_limit_goes_on_once_at_a_time_over_all_workers(office: Office):
    office.hire(slots=2)
    asked = [office.ask("single", steps=2, seconds=0.1) for _ in range(3)]
    for run_id in asked:
        office.wait(run_id)
    begun = [run for (run,) in office.connection.execute("SELECT run FROM marks ORDER BY id")]
    assert begun == [run for run in asked for _ in range(2)]


def test_a_cancelled_run_stops_within_five_seconds(office: Office, worker: Worker):
    run_id = office.ask("patient")
    office.until(lambda: office.marks(run_id))
    store.cancel(office.connection, run_id, asked_by="bob")
    began = time.monotonic()
    office.until(lambda: not worker._runs())
    assert time.monotonic() - began < 5
    assert office.find(run_id).status == "cancelled"


def test_a_run_that_nobody_confirms_waits_at_its_next_check():
    run = Run("x", "echo", {}, attempt=1, asked_by="ann", step=lambda _name, do: do())
    run.check()
    run.confirm(time.monotonic() - DEAD_SECONDS - 1)
    passed = []
    thread = threading.Thread(target=lambda: (run.check(), passed.append(1)))
    thread.start()
    thread.join(0.2)
    assert thread.is_alive()
    run.confirm(time.monotonic())
    thread.join(10)
    assert passed == [1]
    run.stop(RunTaken)
    run.stop(RunReleased)
    with pytest.raises(RunTaken):
        run.step("one", lambda: 1)


def test_a_cancelled_run_begins_no_further_step(office: Office, worker: Worker):
    run_id = office.ask("stairs", steps=50, seconds=0.2)
    office.until(lambda: len(office.marks(run_id)) == 2)
    store.cancel(office.connection, run_id, asked_by="bob")
    office.until(lambda: not worker._runs())
    marks = office.marks(run_id)
    assert len(marks) <= 3
    time.sleep(0.5)
    assert office.marks(run_id) == marks


def test_a_run_that_takes_too_long_is_cancelled_and_says_so(office: Office, worker: Worker):
    row = office.wait(office.ask("short"))
    assert row.status == "cancelled"
    assert "longer than its 1 seconds" in (row.error or "")
    office.until(lambda: not worker._runs())


@pytest.mark.usefixtures("worker")
def test_a_retry_is_done_as_the_next_attempt(office: Office):
    first = office.wait(office.ask("echo")).id
    second = store.retry(office.connection, first, asked_by="bob")
    assert office.wait(second).attempt == 2
    assert office.said(second) == "attempt 2"


def test_a_worker_that_is_stopped_gives_its_run_back_to_the_next(office: Office, database: Database):
    first = Worker(database, KINDS.values(), poll_seconds=0.05)
    first.start()
    run_id = office.ask("stairs", steps=6, seconds=0.2)
    office.until(lambda: len(office.marks(run_id)) == 3)
    assert first.stop()
    row = office.find(run_id)
    assert (row.status, row.worker) == ("queued", None)
    assert office.connection.execute("SELECT count(*) FROM run_workers").fetchone() == (0,)
    second = Worker(database, KINDS.values(), poll_seconds=0.05)
    second.start()
    try:
        row = office.wait(run_id)
    finally:
        second.stop()
    assert (row.status, row.attempt, row.result) == ("succeeded", 2, "[0,1,2,3,4,5]")
    assert office.marks(run_id) == [f"step {n}" for n in range(6)]


def test_a_worker_does_not_wait_for_a_step_that_never_looks_up(office: Office, database: Database):
    worker = Worker(database, KINDS.values(), poll_seconds=0.05)
    worker.start()
    run_id = office.ask("deaf", seconds=3.0)
    office.until(lambda: office.marks(run_id))
    began = time.monotonic()
    assert not worker.stop(grace_seconds=0.5)
    assert time.monotonic() - began < 3
    assert office.find(run_id).status == "queued"


def test_a_worker_of_ones_own_run_takes_no_other(office: Office, database: Database):
    other, mine = office.ask("echo", priority=2), office.ask("echo")
    own = Worker(database, KINDS.values(), serves_all=False, poll_seconds=0.05)
    own.start()
    try:
        assert not store.has_live_worker(office.connection)
        assert store.claim(office.connection, mine, own.queue)
        assert office.wait(mine).status == "succeeded"
        assert office.find(other).status == "queued"
        assert store.claim(office.connection, other, "own:somebody who is dead")
        office.until(
            lambda: (
                office.connection.execute(
                    "SELECT queue_name FROM dbos.workflow_status WHERE workflow_uuid = %s", [other]
                ).fetchone()
                == ("runs",)
            )
        )
    finally:
        own.stop()


def test_a_worker_forgets_old_runs_when_it_starts(office: Office, database: Database):
    run_id = office.ask("echo")
    store.cancel(office.connection, run_id, asked_by="ann")
    office.connection.execute("UPDATE dbos.workflow_status SET completed_at = completed_at - 2 * 86400000")
    worker = Worker(database, KINDS.values(), retention_days=1)
    worker.start()
    try:
        assert office.connection.execute("SELECT count(*) FROM run_requests").fetchone() == (0,)
    finally:
        worker.stop()
