"""Collecting brings everything once, says what is missing, goes on after faults, and comes to the same facts."""

from __future__ import annotations

import random
import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from collection.board import FIRST, NOON, Board, Calls, Steps, collect, loader_of, races, unavailable, wanted
from morningline.collection import fetching
from morningline.collection.reparsing import reparse
from morningline.facts.states import first_change, mark
from morningline.kit.errors import PlanError, QuotaError, RefusedError
from morningline.wiring.program import domain_named

if TYPE_CHECKING:
    from pathlib import Path

    from morningline.collection.ledger import Item
    from morningline.sources.feed import Ask
    from sources.folder_imports import Facts

STANDINGS = "SELECT endpoint, day::text, generation, status FROM coverage ORDER BY 1, 2, 3"


def counts(facts: Facts) -> dict[str, int]:
    return {p.table: p.rows for p in facts.prints() if p.rows}


def execute(facts: Facts, sql: str) -> None:
    with facts.database.connect() as connection:
        connection.execute(sql.encode())


def test_everything_comes_once_and_is_written_down(facts: Facts, tmp_path: Path):
    calls = Calls()
    summary = collect(facts.database, tmp_path, calls)
    assert summary["status"] == "complete"
    assert summary["fetches"] == {"complete": 8}
    assert (summary["events"], summary["calls"], summary["errors"]) == (24, 16, 0)
    found = counts(facts)
    assert (found["ra_races"], found["ra_runners"], found["ra_results"]) == (12, 24, 24)
    assert {row[3] for row in facts.rows(STANDINGS)} == {"complete"}
    again = collect(facts.database, tmp_path, calls)
    assert (again["status"], again["fetches"], again["calls"]) == ("complete", {}, 0)
    assert len(calls.made) == 16


def test_a_cards_weight_stands_above_a_results(facts: Facts, tmp_path: Path):
    collect(facts.database, tmp_path, Calls())
    assert set(facts.rows("SELECT weight_lbs FROM ra_runners")) == {120.0, 121.0, 122.0}
    assert set(facts.rows("SELECT basis FROM ra_runners")) == {"card"}


@pytest.mark.parametrize("seed", range(3))
def test_neither_the_order_of_arrival_nor_the_size_of_a_load_changes_a_fact(
    facts: Facts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
):
    collect(facts.database, tmp_path, Calls(), wanted(8))
    calm = facts.prints()
    facts.empty()
    execute(facts, "TRUNCATE coverage")
    chance = random.Random(seed)
    monkeypatch.setattr(fetching, "AHEAD", 1 + 3 * seed)
    collect(facts.database, tmp_path, Calls(before=lambda _ask: time.sleep(chance.random() / 50)), wanted(8))
    assert facts.prints() == calm


def test_pages_that_disagree_are_fetched_anew_as_the_next_generation(facts: Facts, tmp_path: Path):
    def shrinking(ask: Ask, number: int) -> int:
        first_try = ask.generation == 1 and ask.endpoint == "results" and ask.day == FIRST
        return number + 1 if first_try and dict(ask.params)["skip"] == "0" else number

    summary = collect(facts.database, tmp_path, Calls(total=shrinking), wanted(1))
    assert summary["status"] == "complete"
    assert facts.rows(STANDINGS)[1:] == [
        ("results", str(FIRST), 1, "failed"),
        ("results", str(FIRST), 2, "complete"),
    ]


def test_a_day_that_never_agrees_is_partial_and_says_so(facts: Facts, tmp_path: Path):
    calls = Calls(total=lambda ask, number: number + (ask.endpoint == "results"))
    summary = collect(facts.database, tmp_path, calls, wanted(1))
    assert summary["status"] == "partial"
    assert summary["fetches"] == {"complete": 1, "partial": 1}
    (reason,) = facts.rows("SELECT reason FROM coverage WHERE status = 'partial'")
    assert reason == "the feed spoke of 4 events and gave 3 different ones"
    assert counts(facts)["ra_results"] == 6


def test_a_day_that_fails_stops_no_other_and_is_tried_again(facts: Facts, tmp_path: Path):
    def failing(ask: Ask) -> None:
        if ask.day == FIRST and ask.endpoint == "racecards":
            unavailable()

    calls = Calls(before=failing)
    summary = collect(facts.database, tmp_path, calls)
    assert (summary["status"], summary["errors"]) == ("partial", 1)
    assert summary["fetches"] == {"complete": 7, "failed": 1}
    (error,) = facts.rows("SELECT kind || ': ' || message FROM collection_errors")
    assert error == "FeedUnavailableError: The board does not answer."
    calls.before = lambda _ask: None
    assert collect(facts.database, tmp_path, calls)["fetches"] == {"complete": 1}
    # Cards that come late take the place of what the results said.
    assert set(facts.rows("SELECT basis FROM ra_runners")) == {"card"}


def test_a_nul_in_a_row_turns_it_away_and_stops_no_other(facts: Facts, tmp_path: Path):
    def spoiled(ask: Ask) -> list[dict[str, Any]]:
        items = races(ask)
        if ask.day == FIRST and ask.endpoint == "racecards":
            items[0]["runners"][0]["called"] = "a\0b\\u0000"
        return items

    summary = collect(facts.database, tmp_path, Calls(board=spoiled), wanted(2))
    assert (summary["status"], summary["fetches"]) == ("partial", {"complete": 3, "lossy": 1})
    assert facts.rows("SELECT target, reason, payload->>'called' FROM quarantine") == [
        ("files.cards", "it holds a NUL character, which no text can", "a␀b\\u0000")
    ]
    (standing,) = facts.rows("SELECT rows_read, rows_kept, rows_quarantined FROM coverage WHERE status = 'lossy'")
    assert standing == (6, 5, 1)
    assert counts(facts)["ra_runners"] == 12


def test_a_nul_in_what_the_feed_says_of_a_failure_is_shown_as_its_symbol(facts: Facts, tmp_path: Path):
    def refusing(ask: Ask) -> None:
        if ask.endpoint == "racecards":
            raise RefusedError("It said: a\0b")

    assert collect(facts.database, tmp_path, Calls(before=refusing), wanted(1))["fetches"]["failed"] == 1
    assert facts.rows("SELECT message FROM collection_errors") == ["It said: a␀b"]
    (reason,) = facts.rows("SELECT reason FROM coverage WHERE status = 'failed'")
    assert "a␀b" in reason


def test_a_plan_that_does_not_include_an_endpoint_is_asked_once(facts: Facts, tmp_path: Path):
    def refusing(ask: Ask) -> None:
        if ask.endpoint == "racecards":
            raise PlanError("Pro Plan required")

    calls = Calls(before=refusing)
    summary = collect(facts.database, tmp_path, calls, wanted(60))
    assert summary["fetches"] == {"complete": 60, "refused": 60}
    assert sum(ask.endpoint == "racecards" for ask in calls.made) <= fetching.THREADS
    assert summary["problems"][0]["reason"] == "Pro Plan required"


def test_a_used_up_quota_leaves_the_rest_planned(facts: Facts, tmp_path: Path):
    calls = Calls()

    def counting(_ask: Ask) -> None:
        if len(calls.made) > 10:
            raise QuotaError("The calls of the day are used up.")

    calls.before = counting
    summary = collect(facts.database, tmp_path, calls)
    assert (summary["status"], summary["stopped"]) == ("partial", "The calls of the day are used up.")
    assert summary["fetches"]["planned"] > 0
    calls.before = lambda _ask: None
    collect(facts.database, tmp_path, calls)
    assert counts(facts)["ra_results"] == 24
    assert len({ask.request for ask in calls.made}) == 16


def test_days_a_feed_cannot_give_are_counted_with_the_reason(facts: Facts, tmp_path: Path):
    summary = collect(facts.database, tmp_path, Calls(), wanted(2, first=date(2023, 12, 31)))
    assert summary["status"] == "partial"
    assert summary["refused"] == [
        {"endpoint": e, "reason": "the board begins in 2024", "days": 1} for e in ("racecards", "results")
    ]


def test_results_are_fetched_again_on_schedule_and_only_what_changed_is_known_later(facts: Facts, tmp_path: Path):
    calls = Calls(now=datetime(2024, 1, 31, 6, tzinfo=UTC))
    seen = []
    for days in (0, 0.2, 1, 2, 8, 9):
        calls.now = datetime(2024, 1, 31, 6, tzinfo=UTC) + timedelta(days=days)
        seen.append(collect(facts.database, tmp_path, calls, wanted(1, now=calls.now))["fetches"].get("complete", 0))
    assert seen == [2, 0, 1, 0, 1, 0]
    known = dict(facts.rows("SELECT race_id || ' ' || horse_id, known_at FROM ra_results"))
    day_end = datetime(2024, 1, 31, tzinfo=UTC)
    corrected = {k for k in known if k.startswith(f"{FIRST}-1 ")}
    # The third generation turned the second race round; the other results are known as they were.
    assert {known[k] for k in corrected} == {datetime(2024, 2, 8, 6, tzinfo=UTC)}
    assert {known[k] for k in known.keys() - corrected} == {day_end}


def test_what_is_fetched_while_its_day_lasts_is_known_from_the_fetch(facts: Facts, tmp_path: Path):
    calls = Calls(now=datetime(2024, 1, 29, 19, tzinfo=UTC))
    collect(facts.database, tmp_path, calls, wanted(1, now=calls.now))
    assert set(facts.rows("SELECT known_at FROM ra_runners")) == {calls.now}


@pytest.mark.parametrize("moment", [2, 3, 5])
def test_a_run_that_is_taken_up_again_repeats_no_call_and_comes_to_the_same(facts: Facts, tmp_path: Path, moment: int):
    collect(facts.database, tmp_path, Calls(), wanted(40))
    calm = facts.prints()
    facts.empty()
    execute(facts, "TRUNCATE coverage")

    class KilledError(BaseException):
        pass

    def kill(times: int) -> None:
        if times == moment:
            raise KilledError

    calls, run = Calls(), Steps(interrupt=kill)
    with pytest.raises(KilledError):
        collect(facts.database, tmp_path, calls, wanted(40), run)
    # Calls in flight end by themselves.
    time.sleep(0.2)
    run.interrupt = lambda _times: None
    summary = collect(facts.database, tmp_path, calls, wanted(40), run)
    assert facts.prints() == calm
    assert summary["fetches"] == {"complete": 80}
    assert len(calls.made) == len({ask.request for ask in calls.made})


def test_a_day_that_cannot_be_loaded_stops_no_other(facts: Facts, tmp_path: Path):
    execute(facts, "ALTER TABLE ra_races ADD CONSTRAINT planted CHECK (id <> '2024-01-31-1')")
    summary = collect(facts.database, tmp_path, Calls())
    assert summary["fetches"] == {"complete": 6, "failed": 2}
    assert counts(facts)["ra_races"] == 9
    assert "cannot be loaded" in facts.rows("SELECT reason FROM coverage WHERE status = 'failed'")[0]


def test_a_row_in_quarantine_makes_the_day_lossy_and_is_not_asked_for_again(facts: Facts, tmp_path: Path):
    def board(ask: Ask) -> list[dict[str, object]]:
        made = races(ask)
        if ask.endpoint == "results" and ask.day == FIRST:
            made[0]["runners"][0]["pos"] = "??"
        return made

    calls = Calls(board=board)
    summary = collect(facts.database, tmp_path, calls, wanted(2))
    assert (summary["status"], summary["fetches"]) == ("partial", {"complete": 3, "lossy": 1})
    assert summary["rows_quarantined"] >= 1
    assert facts.rows("SELECT count(*) FROM quarantine")[0] >= 1
    assert collect(facts.database, tmp_path, calls, wanted(2))["calls"] == 0


@pytest.mark.parametrize("check", [True, False])
def test_the_facts_can_be_built_anew_from_the_archive_alone(facts: Facts, tmp_path: Path, *, check: bool):
    calls = Calls(now=datetime(2024, 1, 31, 6, tzinfo=UTC))
    for days in (0, 1, 8, 150):
        calls.now = datetime(2024, 1, 31, 6, tzinfo=UTC) + timedelta(days=days)
        collect(facts.database, tmp_path, calls, wanted(40 if days == 150 else 1, now=calls.now))
    before = facts.prints()
    execute(facts, "UPDATE ra_results SET beaten_lengths = 99 WHERE race_id = '2024-01-30-0'")
    spoiled = facts.prints()

    def payloads_of(feed: str, item: Item) -> object:
        assert feed == "board"
        return calls.of_day(item.endpoint, item.day, item.generation)

    catalog = domain_named("racing").catalog
    with facts.database.connect() as connection:
        noted = mark(connection)
        found = reparse(
            connection, {"board": loader_of(Board(tmp_path))}, catalog, payloads_of, lambda *_: None, check=check
        )
        changed = first_change(connection, catalog, after=noted)
    assert found.differing == ["ra_results"]
    assert facts.prints() == (spoiled if check else before)
    assert found.replaced is not check
    assert changed == (None if check else facts.rows("SELECT min(date) FROM ra_races")[0])
    collected = collect(facts.database, tmp_path, calls, wanted(41, now=NOON))
    assert collected["fetches"] == {"complete": 2}
