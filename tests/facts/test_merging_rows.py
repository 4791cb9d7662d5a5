"""Rows of one key merge to the same fact in whatever order they come: pieces, repeats, corrections, precedence."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import dataframely as dy
import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from morningline.facts.ddl import create_statements
from morningline.facts.store import load, read
from morningline.facts.table import Catalog, Fact, Table, day, text, word

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EIGHT = datetime(2024, 5, 1, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
Row = dict[str, object]


class Entries(Fact):
    """Something declared."""

    id = text("Which.", key=True)
    date = day("When.", key=True)
    basis = word("Who said it.", ("result", "card"))
    weight = dy.Float64(nullable=True)
    outcome = word("How it ended.", ("FIN", "DSQ"))
    position = dy.Int16(nullable=True)


TABLE = Table(
    name="entries",
    schema=Entries,
    grain="an entry",
    stage="pre",
    precedence=("result", "card"),
    together=(("outcome", "position"),),
    rules=(("placed", "(outcome = 'FIN') = (position IS NOT NULL)"),),
)


@pytest.fixture
def connection(fresh_database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(fresh_database, options="-c TimeZone=UTC") as connection:
        for statement in create_statements(Catalog((TABLE,))):
            connection.execute(statement.encode())
        yield connection


def row(hours: int = 0, **values: object) -> Row:
    return {"id": "a", "date": date(2024, 5, 1), "event_at": EIGHT, "known_at": EIGHT + hours * HOUR} | values


def merged(connection: psycopg.Connection, rows: Sequence[Row]) -> tuple[object, ...]:
    connection.execute("TRUNCATE entries, entries_was")
    # A neighbour keeps the table from being empty, so that every row takes the way of a merge.
    for one in [row(id="neighbour"), *rows]:
        dtypes = {name: TABLE.dtypes[name] for name in one}
        load(connection, TABLE, pl.DataFrame([one], schema=dtypes, orient="row"))
    found = connection.execute(
        "SELECT basis, weight, outcome, position, known_at FROM entries WHERE id = 'a'"
    ).fetchone()
    assert found
    return (*found[:4], (found[4] - EIGHT) // HOUR)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(
            [row(1, weight=60.0), row(5, weight=60.0)], (None, 60.0, None, None, 1), id="what is said again is old"
        ),
        pytest.param(
            [row(1, basis="result", weight=58.0), row(9, basis="card", weight=60.0)],
            ("card", 60.0, None, None, 9),
            id="a card stands above a result",
        ),
        pytest.param(
            [row(1, basis="result", weight=58.0), row(9, basis="card", weight=None)],
            ("card", None, None, None, 9),
            id="a result fills no gap of a card",
        ),
        pytest.param(
            [row(1, weight=60.0), row(9, basis="result", weight=58.0, outcome=None)],
            (None, 60.0, None, None, 1),
            id="a row of no basis is of the strongest",
        ),
        pytest.param(
            [row(1, weight=60.0, outcome="FIN", position=1), row(9, weight=60.0)],
            (None, 60.0, "FIN", 1, 1),
            id="a row that says less moves nothing",
        ),
        pytest.param(
            [row(9, weight=60.0, outcome="FIN", position=1), row(1, weight=60.0)],
            (None, 60.0, "FIN", 1, 9),
            id="what a fuller row adds is known with it",
        ),
        pytest.param(
            [row(2, weight=60.0), row(5, outcome="FIN", position=1)],
            (None, 60.0, "FIN", 1, 5),
            id="what is pieced together is known with its last piece",
        ),
    ],
)
def test_in_every_order_the_fact_is_the_same(connection, rows: list[Row], expected: tuple[object, ...]):
    for order in itertools.permutations([*rows, *rows]):
        assert merged(connection, order) == expected


def test_a_disqualification_takes_the_placing_away_from_when_it_was_known(connection):
    first = row(2, outcome="FIN", position=1)
    later = row(170, outcome="DSQ", position=None)
    assert merged(connection, [first, later]) == (None, None, "DSQ", None, 170)
    assert merged(connection, [first, later, later]) == (None, None, "DSQ", None, 170)


def test_a_correction_counts_as_changed_and_a_repeat_does_not(connection):
    merged(connection, [row(weight=60.0)])
    frames = [pl.DataFrame([row(h, weight=w)], schema_overrides=TABLE.dtypes) for h, w in ((1, 60.0), (2, 61.0))]
    counts = [load(connection, TABLE, frame) for frame in frames]
    assert [(c.inserted, c.changed, c.unchanged) for c in counts] == [(0, 0, 1), (0, 1, 0)]


def as_known(connection, hours: int, *, versions: bool = False) -> list[tuple[object, ...]]:
    frame = read(connection, TABLE, as_of=EIGHT + hours * HOUR, where="id = 'a'", versions=versions)
    return frame.select("weight", (pl.col("known_at") - EIGHT).dt.total_hours()).rows()


def test_what_a_row_said_before_it_was_corrected_is_read_as_of_then(connection):
    merged(connection, [row(1, weight=60.0), row(5, weight=61.0), row(9, weight=62.0), row(9, weight=62.0)])
    seen = {hours: as_known(connection, hours) for hours in (0, 1, 4, 5, 8, 9, 99)}
    first, second, third = [(60.0, 1)], [(61.0, 5)], [(62.0, 9)]
    assert seen == {0: [], 1: first, 4: first, 5: second, 8: second, 9: third, 99: third}
    assert as_known(connection, 8, versions=True) == [*first, *second]
    assert as_known(connection, 9, versions=True) == [*first, *second, *third]


def test_a_stronger_basis_leaves_what_was_known_before_it_to_be_read(connection):
    merged(connection, [row(1, basis="result", weight=58.0), row(9, basis="card", weight=60.0)])
    assert as_known(connection, 8) == [(58.0, 1)]
    assert as_known(connection, 9) == [(60.0, 9)]


@given(
    st.lists(st.tuples(st.integers(1, 6), st.sampled_from([60.0, 61.0])), min_size=1, max_size=6).map(
        lambda said: sorted(said, key=lambda one: one[0])
    )
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_the_order_of_knowing_every_instant_reads_what_was_said_last(connection, said: list[tuple[int, float]]):
    merged(connection, [row(hours, weight=weight) for hours, weight in said])
    for hours in range(8):
        known = [weight for at, weight in said if at <= hours]
        assert [weight for weight, _ in as_known(connection, hours)] == known[-1:]
