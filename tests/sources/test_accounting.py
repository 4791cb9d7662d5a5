"""Nothing vanishes: every row that was read was accepted, merged or turned away, with its reason and payload."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl
import psycopg
import pytest
from folder_imports import ODDS, RESULTS, Facts, tiny
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from morningline.sources.assembly import Assembly
from morningline.sources.merging import within_bounds
from morningline.wiring.program import domain_named

if TYPE_CHECKING:
    from morningline.sources.report import ImportReport

MAPPING = tiny(runner='draw = "draw"', more=RESULTS + ODDS)
HEADER = "race,day,horse,draw,pos,odds"

cells = st.tuples(
    st.sampled_from(["r1", "r2", "r3", ""]),
    st.sampled_from(["2024-05-01", "2024-05-02", "2024-02-30", ""]),
    st.sampled_from(["a", "b", "c", "d", ""]),
    st.sampled_from(["1", "2", "x", "", "0"]),
    st.sampled_from(["1", "2", "PU", "?", ""]),
    st.sampled_from(["2.5", "9/4", "0", "-3", "no", ""]),
)


def check_books(facts: Facts, report: ImportReport) -> None:
    stored = dict(facts.rows("SELECT target, count(*) FROM quarantine WHERE scope = 'row' GROUP BY 1"))
    for table in report.tables:
        assert table.read == table.accepted + table.merged + table.quarantined
        assert table.accepted == table.inserted + table.changed + table.unchanged
        assert table.quarantined == stored.get(table.table, 0)
        assert facts.rows(f"SELECT count(*) FROM {table.table}") == [table.inserted]
    assert sum(stored.values()) == report.rows_quarantined
    assert facts.rows("SELECT count(*) FROM quarantine WHERE scope = 'value'") == [report.values_quarantined]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(cells, min_size=1, max_size=25), broken=st.integers(0, 2))
def test_rows_read_are_the_rows_accepted_merged_and_quarantined(facts: Facts, rows: list, broken: int):
    facts.empty()
    lines = [",".join(row) for row in rows] + ["too,few"] * broken
    facts.write("rows.csv", "\n".join([HEADER, *lines]) + "\n")
    report = facts.bring(MAPPING)
    check_books(facts, report)
    everything = facts.rows("SELECT payload FROM quarantine")
    assert all(payload for payload in everything)


def test_an_import_without_loss_is_complete(facts: Facts):
    facts.write("rows.csv", f"{HEADER}\nr1,2024-05-01,a,1,1,2.5\n")
    report = facts.bring(MAPPING)
    assert report.complete
    assert facts.rows("SELECT status FROM imports") == ["complete"]


@pytest.mark.parametrize(("accept", "complete"), [("quarantined_rows = 1", True), ("", False)])
def test_an_import_that_lost_rows_is_not_complete_unless_a_person_accepted_it(
    facts: Facts, accept: str, *, complete: bool
):
    facts.write("rows.csv", f"{HEADER}\nr1,2024-05-01,a,1,1,2.5\ntoo,few\n")
    report = facts.bring(tiny(top=f"[accept]\n{accept}", runner='draw = "draw"'))
    assert report.complete is complete
    assert facts.rows("SELECT status FROM imports") == ["rows_quarantined"]


def test_a_value_that_was_lost_makes_an_import_incomplete(facts: Facts):
    facts.write("rows.csv", f"{HEADER}\nr1,2024-05-01,a,first,1,2.5\n")
    report = facts.bring(MAPPING)
    assert (report.rows_quarantined, report.values_quarantined, report.complete) == (0, 1, False)


def test_quarantined_rows_keep_their_reason_their_place_and_their_payload(facts: Facts):
    facts.write("rows.csv", f'{HEADER}\nr1,2024-05-01,a,1,1,2.5\nr1,2024-05-01,b,2,2,"odd, ""quoted"""\nx,y\n')
    facts.bring(MAPPING)
    assert facts.rows("SELECT target, scope, file, row, payload FROM quarantine ORDER BY target") == [
        ("files.rows", "row", "rows.csv", 3, "x,y"),
        (
            "ra_odds",
            "row",
            "rows.csv",
            2,
            {"race": "r1", "day": "2024-05-01", "horse": "b", "draw": "2", "pos": "2", "odds": 'odd, "quoted"'},
        ),
    ]


def test_like_reasons_are_counted_together_with_examples(facts: Facts):
    odds = "".join(f"r1,2024-05-01,h{i},1,{i},bad{i}\n" for i in range(1, 10))
    facts.write("rows.csv", f"{HEADER}\n{odds}")
    (turned,) = facts.bring(MAPPING).quarantined
    assert (turned.table, turned.count, len(turned.examples)) == ("ra_odds", 9, 5)
    assert turned.examples[0].startswith("rows.csv row 1: decimal_odds: 'bad1' is not odds such as")


def test_fill_rates_say_what_each_column_holds(facts: Facts):
    facts.write(
        "rows.csv",
        f"{HEADER}\nr1,2024-05-01,a,1,1,2\nr1,2024-05-01,b,,2,3\nr1,2024-05-01,c,,3,4\nr1,2024-05-01,d,,4,5\n",
    )
    report = facts.bring(MAPPING)
    fill = {t.table: t.fill for t in report.tables}["ra_runners"]
    assert (fill["draw"], fill["horse_id"]) == (0.25, 1.0)


def test_dead_heats_missing_winners_and_gaps_in_numbers_are_found(facts: Facts):
    rows = ("r1,1,a,1", "r1,1,b,1", "r3,3,c,2", "r4,4,d,1", "r4,4,e,PU")
    text = "".join("{0},2024-05-01,{2},{1},{3}\n".format(*row.split(",")) for row in rows)
    facts.write("rows.csv", "race,day,horse,no,pos\n" + text)
    report = facts.bring(tiny(race='date = "day"\nrace_number = "no"', more=RESULTS))
    found = {f.name: (f.count, f.of, f.examples) for f in report.findings}
    assert found["dead_heats_for_first"] == (1, 3, ["r1"])
    assert found["races_without_winner"] == (1, 3, ["r3"])
    assert found["races_without_exactly_one_winner"] == (2, 3, ["r1", "r3"])
    assert found["gaps_in_race_numbers"] == (1, 1, ["2024-05-01 X: 3 of 4"])


@pytest.mark.parametrize("change", ["UPDATE ra_odds SET decimal_odds = 9", "DELETE FROM ra_odds"])
def test_a_price_is_never_changed_or_deleted(facts: Facts, change: str):
    facts.write("rows.csv", f"{HEADER}\nr1,2024-05-01,a,1,1,2.5\n")
    facts.bring(MAPPING)
    with facts.database.connect() as connection, pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        connection.execute(change.encode())
    assert facts.rows("SELECT decimal_odds FROM ra_odds") == [2.5]


def test_rows_out_of_bounds_are_told_of_when_a_chunk_before_theirs_is_all_kept():
    runners = next(t for t in domain_named("racing").catalog.tables if t.name == "ra_runners")
    instant, place = datetime(2024, 5, 1, tzinfo=UTC), {"#file": "rows.csv", "#source": "rows"}
    frames = [
        pl.DataFrame(
            {"event_at": instant, "known_at": instant, "race_id": "r1", "horse_id": horse, "date": instant.date()}
            | {"draw": 1, "#row": number, **place}
        ).cast({"#row": pl.UInt32, "draw": pl.Int16})
        for number, horse in enumerate(["good", "x" * 1000, "y" * 1000])
    ]
    assembly = Assembly()
    kept = within_bounds(pl.concat(frames, rechunk=False), runners, assembly)
    assert kept["horse_id"].to_list() == ["good"]
    assert assembly.problems["#row"].to_list() == [1, 2]
