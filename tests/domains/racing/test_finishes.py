"""How races finished and what pools paid on it, as it was known at an instant."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from morningline.domains.racing.finishes import ORDER_POOLS, finishes, paid
from morningline.domains.racing.schema import CATALOG
from morningline.domains.racing.vocabulary import POOLS
from morningline.facts import migrate
from morningline.facts.store import load
from morningline.kit.database import Database
from morningline.wiring.program import migration_folders

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

OFF = datetime(2024, 5, 1, 14, 0, tzinfo=UTC)
KNOWN = OFF + timedelta(hours=1)
CLOCKS = {"event_at": OFF, "known_at": KNOWN}
RACE = {"race_id": "R1", "date": date(2024, 5, 1), **CLOCKS}
OUTCOMES = [("a", 1, "FIN", 7), ("b", 2, "FIN", 3), ("c", 3, "FIN", 11), ("d", None, "PU", 5), ("e", None, "NR", 9)]


@pytest.fixture
def connection(fresh_database: str) -> Iterator[psycopg.Connection[Any]]:
    database = Database(fresh_database)
    migrate.upgrade(database, migration_folders())
    with database.connect() as connection:
        store(connection, "ra_mst_courses", [{"id": "ASC", **CLOCKS}])
        store(connection, "ra_mst_horses", [{"id": horse, **CLOCKS} for horse, *_ in OUTCOMES])
        card = {key: value for key, value in RACE.items() if key != "race_id"}
        store(connection, "ra_races", [{"id": "R1", "time_zone": "Europe/London", "course_id": "ASC", **card}])
        store(connection, "ra_runners", [RACE | {"horse_id": horse, "number": n} for horse, _, _, n in OUTCOMES])
        results = [RACE | {"horse_id": horse, "outcome": o, "position": p} for horse, p, o, _ in OUTCOMES]
        store(connection, "ra_results", results)
        yield connection


def store(connection: psycopg.Connection[Any], table: str, rows: list[dict[str, Any]]) -> None:
    schema = {name: dtype for name, dtype in CATALOG[table].dtypes.items() if name in rows[0]}
    load(connection, CATALOG[table], pl.DataFrame(rows, schema=schema))


def test_a_finish_is_those_who_ran_with_number_placing_and_course(connection):
    assert finishes(connection, as_of=KNOWN).rows() == [
        ("R1", "a", 7, 1, "ASC"),
        ("R1", "b", 3, 2, "ASC"),
        ("R1", "c", 11, 3, "ASC"),
        ("R1", "d", 5, None, "ASC"),
    ]
    assert finishes(connection, as_of=KNOWN - timedelta(seconds=1)).is_empty()


def test_a_pool_in_any_order_names_its_numbers_rising_and_one_in_order_as_they_finished(connection):
    dividends = [("quinella", "7-3", 12.5), ("tierce", "7-3-11", 210.0), ("place", "7", 2.0), ("place", "3", 1.4)]
    rows = [RACE | {"pool": pool, "combination": c, "dividend": d} for pool, c, d in dividends]
    store(connection, "ra_dividends", rows)
    assert paid(connection, "quinella", as_of=KNOWN).rows() == [("R1", [3, 7], 12.5)]
    assert paid(connection, "tierce", as_of=KNOWN).rows() == [("R1", [7, 3, 11], 210.0)]
    assert paid(connection, "quinella", as_of=OFF).is_empty()


def test_a_race_that_paid_two_combinations_is_left_out(connection):
    rows = [RACE | {"pool": "trio", "combination": c, "dividend": 30.0} for c in ("3-7-11", "3-7-5")]
    store(connection, "ra_dividends", rows)
    assert paid(connection, "trio", as_of=KNOWN).is_empty()


def test_every_pool_of_an_order_is_a_word_of_the_vocabulary():
    assert set(ORDER_POOLS) <= {term.word for term in POOLS}
