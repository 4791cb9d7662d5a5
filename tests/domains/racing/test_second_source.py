"""A second source of the same races is matched, compared and reported; it adds sectionals and changes nothing else."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from two_sources import Races, another, first, races, second

from morningline.domains.racing.notation import NOTATIONS
from morningline.kit.errors import InputError
from morningline.kit.workspace import Workspace
from morningline.wiring.program import mapping_path

if TYPE_CHECKING:
    from morningline.sources.reconciliation import Reconciliation
    from morningline.sources.report import ImportReport
    from sources.folder_imports import Facts

REAL = Path(__file__).parents[3] / "../shared/data"
HISTORY = races(1, 2, 3)
BOOKS = ("number, to_jsonb(differences) FROM differences", "id, report FROM reconciliations")


def told(report: ImportReport) -> Reconciliation:
    assert report.reconciliation is not None
    return report.reconciliation


def strict() -> str:
    """The mapping that ships, which accepts no loss."""
    text = mapping_path("hk_zh").read_text(encoding="utf-8")
    return text.replace("quarantined_rows = 8\nquarantined_values = 24", "")


def differing(report: Reconciliation) -> dict[str, list[tuple[str, str | None, str, str]]]:
    """Every column of which the two sources say different things, with what they say."""
    return {
        f"{c.table}.{c.column}": [(e.event, e.entrant, e.first, e.second) for e in c.examples]
        for c in report.columns
        if c.differ
    }


def of_the_first(facts: Facts) -> list[Any]:
    return [each for each in facts.prints() if each.table != "ra_sectionals"]


# --- matched ---------------------------------------------------------------------------------------------------


def test_two_sources_that_agree_are_matched_whole_and_only_sectionals_are_added(facts: Facts):
    first(facts, HISTORY)
    before = of_the_first(facts)
    report = second(facts, HISTORY, mapping=strict())
    assert report.complete
    assert [t.table for t in report.tables] == ["ra_sectionals"]
    found = told(report)
    assert (found.events.first, found.events.second, found.events.matched) == (3, 3, 3)
    assert (found.entrants.first, found.entrants.second, found.entrants.matched) == (12, 12, 12)
    assert (found.events.first_rate, found.entrants.second_rate) == (1.0, 1.0)
    assert found.conflicts == found.doubtful == found.repeated_rows == 0
    assert found.only == []
    compared = {f"{c.table}.{c.column}": c.agree for c in found.columns}
    assert compared["ra_odds.decimal_odds"] == compared["ra_results.position"] == compared["ra_runners.draw"] == 12
    assert compared["ra_races.going"] == compared["ra_dividends.dividend"] == 3
    assert of_the_first(facts) == before


def test_the_sectionals_are_what_the_sheet_says_and_known_when_the_local_day_is_over(facts: Facts):
    first(facts, HISTORY)
    second(facts, HISTORY)
    rows = facts.rows("SELECT * FROM ra_sectionals WHERE race_id = '2020-02-02-ST-1' ORDER BY horse_id")
    assert [row[3:6] for row in rows] == [
        # By hand: the winner came from the back; in front it is behind nobody, whatever its lead.
        ([24.4, 23.41, 22.12], [4, 4, 1], [2.0, 1.5, 0.0]),
        ([24.3, 23.31, 22.22], [3, 3, 2], [1.75, 1.0, 0.2]),
        ([24.2, 23.21, 22.32], [2, 2, 3], [0.3, 0.1, 1.5]),
        ([24.1, 23.11, 22.42], [1, 1, 4], [0.0, 0.0, 3.0]),
    ]
    assert {row[1] for row in rows} == {f"HK_2019_V01{n}" for n in (1, 2, 3, 4)}
    # Midnight in Hong Kong is four in the afternoon in UTC.
    assert {row[7] for row in rows} == {datetime(2020, 2, 2, 16, tzinfo=UTC)}


def test_importing_the_second_source_twice_changes_nothing(facts: Facts):
    history = another(HISTORY)
    history["2020-02-02-ST-1"]["runners"][0]["win_odds"] = "4.5"
    first(facts, HISTORY)
    once = second(facts, history)
    prints = facts.prints()
    books = [facts.rows(f"SELECT {what} ORDER BY 1") for what in BOOKS]
    assert len(books[0]) == 1
    again = second(facts, history)
    assert facts.prints() == prints
    assert [(t.inserted, t.changed) for t in again.tables] == [(0, 0)]
    assert [facts.rows(f"SELECT {what} ORDER BY 1") for what in BOOKS] == books
    assert told(again) == told(once)


@pytest.mark.parametrize("seed", range(3))
def test_match_rates_are_those_of_sets_and_the_order_of_rows_does_not_matter(facts: Facts, seed: int):
    chance = random.Random(seed)
    whole = races(*range(1, 9))
    sides: list[Races] = []
    for _ in range(2):
        side = {name: another({name: race})[name] for name, race in whole.items() if chance.random() < 0.7}
        for race in side.values():
            race["runners"] = [each for each in race["runners"] if each["horse_no"] == 1 or chance.random() < 0.8]
        # A meeting is there as a whole, so that the days of the two sides are the same.
        sides.append(side or another(races(1)))
    first(facts, sides[0])
    report = told(second(facts, sides[1]))
    both = sides[0].keys() & sides[1].keys()
    runners = [{(name, r["horse_no"]) for name in both for r in side[name]["runners"]} for side in sides]
    assert (report.events.first, report.events.second, report.events.matched) == (*map(len, sides), len(both))
    assert (report.entrants.first, report.entrants.second) == (len(runners[0]), len(runners[1]))
    assert report.entrants.matched == len(runners[0] & runners[1])
    found = facts.rows("SELECT kind, event_id, entrant_id FROM differences WHERE target = 'ra_races' ORDER BY 2, 1")
    alone = [("only_first", name, None) for name in sides[0].keys() - both]
    alone += [("only_second", f"2020-02-02 HK-ST {name[-1]}", None) for name in sides[1].keys() - both]
    assert sorted(found) == sorted(alone)
    prints = facts.prints()
    shuffled = list(sides[1].items())
    chance.shuffle(shuffled)
    for _, race in shuffled:
        chance.shuffle(race["runners"])
    again = told(second(facts, dict(shuffled)))
    assert facts.prints() == prints
    assert (again.events, again.entrants, again.columns, again.only) == (
        report.events,
        report.entrants,
        report.columns,
        report.only,
    )


def test_races_of_courses_and_days_the_second_source_does_not_have_are_not_missed(facts: Facts):
    elsewhere = races(1, day="2020-02-02", venue="HV") | races(1, day="2020-03-01")
    first(facts, HISTORY | elsewhere)
    report = told(second(facts, races(1, 2)))
    assert (report.events.first, report.events.matched) == (3, 2)
    assert [(o.noun, o.source, o.count) for o in report.only] == [("race", "first", 1), ("runner", "first", 4)]


# --- repeats, withdrawals, missing -----------------------------------------------------------------------------


def test_exact_repeats_are_left_out_and_counted(facts: Facts):
    first(facts, HISTORY)
    report = second(facts, HISTORY, mapping=strict(), repeat=3)
    assert report.complete
    # Of results and sheets of 12 runners each, two repeats.
    assert (told(report).repeated_rows, told(report).repeated_events) == (48, 3)
    assert told(report).entrants.matched == told(report).entrants.second == 12
    assert [(t.read, t.accepted, t.quarantined) for t in report.tables] == [(12, 12, 0)]


def test_who_did_not_run_is_told_by_its_code_and_a_starter_that_is_missing_is_suggested(facts: Facts):
    history = another(HISTORY)
    ran = history["2020-02-02-ST-1"]["runners"]
    nothing = dict.fromkeys(("draw", "lbw", "running_position", "finish_time", "win_odds"), "---")
    ran.append({**ran[0], **nothing, "horse_no": "", "brand": "W001", "place": "WV"})
    ran.append({**ran[0], **nothing, "horse_no": "", "brand": "W002", "place": "WV"})
    ran.append({**ran[0], **nothing, "horse_no": 6, "brand": "W003", "place": "WX-A"})
    ran.append({**ran[0], **nothing, "horse_no": 7, "brand": "W004", "place": "PU", "win_odds": "8.8"})
    first(facts, HISTORY)
    before = of_the_first(facts)
    report = second(facts, history, mapping=strict())
    assert report.complete
    assert [(o.source, o.reason, o.count) for o in told(report).only] == [
        ("second", "WV", 2), ("second", "PU", 1), ("second", "WX-A", 1),
    ]  # fmt: skip
    said = " ".join(told(report).suggestions)
    assert "3 runners of the second were withdrawn" in said
    assert "1 runner that started and did not finish (PU 1)" in said
    assert of_the_first(facts) == before
    assert facts.rows("SELECT count(*) FROM ra_sectionals") == [12]


# --- conflicts -------------------------------------------------------------------------------------------------

CONFLICTS = {
    "win_odds": ("4.5", "ra_odds.decimal_odds", "3.5", "4.5"),
    "draw": (9, "ra_runners.draw", "4", "9"),
    "actual_wt_lbs": (114, "ra_runners.weight_lbs", "113.0", "114.0"),
    "declared_wt_lbs": (1090, "ra_runners.body_weight_lbs", "1012.0", "1090.0"),
    "lbw": ("頭位", "ra_results.beaten_lengths", "0.0", "0.2"),
    "running_position": ("3 1", "ra_results.running_positions", "4 1", "3 1"),
    "finish_time": ("1:01.22", "ra_results.finish_seconds", "61.21", "61.22"),
}


@pytest.mark.parametrize("column", CONFLICTS)
def test_a_value_that_differs_is_a_conflict_and_the_stored_one_stays(facts: Facts, column: str):
    given, name, stored, said = CONFLICTS[column]
    history = another(HISTORY)
    history["2020-02-02-ST-2"]["runners"][0][column] = given
    first(facts, HISTORY)
    before = of_the_first(facts)
    report = told(second(facts, history))
    assert differing(report) == {name: [("2020-02-02-ST-2", "HK_2019_V021", stored, said)]}
    assert (report.conflicts, report.entrants.matched) == (1, 12)
    columns = "kind, target || '.' || target_column, event_id, entrant_id, first, second"
    assert facts.rows(f"SELECT {columns} FROM differences") == [
        ("value", name, "2020-02-02-ST-2", "HK_2019_V021", stored, said)
    ]
    assert of_the_first(facts) == before
    assert facts.rows("SELECT count(*) FROM ra_sectionals") == [12]


def test_a_conflict_about_a_race_names_no_runner(facts: Facts):
    history = another(HISTORY)
    history["2020-02-02-ST-3"] |= {"going": "好地", "distance_m": 1400}
    first(facts, HISTORY)
    assert differing(told(second(facts, history))) == {
        "ra_races.distance_m": [("2020-02-02-ST-3", None, "1200.0", "1400.0")],
        "ra_races.going": [("2020-02-02-ST-3", None, "good_to_firm", "good")],
    }


def test_a_disqualification_is_a_conflict_with_the_placing(facts: Facts):
    history = another(HISTORY)
    history["2020-02-02-ST-1"]["runners"][3]["place"] = "DISQ"
    first(facts, HISTORY)
    report = told(second(facts, history))
    assert differing(report) == {"ra_results.outcome": [("2020-02-02-ST-1", "HK_2019_V014", "FIN", "DSQ")]}
    assert "1 runner as DSQ, the first as FIN" in " ".join(report.suggestions)


def test_odds_that_differ_are_held_against_the_dividend(facts: Facts):
    history = another(HISTORY)
    for name in ("2020-02-02-ST-1", "2020-02-02-ST-2"):
        history[name]["runners"][0]["win_odds"] = "3.4"
    history["2020-02-02-ST-1"]["runners"][1]["win_odds"] = "13"
    first(facts, HISTORY)
    said = told(second(facts, history)).suggestions[0]
    agrees = "of the 2 that won, the first agrees with the win dividend for 2, the second for 0"
    assert said == f"The odds of 3 runners differ; {agrees}."


def test_one_word_read_in_two_ways_is_suggested_as_such(facts: Facts):
    history = another(races(*range(1, 7)))
    for race in history.values():
        race["runners"][1]["lbw"] = "頸位"
    first(facts, races(*range(1, 7)))
    report = told(second(facts, history))
    assert [c.differ for c in report.columns if c.column == "beaten_lengths"] == [6]
    assert "6 of the 6 that differ are 0.2 in the first and 0.3 in the second" in " ".join(report.suggestions)


def test_two_horses_that_changed_numbers_are_no_match(facts: Facts):
    history = another(HISTORY)
    a, b = history["2020-02-02-ST-1"]["runners"][:2]
    a["horse_no"], b["horse_no"] = b["horse_no"], a["horse_no"]
    first(facts, HISTORY)
    before = of_the_first(facts)
    report = second(facts, history)
    found = told(report)
    assert (found.entrants.first, found.entrants.second, found.entrants.matched) == (12, 12, 10)
    assert found.contradicted == 2
    assert {o.reason for o in found.only if o.source == "second"} == {"it is another by its brand"}
    assert facts.rows("SELECT entrant_id, first, second FROM differences WHERE kind = 'identity' ORDER BY 1") == [
        ("HK_2019_V011", "V011", "V012"), ("HK_2019_V012", "V012", "V011"),
    ]  # fmt: skip
    # Results and sheet of both are in quarantine, and nothing was written under the wrong horse.
    assert report.rows_quarantined == 4
    assert not second(facts, history, mapping=strict()).complete
    assert facts.rows("SELECT count(*) FROM ra_sectionals WHERE race_id = '2020-02-02-ST-1'") == [2]
    assert of_the_first(facts) == before


def test_two_horses_whose_results_were_exchanged_are_in_doubt_and_nothing_of_them_is_written(facts: Facts):
    history = another(HISTORY)
    a, b = history["2020-02-02-ST-1"]["runners"][:2]
    a["brand"], b["brand"] = b["brand"], a["brand"]
    a["horse_no"], b["horse_no"] = b["horse_no"], a["horse_no"]
    first(facts, HISTORY)
    report = second(facts, history, mapping=strict())
    found = told(report)
    assert (found.entrants.matched, found.doubtful, found.contradicted) == (10, 2, 0)
    assert set(differing(found)) >= {"ra_odds.decimal_odds", "ra_runners.draw", "ra_results.position"}
    assert not report.complete
    assert facts.rows("SELECT count(*) FROM ra_sectionals WHERE race_id = '2020-02-02-ST-1'") == [2]
    assert facts.rows("SELECT DISTINCT reason FROM quarantine") == [
        "it differs from the stored entrant in more values than it shares with it"
    ]


def test_rows_of_the_second_source_that_contradict_each_other_are_turned_away(facts: Facts):
    history = another(HISTORY)
    history["2020-02-02-ST-1"]["runners"].append({**HISTORY["2020-02-02-ST-1"]["runners"][0], "win_odds": "9.9"})
    first(facts, HISTORY)
    report = second(facts, history, mapping=strict())
    assert not report.complete
    key = "race_id and horse_id and bookmaker_id and price_kind"
    reason = f"several rows of one {key} differ from each other, so they are not compared"
    assert [(q.reason, q.count) for q in report.quarantined] == [(reason, 2)]


# --- what cannot be read ---------------------------------------------------------------------------------------


def test_a_sheet_with_a_hole_is_quarantined_and_the_import_does_not_say_that_all_is_well(facts: Facts):
    history = another(HISTORY)
    history["2020-02-02-ST-1"]["runners"][0]["sheet"] = {
        "sec1_running_pos": 1, "sec1_margin": "N", "sec1_time": "24.10", "sec3_running_pos": 1, "sec3_margin": "N",
        "sec3_time": "22.10",
    }  # fmt: skip
    first(facts, HISTORY)
    report = second(facts, history, mapping=strict())
    assert (report.complete, report.rows_quarantined) == (False, 1)
    assert facts.rows("SELECT count(*) FROM ra_sectionals") == [11]
    assert told(report).entrants.matched == 12


def read(name: str, *texts: str) -> list[Any]:
    return pl.DataFrame({"t": texts}).select(NOTATIONS[name].function(pl.col("t")))["t"].to_list()


def test_the_three_readers_of_a_sheet_take_all_of_it_or_nothing():
    sheets = [
        "4; 1-1/2; 14.03; 1; 2; 22.55 11.08    11.47", "2; -SH; 13.00", "1; +SH; 13.00",
        "4; 1-1/2; 14.03; 1; 2", "4; ; 14.03", "x; 1; 14.03", "3; N; 99.99", "12; ML; 14.03", "",
    ]  # fmt: skip
    assert read("section_seconds", *sheets) == [
        [14.03, 22.55], [13.0], [13.0], None, [14.03], None, None, [14.03], None,
    ]  # fmt: skip
    assert read("section_positions", *sheets) == [[4, 1], [2], [1], None, [4], None, None, [12], None]
    assert read("section_margins", *sheets) == [[1.5, 0.0], [0.1], [0.0], None, None, None, None, None, None]


# --- what a mapping cannot say ---------------------------------------------------------------------------------

WRONG = {
    "compare = true": ("[match]", "[nothing]", "cannot say"),
    "the day": ('date = "date", racecourse', "racecourse", "does not match events by their day"),
    "a column": ('race_no = "race_number"', 'race_no = "number"', "ra_races.number"),
    "a file's number": (
        'horse_no = "number"',
        'horses_no = "number"',
        "No file has the column 'horses_no' of match.entrant",
    ),
    "a file's key": ('racecourse = "course_id"', 'course = "course_id"', "for match.event, uses the column 'course'"),
    "what confirms": ('brand = { column = "horse_id"', 'brent = { column = "horse_id"', "'brent' of match.confirm"),
    "what tells why": ('absent = "scratched"', 'absent = "scratch"', "'scratch' of match.absent"),
    "days": ('date = "date", racecourse', 'venue = "date", racecourse', "are none: "),
    "a table": ('entrants = "ra_runners"', 'entrants = "ra_odds"', "whose key is"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_match_that_does_not_fit_is_refused_before_anything_is_written(facts: Facts, what: str):
    old, new, said = WRONG[what]
    first(facts, HISTORY)
    before = facts.prints()
    with pytest.raises(InputError, match=said):
        second(facts, HISTORY, mapping=strict().replace(old, new, 1))
    assert facts.prints() == before


def test_a_second_source_that_comes_first_matches_nothing_and_says_so(facts: Facts):
    report = second(facts, HISTORY, mapping=strict())
    assert (told(report).events.first, told(report).events.matched, told(report).events.first_rate) == (0, 0, None)
    assert told(report).suggestions[0].startswith("Nothing was matched: bring the first source before the second")
    assert facts.rows("SELECT count(*) FROM ra_sectionals") == [0]


def test_comparing_without_a_match_is_refused(facts: Facts):
    text = strict()
    without = text[: text.index("[match]")] + text[text.index("[files.results]") :]
    with pytest.raises(InputError, match="no section"):
        second(facts, HISTORY, mapping=without)


# --- the commands ----------------------------------------------------------------------------------------------


def test_the_commands_show_the_report_and_keep_their_exit_codes(facts: Facts, tmp_path: Path):
    history = another(HISTORY)
    history["2020-02-02-ST-1"]["runners"][0] |= {"win_odds": "4.5", "brand": "X999"}
    first(facts, HISTORY)
    second(facts, history)
    mapping = facts.write("strict.toml", strict())
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MORNINGLINE_")}
    home = str(Workspace.create(tmp_path / "season").root)
    environ = {**clean, "MORNINGLINE_HOME": home, "MORNINGLINE_DATABASE_URL": facts.database.url}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "morningline.cli", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environ, timeout=120)

    done = run("import", str(mapping), str(facts.folder / "second"))
    assert done.returncode == 3, done.stderr
    assert "1 runner under the number of another" in done.stdout
    # Of the import by the mapping as it was before, the report stays and the differences go.
    assert facts.rows("SELECT count(*) FROM reconciliations") == [2]
    assert facts.rows("SELECT count(DISTINCT reconciliation_id) FROM differences") == [1]
    shown = run("reconcile", "--mapping", "hk_zh")
    assert (shown.returncode, shown.stdout.count("of the second")) == (0, 1)
    found = json.loads(run("reconcile", "--json").stdout)
    assert (found["mapping"], found["contradicted"], found["entrants"]["matched"]) == ("hk_zh", 1, 11)
    nothing = run("reconcile", "--mapping", "other")
    assert nothing.returncode == 2
    assert "morningline import" in nothing.stderr


# --- the real races --------------------------------------------------------------------------------------------


@pytest.mark.proof
@pytest.mark.shared
@pytest.mark.skipif(not (REAL / "hk_zh").is_dir(), reason="the real racing data is not in ../shared/data/hk_zh")
def test_the_two_sources_of_hong_kong_agree_to_the_last_digit(facts: Facts):
    facts.bring("hk", REAL / "hk")
    before = of_the_first(facts)
    report = facts.bring("hk_zh", REAL / "hk_zh")
    assert report.complete
    assert (report.rows_quarantined, report.values_quarantined) == (8, 24)
    assert [(t.table, t.accepted) for t in report.tables] == [("ra_sectionals", 73_459)]
    found = told(report)
    assert (found.events.first, found.events.second, found.events.matched) == (6_170, 6_143, 6_060)
    assert (found.entrants.first, found.entrants.matched) == (73_988, 73_988)
    assert 0.013 < 1 - found.events.matched / found.events.second < 0.015
    columns = {f"{c.table}.{c.column}": c for c in found.columns}
    # A neck (頸位) was read as 0.05 lengths where the first source was made; everything else agrees to the last digit.
    assert {name for name, c in columns.items() if c.differ} == {"ra_results.beaten_lengths"}
    for name in ("ra_odds.decimal_odds", "ra_results.outcome", "ra_runners.draw", "ra_runners.weight_lbs"):
        assert columns[name].agree == 73_988, name
    assert columns["ra_results.position"].agree == columns["ra_results.finish_seconds"].agree == 73_850
    assert (found.contradicted, found.doubtful) == (0, 0)
    withdrawn = {o.reason: o.count for o in found.only if o.noun == "runner" and o.source == "second"}
    assert (withdrawn["WV"], withdrawn["WV-A"], withdrawn["WX"]) == (1_043, 236, 33)
    # The three lists tell of one race: as many items each, and the seconds add up to the time.
    off = "abs((SELECT sum(s) FROM unnest(section_seconds) AS s) - finish_seconds) > 0.011"
    uneven = "cardinality(section_seconds) <> cardinality(section_positions)"
    assert facts.rows(
        f"SELECT count(*) FILTER (WHERE {off}), count(*) FILTER (WHERE {uneven}) FROM ra_sectionals "
        "JOIN ra_results USING (race_id, horse_id, date)"
    ) == [(0, 0)]
    assert of_the_first(facts) == before
    again = facts.bring("hk_zh", REAL / "hk_zh")
    assert [(t.inserted, t.changed) for t in again.tables] == [(0, 0)]
