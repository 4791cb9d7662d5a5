"""Nothing is lost and nothing asked twice: workers killed, the database killed, the disk full, two machines at once."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from backfill import Call, FeedServer, Machine, busiest_second, repeated_at, until
from databases import temporary_database
from morningline.collection.fetching import THREADS
from morningline.kit.postgres_cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from backfill import Picture

    Undisturbed = Callable[[tuple[str, str]], Picture]

FEW_DAYS = ("2025-03-01", "2025-03-10")
QUARTER = ("2025-01-01", "2025-03-31")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder the database's own user may look into, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="morningline-lost-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def undisturbed(postgres_url: str) -> Callable[[tuple[str, str]], Picture]:
    """What a machine has that collected a stretch in peace, from a feed without faults and without a limit."""

    @cache
    def collect(stretch: tuple[str, str]) -> Picture:
        with (
            tempfile.TemporaryDirectory(prefix="morningline-peace-") as name,
            temporary_database(postgres_url) as url,
            FeedServer(Path(name)) as feed,
            Machine(Path(name) / "machine", feed, database_url=url) as machine,
        ):
            first, last = stretch
            assert machine.json("collect", "events", "--from", first, "--to", last)["status"] == "complete"
            return machine.picture()

    return collect


def kill_at_random(machine: Machine, run_id: str, times: int, *, longest: float, seed: int) -> list[float]:
    """Kill whoever does a run, at random moments of doing it; sometimes another waits already. Returns when."""
    chance, deaths = random.Random(seed), []
    machine.hire()
    for number in range(times):
        if chance.random() < 0.4:
            machine.hire()
        victim = until(lambda: machine.holder(run_id))
        time.sleep(chance.uniform(0.0, longest))
        assert machine.find(run_id).finished_at is None, f"the run had ended before death {number + 1}"
        deaths.append(machine.kill(victim))
        if not machine.workers or chance.random() < 0.2:
            machine.hire()
    return deaths


def assert_every_day_once(machine: Machine, stretch: tuple[str, str]) -> None:
    first, last = stretch
    days = f"(DATE '{last}' - DATE '{first}' + 1)"
    counted = f"SELECT endpoint, count(*) = {days}, count(DISTINCT day) = {days}, bool_and(status = 'complete')"
    found = machine.rows(f"{counted} FROM coverage WHERE day BETWEEN '{first}' AND '{last}' GROUP BY 1 ORDER BY 1")
    assert found == [("racecards", True, True, True), ("results", True, True, True)]
    pages = "SELECT sum(pages) FROM coverage", "SELECT count(*) FROM payloads WHERE usable"
    assert machine.rows(pages[0]) == machine.rows(pages[1])


@pytest.mark.parametrize(
    ("stretch", "kills", "limit", "longest"),
    [
        pytest.param(FEW_DAYS, 2, 8, 1.2, id="few days"),
        pytest.param(("2025-01-01", "2025-12-31"), 30, 25, 1.8, id="a year", marks=pytest.mark.proof),
    ],
)
def test_workers_killed_at_random_moments_lose_nothing(
    folder: Path,
    fresh_database: str,
    undisturbed: Undisturbed,
    stretch: tuple[str, str],
    kills: int,
    limit: float,
    longest: float,
):
    began = time.monotonic()
    with (
        FeedServer(folder, faults="flaky", limit=limit) as feed,
        Machine(folder / "killed", feed, database_url=fresh_database) as machine,
    ):
        run_id = machine.ask(*stretch)
        deaths = kill_at_random(machine, run_id, kills, longest=longest, seed=3)
        row = machine.end(run_id)
        assert row.attempt == kills + 1
        assert machine.picture() == undisturbed(stretch)
        assert_every_day_once(machine, stretch)
        repeated = repeated_at(feed.calls(), deaths)
        assert max(repeated) <= THREADS
        faulty = sum(not call.clean for call in feed.calls())
        seconds = time.monotonic() - began
        print(f"\nkills: {seconds:.1f} s, {len(feed.calls())} calls, {faulty} faulty, repeated per kill {repeated}")


@pytest.mark.proof
def test_the_database_killed_under_a_worker_loses_nothing(folder: Path, undisturbed: Undisturbed):
    began = time.monotonic()
    with (
        FeedServer(folder, faults="flaky", limit=15) as feed,
        Machine(folder / "killed", feed) as machine,
    ):
        run_id, deaths = machine.ask(*QUARTER), []
        worker, chance = machine.hire(), random.Random(4)
        until(lambda: machine.holder(run_id))
        for _ in range(4):
            calls = len(feed.calls())
            until(lambda calls=calls: len(feed.calls()) > calls + 5)
            time.sleep(chance.uniform(0.0, 1.0))
            assert machine.find(run_id).finished_at is None
            found = Cluster(machine.program.workspace.database).postmaster()
            assert found is not None
            subprocess.run(["kill", "-9", str(found.pid)], check=True)
            deaths.append(time.time())
        machine.end(run_id)
        assert worker.poll() is None
        assert machine.picture() == undisturbed(QUARTER)
        assert_every_day_once(machine, QUARTER)
        repeated = repeated_at(feed.calls(), deaths)
        assert max(repeated) <= THREADS
        print(f"\ndatabase killed: {time.monotonic() - began:.1f} s, {len(feed.calls())} calls, repeated {repeated}")


class Disk:
    """A disk with little room, and then with more: a real one where this user may mount, else one that pretends."""

    def __init__(self, folder: Path, *, real: bool) -> None:
        self.folder, self._real = folder, real
        folder.mkdir()
        if real:
            self._mount("-t", "tmpfs", "-o", "size=700k", "morningline-small")

    @property
    def command(self) -> tuple[str, ...]:
        return (
            (sys.executable, "-m", "morningline.cli") if self._real else (sys.executable, "-c", FULL, str(self.folder))
        )

    def make_room(self) -> None:
        if self._real:
            self._mount("-o", "remount,size=50m")

    def close(self) -> None:
        if self._real:
            subprocess.run(["umount", str(self.folder)], check=True)

    def _mount(self, *words: str) -> None:
        done = subprocess.run(["mount", *words, str(self.folder)], check=False, capture_output=True)
        if done.returncode:
            pytest.skip("this user may mount nothing")


FULL = f"""
import os, sys
from pathlib import Path
folder, honest = Path(sys.argv.pop(1)), os.fsync
def fsync(descriptor):
    if len(list(folder.glob("*/*.zst"))) >= 7:
        raise OSError({errno.ENOSPC}, "No space left on device")
    honest(descriptor)
os.fsync = fsync
from morningline.cli.main import main
main()
"""


@pytest.fixture(params=["real", "pretended"])
def disk(request: pytest.FixtureRequest, folder: Path) -> Iterator[Disk]:
    if request.param == "real" and (sys.platform != "linux" or os.geteuid() != 0):
        pytest.skip("only root can mount")
    made = Disk(folder / "disk", real=request.param == "real")
    yield made
    made.close()


def test_a_full_disk_ends_the_run_clearly_and_room_lets_it_go_on(
    folder: Path, fresh_database: str, undisturbed: Undisturbed, disk: Disk
):
    began = time.monotonic()
    words = ("collect", "events", "--from", FEW_DAYS[0], "--to", FEW_DAYS[1], "--json")
    with (
        FeedServer(folder, limit=20) as feed,
        Machine(folder / "full", feed, database_url=fresh_database, archive=disk.folder) as machine,
    ):
        failed = machine.do(*words, command=disk.command)
        failed_at = time.time()
        assert failed.returncode == 2, failed.stdout + failed.stderr
        assert "cannot be written: No space left on device" in failed.stderr
        assert "Make room" in failed.stderr
        assert not list((disk.folder / "unfinished").iterdir())
        with machine.program.database.connect(read_only=True) as connection:
            archive = machine.program.archive
            kept = [archive.read(row) for row in archive.payloads(connection, "racing_api")]
        assert 0 < len(kept) < len(feed.calls())
        disk.make_room()
        summary = machine.json(*words[:-1])
        assert summary["status"] == "complete"
        assert machine.picture() == undisturbed(FEW_DAYS)
        assert_every_day_once(machine, FEW_DAYS)
        repeated = repeated_at(feed.calls(), [failed_at])
        assert repeated[0] <= THREADS
        print(f"\ndisk full: {time.monotonic() - began:.1f} s, {len(kept)} kept, repeated {repeated}\n{failed.stderr}")


def day_of(call: Call) -> str:
    """The day that a call asked about."""
    return call.target.partition("date=")[2][:10]


@pytest.mark.proof
def test_two_machines_share_the_limit_the_database_and_the_archive(folder: Path, fresh_database: str):
    began, limit = time.monotonic(), 20
    with (
        FeedServer(folder, limit=limit) as feed,
        Machine(folder / "a", feed, database_url=fresh_database, archive=folder / "archive") as one,
        Machine(folder / "b", feed, database_url=fresh_database, archive=folder / "archive") as two,
    ):
        asked = [one.ask("2025-01-01", "2025-03-31"), two.ask("2025-04-01", "2025-06-30")]
        for machine in (one, two):
            machine.hire()
        until(lambda: one.holder(asked[0]) or two.holder(asked[0]))
        until(lambda: {bool(m.holder(run_id)) for m in (one, two) for run_id in asked} == {True, False})
        for run_id in asked:
            one.end(run_id)
        assert_every_day_once(one, ("2025-01-01", "2025-06-30"))
        calls = feed.calls()
        assert repeated_at(calls, []) == []
        assert sum(call.status == 429 for call in calls) <= 1
        rates = []
        for part in ("/v1/racecards", "/v1/results"):
            of_class = [call for call in calls if call.target.startswith(part)]
            assert busiest_second(of_class) <= limit
            rates.append((len(of_class) - 1) / (of_class[-1].at - of_class[0].at))
        print(
            f"\ntwo machines: {time.monotonic() - began:.1f} s, {len(calls)} calls, rates {rates}, busiest "
            f"{busiest_second([c for c in calls if 'results' in c.target])}"
        )
        # Both were at it together, or there was nothing to share.
        seconds = [{int(call.at) for call in calls if day_of(call) < "2025-04-01"}]
        seconds.append({int(call.at) for call in calls if day_of(call) >= "2025-04-01"})
        assert len(seconds[0] & seconds[1]) >= 5


@pytest.mark.parametrize("faults", ["flaky", pytest.param("dirty", marks=pytest.mark.proof)])
def test_facts_are_built_again_from_the_archive_alone(folder: Path, fresh_database: str, faults: str):
    began = time.monotonic()
    with (
        FeedServer(folder, faults=faults) as feed,
        Machine(folder / "one", feed, database_url=fresh_database) as machine,
    ):
        machine.do("collect", "events", "--from", FEW_DAYS[0], "--to", FEW_DAYS[1])
        picture, calls = machine.picture(), len(feed.calls())
        assert bool(picture.quarantine) == (faults == "dirty")
        feed.stop()
        checked: dict[str, Any] = machine.json("reparse", "--check")
        assert checked["before"] == checked["after"] == picture.facts["fingerprint"]
        assert machine.json("reparse")["replaced"]
        assert machine.picture() == picture
        assert len(feed.calls()) == calls
        print(f"\nreparse after {faults}: {time.monotonic() - began:.1f} s")
