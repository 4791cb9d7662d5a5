"""Features whose computation is killed, or runs twice at once: what was complete stays readable, nothing is lost."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from feature_desk import DAY, END, SET, Desk, correct, database, desk, differences, full, noon, program
from morningline.features import computing
from morningline.features.store import FeatureStore
from morningline.wiring import featuring
from test_incremental_features import EASTER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from morningline.wiring.program import Program

__all__ = ["database", "desk", "full", "program"]

VICTIM = """
import os, sys
from itertools import count
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from feature_desk import END, Desk
from morningline.features import computing
from morningline.features.monthly_table import MonthlyTable
from morningline.kit.database import Database

computing.ROWS_AT_ONCE = 300
commits, commit = count(), MonthlyTable.replace

def replace(table, *given):
    number = next(commits)
    if sys.argv[4] == f"before {number}":
        os.kill(os.getpid(), 9)
    version = commit(table, *given)
    if sys.argv[4] == f"after {number}":
        os.kill(os.getpid(), 9)
    return version

MonthlyTable.replace = replace
desk = Desk(Database(sys.argv[2]), Path(sys.argv[3]))
print("ready", flush=True)
sys.stdin.readline()
desk.compute(END, force=sys.argv[5] == "force")
"""

TWIN = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import pytest
from feature_desk import END, use_small_set
from morningline.kit import clock
from morningline.wiring import featuring
from morningline.wiring.program import Program

with pytest.MonkeyPatch.context() as patch, clock.rehearsal() as turn_to:
    use_small_set(patch)
    turn_to(END)
    with Program.at(Path(sys.argv[3]), {"MORNINGLINE_DATABASE_URL": sys.argv[2]}) as program:
        program.database
        print("ready", flush=True)
        sys.stdin.readline()
        featuring.compute_features(program, "racing", featuring.Extent(accept_quality=True, force=True))
"""


@contextmanager
def ready(code: str, url: str, folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that waits for a line before it computes."""
    command = [sys.executable, "-c", code, str(Path(__file__).parent), url, str(folder), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def killed(desk: Desk, moment: str) -> None:
    """Have a computation killed at a moment."""
    with ready(VICTIM, desk.database.url, desk.folder, moment, "stale") as victim:
        go(victim)
        assert victim.wait(60) == -signal.SIGKILL, moment


# Two commits a period, the history rows first: killed between two periods, then within the second.
MOMENTS = ["after 1", "after 0"]


def test_a_computation_killed_between_its_commits_goes_on_where_it_was(full: Desk):
    complete = full.store.read()
    correct(full, EASTER, noon(EASTER) + 7 * DAY)
    for moment in MOMENTS:
        killed(full, moment)
        assert full.store.read(0).equals(complete)
        assert full.store.read().height == complete.height
        assert full.stale(END) is not None
    full.compute(END)
    assert full.stale(END) is None
    assert differences(full.store, full.at_once(END)) == []


def test_the_first_computation_killed_between_its_commits_can_be_repeated(desk: Desk):
    desk.known(None, END)
    for moment in ("after 0", "after 2"):
        killed(desk, moment)
        assert desk.store.exists() == (moment != "after 0")
    desk.compute(END)
    assert differences(desk.store, desk.at_once(END)) == []


@pytest.mark.proof
def test_a_computation_killed_at_any_moment_leaves_what_was_complete_and_can_be_repeated(full: Desk):
    complete, luck, ended = full.store.read(), random.Random(20), 0
    for number in range(20):
        correct(full, EASTER, noon(EASTER) + number * DAY / 2)
        how = luck.choice(["stale", "force"])
        with ready(VICTIM, full.database.url, full.folder, "never", how) as victim:
            go(victim)
            try:
                victim.wait(luck.uniform(0.02, 1.5))
            except subprocess.TimeoutExpired:
                assert full.store.read(0).equals(complete)
                victim.kill()
            ended += victim.wait() == -signal.SIGKILL
        assert full.store.read(0).equals(complete)
        assert full.store.read().height > 0
    print(f"\n{ended} of 20 were killed in the middle")
    assert ended > 5
    full.compute(END)
    assert differences(full.store, full.at_once(END)) == []
    assert full.store.vacuum([0], 0, dry_run=False)
    assert full.store.read(0).equals(complete)
    assert differences(full.store, full.at_once(END)) == []


def test_who_finds_the_features_computed_by_somebody_else_meanwhile_tries_once_more(
    program: Program, full: Desk, monkeypatch: pytest.MonkeyPatch
):
    correct(full, EASTER, noon(EASTER))
    keep, meant = computing.keep, featuring.Extent(accept_quality=True)

    def while_another_does(*given):
        monkeypatch.setattr(computing, "keep", keep)
        assert featuring.compute_features(program, "racing", meant).rows > 100
        keep(*given)

    monkeypatch.setattr(computing, "keep", while_another_does)
    report = featuring.compute_features(program, "racing", meant)
    assert (report.rows, report.delta_version) == (0, 1)
    assert differences(FeatureStore(program.workspace.features, SET), full.at_once(END)) == []


@pytest.mark.proof
def test_two_computations_at_once_both_end_well_and_nothing_is_lost(program: Program, full: Desk):
    store = FeatureStore(program.workspace.features, SET)
    for number in range(4):
        correct(full, EASTER, noon(EASTER) + number * DAY / 2)
        arguments = (TWIN, full.database.url, program.workspace.root)
        with ready(*arguments) as one, ready(*arguments) as other:
            go(one)
            go(other)
            assert (one.wait(120), other.wait(120)) == (0, 0)
        assert differences(store, full.at_once(END)) == []
        assert featuring.features_status(program, "racing")["stale_from"] is None
