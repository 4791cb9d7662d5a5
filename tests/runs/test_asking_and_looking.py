"""Asking for runs, listing, cancelling, repeating and forgetting them, without the engine."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from morningline.kit.clock import utc_now
from morningline.kit.errors import InputError, NotFoundError
from morningline.runs import store
from morningline.runs.install import install
from morningline.runs.store import Filters
from morningline.runs.upkeep import expected_seconds, prune, statistics
from runs.hands import KINDS

if TYPE_CHECKING:
    from runs.conftest import Office


def end(office: Office, run_id: str, status: str = "SUCCESS", seconds: float = 1.0, days_ago: float = 0) -> None:
    """End a run by hand, as the engine would have."""
    office.connection.execute(
        "UPDATE dbos.workflow_status SET status = 'PENDING', recovery_attempts = 1 WHERE workflow_uuid = %s", [run_id]
    )
    office.connection.execute(
        """UPDATE dbos.workflow_status SET status = %s, started_at_epoch_ms = (extract(epoch FROM now()) * 1000) - %s,
           completed_at = (extract(epoch FROM now() - make_interval(secs => %s)) * 1000) WHERE workflow_uuid = %s""",
        [status, int(seconds * 1000), days_ago * 86_400, run_id],
    )


def test_a_run_that_was_asked_for_waits_with_everything_that_was_asked(office: Office):
    row = office.find(office.ask("echo", priority=2, folder="/data", rows=3))
    assert (row.kind, row.status, row.priority, row.attempt) == ("echo", "queued", 2, 1)
    assert row.parameters == {"folder": "/data", "rows": 3}
    assert (row.asked_by, row.started_at, row.result, row.error) == ("ann", None, None, None)
    assert abs(row.created_at - utc_now()) < timedelta(minutes=5)


def test_asking_is_part_of_the_transaction_around_it(office: Office):
    with office.database.connect() as other:
        run_id = store.enqueue(other, KINDS["echo"], {}, asked_by="ann")
        other.rollback()
    with pytest.raises(NotFoundError):
        office.find(run_id)


def test_a_priority_that_does_not_exist_is_refused(office: Office):
    with pytest.raises(InputError, match="priority 3"):
        office.ask("echo", priority=3)


def test_runs_are_listed_by_status_kind_and_time_in_pages(office: Office):
    runs = [office.ask("echo" if n % 2 else "stairs") for n in range(7)]
    end(office, runs[1])
    end(office, runs[3], "ERROR")

    def ids(**chosen: object) -> list[str]:
        return [row.id for row in store.list_runs(office.connection, Filters(**chosen))]

    assert ids() == runs[::-1]
    assert ids(kind="stairs") == [runs[6], runs[4], runs[2], runs[0]]
    assert ids(status="succeeded") == [runs[1]]
    assert ids(status="failed", kind="echo") == [runs[3]]
    assert ids(page=2, limit=3) == runs[::-1][3:6]
    middle = office.find(runs[4]).created_at
    assert ids(since=middle) == runs[:3:-1]
    assert ids(until=middle) == runs[3::-1]
    for wrong in ({"status": "sleeping"}, {"page": 0}, {"limit": 0}):
        with pytest.raises(InputError):
            ids(**wrong)


def test_only_a_run_that_has_not_ended_can_be_cancelled(office: Office):
    run_id = office.ask("echo")
    store.cancel(office.connection, run_id, asked_by="bob")
    assert office.find(run_id).status == "cancelled"
    assert "Cancelled by bob." in office.said(run_id)
    with pytest.raises(InputError, match="already"):
        store.cancel(office.connection, run_id, asked_by="bob")
    with pytest.raises(NotFoundError):
        store.cancel(office.connection, "nothing", asked_by="bob")


def test_a_retry_repeats_the_parameters_and_links_the_attempts(office: Office):
    first = office.ask("single", priority=1, steps=4)
    with pytest.raises(InputError, match="is queued"):
        store.retry(office.connection, first, asked_by="bob")
    end(office, first, "ERROR")
    second = store.retry(office.connection, first, asked_by="bob")
    row = office.find(second)
    assert (row.retry_of, row.attempt, row.priority, row.parameters) == (first, 2, 1, {"steps": 4})
    assert row.asked_by == "bob"
    with pytest.raises(InputError, match=f"{second}, a retry"):
        store.retry(office.connection, first, asked_by="bob")
    end(office, second, "ERROR")
    third = store.retry(office.connection, second, asked_by="bob")
    assert office.find(third).attempt == 3
    queues = office.connection.execute("SELECT DISTINCT queue_name FROM dbos.workflow_status").fetchall()
    assert queues == [("runs.single",)]


def test_the_expected_duration_is_the_median_of_the_last_twenty_that_succeeded(office: Office):
    assert expected_seconds(office.connection, ["echo"]) == {"echo": None}
    for seconds in (900.0, *[float(n) for n in range(1, 21)]):
        end(office, office.ask("echo"), seconds=seconds)
    end(office, office.ask("echo"), "ERROR", seconds=5_000)
    assert expected_seconds(office.connection, ["echo"])["echo"] == pytest.approx(10.5)


def test_statistics_count_by_kind_and_status(office: Office):
    end(office, office.ask("echo"), seconds=2)
    end(office, office.ask("echo"), seconds=4)
    end(office, office.ask("echo"), "ERROR", seconds=100)
    office.ask("stairs")
    echo, stairs = statistics(office.connection)
    assert (echo.kind, echo.runs, echo.succeeded, echo.failed) == ("echo", 3, 2, 1)
    assert (echo.median_seconds, echo.longest_seconds) == (pytest.approx(3), pytest.approx(4))
    assert (stairs.runs, stairs.queued, stairs.median_seconds) == (1, 1, None)
    assert statistics(office.connection, since=utc_now() + timedelta(days=1)) == []


def test_old_runs_are_forgotten_with_all_they_left(office: Office):
    old, recent, waiting = (office.ask("echo") for _ in range(3))
    end(office, old, days_ago=91)
    end(office, recent, "ERROR", days_ago=89)
    store.cancel(office.connection, again := store.retry(office.connection, old, asked_by="ann"), asked_by="ann")
    office.connection.execute("INSERT INTO dbos.workflow_output (workflow_uuid, output) VALUES (%s, '1')", [old])
    assert prune(office.connection, 90) == 1
    left = {row.id for row in store.list_runs(office.connection, Filters())}
    assert left == {recent, waiting, again}
    assert office.find(again).retry_of is None
    for table in ("workflow_status", "workflow_input", "workflow_output", "operation_outputs"):
        rows = office.connection.execute(f"SELECT count(*) FROM dbos.{table} WHERE workflow_uuid = %s", [old])
        assert rows.fetchone() == (0,), table


def test_installing_again_changes_nothing(office: Office):
    run_id = office.ask("echo")
    install(office.database)
    office.connection.execute("COMMENT ON VIEW runs IS 'of another version'")
    install(office.database)
    assert office.find(run_id).status == "queued"


def test_looking_at_runs_does_not_load_the_engine(office: Office):
    code = (
        "import sys; from morningline.kit.database import Database; from morningline.runs import store, upkeep;"
        "from morningline.runs.kinds import Kind; c = Database(sys.argv[1]).connect();"
        "run = store.enqueue(c, Kind('echo', print), {}, asked_by='ann'); store.find(c, run);"
        "store.list_runs(c, store.Filters()); print(sorted({'dbos', 'sqlalchemy', 'polars'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, office.database.url], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_kind_that_is_at_its_limit_cannot_be_claimed(office: Office):
    first, second = office.ask("single", steps=1), office.ask("single", steps=1)
    assert store.claim(office.connection, first, "own:x")
    office.connection.execute(
        "UPDATE dbos.workflow_status SET status = 'PENDING', executor_id = 'x' WHERE workflow_uuid = %s", [first]
    )
    assert not store.claim(office.connection, first, "own:y")
    assert not store.claim(office.connection, second, "own:y")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        office.connection.execute(
            "INSERT INTO run_requests (id, kind, parameters, priority, asked_by, queue) VALUES ('z','k','{}',0,'a','q')"
        )
