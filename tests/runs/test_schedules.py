"""Schedules: checked when they are made, asked for when they are due, once, and once for all that was missed."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningline.kit.errors import InputError, MorninglineError, NotFoundError, StateError
from morningline.runs import schedules, store, upkeep
from morningline.runs.relative_days import with_days
from morningline.runs.scheduler import Fire, ScheduleError, Scheduler, fire_next, overdue
from morningline.runs.schedules import Schedule
from runs.bells import RUNG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from morningline.kit.database import Database
    from morningline.runs.kinds import Kind
    from morningline.runs.store import RunRow
    from runs.conftest import Office

NEW_YEAR = Schedule(name="bell", kind="ring", parameters={"day": "{day}"}, cron="0 0 1 1 *")
OFTEN = replace(NEW_YEAR, cron="*/10 * * * *", zone="Asia/Kathmandu")


class Tower:
    """Schedules in a database, and when they are due."""

    def __init__(self, office: Office) -> None:
        self.office, self.connection = office, office.connection

    def hang(self, schedule: Schedule = NEW_YEAR, **changes: Any) -> schedules.ScheduleRow:
        return schedules.add(self.connection, replace(schedule, **changes), RUNG, created_by="ann")

    def due(self, name: str = "bell", ago: str = "1 second") -> datetime:
        sql = "UPDATE run_schedules SET next_at = now() - %s::interval WHERE name = %s RETURNING next_at"
        row = self.connection.execute(sql, [ago, name]).fetchone()
        assert row is not None
        return row[0]

    def fire(self) -> Fire | None:
        return fire_next(self.connection, RUNG)

    def find(self, name: str = "bell") -> schedules.ScheduleRow:
        return schedules.find(self.connection, name)

    def runs(self) -> list[RunRow]:
        return store.list_runs(self.connection, store.Filters(limit=1_000))

    def break_(self, table: str, when: str) -> None:
        """Have the database refuse to write to a table."""
        self.connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = 'disk_full'; END $$"
        )
        self.connection.execute(f"CREATE TRIGGER refuse BEFORE {when} ON {table} EXECUTE FUNCTION refuse()".encode())

    def mend(self) -> None:
        self.connection.execute("DROP FUNCTION refuse CASCADE")


@pytest.fixture
def tower(office: Office) -> Tower:
    return Tower(office)


@pytest.fixture
def start(database: Database) -> Iterator[Callable[..., Scheduler]]:
    """Starts schedulers in this process."""
    made: list[Scheduler] = []

    def begin(kinds: dict[str, Kind] = RUNG) -> Scheduler:
        made.append(Scheduler(database, kinds.values(), look_seconds=0.02))
        made[-1].start()
        return made[-1]

    yield begin
    for each in made:
        each.stop()


# --- asked for when due ------------------------------------------------------------------------------------------


def test_what_is_due_is_asked_for_once_in_the_name_of_the_schedule(tower: Tower):
    made = tower.hang(priority=1)
    assert tower.fire() is None
    due = tower.due()
    fired = tower.fire()
    assert fired == Fire(schedule="bell", due_at=due, run_id=tower.find().last_run or "", asked=True)
    assert tower.fire() is None
    (run,) = tower.runs()
    assert (run.kind, run.priority, run.asked_by, run.status) == ("ring", 1, "schedule bell", "queued")
    assert run.parameters == {"day": str(due.astimezone(UTC).date())}
    assert "due at" in tower.office.said(run.id)
    row = tower.find()
    assert (row.last_at, row.last_run, row.last_status, row.next_at) == (due, run.id, "queued", made.next_at)


def test_the_day_is_that_of_the_schedules_own_zone(tower: Tower):
    for name, zone in (("east", "Pacific/Kiritimati"), ("west", "Pacific/Pago_Pago")):
        tower.hang(name=name, zone=zone, parameters={"days": ["{day-1}", {"to": "from {day} on"}]})
        tower.due(name)
        assert tower.fire()
    east, west = (run.parameters["days"] for run in sorted(tower.runs(), key=lambda run: run.asked_by))
    # There are 25 hours between the two.
    assert date.fromisoformat(east[0]) > date.fromisoformat(west[0])
    assert east[1]["to"].startswith("from 20")


def test_what_was_missed_is_made_up_once_for_the_latest(tower: Tower):
    tower.hang(OFTEN)
    tower.connection.execute("UPDATE run_schedules SET next_at = '2026-01-01 00:05Z'")
    fired = tower.fire()
    assert tower.fire() is None
    (run,) = tower.runs()
    now = datetime.now(UTC)
    assert fired
    assert now - timedelta(minutes=10, seconds=30) < fired.due_at <= now
    assert (fired.due_at.minute % 10, fired.due_at.second) == (5, 0)
    assert "since 2026-01-01 00:05 UTC" in tower.office.said(run.id)
    assert [line.level for line in store.read_logs(tower.connection, run.id)] == ["warning"]
    row = tower.find()
    assert row.next_at
    assert row.next_at - fired.due_at == timedelta(minutes=10)


def test_one_that_was_missed_alone_is_made_up_and_told(tower: Tower):
    tower.hang()
    tower.due(ago="3 hours")
    assert tower.fire()
    (run,) = tower.runs()
    assert "made up" in tower.office.said(run.id)


def test_what_waits_already_is_not_asked_for_twice(tower: Tower):
    tower.hang()
    tower.due()
    first = tower.fire()
    tower.due()
    again = tower.fire()
    assert first
    assert again
    assert (again.run_id, again.asked, len(tower.runs())) == (first.run_id, False, 1)
    assert "does for both" in tower.office.said(first.run_id)
    tower.due(ago="800 days")
    other = tower.fire()
    assert other
    assert other.asked, "it is for another day"
    tower.connection.execute("UPDATE dbos.workflow_status SET status = 'PENDING'")
    tower.due(ago="800 days")
    assert tower.fire()
    assert len(tower.runs()) == 3, "one that goes on has begun before this was due"


def test_a_paused_schedule_is_not_due_and_what_it_missed_is_not_made_up(tower: Tower):
    tower.hang(OFTEN)
    tower.due(ago="2 hours")
    assert schedules.pause(tower.connection, "bell").enabled is False
    assert tower.fire() is None
    resumed = schedules.resume(tower.connection, "bell")
    assert resumed.enabled
    assert tower.fire() is None
    due = tower.due()
    assert schedules.resume(tower.connection, "bell").next_at == due, "one that is due keeps its turn"
    assert tower.hang(name="other", enabled=False).next_at is None


def test_out_of_turn_it_is_asked_for_as_well(tower: Tower):
    made = tower.hang(enabled=False)
    run_id = schedules.ask_now(tower.connection, "bell", RUNG, asked_by="bob")
    (run,) = tower.runs()
    assert (run.id, run.asked_by, run.parameters) == (run_id, "schedule bell", {"day": str(run.created_at.date())})
    assert "bob asked for it out of turn" in tower.office.said(run_id)
    row = tower.find()
    assert (row.last_run, row.next_at) == (run_id, made.next_at)
    assert row.last_at is not None


def test_a_removed_schedule_leaves_its_runs(tower: Tower):
    tower.hang()
    tower.due()
    assert tower.fire()
    schedules.remove(tower.connection, "bell")
    assert schedules.list_schedules(tower.connection) == []
    assert len(tower.runs()) == 1
    for act in (schedules.remove, schedules.pause, schedules.resume, schedules.find):
        with pytest.raises(NotFoundError, match="bell"):
            act(tower.connection, "bell")


def test_a_schedule_outlives_its_forgotten_runs(tower: Tower):
    tower.hang()
    tower.due()
    fired = tower.fire()
    assert fired
    store.cancel(tower.connection, fired.run_id, asked_by="ann")
    tower.connection.execute("UPDATE dbos.workflow_status SET completed_at = 1")
    assert upkeep.prune(tower.connection, 1) == 1
    row = tower.find()
    assert (row.last_run, row.last_status, row.last_at) == (None, None, fired.due_at)


# --- no fire without a run, no run without a fire ----------------------------------------------------------------


@pytest.mark.parametrize(("table", "when"), [("run_requests", "INSERT"), ("run_schedules", "UPDATE")])
def test_a_fire_and_its_run_are_there_together_or_not_at_all(tower: Tower, table: str, when: str):
    tower.hang()
    due = tower.due()
    tower.break_(table, when)
    with pytest.raises(psycopg.errors.DiskFull):
        tower.fire()
    assert tower.runs() == []
    assert tower.connection.execute("SELECT count(*) FROM dbos.workflow_status").fetchone() == (0,)
    assert (tower.find().next_at, tower.find().last_at) == (due, None)
    tower.mend()
    assert tower.fire()
    assert len(tower.runs()) == 1


def test_while_one_asks_others_pass_by(tower: Tower, database: Database):
    tower.hang()
    tower.due()
    with database.connect() as other, other.transaction():
        other.execute("SELECT FROM run_schedules FOR UPDATE")
        assert tower.fire() is None
    assert tower.fire()


# --- refused when it is made -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"name": "Not Good"}, InputError, "Not Good"),
        ({"name": ""}, InputError, "called"),
        ({"kind": "sing"}, NotFoundError, "sing"),
        ({"kind": "inner"}, NotFoundError, "inner"),
        ({"cron": "daily"}, InputError, "1 fields"),
        ({"zone": "Mars"}, InputError, "Mars"),
        ({"priority": 3}, InputError, "priority"),
        ({"parameters": {"wrong": 1}}, InputError, "wrong"),
        ({"parameters": {"day": "{dya}"}}, InputError, "{dya}"),
        ({"parameters": {"day": "{day"}}, InputError, "{day"),
        ({"parameters": {"day": "a\0b"}}, InputError, "parameters"),
    ],
)
def test_what_could_not_be_asked_for_is_refused_now(
    tower: Tower, changes: dict[str, Any], error: type[MorninglineError], says: str
):
    with pytest.raises(error, match=says):
        tower.hang(**changes)
    assert schedules.list_schedules(tower.connection) == []


def test_a_name_is_borne_once(tower: Tower):
    tower.hang()
    with pytest.raises(StateError, match="bell"):
        tower.hang(cron="* * * * *")
    assert tower.find().cron == NEW_YEAR.cron


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(-9_999, 9_999))
def test_a_relative_day_is_so_many_days_away(day: date, days: int):
    found = with_days({"a": f"x{{day{days:+d}}}y", "b": [1, None, True]}, day)
    assert found == {"a": f"x{date.fromordinal(day.toordinal() + days)}y", "b": [1, None, True]}


def test_lists_in_lists_without_end_are_refused():
    deep: Any = "x"
    for _ in range(500):
        deep = [deep]
    with pytest.raises(InputError, match="deep"):
        with_days(deep, date(2026, 1, 1))


# --- the scheduler of a process ----------------------------------------------------------------------------------


def test_several_schedulers_ask_for_each_due_thing_once(tower: Tower, start: Callable[..., Scheduler]):
    for _ in range(3):
        start()
    for number in range(20):
        tower.hang(name=f"bell-{number}")
    tower.connection.execute("UPDATE run_schedules SET next_at = now()")
    tower.office.until(lambda: len(tower.runs()) >= 20)
    assert sorted(run.asked_by for run in tower.runs()) == sorted(f"schedule bell-{n}" for n in range(20))


def test_a_schedule_that_cannot_be_asked_for_is_told_once_and_keeps_no_other_from_its_turn(
    tower: Tower, start: Callable[..., Scheduler], caplog: pytest.LogCaptureFixture
):
    tower.hang(name="broken")
    tower.hang()
    tower.connection.execute("UPDATE run_schedules SET zone = 'Mars/Olympus' WHERE name = 'broken'")
    due = tower.due("broken", "2 minutes")
    with pytest.raises(ScheduleError, match="Mars"):
        tower.fire()
    assert overdue(tower.connection) == ["broken"]
    with caplog.at_level(logging.WARNING):
        start()
        for ago in ("1 second", "800 days", "1600 days"):
            tower.due(ago=ago)
            tower.office.until(lambda: overdue(tower.connection, 0) != ["bell"] and tower.find().last_at)
        tower.office.until(lambda: overdue(tower.connection, 0) == ["broken"])
    assert caplog.text.count("broken") == 1
    assert tower.find("broken").next_at == due


def test_a_kind_that_a_process_does_not_know_is_left_to_one_that_does(tower: Tower, start: Callable[..., Scheduler]):
    tower.hang()
    tower.due()
    assert fire_next(tower.connection, {"sing": RUNG["ring"]}) is None
    start()
    tower.office.until(tower.runs)


def test_a_scheduler_goes_on_when_the_database_was_away(tower: Tower, start: Callable[..., Scheduler]):
    tower.hang()
    start()
    tower.due()
    tower.office.until(tower.runs)
    tower.connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND query LIKE '%run_schedules%'"
    )
    tower.due(ago="800 days")
    tower.office.until(lambda: len(tower.runs()) == 2)
