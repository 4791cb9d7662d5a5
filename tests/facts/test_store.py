"""Loading a table at once or row by row gives the same table, with all its constraints."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime

import polars as pl
import psycopg
import pytest

from morningline.facts import store
from morningline.facts.store import load
from morningline.wiring.program import domain_named
from sources.folder_imports import Facts, facts, racing_template

__all__ = ["facts", "racing_template"]

CATALOG = domain_named("racing").catalog
ROWS = store.ROWS_CHECKED_TOGETHER
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
CONSTRAINTS = (
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint"
    " WHERE conrelid::regclass::text IN ('ra_runners', 'ra_runners_2024', 'ra_races') ORDER BY 1, 2"
)


def runners(race: str = "r1") -> pl.DataFrame:
    return pl.DataFrame({"horse_id": [f"h{i:05d}" for i in range(ROWS)]}).with_columns(
        pl.lit(race).alias("race_id"),
        pl.lit(date(2024, 5, 1)).alias("date"),
        pl.lit(NOON).alias("event_at"),
        pl.lit(NOON).alias("known_at"),
    )


def clocked(**columns: object) -> pl.DataFrame:
    return pl.DataFrame({n: v if isinstance(v, list) else [v] for n, v in columns.items()}).with_columns(
        pl.lit(NOON).alias("event_at"), pl.lit(NOON).alias("known_at")
    )


@pytest.fixture
def raced(facts: Facts) -> Facts:
    with facts.database.connect() as connection:
        load(connection, CATALOG["ra_mst_courses"], clocked(id="X"))
        load(connection, CATALOG["ra_mst_horses"], clocked(id=runners()["horse_id"].to_list()))
        load(
            connection,
            CATALOG["ra_races"],
            clocked(id="r1", date=date(2024, 5, 1), time_zone="UTC", course_id="X"),
        )
    return facts


def test_a_first_load_leaves_every_constraint_as_it_found_it(raced: Facts, monkeypatch: pytest.MonkeyPatch):
    with raced.database.connect() as connection:
        load(connection, CATALOG["ra_runners"], runners())
    together = raced.rows(CONSTRAINTS)
    prints = raced.prints()
    with raced.database.connect() as connection:
        connection.execute("DROP TABLE ra_runners_2024")
        monkeypatch.setattr(store, "ROWS_CHECKED_TOGETHER", ROWS + 1)
        load(connection, CATALOG["ra_runners"], runners())
    assert raced.rows(CONSTRAINTS) == together
    assert raced.prints() == prints
    assert sum(1 for row in together if row[2].startswith("FOREIGN KEY")) >= 3


def test_a_first_load_with_a_row_that_refers_to_nothing_is_refused_whole(raced: Facts):
    before = raced.rows(CONSTRAINTS)
    with pytest.raises(psycopg.errors.ForeignKeyViolation), raced.database.connect() as connection:
        load(connection, CATALOG["ra_runners"], runners("nowhere"))
    assert raced.rows(CONSTRAINTS) == before
    assert raced.rows("SELECT count(*) FROM ra_runners") == [0]


def test_a_first_load_does_not_wait_for_readers(raced: Facts):
    with raced.database.connect() as reader, raced.database.connect() as connection:
        reader.execute("SELECT count(*) FROM ra_races")
        alarm = threading.Timer(30, connection.cancel)
        alarm.start()
        counted = load(connection, CATALOG["ra_runners"], runners())
        alarm.cancel()
    assert counted.inserted == ROWS
    assert raced.rows("SELECT count(*) FROM ra_runners") == [ROWS]


def test_what_was_not_yet_known_is_not_read(raced: Facts):
    with raced.database.connect() as connection:
        early = store.read(connection, CATALOG["ra_races"], as_of=datetime(2024, 5, 1, 11, 59, tzinfo=UTC))
        late = store.read(connection, CATALOG["ra_races"], as_of=NOON)
    assert (early.height, late.height) == (0, 1)
