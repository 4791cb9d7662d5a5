"""Bad input gives an error that says what to do, or a row set aside with its reason; never anything half-written."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from folder_imports import ODDS, RESULTS, Facts, table, tiny

from morningline.kit.errors import InputError, MorninglineError
from morningline.sources.mapping import read_mapping

if TYPE_CHECKING:
    from pathlib import Path

ROWS = "race,day,horse,x\nr1,2024-05-01,a,1\n"
EMPTY = "SELECT (SELECT count(*) FROM ra_runners) + (SELECT count(*) FROM ra_races) + (SELECT count(*) FROM imports)"


def refused(facts: Facts, mapping: str, *, folder: Path | None = None) -> InputError:
    """The error of an import that must be refused, whole: said, allowed, what to do, and nothing written."""
    with pytest.raises(InputError) as caught:
        facts.bring(mapping, folder)
    assert caught.value.message
    assert caught.value.allowed
    assert caught.value.do or len(caught.value.allowed) > 3
    assert facts.rows(EMPTY) == [0]
    return caught.value


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        (tiny(top='colour = "red"'), "colour"),
        (tiny(file="encodings = 5"), "encodings"),
        (tiny(file="encoding = 5"), "Expected `str`, got `int`"),
        (tiny(runner='draw = { column = "x", constant = 1 }'), "2 sources (column, constant)"),
        (tiny(runner="draw = { missing = ['a'] }"), "0 sources (none)"),
        (tiny(runner="draw = { first_of = [] }"), "0 sources (none)"),
        (tiny(runner="draw = { column = 'x', extract = '(' }"), "not a regular expression"),
        (tiny(runner="draw = { column = 'x', extract = '(?:a)' }"), "has no group"),
        (tiny(file="where = [{ column = 'x', matches = '[' }]"), "not a regular expression"),
        (tiny(file="where = [{ column = 'x' }]"), "says nothing"),
        (tiny(more=table("ra_results", "race_id = 'race'", "nowhere")), "reads from the file 'nowhere'"),
        (tiny(more=table("ra_horses", "id = 'horse'")), "which is no table of racing"),
        (tiny(runner="colour = 'x'"), "has no column 'colour'"),
        (tiny(runner="draw = 'draw'"), "uses the column 'draw'"),
        (tiny(runner="draw = { column = 'x', read = 'integr' }"), "no notation"),
        (tiny(runner="weight_lbs = { column = 'x', read = 'm' }"), "cannot be read as 'm'"),
        (tiny(runner="draw = { column = 'x', read = 'kg' }"), "cannot be read as 'kg'"),
        (tiny(runner="headgear = { column = 'x', read = 'number' }"), "cannot be read as 'number'"),
        (tiny(runner="headgear = { column = 'x', scale = 2 }"), "`scale` means nothing"),
        (tiny(runner="draw = { column = 'x', format = '%d' }"), "`format` means nothing"),
        (tiny(race="date = { column = 'day', read = 'text' }"), "`read` means nothing"),
        (tiny(race="date = { column = 'day', format = '%H:%M' }"), "has no day"),
        (tiny(race="date = 'day'\noff_at = { column = 'x', format = '%Y-%m-%d %I:%M' }"), "does not fix the time"),
        (tiny(race="date = 'day'\noff_at = { column = 'x', format = '%F %H:%M', time_zone = 'BST' }"), "time zone"),
        (tiny(race="date = 'day'\ngoing = { column = 'x', values = { A = 'grassy' } }"), "gives 'grassy'"),
        (tiny(race="date = 'day'\ngoing = { column = 'x', values = { A = 'good', a = 'firm' } }"), "twice"),
        (tiny(race=""), "gives ra_races no date"),
        (tiny(zone="Mars/Olympus"), "is not a time zone"),
        (tiny(top='[clocks]\npre = "yesterday"'), "publication rule"),
        (tiny(file='separator = "é"'), "has the separator"),
        (tiny(file='separator = "\\n"'), "has the separator"),
        (tiny(file="separator = '\"'"), "as separator and as quote"),
        (tiny(file='format = "xls"'), "of no known format"),
        (tiny(file='encoding = "utf-9"'), "no text encoding 'utf-9'"),
        (tiny(file='encoding = "rot13"'), "no text encoding 'rot13'"),
        (tiny(file='encoding = "hex\\u0000"'), "holds a NUL character"),
        (tiny(runner='going = { constant = "a\\u0000" }'), "holds a NUL character"),
        (tiny(runner='"draw\\u0000" = "draw"'), "holds a NUL character"),
        (tiny(file='encoding = "undefined"'), "is not undefined"),
        (tiny().replace('"rows.*"', '"../rows.csv"'), "has the path"),
        (tiny().replace('"rows.*"', '"/etc/passwd"'), "has the path"),
        (tiny().replace('"rows.*"', '""'), "has the path"),
        (tiny().replace('"rows.*"', '"a**b/[x"'), "files.rows"),
        (tiny().replace("mapping = 1", "mapping = 2"), "is of format 2"),
        (tiny(file="[files.rows.derive]\n'#row' = 'x'"), "needs for itself"),
        (tiny(file="[files.rows.derive]\ny = { column = 'x', scale = 2 }"), "`scale` means nothing"),
        (tiny(file="[[files.rows.join]]\nfile = 'rows'\non = 'nope'\ncolumns = 'x'"), "uses the column 'nope'"),
        (tiny(file="[[files.rows.fill]]\nfile = 'other'\non = 'x'\ncolumns = 'x'"), "reads from the file 'other'"),
        ("this is\nnot toml", "not TOML"),
        ("mapping = 1\n", "missing required field"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_is_refused_with_what_is_allowed(facts: Facts, mapping: str, says: str):
    facts.write("rows.csv", ROWS)
    with pytest.raises(InputError) as caught:
        facts.bring(mapping)
    assert says in str(caught.value)
    assert caught.value.allowed or caught.value.do
    assert facts.rows(EMPTY) == [0]


def test_a_mapping_that_is_missing_binary_or_a_folder_is_refused(tmp_path: Path):
    (tmp_path / "binary.toml").write_bytes(bytes(range(256)))
    for path in (tmp_path / "missing.toml", tmp_path / "binary.toml", tmp_path):
        with pytest.raises(InputError):
            read_mapping(path)


def test_an_unknown_column_is_refused_with_the_nearest_name(facts: Facts):
    facts.write("rows.csv", ROWS)
    error = refused(facts, tiny(runner='draw = "hors"'))
    assert error.do == "Did you mean 'horse'?"
    assert error.allowed == "race, day, horse, x"


def test_a_missing_folder_and_a_missing_file_are_refused(facts: Facts):
    assert "There is no folder" in str(refused(facts, tiny(), folder=facts.folder / "nowhere"))
    facts.write("sub/other.csv", ROWS)
    error = refused(facts, tiny())
    assert error.allowed == "sub/other.csv"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("rows.csv", b"", "is empty"),
        ("rows.csv", b"\n \n", "is empty"),
        ("rows.csv", b"race,day,horse\n", "a header and no records"),
        ("rows.csv", "race,day,horse\nr1,2024-05-01,Señor\n".encode("cp1252"), "is not utf-8: byte 0xf1 in line 2"),
        ("rows.csv", ROWS.encode("utf-16"), "is not utf-8"),
        ("rows.csv", ROWS.encode("utf-16-le"), "NUL characters"),
        ("rows.csv", b"race,race\n1,2\n", "names race twice"),
        ("rows.csv", b"race,day,horse,#row\nr1,2024-05-01,a,1\n", "needs for itself"),
        ("rows.csv", bytes(range(1, 128)) * 9, "the column"),
        ("rows.csv.gz", b"not gzip", "cannot be read"),
        ("rows.csv.gz", gzip.compress(ROWS.encode(), mtime=0)[:-9], "cannot be read"),
        ("rows.csv.bz2", b"BZh9", "cannot be read"),
        ("rows.csv.xz", b"\xfd7zXZ", "cannot be read"),
        ("rows.csv.zst", b"\x28\xb5\x2f\xfd", "cannot be read"),
        ("rows.parquet", b"PAR1 no PAR1", "is not Parquet"),
        ("rows.parquet", b"", "is not Parquet"),
        ("rows.jsonl", b"", "is empty"),
        ("rows.jsonl", b"\x00\x01", "the column"),
        ("rows.xlsx", b"PK", "no known format"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(facts: Facts, name: str, content: bytes, says: str):
    facts.write(name, content)
    assert says in str(refused(facts, tiny()))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("r1,2024-05-01", "it has 2 fields where the header has 4"),
        ("r1,2024-05-01,b,1,2", "it has 5 fields where the header has 4"),
        ("r1,2024-05-01,b\0,1", "it holds a NUL character"),
        ("r1,2024-05-01,b\0", "it has 3 fields where the header has 4"),
        ('r1,2024-05-01,"b,1', "it has 3 fields where the header has 4"),
    ],
)
def test_a_ragged_record_is_set_aside_and_the_others_are_kept(facts: Facts, line: str, reason: str):
    facts.write("rows.csv", f"{ROWS}{line}\n")
    report = facts.bring(tiny())
    assert not report.complete
    assert facts.rows("SELECT horse_id FROM ra_runners") == ["a"]
    ((stored, row),) = facts.rows("SELECT reason, row FROM quarantine WHERE target = 'files.rows'")
    assert stored.startswith(reason)
    assert row == 2


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("\\u0000", "\\u0000"),
        ("\\\\u0000", "\\\\u0000"),
        ("a\0\\u0000", "a␀\\u0000"),
        ("\0\0\\\0", "␀␀\\␀"),
    ],
)
def test_a_quarantined_row_shows_a_nul_as_its_symbol_and_the_escape_of_one_as_it_is(
    facts: Facts, cell: str, shown: str
):
    facts.write("rows.csv", f"{ROWS}r2,no day,b,{cell}\n")
    assert facts.bring(tiny()).rows_quarantined
    assert set(facts.rows("SELECT payload->>'x' FROM quarantine WHERE row = 2")) == {shown}


def test_a_record_that_cannot_be_read_shows_its_nul_as_the_symbol(facts: Facts):
    good = '{"race": "r1", "day": "2024-05-01", "horse": "a"}'
    facts.write("rows.jsonl", f'{good}\n["\0", "\\u0000"]\n')
    facts.bring(tiny())
    assert facts.rows("SELECT payload #>> '{}' FROM quarantine") == ['["␀", "\\u0000"]']


@pytest.mark.parametrize(
    "line", ["{", "[1]", '"text"', '{"race": tru}', '{"a": "\\ud800"}', "[" * 100_000, '{"a": ' + "[" * 100_000]
)
def test_a_line_that_is_no_json_object_is_set_aside(facts: Facts, line: str):
    good = '{"race": "r1", "day": "2024-05-01", "horse": "a"}'
    facts.write("rows.jsonl", f"{good}\n{line}\n")
    report = facts.bring(tiny())
    assert report.rows_quarantined == 1
    assert facts.rows("SELECT target, row FROM quarantine") == [("files.rows", 2)]


def test_an_impossible_date_takes_its_race_and_runners_out_with_their_reasons(facts: Facts):
    facts.write("rows.csv", "race,day,horse\nr1,2024-02-30,a\nr2,2024-02-29,b\n")
    report = facts.bring(tiny())
    assert facts.rows("SELECT race_id FROM ra_runners") == ["r2"]
    assert {(t.table, t.examples[0]) for t in report.quarantined} == {
        ("ra_races", "rows.csv row 1: date: '2024-02-30' is not a date like %Y-%m-%d"),
        ("ra_runners", "rows.csv row 1: no ra_races with id = 'r1'"),
    }


def test_a_race_told_twice_alike_is_merged_and_told_differently_is_turned_away(facts: Facts):
    facts.write(
        "rows.csv", "race,day,horse,n\nr1,2024-05-01,a,1\nr1,2024-05-01,b,1\nr2,2024-05-01,c,2\nr2,2024-05-02,d,3\n"
    )
    report = facts.bring(tiny(race='date = "day"\nrace_number = "n"'))
    assert facts.rows("SELECT id FROM ra_races") == ["r1"]
    assert facts.rows("SELECT horse_id FROM ra_runners ORDER BY 1") == ["a", "b"]
    reasons = {t.table: (t.reason, t.count) for t in report.quarantined}
    assert reasons["ra_races"] == ("several rows of one id differ in date, race_number", 2)
    assert reasons["ra_runners"] == ("no ra_races with its race_id", 2)


def test_a_runner_told_twice_alike_is_merged_and_told_differently_is_turned_away(facts: Facts):
    rows = "r1,2024-05-01,a,1\nr1,2024-05-01,a,1\nr1,2024-05-01,b,2\nr1,2024-05-01,b,3\n"
    facts.write("rows.csv", "race,day,horse,draw\n" + rows)
    report = facts.bring(tiny(runner='draw = "draw"'))
    assert facts.rows("SELECT horse_id FROM ra_runners") == ["a"]
    assert [(t.count, t.reason) for t in report.quarantined] == [
        (2, "several rows of one race_id and horse_id and date differ in draw")
    ]


def test_a_runner_without_a_race_is_turned_away(facts: Facts):
    facts.write("rows.csv", "race,day,horse\nr1,2024-05-01,a\n")
    facts.write("more.csv", "race,horse\nr9,a\n,b\n")
    more = table("ra_runners", 'race_id = "race"\nhorse_id = "horse"', "more")
    report = facts.bring(tiny(file='[files.more]\npath = "more.csv"', more=more))
    assert facts.rows("SELECT race_id FROM ra_runners") == ["r1"]
    assert report.rows_quarantined == 2
    assert "more.csv row 1: no ra_races with id = 'r9'" in report.quarantined[0].examples


def test_a_race_of_ten_thousand_runners_is_turned_away(facts: Facts):
    rows = "".join(f"r1,2024-05-01,h{i},1\n" for i in range(10_000))
    facts.write("rows.csv", f"race,day,horse,pos\n{rows}r2,2024-05-01,a,1\n")
    report = facts.bring(tiny(more=RESULTS))
    assert facts.rows("SELECT race_id FROM ra_runners") == ["r2"]
    assert facts.rows("SELECT race_id FROM ra_results") == ["r2"]
    reasons = {t.table: t for t in report.quarantined}
    assert reasons["ra_runners"].reason == "the race has 10000 runners, more than the 100 any race can have"
    assert reasons["ra_runners"].count == reasons["ra_results"].count == 10_000


@pytest.mark.parametrize("odds", ["0", "1", "-2.5", "scratched", "NaN", "inf", "1e9", "3/0"])
def test_odds_that_no_market_offers_are_turned_away(facts: Facts, odds: str):
    facts.write("rows.csv", f"race,day,horse,odds\nr1,2024-05-01,a,{odds}\nr1,2024-05-01,b,2\n")
    report = facts.bring(tiny(more=ODDS))
    assert facts.rows("SELECT horse_id FROM ra_odds") == ["b"]
    assert report.quarantined[0].examples == [
        (
            f"rows.csv row 1: decimal_odds: '{odds}' is not odds such as "
            '"9/2", "Evens" or "5.5"; a number alone is decimal'
        )
    ]


@pytest.mark.parametrize(
    ("spec", "text", "reason"),
    [
        ("draw", "0", "draw: '0' is less than 1"),
        ("draw", "100", "draw: '100' is more than 99"),
        ("headgear", "x" * 41, f"headgear: '{'x' * 41}' is longer than 40 characters"),
    ],
)
def test_a_value_out_of_bounds_turns_its_row_away_and_says_the_bound(facts: Facts, spec: str, text: str, reason: str):
    facts.write("rows.csv", f"race,day,horse,x\nr1,2024-05-01,a,{text}\n")
    report = facts.bring(tiny(runner=f'{spec} = "x"'))
    assert facts.rows("SELECT count(*) FROM ra_runners") == [0]
    assert report.quarantined[0].examples == [f"rows.csv row 1: {reason}"]


def test_a_finisher_without_a_position_breaks_the_rule_of_the_table(facts: Facts):
    facts.write("rows.csv", "race,day,horse,pos\nr1,2024-05-01,a,FIN\n")
    report = facts.bring(tiny(more=RESULTS))
    assert "finisher_has_position" in report.quarantined[0].reason


def test_a_time_zone_that_does_not_exist_turns_its_race_away(facts: Facts):
    facts.write("rows.csv", "race,day,horse,tz\nr1,2024-05-01,a,BST\nr2,2024-05-01,a,Asia/Tokyo\n")
    report = facts.bring(tiny(race='date = "day"\ntime_zone = "tz"'))
    assert facts.rows("SELECT id, time_zone FROM ra_races") == [("r2", "Asia/Tokyo")]
    assert report.rows_quarantined == 2


def test_an_import_that_fails_at_its_end_leaves_nothing(facts: Facts, monkeypatch: pytest.MonkeyPatch):
    facts.write("rows.csv", ROWS)
    monkeypatch.setattr(
        "morningline.sources.importing.quarantine_rows", lambda *_: (_ for _ in ()).throw(MorninglineError("no"))
    )
    with pytest.raises(MorninglineError):
        facts.bring(tiny())
    assert facts.rows(EMPTY) == [0]
    assert facts.rows("SELECT count(*) FROM ra_mst_horses") == [0]
