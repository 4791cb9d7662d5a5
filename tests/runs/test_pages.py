"""Pages of runs, put together, are the whole list in its order, whatever is asked for meanwhile."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from databases import temporary_database
from morningline.kit.database import Database
from morningline.kit.errors import InputError
from morningline.runs import store
from morningline.runs.listing import ENGINE, ORDERS, Page, RunLine, Wanted, read_page
from morningline.runs.store import STATUSES
from runs.hands import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

NEVER = datetime.max.replace(tzinfo=UTC)
RUNS = 40


@pytest.fixture(scope="module")
def desk(postgres_url: str, template: str) -> Iterator[psycopg.Connection]:
    """A connection to a database with runs of every status, some at the same instant."""
    chance = random.Random(7)
    with temporary_database(postgres_url, like=template) as url, Database(url).connect() as connection:
        names = sorted(KINDS)[:3]
        for number in range(RUNS):
            run = store.enqueue(
                connection,
                KINDS[chance.choice(names)],
                {"n": number},
                asked_by=chance.choice(["ann", "bob"]),
                priority=chance.choice([-1, 0, 2]),
            )
            if chance.random() < 0.5:
                connection.execute("SET LOCAL session_replication_role = replica")
                connection.execute(
                    "UPDATE dbos.workflow_status SET status = %s, started_at_epoch_ms = %s, completed_at = %s "
                    "WHERE workflow_uuid = %s",
                    [
                        chance.choice(["PENDING", "SUCCESS", "ERROR", "CANCELLED"]),
                        1_800_000_000_000 + chance.randrange(3) * 1_000,
                        chance.choice([None, 1_800_000_100_000 + chance.randrange(3) * 1_000]),
                        run,
                    ],
                )
            connection.execute(
                "UPDATE run_requests SET created_at = '2026-01-01'::timestamptz + make_interval(hours => %s)"
                " WHERE id = %s",
                [chance.randrange(8), run],
            )
        connection.commit()
        yield connection


def whole(desk: psycopg.Connection, wanted: Wanted) -> list[RunLine]:
    """What brute force makes of all runs."""
    rows = read_page(desk, Wanted(limit=10_000)).runs
    name = wanted.order.removeprefix("-")
    chosen = [
        row
        for row in rows
        if (wanted.kinds is None or row.kind in wanted.kinds)
        and (wanted.statuses is None or row.status in wanted.statuses)
        and (wanted.asked_by in {None, row.asked_by})
        and (wanted.since is None or row.created_at >= wanted.since)
        and (wanted.until is None or row.created_at < wanted.until)
    ]

    def key(row: RunLine) -> tuple[object, str]:
        value = getattr(row, name)
        return (NEVER if value is None else value), row.id

    return sorted(chosen, key=key, reverse=wanted.order.startswith("-"))


def some(values: list[str]) -> st.SearchStrategy:
    return st.none() | st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


HOURS = st.none() | st.integers(0, 8).map(lambda hour: datetime(2026, 1, 1, hour, tzinfo=UTC))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    order=st.sampled_from(ORDERS),
    limit=st.integers(1, 15),
    kinds=some(sorted(KINDS)[:3]),
    statuses=some(list(STATUSES)),
    asked_by=st.none() | st.just("ann"),
    since=HOURS,
    until=HOURS,
)
def test_pages_put_together_are_the_list(desk: psycopg.Connection, order: str, limit: int, **chosen: object):
    wanted = Wanted(order=order, limit=limit, **chosen)
    seen: list[RunLine] = []
    after = None
    while True:
        page = read_page(desk, Wanted(**{**vars(wanted), "after": after}))
        assert len(page.runs) <= limit
        seen += page.runs
        after = page.after
        if after is None:
            break
        assert len(page.runs) == limit
    assert [row.id for row in seen] == [row.id for row in whole(desk, wanted)]


def test_runs_asked_for_meanwhile_move_nothing(desk: psycopg.Connection):
    before = [row.id for row in whole(desk, Wanted())]
    first = read_page(desk, Wanted(limit=10))
    for _ in range(3):
        store.enqueue(desk, next(iter(KINDS.values())), {}, asked_by="eve")
    rest = read_page(desk, Wanted(limit=100, after=first.after))
    desk.rollback()
    assert [row.id for row in first.runs + rest.runs] == before


def test_the_words_of_the_engine_are_those_of_the_view(desk: psycopg.Connection):
    for word, names in ENGINE.items():
        for name in names:
            assert desk.execute("SELECT dbos.run_word(%s)", [name]).fetchone() == (word,)
    assert tuple(ENGINE) == STATUSES


@pytest.mark.parametrize("wanted", [Wanted(order="result"), Wanted(statuses=["asleep"])])
def test_an_order_or_status_that_there_is_not_is_refused(desk: psycopg.Connection, wanted: Wanted):
    with pytest.raises(InputError):
        read_page(desk, wanted)


def test_an_empty_list_is_one_empty_page(desk: psycopg.Connection):
    assert read_page(desk, Wanted(kinds=["nothing"])) == Page([], None)
