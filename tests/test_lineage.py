"""Lineage: where a race's facts and features came from is told, and what cannot be told is said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from feature_desk import END, SET, Desk, correct, database, desk, full, noon, program, racing, world
from morningline.cli.main import app
from morningline.kit.errors import InputError, NotFoundError
from morningline.wiring import featuring
from morningline.wiring import lineage as lineage_module
from morningline.wiring.lineage import EventLineage, lineage
from test_incremental_features import EASTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from morningline.wiring.program import Program

__all__ = ["database", "desk", "full", "program"]

REPORT = {
    "files": [{"file": "april.csv", "rows": 12, "sha256": "ab" * 32}, *({"file": f"{n}.csv"} for n in range(6))],
    "tables": [{"table": "ra_results", "accepted": 12}, {"table": "ra_odds", "accepted": 0}],
}
REPORT["files"] = [{"rows": 1, "sha256": "cd" * 32, **file} for file in REPORT["files"]]


@pytest.fixture
def race(program: Program, monkeypatch: pytest.MonkeyPatch) -> str:
    """A race of Easter Monday; the racing domain computes the small set."""
    del program
    monkeypatch.setattr(lineage_module, "domains", lambda: [racing()])
    races = world()["ra_races"]
    return races.filter(races["date"] == EASTER)["id"].sort()[0]


def test_a_race_names_its_facts_and_the_computation_of_its_features(program: Program, full: Desk, race: str):
    found = lineage(program, "race", race)
    assert isinstance(found, EventLineage)
    assert (found.what, found.id, found.day, found.as_of) == ("race", race, EASTER, None)
    runners = world()["ra_runners"].filter(world()["ra_runners"]["race_id"] == race)
    facts = {table.table: table for table in found.facts}
    assert set(facts) == {"ra_races", "ra_runners", "ra_results", "ra_odds"}
    assert facts["ra_runners"].rows == runners.height
    assert facts["ra_runners"].known_at == (runners["known_at"].min(), runners["known_at"].max())
    (features,) = found.features
    (computation,) = features.computations
    assert (features.feature_set, features.feature_version, features.delta_version) == (SET.name, SET.version, 0)
    assert (computation.rows, computation.first_day, computation.as_of) == (runners.height, EASTER, END)
    assert computation.tables["ra_results"] <= computation.mark
    # Facts that were changed since the computation show it.
    assert facts["ra_results"].change <= computation.mark
    correct(full, EASTER, noon(EASTER))
    changed = {table.table: table.change for table in lineage(program, "race", race).facts}
    assert changed["ra_results"] > computation.mark >= changed["ra_runners"]
    assert found.words == (
        ["No payload is about this day and no import wrote to these tables: somebody wrote them by hand."]
    )


def test_rows_of_a_day_computed_again_name_the_later_computation(program: Program, full: Desk, race: str):
    correct(full, EASTER, noon(EASTER))
    featuring.compute_features(program, "racing", featuring.Extent(accept_quality=True))
    first = lineage(program, "race", world()["ra_races"]["id"].sort()[0])
    again = lineage(program, "race", race)
    names = [[c.id for c in one.features[0].computations] for one in (first, again)]
    assert len(names[0]) == len(names[1]) == 1
    assert names[0] != names[1]


def test_imports_are_named_by_the_tables_they_wrote_to(program: Program, full: Desk, race: str):
    full.by_hand("INSERT INTO imports VALUES ('i1', 'hk', now(), now(), 'complete', %s)", json.dumps(REPORT))
    try:
        found = lineage(program, "race", race)
    finally:
        full.by_hand("DELETE FROM imports")
    assert {table.table for table in found.facts if table.imports} == {"ra_results"}
    assert [(one.id, one.files[0]["sha256"]) for one in found.imports] == [("i1", "ab" * 32)]
    assert "does not say which file" in found.words[0]


def test_what_is_asked_of_and_does_not_exist_is_named(program: Program, race: str):
    with pytest.raises(InputError) as error:
        lineage(program, "horse", race)
    assert error.value.allowed == "race, prediction, model"
    for what in ("race", "prediction", "model"):
        with pytest.raises(NotFoundError, match=f"no {what} 'x'"):
            lineage(program, what, "x")


@pytest.fixture
def run(program: Program, full: Desk, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.chdir(program.workspace.root)
    monkeypatch.setenv("MORNINGLINE_DATABASE_URL", full.database.url)
    return lambda *words: CliRunner().invoke(app, ["lineage", *words])


def test_the_command_tells_it_in_words_and_as_json(run: Callable[..., Any], full: Desk, race: str):
    full.by_hand("INSERT INTO imports VALUES ('i1', 'hk', now(), now(), 'complete', %s)", json.dumps(REPORT))
    try:
        done, plain = run("race", race), run("race", race, "--json")
    finally:
        full.by_hand("DELETE FROM imports")
    assert done.exit_code == 0, done.output
    for said in (
        f"race {race} of {EASTER}",
        "ra_results",
        "april.csv",
        "2 files more of i1",
        SET.version,
        "read, each",
    ):
        assert said in done.stdout
    told = json.loads(plain.stdout)
    assert told["features"][0]["computations"][0]["id"] in done.stdout
    assert told["facts"][0]["table"] == "ra_races"
    assert isinstance(run("race", "x").exception, NotFoundError)
