"""Each trap of the feed is in what the simulator says: a client that passes here has met all of them."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asking import Asker

Races = list[dict[str, Any]]
SUMMER_2023 = date(2023, 7, 1)
EN_DASH = "\u2013"


def runners(races: Races) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    return ((race, runner) for race in races for runner in race["runners"])


def test_the_clock_has_twelve_hours_and_only_off_dt_says_which(results: Races, cards: Races) -> None:
    for race in [*results, *cards]:
        instant = datetime.fromisoformat(race["off_dt"])
        text = race.get("off") or race["off_time"]
        assert text == f"{instant.hour % 12 or 12}:{instant.minute:02d}"
    evening = [r for r in results if datetime.fromisoformat(r["off_dt"]).hour >= 17 and len(r["off"]) == 4]
    assert evening


def test_off_dt_has_londons_offset_wherever_the_race_is(results: Races) -> None:
    offsets = {(race["date"] < "2025-06", race["off_dt"][-6:]) for race in results}
    assert offsets == {(True, "+00:00"), (False, "+01:00")}
    far = [race for race in results if race["region"] == "AUS"]
    assert far
    assert all(datetime.fromisoformat(race["off_dt"]).hour < 9 for race in far)


def test_results_come_latest_first_and_their_runners_in_finishing_order(results: Races) -> None:
    for first, second in pairwise(results):
        if first["date"] == second["date"]:
            assert first["off_dt"] >= second["off_dt"]
    for race in results:
        places = [int(r["position"]) if r["position"].isdigit() else 999 for r in race["runners"]]
        assert places == sorted(places)
    numbers = Counter(r["number"] for race in results for r in race["runners"][:1])
    assert len(numbers) > 8


def test_missing_is_written_in_four_ways(results: Races, cards: Races) -> None:
    of_results, of_cards = list(runners(results)), list(runners(cards))
    assert {runner["or"] for _, runner in of_results} >= {EN_DASH}
    assert {runner["rpr"] for race, runner in of_results if race["date"] < "2026"} >= {EN_DASH}
    assert {runner["btn"] for _, runner in of_results} >= {"-"}
    assert {runner["ofr"] for _, runner in of_cards} >= {"-"}
    assert {runner["comment"] for _, runner in of_cards} >= {None, ""}
    assert {runner["draw"] for race, runner in of_results if race["type"] != "Flat"} == {""}
    assert {runner["draw"] for race, runner in of_cards if race["type"] != "Flat"} == {"0"}


def test_a_cards_weight_is_before_the_claim_and_a_results_after(results: Races, cards: Races) -> None:
    card = {(race["race_id"], r["horse_id"]): r for race, r in runners(cards)}
    claims = Counter()
    for race, runner in runners(results):
        before, claim = int(card[race["race_id"], runner["horse_id"]]["lbs"]), int(runner["jockey_claim_lbs"])
        assert int(runner["weight_lbs"]) == before - claim
        stones, pounds = runner["weight"].split("-")
        assert int(stones) * 14 + int(pounds) == before - claim
        claims[claim] += 1
    assert claims.keys() == {0, 3, 5, 7}


def test_a_cards_jockey_carries_the_claim_and_a_results_does_not(results: Races, cards: Races) -> None:
    assert any(re.search(r"\(\d\)$", runner["jockey"]) for _, runner in runners(cards))
    assert not any("(" in runner["jockey"] for _, runner in runners(results))


def test_non_runners_stay_on_the_card_under_two_signs_and_are_no_rows_of_the_result(
    results: Races, cards: Races
) -> None:
    ran = {(race["race_id"], runner["horse_id"]) for race, runner in runners(results)}
    signs: Counter[tuple[bool, bool]] = Counter()
    for race in cards:
        gone = 0
        for runner in race["runners"]:
            sign = (runner["number"] == "NR", runner["jockey"].startswith("NON-RUNNER"))
            signs[sign] += 1
            gone += any(sign)
            assert any(sign) or race["is_abandoned"] or (race["race_id"], runner["horse_id"]) in ran
            assert not any(sign) or (race["race_id"], runner["horse_id"]) not in ran
        assert race["field_size"] == str(len(race["runners"]) - gone)
    assert signs.keys() == {(False, False), (True, True), (True, False), (False, True)}
    assert any("NON-RUNNER(" in runner["jockey"] for _, runner in runners(cards))


def test_the_names_of_non_runners_have_reasons_with_commas_in_brackets(results: Races) -> None:
    texts = [race["non_runners"] for race in results if race["non_runners"]]
    assert any(re.search(r"\([^)]*,[^)]*\)", text) for text in texts)


def test_names_are_bare_on_cards_and_carry_the_country_in_results(results: Races, cards: Races) -> None:
    card = {r["horse_id"]: r for _, r in runners(cards)}
    for _, runner in runners(results):
        own = card[runner["horse_id"]]
        assert runner["horse"] == f"{own['horse']} ({own['region']})"
        assert runner["sire"] == f"{own['sire']} ({own['sire_region']})"
        assert runner["dam"] == f"{own['dam']} ({own['dam_region']})"
        assert runner["damsire"] == own["damsire"]


def test_starting_prices_are_rounded_half_to_even_from_their_fractions(feed: Asker, results: Races) -> None:
    seen = set()
    for _, runner in runners(results):
        bare = runner["sp"].rstrip("FJC").replace("Evens", "1/1")
        over, under = bare.split("/")
        exact = 1 + Decimal(over) / Decimal(under)
        assert Decimal(runner["sp_dec"]) == exact.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        if exact.quantize(Decimal("0.01"), ROUND_HALF_UP) != Decimal(runner["sp_dec"]):
            seen.add(bare)
    assert seen
    marks = {runner["sp"][-1] for _, runner in runners(results)}
    assert marks >= {"F", "J"}
    assert any(re.fullmatch(r"\d+/10[FJC]?", r["sp"]) for race, r in runners(results) if race["region"] == "AUS")
    del feed


def test_a_beaten_length_is_to_the_horse_in_front_and_the_running_sum_to_the_winner(results: Races) -> None:
    written = set()
    for race in results:
        total = Decimal(0)
        for runner in race["runners"]:
            if runner["btn"] == "-":
                assert runner["ovr_btn"] == runner["time"] == "-"
                continue
            if runner["position"] != "DSQ":
                total += Decimal(runner["btn"])
                assert Decimal(runner["ovr_btn"]) == total
            written.add(runner["btn"])
    assert {".5", ".75", "0.3", "0.05", "0.1", "0.2", "0"} <= written


def test_non_finishers_have_letters_for_a_position(results: Races) -> None:
    letters = {r["position"] for _, r in runners(results) if not r["position"].isdigit()}
    assert {"PU", "F", "UR"} <= letters


def test_times_are_not_padded(results: Races) -> None:
    times = {runner["time"] for _, runner in runners(results)}
    assert all(re.fullmatch(r"\d:\d{1,2}\.\d\d|-", time) for time in times)
    assert any(re.fullmatch(r"\d:\d\.\d\d", time) for time in times)


def test_distances_are_written_in_four_ways_and_only_the_yards_are_exact(results: Races, cards: Races) -> None:
    assert any("½" in race["dist"] for race in results)
    assert any(race["dist_m"].endswith(".0") for race in results)
    assert any(race["dist_f"].endswith(".5f") for race in results)
    yards = {race["race_id"]: int(race["dist_y"]) for race in results}
    for race in cards:
        parts = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)f)?(?:(\d+)y)?", race["distance"])
        assert parts
        miles, furlongs, odd = (int(part or 0) for part in parts.groups())
        assert yards.get(race["race_id"], miles * 1760 + furlongs * 220 + odd) == miles * 1760 + furlongs * 220 + odd
        assert abs(float(race["distance_f"]) * 220 - (miles * 1760 + furlongs * 220 + odd)) <= 55


def test_prizes_have_three_formats(results: Races, cards: Races) -> None:
    written = {race["region"]: race["runners"][0]["prize"] for race in results if race["runners"]}
    assert re.fullmatch(r"\d+\.\d\d", written["GB"])
    assert re.fullmatch(r"€\d+", written["IRE"])
    assert written["AUS"] == ""
    assert all(re.fullmatch(r"£[\d,]+", race["prize"]) for race in cards if race["region"] in {"GB", "IRE", "FR"})
    winners = {r["race_id"]: r["runners"][0]["prize"] for r in results if r["region"] == "GB"}
    for race in cards:
        if race["race_id"] in winners and winners[race["race_id"]]:
            assert int(race["prize"][1:].replace(",", "")) == int(float(winners[race["race_id"]]))


def test_courses_drift_between_cards_and_results(feed: Asker, results: Races, cards: Races) -> None:
    early = {race["course"] for race in results if race["region"] == "IRE" and race["date"] < "2025-10"}
    late = {race["course"] for race in results if race["region"] == "IRE" and race["date"] > "2025-11"}
    assert early
    assert all(name.endswith("(IRE)") for name in early)
    assert late
    assert not any(name.endswith("(IRE)") for name in late)
    assert all(race["course"].endswith("(AUS)") for race in [*results, *cards] if race["region"] == "AUS")
    assert not any("(IRE)" in race["course"] for race in cards)
    known = {course["id"] for course in feed.json("/v1/courses")["courses"]}
    assert {race["course_id"] for race in [*results, *cards]} <= known


def test_ids_differ_in_length_and_a_race_has_one_id_in_both(results: Races, cards: Races) -> None:
    assert {len(race["race_id"]) for race in results} == {12, 15}
    assert {len(race["course_id"]) for race in cards} >= {6, 8, 9}
    assert {race["race_id"] for race in results} <= {race["race_id"] for race in cards}


def test_since_june_2026_there_are_keys_nobody_documented_and_the_old_ratings_are_empty(results: Races) -> None:
    for race, runner in runners(results):
        new = race["date"] >= "2026-06-01"
        assert ("performance_rating" in runner) == ("speed_rating" in runner) == new
        assert not new or (runner["rpr"], runner["tsr"]) == ("", "")


def test_bookmakers_are_spelt_in_two_ways_and_quote_in_several(feed: Asker, cards: Races) -> None:
    names = {odds["bookmaker"] for _, runner in runners(cards) for odds in runner["odds"]}
    assert {"Sporting Index", "SportingIndex", "Betfair Exchange"} <= names
    assert all(not runner["odds"] for race, runner in runners(cards) if race["region"] in {"FR", "AUS"})
    exchange = [o for _, r in runners(cards) for o in r["odds"] if o["bookmaker"] == "Betfair Exchange"]
    assert all(odds["fractional"] == odds["decimal"] for odds in exchange if odds["fractional"] != "SP")
    assert any(odds["decimal"] == "SP" for _, r in runners(cards) for odds in r["odds"])
    old = [o for race in feed.cards(SUMMER_2023) for r in race["runners"] for o in r["odds"]]
    assert any(re.fullmatch(r"\d+", o["fractional"]) and o["bookmaker"] == "Betfred" for o in old)
    assert any((o["fractional"], o["decimal"]) == ("SP", "0") for o in old)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", o["updated"]) for o in old)


def test_a_non_runners_prices_are_dashes_since_2025_and_stayed_before(feed: Asker, cards: Races) -> None:
    def prices(races: Races) -> set[bool]:
        return {
            odds["decimal"] == "-"
            for _, runner in runners(races)
            if runner["number"] == "NR"
            for odds in runner["odds"]
        }

    assert prices(cards) == {True}
    assert False in prices(feed.cards(SUMMER_2023))


def test_the_last_run_and_the_form_have_their_odd_notations(cards: Races) -> None:
    lasts = {runner["last_run"] for _, runner in runners(cards)}
    forms = {runner["form"] for _, runner in runners(cards)}
    assert "" in lasts
    assert any(re.fullmatch(r"\d+ \(\d+F\)", text) for text in lasts)
    assert any("-" in text for text in forms)
    assert any("P" in text for text in forms)
    assert "" in forms


def test_there_is_a_page_with_every_kind_of_race(results: Races) -> None:
    assert {race["type"] for race in results} == {"Flat", "Hurdle", "Chase", "NH Flat"}
    assert {race["surface"] for race in results} == {"Turf", "AW"}
    assert {race["region"] for race in results} == {"GB", "IRE", "FR", "AUS"}
    assert any(race["pattern"] for race in results)
    assert any("&" in runner["owner"] for _, runner in runners(results))
    assert any("," in runner["owner"] for _, runner in runners(results))


def test_a_horse_has_its_countries_on_the_pro_path_and_bare_names_on_the_standard_one(
    feed: Asker, results: Races
) -> None:
    runner = results[0]["runners"][0]
    standard = feed.json(f"/v1/horses/{runner['horse_id']}/standard")
    assert standard["name"] == runner["horse"]
    assert standard["damsire"] == runner["damsire"]
    answers = [feed.get(f"/v1/horses/{r['horse_id']}/pro") for r in [r for _, r in runners(results)][:400:4]]
    found = next(answer.json() for answer in answers if answer.status_code == 200)
    assert re.search(r" \((IRE|GB|FR|USA|GER|AUS)\)$", found["damsire"])
    assert {answer.status_code for answer in answers} == {200, 404}
