"""Every statement that changes facts stamps the days it touched and no other; no commit hides behind a noted mark."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import dataframely as dy
import polars as pl
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from databases import temporary_database
from morningline.facts.ddl import FUNCTIONS, create_statements
from morningline.facts.records import RECORDS
from morningline.facts.states import changes, first_change, mark
from morningline.facts.store import load
from morningline.facts.table import Catalog, Fact, Reference, Table, day, text
from morningline.kit.database import Database, copy_in
from morningline.kit.errors import InputError
from morningline.wiring.program import domain_named
from sources.folder_imports import Facts, facts, racing_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Days = set[tuple[str, date]]
    Do = Callable[[psycopg.Connection[Any]], object]

__all__ = ["facts", "racing_template"]

CATALOG = domain_named("racing").catalog
AT = datetime(2024, 1, 1, tzinfo=UTC)
# Three parts of the tables that are partitioned by year.
DAYS = [date(2022, 12, 31), date(2023, 1, 1), date(2023, 6, 1), date(2024, 2, 29)]
RACES, RUNNERS, RESULTS = "ra_races", "ra_runners", "ra_results"


def frame(**columns: object) -> pl.DataFrame:
    return pl.DataFrame({name: [value] for name, value in columns.items()}).with_columns(event_at=AT, known_at=AT)


def race(number: int, on: date, **columns: object) -> pl.DataFrame:
    return frame(id=f"r{number}", date=on, time_zone="UTC", course_id="X", **columns)


def runner(number: int, on: date, weight: float = 120.0, horse: str = "h1") -> pl.DataFrame:
    return frame(race_id=f"r{number}", horse_id=horse, date=on, weight_lbs=weight)


def take_in(name: str, rows: pl.DataFrame) -> Do:
    return lambda connection: load(connection, CATALOG[name], rows)


def by_hand(sql: str, *params: object) -> Do:
    return lambda connection: connection.execute(sql.encode(), params)


def stamped(connection: psycopg.Connection[Any], do: Do) -> Days:
    """The days that something stamps."""
    noted = mark(connection)
    do(connection)
    return set(connection.execute("SELECT table_name, day FROM fact_days WHERE change > %s", (noted,)).fetchall())


def contents(connection: psycopg.Connection[Any]) -> Counter[tuple[str, date, str]]:
    return Counter(
        (name, *row)
        for name in (RACES, RUNNERS, RESULTS)
        for row in connection.execute(f"SELECT date, t::text FROM {name} AS t".encode()).fetchall()
    )


def differing(before: Counter[tuple[str, date, str]], after: Counter[tuple[str, date, str]]) -> Days:
    return {(name, on) for name, on, _ in (before - after) + (after - before)}


@contextmanager
def undone(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A transaction that is never committed."""
    with database.connect() as connection:
        yield connection
        connection.rollback()


def fill(database: Database) -> None:
    """A race and a runner on each day, and races r4 to r9 without runners on the last."""
    with database.connect() as connection:
        load(connection, CATALOG["ra_mst_courses"], frame(id="X"))
        load(connection, CATALOG["ra_mst_horses"], pl.concat([frame(id="h1"), frame(id="h2")]))
        load(connection, CATALOG[RACES], pl.concat([race(number, DAYS[min(number, 3)]) for number in range(10)]))
        load(connection, CATALOG[RUNNERS], pl.concat([runner(number, on) for number, on in enumerate(DAYS)]))


@pytest.fixture(scope="module")
def filled(postgres_url: str, racing_template: str) -> Iterator[Database]:
    """A database in which no test commits anything."""
    with temporary_database(postgres_url, like=racing_template) as url:
        database = Database(url)
        fill(database)
        yield database


@pytest.fixture
def connection(filled: Database) -> Iterator[psycopg.Connection[Any]]:
    with undone(filled) as connection:
        yield connection


@pytest.fixture
def raced(facts: Facts) -> Facts:
    fill(facts.database)
    return facts


@pytest.mark.parametrize(
    ("do", "days"),
    [
        pytest.param(take_in(RACES, race(10, date(2024, 3, 1))), {(RACES, date(2024, 3, 1))}, id="an event"),
        pytest.param(take_in(RUNNERS, runner(9, date(1999, 3, 1))), {(RUNNERS, date(1999, 3, 1))}, id="a new part"),
        pytest.param(take_in(RACES, race(1, DAYS[1], name="Derby")), {(RACES, DAYS[1])}, id="a completion"),
        pytest.param(take_in(RUNNERS, runner(1, DAYS[1], 121.0)), {(RUNNERS, DAYS[1])}, id="a correction"),
        pytest.param(
            take_in(RUNNERS, pl.concat([runner(0, DAYS[0]), runner(1, DAYS[1], 9e1), runner(2, DAYS[2], 1e2, "h2")])),
            {(RUNNERS, DAYS[1]), (RUNNERS, DAYS[2])},
            id="one said again, one corrected, one added",
        ),
        pytest.param(take_in(RACES, race(1, DAYS[1])), set(), id="the same again"),
        pytest.param(take_in("ra_mst_courses", frame(id="Y")), set(), id="an entity"),
        pytest.param(
            by_hand("UPDATE ra_runners SET age = 3 WHERE date >= %s", DAYS[2]),
            {(RUNNERS, DAYS[2]), (RUNNERS, DAYS[3])},
            id="an edit",
        ),
        pytest.param(by_hand("UPDATE ra_runners SET age = 3 WHERE false"), set(), id="an edit of nothing"),
        pytest.param(
            by_hand("UPDATE ra_races SET date = %s WHERE date = %s", DAYS[2], DAYS[1]),
            {(RACES, DAYS[1]), (RACES, DAYS[2])},
            id="another day",
        ),
        pytest.param(
            by_hand("UPDATE ra_runners SET date = '2022-05-05' WHERE date = %s", DAYS[3]),
            {(RUNNERS, DAYS[3]), (RUNNERS, date(2022, 5, 5))},
            id="another day in another part",
        ),
        pytest.param(by_hand("DELETE FROM ra_runners WHERE date = %s", DAYS[1]), {(RUNNERS, DAYS[1])}, id="a removal"),
        pytest.param(by_hand("TRUNCATE ra_runners"), {(RUNNERS, on) for on in DAYS}, id="an emptied table"),
        pytest.param(
            lambda connection: copy_in(connection, RUNNERS, runner(3, DAYS[3], horse="h2")),
            {(RUNNERS, DAYS[3])},
            id="a copy into the table",
        ),
        pytest.param(
            by_hand(
                "INSERT INTO ra_races AS t SELECT * FROM ra_races ON CONFLICT (id) DO UPDATE SET name = 'Oaks'"
                " WHERE t.date = %s",
                DAYS[0],
            ),
            {(RACES, DAYS[0])},
            id="a conflict that changes one row",
        ),
        pytest.param(
            by_hand("INSERT INTO ra_races SELECT * FROM ra_races ON CONFLICT (id) DO UPDATE SET name = '' WHERE false"),
            set(),
            id="a conflict that changes nothing",
        ),
        pytest.param(
            by_hand("INSERT INTO ra_races SELECT * FROM ra_races ON CONFLICT DO NOTHING"), set(), id="nothing to do"
        ),
    ],
)
def test_a_statement_stamps_the_days_it_touches_and_no_other(connection: psycopg.Connection[Any], do: Do, days: Days):
    assert stamped(connection, do) == days


NUMBERS, SOME_DAYS = st.integers(0, 5), st.sampled_from(DAYS)
WEIGHTS = st.sampled_from([100.0, 110.0, 120.0])
# Every edit by hand gives a value that was not there, so that a row it meets is changed.
FRESH = "(random() * 100000)::text"
ACTS = st.one_of(
    st.builds(lambda n, on: take_in(RACES, race(n, on)), NUMBERS, SOME_DAYS),
    st.builds(lambda n, on, w: take_in(RUNNERS, runner(n, on, w)), NUMBERS, SOME_DAYS, WEIGHTS),
    st.builds(
        lambda ns, on, w: take_in(RUNNERS, pl.concat([runner(n, on, w) for n in sorted(ns)])),
        st.sets(NUMBERS, min_size=1),
        SOME_DAYS,
        WEIGHTS,
    ),
    st.builds(
        lambda n, on, low: take_in(RESULTS, frame(race_id=f"r{n}", horse_id="h1", date=on, outcome=low)),
        NUMBERS,
        SOME_DAYS,
        st.sampled_from(["PU", "F"]),
    ),
    st.builds(lambda n: by_hand(f"UPDATE ra_races SET extra = {FRESH} WHERE id = %s", f"r{n}"), NUMBERS),
    st.builds(lambda on: by_hand(f"UPDATE ra_runners SET extra = {FRESH} WHERE date <= %s", on), SOME_DAYS),
    st.builds(
        lambda n, on: by_hand("UPDATE ra_runners SET date = %s WHERE race_id = %s AND date <> %s", on, f"r{n}", on),
        NUMBERS,
        st.dates(date(2022, 1, 1), date(2024, 12, 31)),
    ),
    st.builds(lambda on: by_hand("DELETE FROM ra_runners WHERE date = %s", on), SOME_DAYS),
    st.builds(lambda on: by_hand("DELETE FROM ra_results WHERE date >= %s", on), SOME_DAYS),
)


@settings(max_examples=40)
@given(acts=st.lists(ACTS, min_size=1, max_size=6))
def test_what_is_stamped_is_what_differs(filled: Database, acts: list[Do]):
    with undone(filled) as connection:
        # A runner that is moved to a day it has already is refused; what was refused has stamped nothing.
        for act in acts:
            before, days = contents(connection), set()
            try:
                with connection.transaction():
                    days = stamped(connection, act)
            except psycopg.errors.IntegrityError:
                assert contents(connection) == before
            assert days == differing(before, contents(connection))


def test_a_backfilled_old_day_is_the_first_that_changed(connection: psycopg.Connection[Any]):
    noted = mark(connection)
    assert first_change(connection, CATALOG, after=noted) is None
    load(connection, CATALOG[RUNNERS], runner(3, DAYS[3], horse="h2"))
    assert first_change(connection, CATALOG, after=noted) == DAYS[3]
    load(connection, CATALOG[RUNNERS], runner(1, DAYS[1], horse="h2"))
    assert first_change(connection, CATALOG, after=noted) == DAYS[1]
    assert first_change(connection, CATALOG, after=noted, until=DAYS[1]) == DAYS[1]
    assert first_change(connection, CATALOG, after=noted, until=DAYS[0]) is None
    assert first_change(connection, CATALOG, after=noted, since=DAYS[2]) == DAYS[3]
    assert first_change(connection, CATALOG, after=0) == DAYS[0]
    assert first_change(connection, RECORDS, after=0) is None


def test_each_table_has_the_number_of_its_newest_change(connection: psycopg.Connection[Any]):
    before = changes(connection, CATALOG)
    assert list(before) == [RACES, RUNNERS]
    load(connection, CATALOG[RACES], race(0, DAYS[0], name="Oaks"))
    after = changes(connection, CATALOG)
    assert after == before | {RACES: mark(connection)}
    assert after[RACES] > max(before.values())


def test_nothing_was_ever_changed_in_a_database_without_facts(facts: Facts):
    with facts.database.connect(read_only=True) as connection:
        assert mark(connection) == 0
        assert changes(connection, CATALOG) == {}
        assert first_change(connection, CATALOG, after=0) is None


def test_what_is_rolled_back_has_stamped_nothing(raced: Facts):
    with raced.database.connect() as connection:
        noted, rows = mark(connection), raced.rows("SELECT * FROM fact_days ORDER BY change")
        load(connection, CATALOG[RUNNERS], runner(2, DAYS[2], 99.0))
        load(connection, CATALOG[RUNNERS], runner(9, date(2001, 1, 1)))
        assert mark(connection) > noted
        connection.rollback()
        assert first_change(connection, CATALOG, after=noted) is None
    assert raced.rows("SELECT * FROM fact_days ORDER BY change") == rows


def test_after_an_older_state_was_put_back_every_day_counts_as_changed(connection: psycopg.Connection[Any]):
    assert first_change(connection, CATALOG, after=mark(connection) + 1) == DAYS[0]


def elsewhere(facts: Facts, *acts: Do) -> threading.Thread:
    """Somebody else who does something and commits; given a moment to get as far as they can."""

    def do() -> None:
        with facts.database.connect() as connection:
            for act in acts:
                act(connection)

    thread = threading.Thread(target=do)
    thread.start()
    thread.join(0.3)
    return thread


@pytest.mark.parametrize(
    "first",
    [
        take_in(RUNNERS, runner(1, DAYS[1], 99.0)),
        take_in(RUNNERS, runner(9, DAYS[1])),
        by_hand("DELETE FROM ra_runners WHERE race_id = 'r1'"),
    ],
    ids=["a correction", "an addition", "a removal"],
)
def test_a_later_commit_never_hides_behind_a_mark_that_was_noted(raced: Facts, first: Do):
    with raced.database.connect() as connection:
        days = {on for _, on in stamped(connection, first)}
        other = elsewhere(raced, by_hand("UPDATE ra_runners SET age = 9 WHERE date = %s", DAYS[3]))
        with raced.database.connect() as reader:
            noted = mark(reader)
            reader.rollback()
            connection.commit()
            other.join()
            assert first_change(reader, CATALOG, after=noted) == min(days)


def test_who_edits_by_hand_waits_before_it_locks_a_row_that_an_import_may_want(raced: Facts):
    with raced.database.connect() as connection:
        load(connection, CATALOG[RUNNERS], runner(1, DAYS[1], 99.0))
        other = elsewhere(raced, by_hand("UPDATE ra_runners SET weight_lbs = 77 WHERE race_id = 'r2'"))
        load(connection, CATALOG[RUNNERS], runner(2, DAYS[2], 98.0))
        connection.commit()
        other.join()
    assert raced.rows("SELECT weight_lbs FROM ra_runners ORDER BY date") == [120.0, 99.0, 77.0, 120.0]


class Events(Fact):
    id = text("Which.", key=True)
    held_on = day("Its local day.")


class Notes(Fact):
    event = text("Of which.", key=True)
    said = text("What was said.")


EVENTS = Table(name="events", schema=Events, grain="an event", stage="event", day="held_on")
NOTES = Table(
    name="notes",
    schema=Notes,
    grain="a note on an event",
    stage="post",
    references=(Reference(("event",), "events", in_database=False),),
)


@pytest.mark.parametrize(
    ("do", "on"),
    [
        (by_hand("UPDATE notes SET said = 'more' WHERE event = 'b'"), date(2024, 1, 2)),
        (by_hand("DELETE FROM notes WHERE event = 'a'"), date(2024, 1, 1)),
        (by_hand("DELETE FROM notes WHERE event = 'of no event'"), date.min),
    ],
    ids=["an edit", "a removal", "of an event nobody knows"],
)
def test_a_fact_without_a_day_is_of_the_day_of_its_event(fresh_database: str, do: Do, on: date):
    catalog = Catalog((EVENTS, NOTES))
    with Database(fresh_database).connect() as connection:
        for statement in (*FUNCTIONS, *create_statements(RECORDS), *create_statements(catalog)):
            connection.execute(statement.encode())
        for number, name in enumerate("ab", start=1):
            load(connection, EVENTS, frame(id=name, held_on=date(2024, 1, number)))
        for name in ("a", "b", "of no event"):
            load(connection, NOTES, frame(event=name, said="little"))
        assert stamped(connection, do) == {("notes", on)}


def test_facts_whose_day_cannot_be_told_are_refused():
    class Loose(Fact):
        id = dy.String(primary_key=True)

    loose = Table(name="loose", schema=Loose, grain="a fact", stage="post")
    with pytest.raises(InputError, match="local day of a row of loose cannot be told"):
        list(create_statements(Catalog((EVENTS, loose))))
