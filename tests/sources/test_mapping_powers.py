"""Everything that a mapping can express, each with a tiny file of its own."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
from datetime import UTC, date, datetime

import polars as pl
import pytest
from folder_imports import ODDS, RESULTS, Facts, table, tiny

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ROWS = "race,day,horse\nr1,2024-05-01,a\nr1,2024-05-01,b\n"


def horses(facts: Facts) -> list[str]:
    return facts.rows("SELECT horse_id FROM ra_runners ORDER BY 1")


def one_value(facts: Facts, column: str, spec: str, text: str, more: str = "") -> object:
    """What one column of ra_runners or ra_races becomes of one text."""
    owner, _, name = column.partition(".")
    facts.write("rows.csv", f"race;day;horse;x\nr1;2024-05-01;a;{text}\n")
    hole = f"{name} = {spec}"
    if owner == "race":
        mapping = tiny(file='separator = ";"', race=f'date = "day"\n{hole}', more=more)
    else:
        mapping = tiny(file='separator = ";"', runner=hole, more=more)
    facts.bring(mapping)
    return facts.rows(f"SELECT {name} FROM {'ra_races' if owner == 'race' else 'ra_runners'}")[0]


def test_race_fields_repeated_on_every_runner_row_become_one_race(facts: Facts):
    facts.write("rows.csv", ROWS)
    report = facts.bring(tiny())
    assert horses(facts) == ["a", "b"]
    counted = {t.table: (t.read, t.accepted, t.merged) for t in report.tables}
    assert counted["ra_races"] == (2, 1, 1)
    assert report.complete


def test_several_files_are_joined_on_their_keys(facts: Facts):
    facts.write("rows.csv", "race,horse\nr1,a\nr2,b\nr3,c\n")
    facts.write("meetings.csv", "id,when\nr1,2024-05-01\nr2,2024-05-02\n")
    file = (
        '[[files.rows.join]]\nfile = "meetings"\non = { race = "id" }\ncolumns = { day = "when" }\n'
        '[files.meetings]\npath = "meetings.csv"'
    )
    report = facts.bring(tiny(file=file))
    assert facts.rows("SELECT id, date FROM ra_races ORDER BY 1") == [
        ("r1", date(2024, 5, 1)),
        ("r2", date(2024, 5, 2)),
    ]
    (turned,) = report.quarantined
    assert (turned.table, turned.count) == ("files.rows", 1)
    assert turned.examples == ["rows.csv row 3: no row of 'meetings' has id = 'r3'"]


def test_a_join_that_need_not_match_leaves_its_columns_empty(facts: Facts):
    facts.write("rows.csv", "race,day,horse\nr1,2024-05-01,a\nr1,2024-05-01,b\n")
    facts.write("gear.csv", "horse,gear\na,blinkers\n")
    file = (
        '[[files.rows.join]]\nfile = "gear"\non = "horse"\ncolumns = "gear"\nrequired = false\n'
        '[files.gear]\npath = "gear.csv"'
    )
    assert facts.bring(tiny(file=file, runner='headgear = "gear"')).complete
    assert facts.rows("SELECT headgear FROM ra_runners ORDER BY horse_id") == ["blinkers", None]


def test_partners_that_contradict_each_other_are_reported_and_not_chosen_from(facts: Facts):
    facts.write("rows.csv", f"{ROWS}r1,2024-05-01,c\n")
    facts.write("gear.csv", "horse,gear\na,blinkers\na,hood\nb,visor\nb,visor\nc,\nc,tongue-tie\n")
    file = (
        '[[files.rows.join]]\nfile = "gear"\non = "horse"\ncolumns = "gear"\nrequired = false\n'
        '[files.gear]\npath = "gear.csv"'
    )
    report = facts.bring(tiny(file=file, runner='headgear = "gear"'))
    assert facts.rows("SELECT headgear FROM ra_runners ORDER BY horse_id") == [None, "visor", "tongue-tie"]
    assert report.values_quarantined == 1
    assert "several rows of 'gear' with horse = 'a' differ" in report.quarantined[0].examples[0]


def test_a_nearest_join_takes_the_partner_whose_day_is_nearest(facts: Facts):
    facts.write(
        "rows.csv",
        "race,day,brand\nr1,2024-05-01,A1\nr2,2014-05-01,A1\nr3,2024-05-01,B9\nr4,2019-05-01,A1\nr5,,A1\n",
    )
    facts.write(
        "known.csv",
        "brand,day,horse\nA1,2014-01-01,old\nA1,2024-04-28,new\nA1,2019-04-29,earlier\nA1,2019-05-03,later\n",
    )
    file = (
        '[[files.rows.join]]\nfile = "known"\non = "brand"\nnearest = "day"\ncolumns = "horse"\n'
        '[files.known]\npath = "known.csv"'
    )
    report = facts.bring(tiny(file=file))
    partners = facts.rows("SELECT race_id, horse_id FROM ra_runners ORDER BY 1")
    assert partners == [("r1", "new"), ("r2", "old"), ("r4", "later")]
    assert report.rows_quarantined == 2


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("utf-8", "utf-8-sig"),
        ("cp1252", "cp1252"),
        ("utf-16", "utf-16"),
        ("latin-1", "latin-1"),
        ("utf-16-le", "utf-16"),
    ],
)
def test_files_are_read_in_their_encoding_with_or_without_a_byte_order_mark(facts: Facts, encoding: str, written: str):
    facts.write("rows.csv", "race,day,horse\nr1,2024-05-01,Señor Ü\n".encode(written))
    facts.bring(tiny(file=f'encoding = "{encoding}"'))
    assert horses(facts) == ["Señor Ü"]


def test_column_names_and_values_of_any_language_are_read(facts: Facts):
    facts.write("rows.csv", "場次,日期,馬名,場地\nr1,2024年05月01日,金鎗六十,好地\n".encode("gb18030"))
    mapping = tiny(
        file='encoding = "gb18030"',
        race='date = { column = "日期", format = "%Y年%m月%d日" }\n'
        'going = { column = "場地", values = { "好地" = "good" } }',
    )
    facts.bring(mapping.replace('"race"', '"場次"').replace('"horse"', '"馬名"'))
    assert facts.rows("SELECT id, date, going FROM ra_races") == [("r1", date(2024, 5, 1), "good")]
    assert horses(facts) == ["金鎗六十"]


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress), (".zst", zstd.compress), ("", bytes)],
)
def test_files_are_read_compressed_or_not(facts: Facts, suffix: str, compress):
    facts.write(f"rows.csv{suffix}", compress(ROWS.encode()))
    facts.bring(tiny())
    assert horses(facts) == ["a", "b"]


def test_parquet_keeps_its_dates_instants_numbers_and_lists(facts: Facts):
    frame = pl.DataFrame(
        {
            "race": ["r1", "r1"],
            "day": [date(2024, 5, 1)] * 2,
            "off": [datetime(2024, 5, 1, 13, 5, tzinfo=UTC)] * 2,
            "horse": ["a", "b"],
            "kg": [58.5, None],
            "calls": [[3, 2, 1], None],
            "pos": [1, 2],
            "extra": [{"deep": 1}, None],
        }
    )
    frame.write_parquet(facts.folder / "rows.parquet")
    calls = RESULTS + '\nrunning_positions = "calls"\n'
    race = 'date = "day"\noff_at = "off"'
    facts.bring(tiny(race=race, runner='weight_lbs = { column = "kg", read = "kg" }', more=calls))
    assert facts.rows("SELECT off_at FROM ra_races") == [datetime(2024, 5, 1, 13, 5, tzinfo=UTC)]
    assert facts.rows("SELECT round(weight_lbs::numeric, 4) FROM ra_runners ORDER BY horse_id")[1] is None
    assert facts.rows("SELECT running_positions FROM ra_results ORDER BY horse_id") == [[3, 2, 1], None]


def test_json_lines_are_read_with_their_gaps_nests_and_separators(facts: Facts):
    lines = (
        '{"race": "r1", "day": "2024-05-01", "horse": "x\u2028y", "calls": [2, 1], "pos": 1}\n\n'
        '{"race": "r1", "day": "2024-05-01", "horse": "c", "pos": null}\n'
        '{"race": "r1", "day": "2024-05-01", "horse": 12345678901234567890123}\n'
    )
    facts.write("rows.jsonl", lines)
    facts.bring(tiny(more=table("ra_results", 'race_id = "race"\nhorse_id = "horse"\noutcome = { constant = "PU" }')))
    assert set(horses(facts)) == {"12345678901234567890123", "x y", "c"}


@pytest.mark.parametrize(
    ("text", "fmt", "expected"),
    [
        ("31.03.2024", "%d.%m.%Y", date(2024, 3, 31)),
        ("20240331", "%Y%m%d", date(2024, 3, 31)),
        ("31-Mar-2024", "%d-%b-%Y", date(2024, 3, 31)),
        ("45382", "excel", date(2024, 3, 31)),
    ],
)
def test_dates_are_read_in_the_form_the_mapping_says(facts: Facts, text: str, fmt: str, expected: date):
    facts.write("rows.csv", f"race,day,horse\nr1,{text},a\n")
    facts.bring(tiny(race=f'date = {{ column = "day", format = "{fmt}" }}'))
    assert facts.rows("SELECT date FROM ra_races") == [expected]


def test_several_forms_of_a_date_may_stand_in_one_column(facts: Facts):
    facts.write("rows.csv", "race,day,horse\nr1,31/03/2024,a\nr2,2024-04-01,a\n")
    facts.bring(tiny(race='date = { column = "day", format = ["%Y-%m-%d", "%d/%m/%Y"] }'))
    assert facts.rows("SELECT date FROM ra_races ORDER BY id") == [date(2024, 3, 31), date(2024, 4, 1)]


@pytest.mark.parametrize(
    ("day", "off", "utc"),
    [
        ("2024-03-30", "14:00", datetime(2024, 3, 30, 14, tzinfo=UTC)),
        ("2024-03-31", "14:00", datetime(2024, 3, 31, 13, tzinfo=UTC)),
        ("2024-03-31", "01:30", None),
        ("2024-10-26", "14:00", datetime(2024, 10, 26, 13, tzinfo=UTC)),
        ("2024-10-27", "01:30", datetime(2024, 10, 27, 0, 30, tzinfo=UTC)),
        ("2024-10-27", "14:00", datetime(2024, 10, 27, 14, tzinfo=UTC)),
    ],
)
def test_local_times_become_instants_across_the_clock_changes(facts: Facts, day: str, off: str, utc: datetime | None):
    facts.write("rows.csv", f"race,day,off,horse\nr1,{day},{off},a\n")
    off_at = 'off_at = { template = "{day} {off}", format = "%Y-%m-%d %H:%M" }'
    report = facts.bring(tiny(race=f'date = "day"\n{off_at}'))
    assert facts.rows("SELECT off_at FROM ra_races") == [utc]
    # Half past one on the last Sunday of March is a time that no clock showed.
    assert report.values_quarantined == (utc is None)


def test_the_clocks_of_facts_follow_the_publication_rule(facts: Facts):
    facts.write("rows.csv", "race,day,off,horse,pos,odds\nr1,2024-07-01,14:00,a,1,5.0\n")
    off_at = 'off_at = { template = "{day} {off}", format = "%Y-%m-%d %H:%M" }'
    top = '[clocks]\npre = "day_start - 12h"\npost = "day_end + 1d"\nprice = "off - 30m"'
    facts.bring(tiny(top=top, race=f'date = "day"\n{off_at}', more=RESULTS + ODDS))
    assert facts.rows("SELECT event_at, known_at FROM ra_runners") == [
        (datetime(2024, 7, 1, 13, tzinfo=UTC), datetime(2024, 6, 30, 11, tzinfo=UTC))
    ]
    assert facts.rows("SELECT known_at FROM ra_results") == [datetime(2024, 7, 2, 23, tzinfo=UTC)]
    assert facts.rows("SELECT known_at FROM ra_odds") == [datetime(2024, 7, 1, 12, 30, tzinfo=UTC)]


def test_one_table_may_have_a_publication_rule_of_its_own(facts: Facts):
    facts.write("rows.csv", "race,day,horse,pos\nr1,2024-07-01,a,1\n")
    facts.bring(tiny(more=RESULTS.replace('from = "rows"', 'from = "rows"\nknown_at = "day_end + 2h"')))
    assert facts.rows("SELECT known_at FROM ra_results") == [datetime(2024, 7, 2, 1, tzinfo=UTC)]


def test_ids_are_made_from_columns_and_a_gap_makes_none(facts: Facts):
    facts.write("rows.csv", "day,course,no,horse\n2024-05-01,Ascot,1,a\n2024-05-01,,2,b\n")
    made = '[files.rows.derive]\nrace = { template = "{day}-{course}-{no}" }'
    report = facts.bring(tiny(file=made))
    assert facts.rows("SELECT id FROM ra_races") == ["2024-05-01-Ascot-1"]
    assert {t.reason for t in report.quarantined} == {"id is missing", "no ra_races with its race_id"}


@pytest.mark.parametrize(
    ("column", "spec", "text", "expected"),
    [
        ("runner.rating", """{ column = "x", extract = 'OR (\\d+)' }""", "OR 87 (up 3)", 87),
        ("runner.weight_lbs", '{ column = "x", read = "kg" }', "58.5", 128.970423),
        ("runner.weight_lbs", '{ column = "x", read = "lb" }', "133", 133.0),
        ("runner.weight_lbs", '{ column = "x", read = "st_lb" }', "9-7", 133.0),
        ("race.distance_m", '{ column = "x", read = "m" }', "1200", 1200.0),
        ("race.distance_m", '{ column = "x", read = "km" }', "1.2", 1200.0),
        ("race.distance_m", '{ column = "x", read = "yd" }', "1320", 1207.008),
        ("race.distance_m", '{ column = "x", read = "f" }', "5½", 1106.424),
        ("race.distance_m", '{ column = "x", read = "mile" }', "1½", 2414.016),
        ("race.distance_m", '{ column = "x", read = "distance" }', "1m2f110y", 2112.264),
        ("race.prize", '{ column = "x", scale = 0.1, round = 1 }', "12,345.6", 1234.6),
        ("race.going", '{ column = "x", values = { "Good to Firm in places" = "good_to_firm" } }',
         "GOOD to firm in places", "good_to_firm"),
        ("race.going", '"x"', "Good To Soft", "good_to_soft"),
        ("race.surface", '{ column = "x", values = { AWT = "all_weather" } }', "AWT", "all_weather"),
        ("runner.number", '{ first_of = ["missing one", "x"], optional = true }', "7", 7),
        ("runner.headgear", '{ column = "not there", optional = true }', "7", None),
        ("runner.draw", '{ column = "x", missing = ["0"] }', "0", None),
        ("runner.age", '{ column = "x", scale = 0.5 }', "8", 4),
    ],
)  # fmt: skip
def test_a_text_is_read_as_what_the_mapping_says(facts: Facts, column: str, spec: str, text: str, expected: object):
    value = one_value(facts, column, spec, text)
    assert value == (pytest.approx(expected, abs=1e-6) if isinstance(expected, float) else expected)
    assert facts.rows("SELECT count(*) FROM quarantine") == [0]


@pytest.mark.parametrize(
    ("column", "spec", "text"),
    [
        ("runner.rating", """{ column = "x", extract = 'OR (\\d+)' }""", "none"),
        ("runner.weight_lbs", '{ column = "x", read = "st_lb" }', "9-14"),
        ("race.distance_m", '{ column = "x", read = "distance" }', "1m8f"),
        ("race.going", '"x"', "bottomless"),
        ("race.surface", '{ column = "x", values = { AWT = "all_weather" } }', "turf"),
        ("runner.age", '{ column = "x", read = "number" }', "3.7"),
        ("runner.number", '"x"', "99999999"),
    ],
)
def test_an_unknown_value_is_reported_and_not_guessed(facts: Facts, column: str, spec: str, text: str):
    assert one_value(facts, column, spec, text) is None
    ((target, scope, reason, payload),) = facts.rows("SELECT target, scope, reason, payload FROM quarantine")
    name = column.partition(".")[2]
    assert (target, scope) == ("ra_races" if column.startswith("race") else "ra_runners", "value")
    assert reason.startswith(f"{name}: '{text}' is not ")
    assert payload == {"race": "r1", "day": "2024-05-01", "horse": "a", "x": text}


def test_a_pattern_that_fits_without_its_group_says_there_is_no_value(facts: Facts):
    facts.write("rows.csv", "race,day,horse,name\nr1,2024-05-01,a,Frankel (GB)\nr1,2024-05-01,b,Arkle\n")
    spec = """{ column = "name", extract = '^[^(]*(?:\\((\\w+)\\))?$' }"""
    assert facts.bring(tiny(runner=f"headgear = {spec}")).complete
    assert facts.rows("SELECT headgear FROM ra_runners ORDER BY horse_id") == ["GB", None]


@pytest.mark.parametrize(
    ("text", "seconds"), [("1:35.36", 95.36), ("1.35.36", 95.36), ("58.40", 58.4), ("1m 35.36s", 95.36)]
)
def test_finishing_times_are_read_in_every_notation(facts: Facts, text: str, seconds: float):
    facts.write("rows.csv", f"race,day,horse,pos,t\nr1,2024-05-01,a,1,{text}\n")
    facts.bring(tiny(more=RESULTS + 'finish_seconds = { column = "t", read = "clock" }\n'))
    assert facts.rows("SELECT finish_seconds FROM ra_results") == [seconds]


@pytest.mark.parametrize(("text", "lengths"), [("1-1/2", 1.5), ("SH", 0.1), ("HD", 0.2), ("2¾", 2.75), ("ML", None)])
def test_beaten_lengths_are_read_in_every_notation(facts: Facts, text: str, lengths: float | None):
    facts.write("rows.csv", f"race,day,horse,pos,l\nr1,2024-05-01,a,2,{text}\n")
    assert facts.bring(tiny(more=RESULTS + 'beaten_lengths = { column = "l", read = "lengths" }\n')).complete
    assert facts.rows("SELECT beaten_lengths FROM ra_results") == [lengths]


def test_outcome_codes_are_values_and_not_gaps(facts: Facts):
    codes = {
        "a": "1",
        "b": "PU",
        "c": "FELL",
        "d": "UR",
        "e": "BD",
        "f": "WV-A",
        "g": "DISQ",
        "h": "2 平頭馬",
        "i": "=2",
    }
    facts.write("rows.csv", "race,day,horse,pos\n" + "".join(f"r1,2024-05-01,{h},{c}\n" for h, c in codes.items()))
    assert facts.bring(tiny(more=RESULTS)).complete
    assert facts.rows("SELECT outcome, position FROM ra_results ORDER BY horse_id") == [
        ("FIN", 1), ("PU", None), ("F", None), ("UR", None), ("BD", None), ("NR", None), ("DSQ", None), ("FIN", 2),
        ("FIN", 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reader", "text", "odds"),
    [("odds", "EVS", 2.0), ("odds", "9/2", 5.5), ("odds", "5.5", 5.5), ("odds_fractional", "11/8F", 2.375),
     ("odds_decimal", "5.5", 5.5), ("odds_american", "-200", 1.5)],
)  # fmt: skip
def test_odds_are_read_in_their_format_and_keep_their_kind(facts: Facts, reader: str, text: str, odds: float):
    facts.write("rows.csv", f"race,day,horse,odds\nr1,2024-05-01,a,{text}\n")
    facts.bring(tiny(more=ODDS.replace('read = "odds"', f'read = "{reader}"')))
    assert facts.rows("SELECT price_kind, decimal_odds FROM ra_odds") == [("sp", odds)]


def test_a_book_is_measured_against_what_its_maker_usually_takes(facts: Facts):
    facts.write("rows.csv", "race,day,horse,odds\nr1,2024-05-01,a,2\nr1,2024-05-01,b,2\nr1,2024-05-01,c,10\n")
    report = facts.bring(tiny(more=ODDS.replace('"B" }', '"B" }\nleast_book = { constant = 1.15 }', 1)))
    found = {f.name: f for f in report.findings}["incomplete_books"]
    assert (found.count, found.examples) == (1, ["r1 (1.1)"])


def test_a_supplement_fills_gaps_and_never_replaces_a_value(facts: Facts):
    facts.write("rows.csv", "race,day,horse,rating\nr1,2024-05-01,a,80\nr1,2024-05-01,b,\nr1,2024-05-01,c,\n")
    facts.write("more.csv", "horse,mark,gear\na,99,hood\nb,77,\nc,--,\n")
    file = (
        '[[files.rows.fill]]\nfile = "more"\non = "horse"\ncolumns = { rating = "mark", gear = "gear" }\n'
        '[files.more]\npath = "more.csv"\nmissing = ["--"]\noptional = true'
    )
    runner = 'rating = "rating"\nheadgear = "gear"'
    facts.bring(tiny(file=file, runner=runner))
    assert facts.rows("SELECT rating, headgear FROM ra_runners ORDER BY horse_id") == [
        (80, "hood"),
        (77, None),
        (None, None),
    ]


def test_a_supplement_that_is_absent_leaves_the_gaps(facts: Facts):
    facts.write("rows.csv", "race,day,horse\nr1,2024-05-01,a\n")
    file = (
        '[[files.rows.fill]]\nfile = "more"\non = "horse"\ncolumns = "gear"\n'
        '[files.more]\npath = "more.csv"\noptional = true'
    )
    assert facts.bring(tiny(file=file, runner='headgear = "gear"')).complete


def test_rows_of_a_second_file_are_appended_to_a_table(facts: Facts):
    facts.write("rows.csv", "race,day,horse,pos\nr1,2024-05-01,a,1\n")
    facts.write("out.csv", "race,horse,code\nr1,z,PU\n")
    more = (
        RESULTS
        + table("ra_mst_horses", 'id = "horse"', "out")
        + table("ra_runners", 'race_id = "race"\nhorse_id = "horse"', "out")
        + table(
            "ra_results", 'race_id = "race"\nhorse_id = "horse"\noutcome = { column = "code", read = "outcome" }', "out"
        )
    )
    assert facts.bring(tiny(file='[files.out]\npath = "out.csv"', more=more)).complete
    assert facts.rows("SELECT horse_id, outcome, position FROM ra_results ORDER BY 1") == [
        ("a", "FIN", 1),
        ("z", "PU", None),
    ]


def test_many_files_of_one_kind_are_read_as_one(facts: Facts):
    facts.write("2023/rows.csv", "race,day,horse\nr1,2023-05-01,a\n")
    facts.write("2024/rows.csv.gz", gzip.compress(b"horse,race,day,extra\nb,r2,2024-05-01,x\n"))
    report = facts.bring(tiny().replace('"rows.*"', '"**/rows.csv*"'))
    assert [f.file for f in report.files] == ["2023/rows.csv", "2024/rows.csv.gz"]
    assert horses(facts) == ["a", "b"]


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ('equals = "GB"', ["a"]),
        ('one_of = ["GB", "IRE"]', ["a", "b"]),
        ('none_of = ["GB"]', ["b", "c", "d"]),
        ('matches = "^[GI]"', ["a", "b"]),
        ("present = true", ["a", "b", "c"]),
        ("present = false", ["d"]),
    ],
)
def test_filters_keep_the_rows_they_say_and_count_the_others(facts: Facts, condition: str, kept: list[str]):
    land = ("GB", "IRE", "FR", "")
    rows = "".join(f"r1,2024-05-01,{h},{c}\n" for h, c in zip("abcd", land, strict=True))
    facts.write("rows.csv", "race,day,horse,land\n" + rows)
    report = facts.bring(tiny(file=f'where = [{{ column = "land", {condition} }}]'))
    assert horses(facts) == kept
    assert report.left_out == {"files.rows": 4 - len(kept)}


def test_partners_are_found_among_rows_that_a_filter_leaves_out(facts: Facts):
    facts.write("rows.csv", "race,day,horse\nr1,2024-05-01,a\n")
    facts.write("gear.csv", "horse,gear,use\na,hood,no\n")
    file = (
        '[[files.rows.join]]\nfile = "gear"\non = "horse"\ncolumns = "gear"\n'
        '[files.gear]\npath = "gear.csv"\nwhere = [{ column = "use", equals = "yes" }]'
    )
    order = tiny(file=file, runner='headgear = "gear"')
    facts.bring(order)
    assert facts.rows("SELECT headgear FROM ra_runners") == ["hood"]


def test_constants_fill_whole_columns(facts: Facts):
    facts.write("rows.csv", ROWS)
    facts.bring(tiny(race='date = "day"\ntype = { constant = "flat" }\nprize = { constant = 1000 }'))
    assert facts.rows("SELECT type, prize FROM ra_races") == [("flat", 1000.0)]


def test_a_derived_column_is_read_and_can_be_matched_on(facts: Facts):
    facts.write("rows.csv", "race,when,horse,wgt\nr1,01/05/2024,a,9-7\nr1,01/05/2024,b,heavy\n")
    file = (
        '[files.rows.derive]\nday = { column = "when", format = "%d/%m/%Y" }\n'
        'pounds = { column = "wgt", read = "st_lb" }'
    )
    report = facts.bring(tiny(file=file, runner='weight_lbs = { column = "pounds", read = "lb" }'))
    assert facts.rows("SELECT date FROM ra_races") == [date(2024, 5, 1)]
    assert facts.rows("SELECT weight_lbs FROM ra_runners ORDER BY horse_id") == [133.0, None]
    assert [t.examples for t in report.quarantined] == [["rows.csv row 2: pounds cannot be derived from 'heavy'"]]


def test_a_table_gets_no_rows_from_a_file_without_an_optional_column_it_needs(facts: Facts):
    facts.write("rows.csv", ROWS)
    optional = ODDS.replace('read = "odds"', 'read = "odds", optional = true')
    report = facts.bring(tiny(more=optional))
    assert "ra_odds" not in {t.table for t in report.tables}
    assert report.complete


def test_quotes_may_be_switched_off_and_columns_may_have_no_name(facts: Facts):
    facts.write("rows.csv", ',race,day,horse,\n0,r1,2024-05-01,"Big" Ben,\n')
    facts.bring(tiny(file='quote = ""'))
    assert horses(facts) == ['"Big" Ben']
