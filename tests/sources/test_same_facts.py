"""However the same files come, whole, split, shuffled or twice, the facts are the same."""

from __future__ import annotations

import shutil
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import pytest
from folder_imports import ODDS, RESULTS, Facts, tiny

from morningline.domains.racing.world import Simulation, World, simulate, write_world

if TYPE_CHECKING:
    import polars as pl

HEADER = "race,day,horse,draw,gear\n"
MAPPING = tiny(runner='draw = "draw"\nheadgear = "gear"')


@cache
def small_world() -> Simulation:
    return simulate(World(seed=5, horses=600, last_day=date(2023, 3, 12)))


def written(facts: Facts, *frames: pl.DataFrame) -> list:
    """Import each frame as a folder of its own, one after the other, and give the fingerprint."""
    for number, frame in enumerate(frames):
        folder = facts.folder / f"part_{number}"
        folder.mkdir()
        frame.write_csv(folder / "runs_x.csv")
        facts.bring("world", folder)
    return facts.prints()


@pytest.fixture
def expected(facts: Facts) -> list:
    prints = written(facts, small_world().runs)
    facts.empty()
    shutil.rmtree(facts.folder / "part_0")
    assert {p.table: p.rows for p in prints}["ra_runners"] > 200
    return prints


def test_the_same_files_again_change_nothing(facts: Facts, expected: list):
    runs = small_world().runs
    assert written(facts, runs, runs) == expected


def test_the_order_of_rows_does_not_matter(facts: Facts, expected: list):
    assert written(facts, small_world().runs.sample(fraction=1, shuffle=True, seed=1)) == expected


def test_files_split_in_two_give_the_same_facts(facts: Facts, expected: list):
    runs = small_world().runs
    folder = facts.folder / "both"
    folder.mkdir()
    runs[: runs.height // 2].write_csv(folder / "runs_b.csv")
    runs[runs.height // 2 :].write_csv(folder / "runs_a.csv")
    facts.bring("world", folder)
    assert facts.prints() == expected


@pytest.mark.parametrize("first", [0, 1])
def test_imports_in_another_order_give_the_same_facts(facts: Facts, expected: list, first: int):
    runs = small_world().runs
    # Split in the middle of a race, overlapping.
    parts = [runs[: runs.height // 2 + 40], runs[runs.height // 2 :]]
    assert written(facts, parts[first], parts[1 - first]) == expected


@pytest.mark.parametrize("order", [("2023", "2024"), ("2024", "2023")])
def test_an_entity_bears_its_latest_name_whichever_import_comes_last(facts: Facts, order: tuple[str, str]):
    mapping = tiny().replace('columns = { id = "horse" }', 'columns = { id = "horse", name = "name" }')
    for year in order:
        name = {"2023": "Zebra", "2024": "Aardvark"}[year]
        facts.write("rows.csv", f"race,day,horse,name\nr{year},{year}-05-01,a,{name}\n")
        facts.bring(mapping)
    assert facts.rows("SELECT name, extract(year FROM known_at)::int FROM ra_mst_horses") == [("Aardvark", 2023)]


def test_within_one_import_the_latest_name_counts_too(facts: Facts):
    mapping = tiny().replace('columns = { id = "horse" }', 'columns = { id = "horse", name = "name" }')
    facts.write("rows.csv", "race,day,horse,name\nr2,2024-05-01,a,Aardvark\nr1,2023-05-01,a,Zebra\n")
    facts.bring(mapping)
    assert facts.rows("SELECT name FROM ra_mst_horses") == ["Aardvark"]


def test_a_later_import_extends_the_history(facts: Facts):
    facts.write("rows.csv", HEADER + "r1,2023-05-01,a,1,\n")
    facts.bring(MAPPING)
    facts.write("rows.csv", HEADER + "r1,2023-05-01,a,1,\nr2,2024-06-01,a,2,\nr2,2024-06-01,b,3,\n")
    report = facts.bring(MAPPING)
    counts = {t.table: (t.inserted, t.changed, t.unchanged) for t in report.tables}
    assert counts["ra_runners"] == (2, 0, 1)
    assert counts["ra_races"] == (1, 0, 1)
    assert facts.rows("SELECT count(*) FROM ra_runners_2024") == [2]


def test_a_result_may_come_in_a_later_import_than_its_card(facts: Facts):
    world = small_world()
    folder = facts.folder / "world"
    write_world(world, folder)
    card = facts.bring("world", folder / "card")
    assert {t.table for t in card.tables if t.accepted} >= {"ra_races", "ra_runners"}
    assert facts.rows("SELECT (SELECT count(*) FROM ra_results), (SELECT count(*) FROM ra_odds)") == [(0, 0)]
    runners = facts.prints()
    report = facts.bring("world", folder / "results")
    assert facts.rows("SELECT count(*) FROM ra_results") == [world.results.height]
    assert report.complete
    same = {"ra_races", "ra_runners", "ra_mst_horses"}
    assert [p for p in facts.prints() if p.table in same] == [p for p in runners if p.table in same]


def test_a_null_never_erases_a_value(facts: Facts):
    facts.write("rows.csv", HEADER + "r1,2024-05-01,a,4,hood\n")
    facts.bring(MAPPING)
    before = facts.prints()
    facts.write("rows.csv", HEADER + "r1,2024-05-01,a,,\n")
    facts.bring(MAPPING)
    assert facts.prints() == before


def test_rows_of_one_key_complete_each_other_and_a_correction_replaces(facts: Facts):
    facts.write("rows.csv", HEADER + "r1,2024-05-01,a,4,\nr1,2024-05-01,a,,hood\n")
    assert facts.bring(MAPPING).complete
    assert facts.rows("SELECT draw, headgear FROM ra_runners") == [(4, "hood")]
    facts.write("rows.csv", HEADER + "r1,2024-05-01,a,5,\n")
    facts.bring(MAPPING)
    assert facts.rows("SELECT draw, headgear FROM ra_runners") == [(5, "hood")]


def test_a_price_that_was_written_is_kept_against_a_later_import(facts: Facts):
    mapping = tiny(more=RESULTS + ODDS)
    facts.write("rows.csv", "race,day,horse,pos,odds\nr1,2024-05-01,a,1,3.5\n")
    facts.bring(mapping)
    facts.write("rows.csv", "race,day,horse,pos,odds\nr1,2024-05-01,a,1,9\n")
    report = facts.bring(mapping)
    assert facts.rows("SELECT decimal_odds FROM ra_odds") == [3.5]
    assert not report.complete
    assert "another decimal_odds" in report.quarantined[0].reason
