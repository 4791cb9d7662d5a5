"""The traps of results, each by its name: CONTRACT.md sections 1, 5.3, 5.4 and 6; and how results and cards meet."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

import pytest
from racing_api_facts import (
    SAMPLES,
    card,
    card_runner,
    cards,
    payload,
    quote,
    result,
    result_runner,
    results,
    sample,
)

from morningline.domains.racing.events import racing_events
from morningline.features.cutoffs import MORNING

if TYPE_CHECKING:
    from racing_api_facts import Collected

EN_DASH = "\N{EN DASH}"
MAIN = result(
    "rac_1",
    result_runner(1, sp="13/8F", sp_dec="2.62", headgear="tp", time="3:2.36"),
    result_runner(2, sp="100/30", sp_dec="4.33", ovr_btn=".5", prize="€7080", jockey_claim_lbs="5", weight_lbs="125"),
    result_runner(
        3, position="2", sp="EvensJ", sp_dec="2.00", ovr_btn="0.05", rpr=EN_DASH, tsr=EN_DASH, **{"or": EN_DASH}
    ),
    result_runner(4, sp="85/40C", sp_dec="3.12", btn="99", ovr_btn="114.75", prize="", draw=""),
    result_runner(5, sp="7/2J", sp_dec="4.50", position="PU", btn="-", ovr_btn="-", time="-", comment=""),
    result_runner(6, sp="", sp_dec="", position="DSQ", horse="Old Horse"),
    result_runner(7, sp="No Odds", sp_dec="0.00", position="VO", bsp="6.4"),
    result_runner(8, sp="SP", sp_dec="9.50", position="UR", btn="-", ovr_btn="-", time="-", bsp="-"),
    result_runner(9, position=""),
    non_runners="Just King High (travel problems), Harb (self certificate, off feed)",
    comments="New course record",
    going="Good To Soft",
)
ABROAD = result(
    "rac_2",
    result_runner(1, sp="195/10", sp_dec="20.50"),
    result_runner(2, position="1", sp="134/10"),
    course="Cologne (GER)",
    course_id="crs_2",
    region="GER",
    dist_m="2400.0",
    dist_y="",
    dist="1m½f",
    going="Heavy",
    tote_win="",
    winning_time_detail="58.40s (slow by 1.40s)",
    off_dt="2025-07-01T07:15:00+01:00",
    off="7:15",
)
VOID = result("rac_3", runners=[], winning_time_detail="")


@pytest.fixture(scope="module")
def told(shared_database: Collected) -> Collected:
    assembly = shared_database.load(results(MAIN, ABROAD, VOID))
    assert assembly.problems.to_dicts() == []
    return shared_database


def run(told: Collected, number: int, columns: str, race: str = "rac_1") -> Any:
    (found,) = told.rows(f"SELECT {columns} FROM ra_results WHERE race_id = '{race}' AND horse_id = 'hrs_{number}'")
    return found


def starting_price(told: Collected, number: int, race: str = "rac_1", kind: str = "sp") -> list[Any]:
    return told.rows(
        f"SELECT decimal_odds FROM ra_odds WHERE race_id = '{race}' AND horse_id = 'hrs_{number}'"
        f" AND price_kind = '{kind}'"
    )


# --- prices --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "exact"), [(1, 13 / 8 + 1), (2, 100 / 30 + 1), (3, 2.0), (4, 85 / 40 + 1), (5, 4.5)]
)
def test_the_starting_price_is_the_exact_fraction_not_the_half_even_decimal(
    number: int, exact: float, told: Collected
) -> None:
    assert starting_price(told, number) == [exact]


def test_prices_abroad_are_tenths(told: Collected) -> None:
    assert starting_price(told, 1, "rac_2") == [20.5]
    assert starting_price(told, 2, "rac_2") == [pytest.approx(14.4)]


def test_without_a_fraction_the_decimal_counts_and_without_either_there_is_no_price(told: Collected) -> None:
    assert [starting_price(told, number) for number in (6, 7, 8)] == [[], [], [9.5]]


def test_the_exchanges_starting_price_is_its_own_kind(told: Collected) -> None:
    assert starting_price(told, 7, kind="exchange_sp") == [6.4]
    assert starting_price(told, 8, kind="exchange_sp") == []
    assert told.rows("SELECT id, name FROM ra_mst_bookmakers ORDER BY id") == [
        ("SP", "Starting price"),
        ("betfairexchange", "Betfair Exchange"),
    ]


# --- what came of it -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "outcome"),
    [(1, ("FIN", 1)), (2, ("FIN", 2)), (5, ("PU", None)), (6, ("DSQ", None)), (7, ("VOID", None)), (8, ("UR", None))],
)
def test_letters_in_place_of_a_position_say_what_happened(number: int, outcome: Any, told: Collected) -> None:
    assert run(told, number, "outcome, position") == outcome


def test_a_dead_heat_is_the_same_position_twice(told: Collected) -> None:
    assert run(told, 2, "position") == run(told, 3, "position") == 2


def test_a_runner_without_a_position_has_no_result_yet(told: Collected) -> None:
    assert told.rows("SELECT count(*) FROM ra_results WHERE horse_id = 'hrs_9'") == [0]


def test_lengths_are_those_behind_the_winner_however_they_are_written(told: Collected) -> None:
    assert [run(told, number, "beaten_lengths") for number in (1, 2, 3, 4, 5)] == [0, 0.5, 0.05, 114.75, None]


def test_unpadded_seconds_are_seconds(told: Collected) -> None:
    assert run(told, 1, "finish_seconds") == pytest.approx(182.36)
    assert run(told, 5, "finish_seconds") is None


def test_a_prize_has_a_sign_a_number_or_nothing(told: Collected) -> None:
    assert [run(told, number, "prize") for number in (1, 2, 4)] == [3245.08, 7080, None]


def test_missing_in_results_is_an_en_dash_too(told: Collected) -> None:
    assert run(told, 3, "rating, performance_rating, speed_rating") == (None, None, None)
    assert run(told, 1, "rating, performance_rating, speed_rating") == (70, 75, 60)


def test_an_empty_comment_is_no_comment(told: Collected) -> None:
    assert (run(told, 5, "comment"), run(told, 1, "comment")) == (None, "Led")


def test_what_is_said_of_a_race_after_it(told: Collected) -> None:
    said = told.rows(
        "SELECT race_id, official_going, winning_seconds, non_runners, comment FROM ra_race_results ORDER BY race_id"
    )
    withdrawn = "Just King High (travel problems), Harb (self certificate, off feed)"
    assert said[:2] == [
        ("rac_1", "good_to_soft", pytest.approx(103.25), withdrawn, "New course record"),
        ("rac_2", "heavy", pytest.approx(58.4), None, None),
    ]


def test_a_void_race_without_runners_is_kept(told: Collected) -> None:
    assert told.rows("SELECT race_id, winning_seconds FROM ra_race_results WHERE race_id = 'rac_3'") == [
        ("rac_3", None)
    ]


def test_non_runners_are_no_rows_of_results(told: Collected) -> None:
    assert told.rows("SELECT count(*) FROM ra_runners WHERE race_id = 'rac_1'") == [9]


def test_distance_is_in_exact_yards_or_else_in_the_words_with_their_halves(told: Collected) -> None:
    assert told.rows("SELECT distance_m FROM ra_races WHERE id = 'rac_1'") == [pytest.approx(1813 * 0.9144)]
    assert told.rows("SELECT distance_m FROM ra_races WHERE id = 'rac_2'") == [pytest.approx(8.5 * 201.168)]


def test_names_lose_their_country_and_horses_get_it(told: Collected) -> None:
    assert told.rows("SELECT name, region_id FROM ra_mst_horses WHERE id = 'hrs_1'") == [("Horse 1", "IRE")]
    assert told.rows("SELECT name, region_id FROM ra_mst_horses WHERE id = 'hrs_6'") == [("Old Horse", None)]
    assert told.rows("SELECT name FROM ra_mst_sires WHERE id = 'sir_1'") == ["Sire 1"]
    assert told.rows("SELECT name FROM ra_mst_damsires WHERE id = 'dsi_1'") == ["Old 1"]
    assert told.rows("SELECT name, region_id FROM ra_mst_courses WHERE id = 'crs_2'") == [("Cologne", "GER")]


def test_finishing_order_leaves_no_trace(collected: Collected, told: Collected) -> None:
    turned = {**MAIN, "runners": MAIN["runners"][::-1]}
    collected.load(results(VOID, turned, ABROAD))
    for table in ("ra_runners", "ra_results", "ra_odds"):
        sql = f"SELECT t::text FROM {table} AS t ORDER BY 1"
        assert collected.rows(sql) == told.rows(sql)


def test_results_are_known_when_their_day_is_over_and_live_ones_from_their_fetch(
    told: Collected, collected: Collected
) -> None:
    over, fetched = datetime(2025, 7, 1, 23, tzinfo=UTC), datetime(2025, 7, 1, 15, tzinfo=UTC)
    collected.load(payload(results(MAIN), fetched_at=fetched))
    for table in ("ra_results", "ra_race_results", "ra_odds"):
        sql = f"SELECT DISTINCT known_at FROM {table}"
        assert (told.rows(sql), collected.rows(sql)) == ([over], [fetched]), table


def test_unknown_keys_of_2026_do_not_become_the_old_ratings(collected: Collected) -> None:
    collected.load(
        results(result("rac_1", result_runner(1, rpr="", tsr="", performance_rating="31", speed_rating="9")))
    )
    sql = "SELECT performance_rating, speed_rating, extra::jsonb FROM ra_results"
    assert collected.rows(sql) == [(None, None, {"performance_rating": "31", "speed_rating": "9"})]
    assert collected.rows("SELECT extra FROM ra_runners") == [None]


# --- cards and results ---------------------------------------------------------------------------------------

CARD = card(
    "rac_1",
    card_runner(1, ofr="65", jockey="Tommie Jakes(5)", lbs="135", draw="4"),
    card_runner(2, jockey="Morning Rider", jockey_id="jky_50"),
    going="Good To Firm",
    field_size="3",
)
RESULT = result(
    "rac_1",
    result_runner(1, weight_lbs="130", jockey_claim_lbs="5", jockey="Tommie Jakes", draw="9", **{"or": "72"}),
    result_runner(2, weight_lbs="131"),
    going="Soft",
    race_name="Another Name",
    dist_y="1800",
)
PRE_RACE = (
    "SELECT r.id, r.name, r.distance_m, r.going, r.prize, r.basis, u.horse_id, u.draw, u.rating, u.weight_lbs,"
    " u.claim_lbs, u.jockey_id, u.basis, r.known_at, u.known_at"
    " FROM ra_races r JOIN ra_runners u ON u.race_id = r.id ORDER BY u.horse_id"
)


@pytest.mark.parametrize("order", ["card first", "result first", "together"])
def test_a_results_runners_never_overwrite_a_cards_facts(order: str, collected: Collected) -> None:
    bodies = [cards(CARD), results(RESULT)]
    if order == "together":
        assert collected.load(*bodies).problems.to_dicts() == []
    else:
        for body in bodies if order == "card first" else bodies[::-1]:
            assert collected.load(body).problems.to_dicts() == []
    known = datetime(2025, 6, 30, 23, tzinfo=UTC)
    race = ("rac_1", "A Handicap", pytest.approx(1813 * 0.9144), "good_to_firm", 4193, "card")
    assert collected.rows(PRE_RACE) == [
        (*race, "hrs_1", 4, 65, 130, 5, "jky_1", "card", known, known),
        (*race, "hrs_2", 2, 70, 130, 0, "jky_50", "card", known, known),
    ]
    assert collected.rows("SELECT rating, weight_lbs, jockey_id FROM ra_results ORDER BY horse_id") == [
        (72, 130, "jky_1"),
        (70, 131, "jky_2"),
    ]
    assert collected.rows("SELECT official_going FROM ra_race_results") == ["soft"]


def test_where_no_card_was_collected_a_result_tells_who_ran_but_neither_rating_nor_going(collected: Collected) -> None:
    collected.load(results(RESULT))
    known = datetime(2025, 6, 30, 23, tzinfo=UTC)
    race = ("rac_1", "Another Name", pytest.approx(1800 * 0.9144), None, None, "result")
    assert collected.rows(PRE_RACE) == [
        (*race, "hrs_1", 9, None, 130, 5, "jky_1", "result", known, known),
        (*race, "hrs_2", 2, None, 131, 0, "jky_2", "result", known, known),
    ]


def test_the_weight_of_a_ride_is_the_same_from_its_card_and_from_its_result(collected: Collected) -> None:
    for claim in ("3", "5", "7"):
        at, lbs = f"rac_{claim}", str(126 + int(claim))
        ride = card_runner(1, jockey=f"A Rider({claim})", lbs=lbs)
        collected.load(cards(card(at, ride)))
        collected.load(results(result(at, result_runner(1, weight_lbs="126", jockey_claim_lbs=claim))))
    sql = "SELECT u.weight_lbs, s.weight_lbs FROM ra_runners u JOIN ra_results s USING (race_id, horse_id)"
    assert collected.rows(sql) == [(126, 126)] * 3


def test_a_disqualification_a_week_later_takes_the_place_away(collected: Collected) -> None:
    collected.load(results(RESULT))
    corrected = {
        **RESULT,
        "runners": [{**RESULT["runners"][0], "position": "DSQ"}, {**RESULT["runners"][1], "position": "1"}],
    }
    assert collected.load(results(corrected)).problems.to_dicts() == []
    assert collected.rows("SELECT outcome, position FROM ra_results ORDER BY horse_id") == [("DSQ", None), ("FIN", 1)]


def test_loading_the_same_payloads_again_changes_nothing(collected: Collected) -> None:
    odds = cards(card("rac_1", card_runner(1, odds=[quote()]), card_runner(2, number="NR")))
    before = None
    for _ in range(2):
        collected.load(odds, results(RESULT))
        now = [collected.rows(f"SELECT t::text FROM {name} AS t ORDER BY 1") for name in TABLES]
        assert before in {None, str(now)}
        before = str(now)


TABLES = ("ra_mst_horses", "ra_mst_jockeys", "ra_races", "ra_runners", "ra_changes", "ra_results", "ra_odds")


# --- the field as it was known -------------------------------------------------------------------------------


def test_who_was_known_to_be_withdrawn_is_no_entrant_and_who_was_withdrawn_later_was_one(collected: Collected) -> None:
    eve, noon = datetime(2025, 6, 30, 18, tzinfo=UTC), datetime(2025, 7, 1, 11, tzinfo=UTC)
    field = [card_runner(1), card_runner(2, number="NR"), card_runner(3), card_runner(4)]
    collected.load(payload(cards(card("rac_1", *field), card("rac_2", is_abandoned=True)), fetched_at=eve))
    field[2] = card_runner(3, number="NR")
    collected.load(payload(cards(card("rac_1", *field)), fetched_at=noon))
    with collected.database.connect() as connection:
        entrants = racing_events(connection, as_of=datetime(2025, 7, 2, tzinfo=UTC), cutoff=MORNING).entrants
    found = entrants.filter(entrants["cutoff"].is_not_null()).select("event_id", "entrant_id", "field_size").rows()
    assert sorted(found) == [("rac_1", "hrs_1", 3.0), ("rac_1", "hrs_3", 3.0), ("rac_1", "hrs_4", 3.0)]


# --- masters -------------------------------------------------------------------------------------------------


def test_courses_regions_and_horses_are_taken_from_their_own_lists(collected: Collected) -> None:
    courses = b'{"courses": [{"id": "crs_52", "course": "Ascot", "region_code": "gb", "region": "Great Britain"}]}'
    horse = (
        b'{"id": "hrs_1", "breeder": "B", "colour": "b", "colour_code": "B", "dam": "D (IRE)", "dam_id": "dam_1",'
        b' "damsire": "T (GB)", "damsire_id": "dsi_1", "dob": "2011-06-19", "name": "Flaggan (IRE)",'
        b' "sex": "gelding", "sex_code": "G", "sire": "S (GB)", "sire_id": "sir_1"}'
    )
    collected.load(
        payload(courses, "courses"),
        payload(b'[{"region": "Great Britain", "region_code": "gb"}]', "regions"),
        payload(horse, "horses"),
    )
    assert collected.rows("SELECT id, name FROM ra_mst_regions") == [("GB", "Great Britain")]
    assert collected.rows("SELECT id, name, region_id FROM ra_mst_courses") == [("crs_52", "Ascot", "GB")]
    sql = "SELECT id, name, sex, foaled, sire_id, dam_id, damsire_id FROM ra_mst_horses"
    assert collected.rows(sql) == [("hrs_1", "Flaggan", "G", date(2011, 6, 19), "sir_1", "dam_1", "dsi_1")]
    assert collected.rows("SELECT name FROM ra_mst_damsires") == ["T"]


# --- the real ones -------------------------------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.skipif(not SAMPLES.is_dir(), reason="needs the samples beside the checkout")
def test_the_feeds_decimal_is_our_price_rounded_half_to_even_in_every_sample(collected: Collected) -> None:
    names = [path.name for path in sorted(SAMPLES.glob("*results*.json"))]
    collected.load(*(sample(name) for name in names))
    priced = {
        (race["race_id"], runner["horse_id"]): (runner["sp"], runner["sp_dec"])
        for name in names
        for race in json.loads((SAMPLES / name).read_bytes())["results"]
        for runner in race["runners"]
    }
    rows = collected.rows("SELECT race_id, horse_id, decimal_odds FROM ra_odds WHERE price_kind = 'sp'")
    assert len(rows) == len(priced) > 250
    for race, horse, ours in rows:
        fraction, theirs = priced[race, horse]
        assert Decimal(ours).quantize(Decimal("0.01"), ROUND_HALF_EVEN) == Decimal(theirs), fraction
