"""An import that is killed leaves nothing half-written, and importing again gives the same facts."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import date

import pytest

from morningline.domains.racing.world import World, simulate, write_world
from sources.folder_imports import Facts, facts, racing_template

__all__ = ["facts", "racing_template"]

VICTIM = """
import os, sys
from pathlib import Path
from morningline.kit.database import Database
from morningline.sources.importing import import_files
from morningline.sources.mapping import read_mapping
from morningline.wiring.program import domain_named, mapping_path

def progress(doing, done):
    if doing == sys.argv[3]:
        os.kill(os.getpid(), 9)

mapping, database = read_mapping(mapping_path("world")), Database(sys.argv[1])
import_files(mapping, Path(sys.argv[2]), domain_named("racing"), database, progress)
"""


@pytest.mark.parametrize(
    "moment",
    [
        "Reading rows as facts",
        "Loading ra_mst_horses",
        "Loading ra_runners",
        "Loading ra_results",
        "Loading ra_odds",
        "Checking what was accepted",
    ],
)
def test_an_import_killed_in_the_middle_leaves_nothing_and_can_be_repeated(facts: Facts, moment: str):
    write_world(simulate(World(seed=5, horses=600, last_day=date(2023, 3, 12))), facts.folder)
    folder = facts.folder / "history"
    empty = facts.prints()
    victim = subprocess.run(
        [sys.executable, "-c", VICTIM, facts.database.url, str(folder), moment], check=False, timeout=120
    )
    assert victim.returncode == -signal.SIGKILL
    assert facts.prints() == empty
    assert facts.rows("SELECT count(*) FROM imports") == [0]
    facts.bring("world", folder)
    resumed = facts.prints()
    assert {p.table: p.rows for p in resumed}["ra_odds"] > 200
    facts.empty()
    facts.bring("world", folder)
    assert facts.prints() == resumed


def test_a_later_import_killed_in_the_middle_leaves_the_history_as_it_was(facts: Facts):
    write_world(simulate(World(seed=5, horses=600, last_day=date(2023, 3, 12))), facts.folder)
    facts.bring("world", facts.folder / "history")
    before = facts.prints()
    arguments = [facts.database.url, str(facts.folder / "results"), "Loading ra_odds"]
    victim = subprocess.run([sys.executable, "-c", VICTIM, *arguments], check=False, timeout=120)
    assert victim.returncode == -signal.SIGKILL
    assert facts.prints() == before
