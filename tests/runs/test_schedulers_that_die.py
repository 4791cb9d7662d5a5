"""Three processes look for what is due; whichever is killed, and when: each fire has one run."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from morningline.runs import schedules
from morningline.runs.schedules import Schedule
from runs.bells import RUNG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runs.conftest import Office

BELLS = Path(__file__).parent / "bells.py"
# Whoever notes that a schedule was asked for has to wait for as long as the table `held` has a row.
HOLD = """
    CREATE TABLE held (who text);
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        WHILE EXISTS (SELECT FROM held) LOOP PERFORM pg_sleep(0.01); END LOOP;
        RETURN NEW;
    END $$;
    CREATE TRIGGER hold BEFORE UPDATE OF last_at ON run_schedules FOR EACH ROW EXECUTE FUNCTION hold();
"""
HOLDING = """
    SELECT application_name FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'bell%' AND query LIKE '%SET next_at%'
        AND state = 'active'
"""


class Towers:
    """Processes that look for what is due, by the name the database knows them by."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.started = 0

    def start(self, processes: int = 1) -> None:
        fresh = []
        for _ in range(processes):
            self.started += 1
            name = f"bell{self.started}"
            self.processes[name] = subprocess.Popen(
                [sys.executable, str(BELLS), self.office.database.url, name],
                stdout=subprocess.PIPE,
                text=True,
            )
            fresh.append(self.processes[name])
        for process in fresh:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.communicate()

    def hang(self, bells: int) -> None:
        for number in range(bells):
            wanted = Schedule(name=f"bell-{number}", kind="ring", parameters={}, cron="0 0 1 1 *")
            schedules.add(self.office.connection, wanted, RUNG, created_by="ann")

    def rung(self) -> list[tuple[str, int]]:
        """Who asked, and in which round, for every run."""
        sql = "SELECT asked_by, coalesce((parameters ->> 'round')::int, 0) FROM run_requests ORDER BY 1, 2"
        return self.office.connection.execute(sql).fetchall()

    def left(self) -> bool:
        sql = "SELECT EXISTS (SELECT FROM run_schedules WHERE next_at <= now())"
        return self.office.connection.execute(sql).fetchone() == (True,)


@pytest.fixture
def towers(office: Office) -> Iterator[Towers]:
    made = Towers(office)
    yield made
    for name in list(made.processes):
        made.kill(name)


def test_a_process_that_is_killed_in_the_middle_of_a_fire_leaves_it_to_another_whole(towers: Towers):
    towers.hang(1)
    look = towers.office.connection
    look.execute(HOLD)
    look.execute("INSERT INTO held VALUES ('all')")
    towers.start(3)
    look.execute("UPDATE run_schedules SET next_at = now()")
    ((name,),) = towers.office.until(lambda: look.execute(HOLDING).fetchall())
    towers.kill(name)
    assert towers.rung() == [], "what was begun is not there"
    look.execute("DELETE FROM held")
    towers.office.until(lambda: not towers.left())
    assert towers.rung() == [("schedule bell-0", 0)]


@pytest.mark.proof
def test_a_process_that_is_frozen_in_the_middle_of_a_fire_is_not_waited_for(towers: Towers):
    towers.hang(1)
    look = towers.office.connection
    look.execute(HOLD)
    look.execute("INSERT INTO held VALUES ('all')")
    towers.start(3)
    look.execute("UPDATE run_schedules SET next_at = now()")
    ((name,),) = towers.office.until(lambda: look.execute(HOLDING).fetchall())
    towers.processes[name].send_signal(signal.SIGSTOP)
    look.execute("DELETE FROM held")
    towers.office.until(lambda: not towers.left())
    towers.processes[name].send_signal(signal.SIGCONT)
    time.sleep(1)
    assert towers.rung() == [("schedule bell-0", 0)]
    assert towers.processes[name].poll() is None


@pytest.mark.proof
def test_whenever_processes_are_killed_each_fire_has_one_run(towers: Towers):
    bells, rounds, chance = 20, 30, random.Random(5)
    towers.hang(bells)
    towers.start(3)
    killed = 0
    for number in range(1, rounds + 1):
        towers.office.connection.execute(
            "UPDATE run_schedules SET next_at = now(), parameters = jsonb_build_object('round', %s::int)", [number]
        )
        # Asking for twenty takes a tenth of a second on a quick machine, and longer on a busy one.
        time.sleep(chance.uniform(0, 0.1))
        killed += towers.left()
        towers.kill(chance.choice(sorted(towers.processes)))
        towers.start()
        towers.office.until(lambda: not towers.left())
    print(f"{killed} of {rounds} kills came while schedules were being asked for")
    # Some of them, or nothing was shown.
    assert killed >= 3
    assert towers.rung() == sorted((f"schedule bell-{n}", r) for n in range(bells) for r in range(1, rounds + 1))
