"""The traps of racing cards, each by its name: CONTRACT.md sections 1, 3, 5.1 and 5.2."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from racing_api_facts import card, card_runner, cards, payload, quote

if TYPE_CHECKING:
    from racing_api_facts import Collected

EXCHANGE = quote("Betfair Exchange", fractional="4.5", decimal="4.5")
FLAT = card(
    "rac_1",
    card_runner(
        1, jockey="Tommie Jakes(5)", jockey_id="jky_77", lbs="133", odds=[quote(), quote("Spread Ex", decimal="4.5")]
    ),
    card_runner(2, number="NR", jockey="NON-RUNNER(5)", jockey_id="jky_9", odds=[quote(fractional="-", decimal="-")]),
    card_runner(3, jockey="NON-RUNNER", odds=[quote("Spreadex", decimal="1.36", fractional="4/11")]),
    card_runner(4, number="NR", ofr="-", odds=[quote(fractional="SP", decimal="0")]),
    card_runner(
        5, draw="0", ofr="\N{EN DASH}", headgear="tb", odds=[quote("Betfair Exchange", fractional="4.5", decimal="4.5")]
    ),
    card_runner(
        6, jockey="", jockey_id="", trainer_id="", dob=None, odds=[quote("Tote", decimal="\N{EN DASH}", fractional="-")]
    ),
    field_size="0",
)
ABROAD = card(
    "rac_32297295303",
    *(card_runner(n, lbs="112") for n in (1, 2)),
    course="Flemington (AUS)",
    course_id="crs_7722",
    date="2025-11-04",
    off_time="4:00",
    off_dt="2025-11-04T04:00:00+00:00",
    race_name="Lexus Melbourne Cup (Group 1 Handicap) (3yo+) (Turf)",
    region="AUS",
    race_class="",
    pattern="Group 1",
    prize="",
    distance="2m",
    going="",
)
MARCH = card("rac_3", date="2025-03-30", off_time="1:15", off_dt="2025-03-30T13:15:00+01:00", prize="£12,851")
SAME_NIGHT = card("rac_4", date="2025-10-26", off_time="1:30", off_dt="2025-10-26T01:30:00+00:00", surface="AW")
NO_OFF = card("rac_5", off_dt="", type="NH Flat", distance="2m6f31y", distance_f="22.0", sex_restriction="M")
HISTORY = card(
    "rac_6",
    card_runner(
        1,
        odds=[
            quote(
                history=[
                    {"changed_at": "2025-07-01 09:00:00", "fractional": "6/1", "decimal": "7"},
                    {"changed_at": "2025-07-01 12:30:00", "fractional": "9/2", "decimal": "5.5"},
                ]
            )
        ],
    ),
)
ABANDONED = card("rac_7", is_abandoned=True)


@pytest.fixture(scope="module")
def told(shared_database: Collected) -> Collected:
    assembly = shared_database.load(cards(FLAT, ABROAD, MARCH, SAME_NIGHT, NO_OFF, HISTORY, ABANDONED))
    assert assembly.problems.to_dicts() == []
    return shared_database


def race(told: Collected, number: str, column: str) -> Any:
    (found,) = told.rows(f"SELECT {column} FROM ra_races WHERE id = '{number}'")
    return found


def runner(told: Collected, number: int, columns: str) -> Any:
    sql = f"SELECT {columns} FROM ra_runners WHERE race_id = 'rac_1' AND horse_id = 'hrs_{number}'"
    (found,) = told.rows(sql)
    return found


def prices(told: Collected, race_id: str, number: int) -> list[Any]:
    return told.rows(
        "SELECT bookmaker_id, price_kind, decimal_odds, event_at, known_at FROM ra_odds"
        f" WHERE race_id = '{race_id}' AND horse_id = 'hrs_{number}' ORDER BY event_at"
    )


# --- time ----------------------------------------------------------------------------------------------------


def test_the_off_comes_from_off_dt_never_from_the_12_hour_clock(told: Collected) -> None:
    assert race(told, "rac_1", "off_at") == datetime(2025, 7, 1, 13, 30, tzinfo=UTC)
    assert race(told, "rac_32297295303", "off_at") == datetime(2025, 11, 4, 4, tzinfo=UTC)


def test_the_off_is_right_on_the_days_when_the_clocks_change(told: Collected) -> None:
    assert race(told, "rac_3", "off_at") == datetime(2025, 3, 30, 12, 15, tzinfo=UTC)
    assert race(told, "rac_4", "off_at") == datetime(2025, 10, 26, 1, 30, tzinfo=UTC)


def test_an_empty_off_dt_leaves_the_off_open(told: Collected) -> None:
    assert race(told, "rac_5", "off_at") is None


def test_the_date_is_the_feeds_and_the_zone_the_uks_for_races_abroad_too(told: Collected) -> None:
    assert race(told, "rac_32297295303", "date, time_zone") == (date(2025, 11, 4), "Europe/London")


def test_the_time_of_a_price_is_the_uks_clock(told: Collected) -> None:
    (price,) = prices(told, "rac_1", 5)
    assert price[3] == datetime(2025, 7, 1, 13, tzinfo=UTC)


# --- missing -------------------------------------------------------------------------------------------------


def test_missing_is_written_four_ways_and_draw_0_is_no_stall(told: Collected) -> None:
    assert runner(told, 4, "rating") is None
    assert runner(told, 5, "rating, draw, headgear") == (None, None, "tb")
    assert runner(told, 1, "rating, draw, headgear") == (70, 1, None)
    assert runner(told, 6, "jockey_id, trainer_id") == (None, None)
    assert told.rows("SELECT foaled FROM ra_mst_horses WHERE id = 'hrs_6'") == [None]


def test_ids_are_text_of_any_length(told: Collected) -> None:
    assert "rac_32297295303" in told.rows("SELECT id FROM ra_races")


# --- the race ------------------------------------------------------------------------------------------------


def test_distance_is_the_exact_one_and_not_the_rounded_furlongs(told: Collected) -> None:
    assert race(told, "rac_1", "distance_m") == pytest.approx((1760 + 53) * 0.9144)
    assert race(told, "rac_5", "distance_m") == pytest.approx((2 * 1760 + 6 * 220 + 31) * 0.9144)


def test_prize_has_a_sign_and_thousands_or_is_empty(told: Collected) -> None:
    assert (race(told, "rac_1", "prize"), race(told, "rac_3", "prize")) == (4193, 12851)
    assert race(told, "rac_32297295303", "prize") is None


def test_field_size_is_counted_and_never_read(told: Collected) -> None:
    assert told.rows("SELECT count(*) FROM ra_runners WHERE race_id = 'rac_1'") == [6]


def test_a_race_without_a_class_has_its_pattern(told: Collected) -> None:
    assert race(told, "rac_32297295303", "race_class, pattern") == ("Group 1", "Group 1")
    assert race(told, "rac_1", "race_class, pattern, rating_low, rating_high") == ("Class 4", None, 0, 80)


def test_brackets_in_the_name_of_a_race_are_kept(told: Collected) -> None:
    assert race(told, "rac_32297295303", "name") == "Lexus Melbourne Cup (Group 1 Handicap) (3yo+) (Turf)"


def test_course_names_lose_their_country_but_not_their_surface(told: Collected, collected: Collected) -> None:
    assert told.rows("SELECT name, region_id FROM ra_mst_courses WHERE id = 'crs_7722'") == [("Flemington", "AUS")]
    collected.load(cards(card(course="Dundalk (AW) (IRE)", course_id="crs_1", region="IRE")))
    assert collected.rows("SELECT name, region_id FROM ra_mst_courses") == [("Dundalk (AW)", "IRE")]


def test_words_of_type_surface_and_going_are_those_of_the_tables(told: Collected) -> None:
    assert race(told, "rac_5", "type, surface, going, sex_restriction") == ("nh_flat", "turf", "good_to_firm", "M")
    assert race(told, "rac_4", "surface") == "all_weather"
    assert race(told, "rac_32297295303", "going") is None


def test_an_abandoned_race_keeps_its_card_and_says_so_of_every_runner(told: Collected) -> None:
    assert race(told, "rac_7", "basis") == "card"
    rows = told.rows("SELECT horse_id, change, value FROM ra_changes WHERE race_id = 'rac_7' ORDER BY 1")
    assert rows == [("hrs_1", "abandoned", "yes"), ("hrs_2", "abandoned", "yes")]


# --- the runners ---------------------------------------------------------------------------------------------


def test_the_claim_is_taken_off_the_name_and_off_the_weight(told: Collected) -> None:
    assert runner(told, 1, "weight_lbs, claim_lbs, jockey_id") == (128, 5, "jky_77")
    assert runner(told, 5, "weight_lbs, claim_lbs") == (130, 0)
    assert told.rows("SELECT name FROM ra_mst_jockeys WHERE id = 'jky_77'") == ["Tommie Jakes"]


def test_a_claim_nobody_can_know_is_left_open(told: Collected) -> None:
    assert runner(told, 6, "weight_lbs, claim_lbs") == (130, None)


@pytest.mark.parametrize("number", [2, 3, 4])
def test_a_non_runner_that_stays_on_the_card_is_known_by_either_sign(number: int, told: Collected) -> None:
    changes = told.rows(
        f"SELECT horse_id, change FROM ra_changes WHERE race_id = 'rac_1' AND horse_id = 'hrs_{number}'"
    )
    assert changes == [(f"hrs_{number}", "non_runner")]
    assert runner(told, number, "jockey_id") is None


def test_nobody_is_called_non_runner(told: Collected) -> None:
    assert told.rows("SELECT count(*) FROM ra_mst_jockeys WHERE name ILIKE '%runner%' OR id = 'jky_9'") == [0]
    assert told.rows("SELECT count(*) FROM ra_changes WHERE race_id = 'rac_1'") == [3]


def test_horses_carry_their_parents_country_and_birth(told: Collected) -> None:
    rows = told.rows(
        "SELECT name, sex, foaled, region_id, sire_id, dam_id, damsire_id FROM ra_mst_horses WHERE id='hrs_1'"
    )
    assert rows == [("Horse 1", "G", date(2020, 3, 1), "IRE", "sir_1", "dam_1", "dsi_1")]


@pytest.mark.parametrize(
    ("table", "key", "name"),
    [
        ("sires", "sir_1", "Sire 1"),
        ("dams", "dam_1", "Dam 1"),
        ("damsires", "dsi_1", "Old 1"),
        ("trainers", "trn_1", "Trainer 1"),
        ("owners", "own_1", "Owner 1"),
        ("courses", "crs_52", "Ascot"),
    ],
)
def test_every_entity_of_a_card_is_in_its_master(table: str, key: str, name: str, told: Collected) -> None:
    assert told.rows(f"SELECT name FROM ra_mst_{table} WHERE id = '{key}'") == [name]


# --- prices --------------------------------------------------------------------------------------------------


def test_prices_that_say_there_is_none_are_no_prices(told: Collected) -> None:
    assert [prices(told, "rac_1", number) for number in (2, 4, 6)] == [[], [], []]


def test_a_price_is_read_from_its_decimal(told: Collected) -> None:
    assert [price[2] for price in prices(told, "rac_1", 3)] == [1.36]


def test_the_exchange_writes_its_decimal_in_both_columns(told: Collected) -> None:
    assert prices(told, "rac_1", 5)[0][:3] == ("betfairexchange", "exchange", 4.5)


def test_a_bookmaker_is_one_however_it_is_spelled(told: Collected) -> None:
    spelled = told.rows("SELECT DISTINCT bookmaker_id FROM ra_odds WHERE race_id = 'rac_1' ORDER BY 1")
    assert spelled == ["bet365", "betfairexchange", "spreadex"]
    assert told.rows("SELECT name FROM ra_mst_bookmakers WHERE id = 'spreadex'") == ["Spreadex"]


def test_bookmakers_are_known_from_the_odds_seen(told: Collected) -> None:
    seen = told.rows("SELECT id FROM ra_mst_bookmakers ORDER BY 1")
    assert seen == ["bet365", "betfairexchange", "spreadex", "tote"]


def test_the_history_of_a_price_is_kept_whole(told: Collected) -> None:
    assert [(price[2], price[3].hour) for price in prices(told, "rac_6", 1)] == [(7.0, 8), (5.5, 11), (5.0, 13)]


def test_a_price_of_1_or_less_is_turned_away(collected: Collected) -> None:
    assembly = collected.load(cards(card("rac_1", card_runner(1, odds=[quote(decimal="1"), quote("Coral")]))))
    assert assembly.problems["target"].to_list() == ["ra_odds"]
    assert collected.rows("SELECT bookmaker_id FROM ra_odds") == ["coral"]


def test_a_price_without_a_decimal_is_read_from_its_fraction(collected: Collected) -> None:
    collected.load(cards(card("rac_1", card_runner(1, odds=[quote(decimal="", fractional="11/8")]))))
    assert collected.rows("SELECT decimal_odds FROM ra_odds") == [2.375]


# --- clocks --------------------------------------------------------------------------------------------------

MORNING = datetime(2025, 7, 1, 7, tzinfo=UTC)
NOON = datetime(2025, 7, 1, 11, tzinfo=UTC)


def live(fetched_at: datetime, *runners: dict[str, Any]) -> Any:
    return payload(cards(card("rac_1", *runners)), fetched_at=fetched_at)


def test_a_withdrawal_is_known_from_the_fetch_that_said_so_first(collected: Collected) -> None:
    collected.load(live(MORNING, card_runner(1), card_runner(2)))
    collected.load(live(NOON, card_runner(1), card_runner(2, number="NR")))
    collected.load(live(datetime(2025, 7, 1, 12, tzinfo=UTC), card_runner(1), card_runner(2, number="NR", ofr="-")))
    sql = "SELECT horse_id, known_at FROM ra_changes WHERE change = 'non_runner'"
    assert collected.rows(sql) == [("hrs_2", NOON)]
    assert collected.rows("SELECT jockey_id FROM ra_runners WHERE horse_id = 'hrs_2'") == ["jky_2"]


def test_of_an_old_card_a_withdrawal_is_known_at_the_off_at_the_latest(told: Collected) -> None:
    known = told.rows("SELECT DISTINCT known_at FROM ra_changes WHERE race_id = 'rac_1'")
    assert known == [datetime(2025, 7, 1, 13, 30, tzinfo=UTC)]


def test_a_late_change_of_jockey_leaves_both_with_the_time_they_were_known(collected: Collected) -> None:
    collected.load(live(MORNING, card_runner(1), card_runner(2)))
    collected.load(live(NOON, card_runner(1, jockey="Late Ride(3)", jockey_id="jky_8"), card_runner(2)))
    sql = "SELECT value, known_at FROM ra_changes WHERE horse_id = 'hrs_1' AND change = 'jockey' ORDER BY known_at"
    assert collected.rows(sql) == [("jky_1", MORNING), ("jky_8", NOON)]
    assert collected.rows("SELECT jockey_id, weight_lbs FROM ra_runners WHERE horse_id = 'hrs_1'") == [("jky_8", 127)]


def test_of_an_old_card_no_changes_of_jockey_are_made_up(told: Collected) -> None:
    assert told.rows("SELECT count(*) FROM ra_changes WHERE change = 'jockey'") == [0]


def test_a_price_seen_live_is_known_from_its_fetch_and_an_old_one_from_its_own_time(
    told: Collected, collected: Collected
) -> None:
    collected.load(live(NOON, card_runner(1, odds=[quote(updated="2025-07-01 11:50:00")])))
    sql = "SELECT event_at, known_at FROM ra_odds"
    assert collected.rows(sql) == [(datetime(2025, 7, 1, 10, 50, tzinfo=UTC), NOON)]
    assert [price[4] == price[3] for price in prices(told, "rac_6", 1)] == [True, True, True]


def test_prices_are_never_overwritten_and_seeing_one_again_adds_nothing(collected: Collected) -> None:
    for hour, price in ((11, "5"), (12, "6"), (12, "6")):
        odds = [quote(decimal=price, updated=f"2025-07-01 {hour}:00:00")]
        collected.load(live(datetime(2025, 7, 1, hour, 5, tzinfo=UTC), card_runner(1, odds=odds)))
    assert collected.rows("SELECT decimal_odds FROM ra_odds ORDER BY event_at") == [5.0, 6.0]


# --- the Free plan -------------------------------------------------------------------------------------------


def free_card() -> dict[str, Any]:
    """A card of the Free plan of October 2025: no ids, no exact distance, no prices."""
    race = card("rac_1", course="Kempton (AW)", is_abandoned=None)
    for key in ("race_id", "course_id", "distance", "is_abandoned"):
        del race[key]
    for one in race["runners"]:
        for key in [k for k in one if k.endswith("_id")] + ["dob", "odds"]:
            del one[key]
    race["runners"][0]["jockey"] = "Tommie Jakes(5)"
    return race


def test_a_card_without_ids_is_named_by_course_off_and_names(collected: Collected) -> None:
    assert collected.load(cards(free_card())).problems.to_dicts() == []
    assert collected.rows("SELECT id, course_id, distance_m FROM ra_races") == [
        ("kempton-aw-2025-07-01t14-30", "kempton-aw", pytest.approx(8 * 201.168))
    ]
    sql = "SELECT horse_id, jockey_id, trainer_id, owner_id FROM ra_runners ORDER BY number"
    assert collected.rows(sql)[0] == ("horse-1-ire", "tommie-jakes", "trainer-1", "owner-1")
    assert collected.rows("SELECT sire_id, damsire_id FROM ra_mst_horses ORDER BY id")[0] == ("sire-1", "old-1")


def test_ids_made_of_names_are_the_same_every_time(collected: Collected) -> None:
    collected.load(cards(free_card()))
    again = free_card()
    again["going"] = "Soft"
    assert collected.load(cards(again)).problems.to_dicts() == []
    assert collected.rows("SELECT count(*) FROM ra_races") == [1]
    assert collected.rows("SELECT count(*) FROM ra_runners") == [2]


def test_a_free_card_of_2026_with_ids_but_no_course_id_joins_its_course_by_name(collected: Collected) -> None:
    race = card(course="Dundalk (AW) (IRE)")
    del race["course_id"]
    collected.load(
        cards(race, card("rac_2", course="Dundalk (AW)", course_id=None, off_dt="2025-07-01T15:05:00+01:00"))
    )
    assert collected.rows("SELECT id, name FROM ra_mst_courses") == [("dundalk-aw", "Dundalk (AW)")]
    assert collected.rows("SELECT id FROM ra_races ORDER BY id") == ["rac_1", "rac_2"]
