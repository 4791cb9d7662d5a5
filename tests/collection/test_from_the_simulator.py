"""The whole way over HTTP: the simulator's cards, results and horses become facts, and again from the archive alone."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from collection.board import Steps
from morningline.collection.committing import Committer
from morningline.collection.details import collect_details
from morningline.domains.racing.simulator import Simulator, SimulatorSettings, true_probabilities
from morningline.wiring import collecting
from morningline.wiring.program import Program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIRST = date(2025, 3, 28)
LAST = date(2025, 3, 31)


class Request(Steps):
    """A run in memory with the parameters of a collection."""

    def __init__(self, number: int, **parameters: Any) -> None:
        super().__init__(id=f"run-{number}")
        self.parameters = {"feed": "racing_api", **parameters}

    def check(self) -> None:
        """Nobody cancels it."""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    settings = SimulatorSettings(today=date(2026, 11, 21), faults="dirty", bookmakers=1)
    with Simulator(settings) as simulator:
        yield simulator


@pytest.fixture
def program(
    tmp_path: Path, fresh_database: str, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Program]:
    monkeypatch.setenv("RACING_API_USERNAME", "user")
    monkeypatch.setenv("RACING_API_PASSWORD", "password")
    (tmp_path / "morningline.toml").write_text(
        f'[feeds.racing_api]\nurl = "{simulator.url}"\nplan = "pro"\nhistory = true\n'
        "limits = { free = 0, racecards = 0, other = 0 }\n"
    )
    with Program.at(tmp_path, {"MORNINGLINE_DATABASE_URL": fresh_database}) as program:
        yield program


def rows(program: Program, sql: str) -> list[Any]:
    with program.database.connect() as connection:
        return connection.execute(sql.encode()).fetchall()


def test_days_of_a_dirty_feed_become_facts_once_and_again_from_the_archive(program: Program, simulator: Simulator):
    days = {"first": str(FIRST), "last": str(LAST)}
    run: Any = Request(1, what=["masters", "events"], **days)
    summary = collecting.collect(program, run)
    masters, events = summary["parts"]
    assert masters["status"] == "complete"
    # Dirty content may put a row aside; no day may be missing, and what is lost is told.
    assert set(events["fetches"]) <= {"complete", "lossy"}
    assert sum(events["fetches"].values()) == 8
    assert (events["status"] == "partial") is bool(events["rows_quarantined"])
    found = dict(rows(program, "SELECT date, count(*) FROM ra_races GROUP BY date"))
    for offset in range(4):
        day = FIRST + timedelta(days=offset)
        ran = true_probabilities(day)["race_id"].n_unique()
        assert found[day] >= ran
    calls = len(simulator.log)
    again: Any = Request(2, what=["events"], **days)
    assert collecting.collect(program, again)["parts"][0]["calls"] == 0
    assert len(simulator.log) == calls
    same = collecting.reparse(program, "racing", lambda *_: None, check=True)
    assert same.differing == []
    assert same.before == same.after
    assert len(simulator.log) == calls


def test_horses_are_asked_for_once_and_only_if_asked(program: Program, simulator: Simulator):
    run: Any = Request(1, what=["events"], first=str(FIRST), last=str(FIRST), only="results")
    collecting.collect(program, run)
    assert rows(program, "SELECT count(foaled) FROM ra_mst_horses") == [(0,)]
    for number, most in ((2, 7), (3, 5)):
        asked: Any = Request(number, what=["details"], most=most)
        (part,) = collecting.collect(program, asked)["parts"]
        assert (part["fetched"], part["errors"]) == (most, 0)
    paths = [call.target for call in simulator.log if "/horses/" in call.target and call.status == 200]
    assert len(paths) == len(set(paths)) == 12
    assert rows(program, "SELECT count(foaled) FROM ra_mst_horses")[0][0] >= 11


def test_what_an_abandoned_run_fetched_of_horses_is_asked_again(program: Program):
    run: Any = Request(1, what=["events"], first=str(FIRST), last=str(FIRST), only="results")
    collecting.collect(program, run)
    feed = collecting.feed_named("racing_api")

    class GoneError(Exception):
        pass

    class NoLoader:
        def __init__(self) -> None:
            self.feed = feed

        def load_at_once(self, *_: object) -> None:
            raise GoneError

    from morningline.sources.client import FeedClient

    settings = program.feed_settings(feed)
    with (
        FeedClient(feed, settings, program.database, program.archive) as client,
        Committer(program.database) as committer,
    ):
        lost: Any = Request(2)
        loader: Any = NoLoader()
        with pytest.raises(GoneError):
            collect_details(lost, loader, client, committer, "horses", most=3, today=date(2026, 11, 21))
    asked: Any = Request(3, what=["details"], most=3)
    assert collecting.collect(program, asked)["parts"][0]["fetched"] == 3
    assert rows(program, "SELECT count(foaled) FROM ra_mst_horses")[0][0] >= 2
    assert collecting.reparse(program, "racing", lambda *_: None, check=True).differing == []
