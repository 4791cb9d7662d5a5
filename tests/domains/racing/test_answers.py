"""What came of races: who won, which races cannot be scored, and to which season a day belongs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from morningline.domains.racing.answers import racing_answers, seasons
from morningline.domains.racing.schema import CATALOG
from morningline.facts import migrate
from morningline.facts.quality import quality
from morningline.facts.store import load
from morningline.kit.database import Database
from morningline.wiring.program import migration_folders

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

DAY = date(2024, 5, 1)
OFF = datetime(2024, 5, 1, 14, 0, tzinfo=UTC)
KNOWN = OFF + timedelta(hours=1)
CLOCKS = {"event_at": OFF, "known_at": KNOWN}


@pytest.fixture
def connection(fresh_database: str) -> Iterator[psycopg.Connection[Any]]:
    database = Database(fresh_database)
    migrate.upgrade(database, migration_folders())
    with database.connect() as connection:
        yield connection


def frame(rows: list[dict[str, Any]], table: str) -> pl.DataFrame:
    columns = CATALOG[table].dtypes
    names = [name for name in columns if name in rows[0]]
    return pl.DataFrame(rows, schema={name: columns[name] for name in names})


def race(
    connection: psycopg.Connection[Any], race_id: str, runners: list[tuple[str, str, int | None, float | None]]
) -> None:
    """Store a race: horse, outcome, position, odds of each runner."""
    horses = [{"id": horse, **CLOCKS} for horse, *_ in runners]
    load(connection, CATALOG["ra_mst_courses"], frame([{"id": "ASC", **CLOCKS}], "ra_mst_courses"))
    load(connection, CATALOG["ra_mst_horses"], frame(horses, "ra_mst_horses"))
    maker = {"id": "TOTE", "least_book": 1.1, **CLOCKS}
    load(connection, CATALOG["ra_mst_bookmakers"], frame([maker], "ra_mst_bookmakers"))
    card = {"id": race_id, "date": DAY, "time_zone": "Europe/London", "course_id": "ASC", **CLOCKS}
    load(connection, CATALOG["ra_races"], frame([card], "ra_races"))
    rows = [{"race_id": race_id, "horse_id": horse, "date": DAY, **CLOCKS} for horse, *_ in runners]
    load(connection, CATALOG["ra_runners"], frame(rows, "ra_runners"))
    results = [row | {"outcome": o, "position": p} for row, (_, o, p, _) in zip(rows, runners, strict=True)]
    load(connection, CATALOG["ra_results"], frame(results, "ra_results"))
    quoted = {"bookmaker_id": "TOTE", "price_kind": "final_tote"}
    odds = [row | quoted | {"decimal_odds": d} for row, (*_, d) in zip(rows, runners, strict=True) if d]
    if odds:
        load(connection, CATALOG["ra_odds"], frame(odds, "ra_odds"))


def answers(connection: psycopg.Connection[Any], as_of: datetime = KNOWN) -> dict[str, tuple[float, str | None]]:
    rows = racing_answers(connection, as_of=as_of)
    return {r["entrant_id"]: (r["won"], r["excluded"]) for r in rows.iter_rows(named=True)}


def test_a_winner_is_one_and_the_others_nothing(connection):
    race(connection, "r", [("a", "FIN", 1, 2.0), ("b", "FIN", 2, 2.0), ("c", "PU", None, 5.0)])
    assert answers(connection) == {"a": (1.0, None), "b": (0.0, None), "c": (0.0, None)}


def test_a_dead_heat_is_halved_and_left_out(connection):
    race(connection, "r", [("a", "FIN", 1, 2.0), ("b", "FIN", 1, 2.0), ("c", "FIN", 3, 5.0)])
    assert answers(connection) == {"a": (0.5, "dead_heat"), "b": (0.5, "dead_heat"), "c": (0.0, "dead_heat")}


def test_a_book_under_its_bookmakers_least_is_incomplete(connection):
    race(connection, "r", [("a", "FIN", 1, 2.0), ("b", "FIN", 2, 2.0)])
    assert {reason for _, reason in answers(connection).values()} == {"incomplete_book"}


def test_a_missing_price_is_no_market(connection):
    race(connection, "r", [("a", "FIN", 1, 1.5), ("b", "FIN", 2, None)])
    assert {reason for _, reason in answers(connection).values()} == {"no_market"}


def test_a_non_runner_took_no_part(connection):
    race(connection, "r", [("a", "FIN", 1, 1.5), ("b", "FIN", 2, 2.0), ("c", "NR", None, 9.0)])
    assert set(answers(connection)) == {"a", "b"}


def test_a_result_that_is_not_known_yet_does_not_exist(connection):
    race(connection, "r", [("a", "FIN", 1, 1.5), ("b", "FIN", 2, 2.0)])
    assert answers(connection, as_of=KNOWN - timedelta(microseconds=1)) == {}


def test_seasons_lie_between_breaks_of_a_month():
    days = pl.Series([date(2021, 9, 5), date(2022, 7, 16), date(2022, 9, 11), date(2022, 9, 30)]).extend(
        pl.date_range(date(2021, 9, 5), date(2022, 7, 16), "7d", eager=True)
    )
    labels = seasons(days)
    assert labels[0] == labels[1] == "2021-22"
    assert labels[2] == labels[3] == "2022"


def test_racing_all_year_has_calendar_years():
    days = pl.date_range(date(2023, 12, 20), date(2024, 1, 10), "3d", eager=True)
    assert set(seasons(days)) == {"2023", "2024"}


def test_quality_counts_what_is_missing_and_orphaned(connection):
    race(connection, "r", [("a", "FIN", 1, 1.5), ("b", "PU", None, 2.0)])
    by_table = {q.table: q for q in quality(connection, CATALOG.tables)}
    assert by_table["ra_mst_owners"].score is None
    results = by_table["ra_results"]
    assert (results.rows, results.first_day, results.consistency) == (2, DAY, 1.0)
    assert results.completeness is not None
    assert 0.8 < results.completeness < 1.0
    connection.execute(b"DELETE FROM ra_runners WHERE horse_id = 'b'")
    assert {q.table: q for q in quality(connection, CATALOG.tables)}["ra_results"].consistency == 0.5
