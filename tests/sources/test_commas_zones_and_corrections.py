"""Decimal commas, off times of several zones, files that were corrected, prices with a history."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from folder_imports import ODDS, RESULTS, Facts, tiny

from morningline.facts.quality import quality
from morningline.kit.errors import InputError
from morningline.wiring.program import domain_named


@pytest.mark.parametrize(
    ("reader", "text", "pounds"),
    [("kg", "58,5", 58.5 / 0.45359237), ("lb", "133,5", 133.5), ("lb", "133", 133.0), ("kg", "58.5 x", None)],
)
def test_a_comma_may_stand_before_the_decimals(facts: Facts, reader: str, text: str, pounds: float | None):
    facts.write("rows.csv", f"race;day;horse;x\nr1;2024-05-01;a;{text}\n")
    runner = f'weight_lbs = {{ column = "x", read = "{reader}" }}'
    facts.bring(tiny(file='separator = ";"\ndecimal = ","', runner=runner))
    assert facts.rows("SELECT weight_lbs FROM ra_runners") == [pounds and pytest.approx(pounds)]


@pytest.mark.parametrize("text", ["1:35,36", "1.35,36", "95,36"])
def test_a_time_may_have_a_comma(facts: Facts, text: str):
    facts.write("rows.csv", f"race;day;horse;pos;x\nr1;2024-05-01;a;1;{text}\n")
    results = RESULTS + 'finish_seconds = { column = "x", read = "clock" }'
    facts.bring(tiny(file='separator = ";"\ndecimal = ","', more=results))
    assert facts.rows("SELECT finish_seconds FROM ra_results") == [95.36]


def test_a_point_groups_thousands_where_a_comma_stands_before_the_decimals(facts: Facts):
    facts.write("rows.csv", "race;day;horse;x\nr1;2024-05-01;a;1.200\n")
    distance = 'distance_m = { column = "x", read = "m" }'
    facts.bring(tiny(file='separator = ";"\ndecimal = ","', race=f'date = "day"\n{distance}'))
    assert facts.rows("SELECT distance_m FROM ra_races") == [1200.0]


OFF = 'date = "day"\noff_at = { template = "{day} {off}", format = "%Y-%m-%d %H:%M" }\n'


def test_a_constant_zone_moves_the_off_times_of_its_target(facts: Facts):
    facts.write("rows.csv", "race,day,off,horse\nr1,2024-05-01,14:05,a\n")
    facts.bring(tiny(race=OFF + 'time_zone = { constant = "Asia/Hong_Kong" }'))
    assert facts.rows("SELECT off_at FROM ra_races") == [datetime(2024, 5, 1, 6, 5, tzinfo=UTC)]


def test_local_times_whose_zone_differs_from_row_to_row_are_refused(facts: Facts):
    facts.write("rows.csv", "race,day,off,zone,horse\nr1,2024-05-01,14:05,Asia/Hong_Kong,a\n")
    with pytest.raises(InputError, match="differs from row to row"):
        facts.bring(tiny(race=OFF + 'time_zone = "zone"'))
    offset = OFF.replace("{off}", "{off}+0800").replace("%H:%M", "%H:%M%z")
    facts.bring(tiny(race=offset + 'time_zone = "zone"'))
    assert facts.rows("SELECT off_at FROM ra_races") == [datetime(2024, 5, 1, 6, 5, tzinfo=UTC)]


def test_a_corrected_file_no_longer_counts_against_quality(facts: Facts):
    results = next(t for t in domain_named("racing").catalog.tables if t.name == "ra_results")

    def validity() -> float | None:
        with facts.database.connect() as connection:
            return quality(connection, [results])[0].validity

    facts.write("rows.csv", "race,day,horse,pos\nr1,2024-05-01,a,1\nr1,2024-05-01,b,second\n")
    facts.bring(tiny(more=RESULTS))
    assert validity() == 0.5
    facts.write("rows.csv", "race,day,horse,pos\nr1,2024-05-01,a,1\nr1,2024-05-01,b,2\n")
    facts.bring(tiny(more=RESULTS))
    assert validity() == 1.0
    assert facts.rows("SELECT count(*) FROM quarantine") == [1]


def test_a_history_of_prices_is_one_book(facts: Facts):
    odds = ODDS + 'event_at = { column = "at", format = "%Y-%m-%d %H:%M" }'
    rows = ["r1,2024-05-01,a,1,3.0,2024-05-01 12:00", "r1,2024-05-01,b,2,1.5,2024-05-01 12:00"]
    changes = ["r1,2024-05-01,a,1,2.0,2024-05-01 12:30", "r1,2024-05-01,b,2,1.8,2024-05-01 12:40"]
    facts.write("rows.csv", "\n".join(["race,day,horse,pos,odds,at", *rows, *changes]) + "\n")
    report = facts.bring(tiny(more=odds))
    books = next(f for f in report.findings if f.name == "incomplete_books")
    assert (books.count, books.of) == (0, 1)
