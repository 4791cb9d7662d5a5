"""Bodies become frames: whatever they hold, nothing is lost and no page fails; order and company change nothing."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from racing_api_facts import LONG_AFTER, card, card_runner, cards, payload, quote, result, result_runner, results

from morningline.domains.racing.feeds.racing_api import feed

if TYPE_CHECKING:
    from morningline.sources.feed import FeedRows


def read(*bodies: bytes) -> FeedRows:
    return feed.read([payload(body) for body in bodies])


def column(rows: FeedRows, frame: str, name: str) -> list[Any]:
    return rows.frames[frame][name].to_list()


def whole_page() -> bytes:
    runners = [card_runner(n, odds=[quote(), quote("Coral", history=[history()])]) for n in (1, 2, 3)]
    return cards(card("rac_1", *runners), card("rac_2"))


def history(**keys: Any) -> dict[str, Any]:
    return {"changed_at": "2025-07-01 12:00:00", "fractional": "9/2", "decimal": "5.5", **keys}


# --- drift ---------------------------------------------------------------------------------------------------


def test_unknown_keys_of_2026_are_kept_beside_their_record_and_counted() -> None:
    runners = [result_runner(n, performance_rating=str(70 + n), speed_rating="55.5", rpr="") for n in (1, 2)]
    rows = read(results(result("rac_1", *runners, stewards={"held": True}), mood="fine"))
    assert rows.unknown == {
        "results: mood": 1,
        "results: race.runner.performance_rating": 2,
        "results: race.runner.speed_rating": 2,
        "results: race.stewards": 1,
    }
    assert [json.loads(text) for text in column(rows, "result_runners", "extra")] == [
        {"performance_rating": "71", "speed_rating": "55.5"},
        {"performance_rating": "72", "speed_rating": "55.5"},
    ]
    assert column(rows, "result_races", "extra") == ['{"stewards":{"held": true}}']
    assert column(rows, "result_runners", "rpr") == [None, None]
    assert not rows.broken


def test_new_keys_anywhere_change_nothing_but_the_extra() -> None:
    page = json.loads(whole_page())
    races = page["racecards"]
    for number, record in enumerate([races[0], races[0]["runners"][1], races[1]["runners"][0]]):
        record[f"new_{number}"] = {"deep": [1.50, None]}
    races[0]["runners"][0]["odds"][0]["shiny"] = 1
    rows, plain = read(json.dumps(page).encode()), read(whole_page())
    for name, frame in plain.frames.items():
        less = ["extra", "#file"]
        assert_frame_equal(rows.frames[name].drop(less, strict=False), frame.drop(less, strict=False))
    assert sum(rows.unknown.values()) == 4
    assert column(rows, "card_runners", "extra")[:2] == [None, '{"new_1":{"deep": [1.5, null]}}']


def test_many_new_keys_at_once_are_kept_too() -> None:
    keys = {f"new_{n}": str(n) for n in range(150)}
    rows = read(results(result("rac_1", result_runner(1, **keys), result_runner(2))))
    assert json.loads(column(rows, "result_runners", "extra")[0]) == keys
    assert len(rows.unknown) == 150


def test_new_keys_of_a_record_that_must_be_repaired_are_kept_too() -> None:
    whole, odd = result_runner(1, new="1", speed=1.50), result_runner(2, new="2", speed=1.50, jockey=[])
    rows = read(results(result("rac_1", whole, odd)))
    assert column(rows, "result_runners", "extra") == ['{"new":"1","speed":1.5}', '{"new":"2","speed":1.5}']
    assert rows.unknown == {"results: race.runner.new": 2, "results: race.runner.speed": 2}


def test_missing_keys_are_missing_values() -> None:
    race = result()
    for record in (race, *race["runners"]):
        for key in ("race_name", "going", "sp", "sp_dec", "comment", "jockey_id"):
            record.pop(key, None)
    rows = read(results(race))
    assert not rows.broken
    assert column(rows, "result_races", "going") == [None]
    assert column(rows, "result_runners", "jockey_id") == [None, None]


# --- what is odd ---------------------------------------------------------------------------------------------


def test_numbers_where_texts_belong_are_taken_as_they_are_written() -> None:
    body = results(result("rac_1", result_runner(1, weight_lbs=130, sp_dec=4.50, draw=None)))
    rows = read(body.replace(b"4.5,", b"4.50,"))
    frame = rows.frames["result_runners"]
    assert frame.select("weight_lbs", "sp_dec", "draw").rows() == [("130", "4.50", None)]
    assert not rows.broken


def test_a_value_that_is_no_text_is_lost_alone_and_said() -> None:
    rows = read(results(result("rac_1", result_runner(1, jockey=["A", "B"]), result_runner(2))))
    (lost,) = rows.broken["result_runners"]
    assert (lost.row, lost.scope, lost.kind) == (1, "value", "jockey is no text")
    assert json.loads(lost.payload)["horse_id"] == "hrs_1"
    assert column(rows, "result_runners", "jockey") == [None, "Jockey 2"]


def test_a_runner_that_is_none_is_set_aside_and_the_others_keep_their_numbers() -> None:
    rows = read(results(result("rac_1", result_runner(1), "odd", result_runner(3)), result("rac_2")))  # type: ignore[arg-type]
    (lost,) = rows.broken["result_runners"]
    assert (lost.row, lost.scope, lost.payload) == (2, "row", '"odd"')
    assert rows.frames["result_runners"].select("race_id", "horse_id", "#row").rows() == [
        ("rac_1", "hrs_1", 1),
        ("rac_1", "hrs_3", 3),
        ("rac_2", "hrs_1", 4),
        ("rac_2", "hrs_2", 5),
    ]


@pytest.mark.parametrize("runners", ["none", None, {"a": 1}])
def test_a_race_without_a_list_of_runners_is_kept_and_said(runners: Any) -> None:
    rows = read(cards(card("rac_1", runners=runners), card("rac_2")))
    assert column(rows, "card_races", "race_id") == ["rac_1", "rac_2"]
    assert [(b.row, b.scope) for b in rows.broken["card_races"]] == [(1, "value")]
    assert column(rows, "card_runners", "race_id") == ["rac_2", "rac_2"]


def test_a_race_with_an_empty_list_of_runners_is_whole() -> None:
    rows = read(results(result("rac_1", runners=[])))
    assert not rows.broken
    assert (rows.frames["result_races"].height, rows.frames["result_runners"].height) == (1, 0)


def test_odd_prices_take_nothing_with_them() -> None:
    odds = [quote(), 5, quote("Coral", history="none"), quote("Betway", updated={"at": 1})]
    rows = read(cards(card("rac_1", card_runner(1, odds=odds), card_runner(2, odds="none"))))
    assert [(b.row, b.kind.split(":")[0]) for b in rows.broken["card_odds"]] == [
        (2, "it is no quote"),
        (3, "history is no list"),
        (4, "updated is no text"),
    ]
    assert [b.kind for b in rows.broken["card_runners"]] == ["odds is no list"]
    assert column(rows, "card_odds", "bookmaker_id") == ["bet365", "coral", "betway"]
    assert column(rows, "card_runners", "horse_id") == ["hrs_1", "hrs_2"]


def test_a_nul_character_is_set_aside_before_it_reaches_the_database() -> None:
    rows = read(results(result("rac_1", result_runner(1, comment="a\0b"), result_runner(2))))
    assert column(rows, "result_runners", "comment") == [None, "Led"]
    assert [b.kind for b in rows.broken["result_runners"]] == ["comment holds a NUL character, which no text can"]


def test_a_nul_in_a_key_nobody_knows_is_kept_as_its_symbol() -> None:
    rows = read(results(result("rac_1", result_runner(1, new="a\0b\\u0000"))))
    assert column(rows, "result_runners", "extra") == ['{"new":"a␀b\\\\u0000"}']
    assert not rows.broken


def test_a_body_that_became_unreadable_is_set_aside_whole() -> None:
    rows = read(b'{"results": [', results(result()))
    assert [(b.row, b.scope) for b in rows.broken["result_races"]] == [(1, "row")]
    assert rows.frames["result_races"].height == 1


@pytest.mark.parametrize("seed", range(20))
def test_chance_damage_loses_only_what_it_hits(seed: int) -> None:
    luck = random.Random(seed)
    page = json.loads(whole_page())
    spoiled = luck.choice(["date", "race_name", "course"])
    page["racecards"][1][spoiled] = luck.choice([[], {}, [[1]]])
    rows, plain = read(json.dumps(page).encode()), read(whole_page())
    assert [b.kind for b in rows.broken["card_races"]] == [f"{spoiled} is no text"]
    for name, frame in plain.frames.items():
        less = ["#file", spoiled] if name == "card_races" else ["#file"]
        assert_frame_equal(rows.frames[name].drop(less), frame.drop(less))


# --- order and company ---------------------------------------------------------------------------------------


def test_neither_order_nor_company_of_payloads_changes_a_row() -> None:
    bodies = [cards(card(f"rac_{n}")) for n in range(6)] + [results(result(f"rac_{n}", new="x")) for n in range(6)]
    together = read(*bodies)
    shuffled = read(*reversed(bodies))
    for name, frame in together.frames.items():
        assert_frame_equal(shuffled.frames[name], frame)
        alone = [one for body in bodies if (one := read(body).frames.get(name)) is not None]
        assert_frame_equal(pl.concat(alone).sort("#file", "#row"), frame.sort("#file", "#row"))
    assert shuffled.unknown == together.unknown


def test_a_body_fetched_twice_counts_once() -> None:
    one = payload(results(result()))
    two = payload(results(result()), fetched_at=LONG_AFTER + timedelta(hours=1), number=2)
    assert feed.read([two, one]).frames["result_runners"].height == 2
