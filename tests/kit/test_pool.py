"""Connections that are lent: given back as they came, given up in time, and opened anew when the server was away."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

from morningline.kit.database import Database
from morningline.kit.errors import DatabaseError
from morningline.kit.pool import FRESH_SECONDS, PooledDatabase

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pooled(fresh_database: str) -> Iterator[PooledDatabase]:
    with PooledDatabase(Database(fresh_database), size=2, statement_seconds=1, wait_seconds=0.5) as opened:
        yield opened


def pid_of(connection: psycopg.Connection) -> int:
    return connection.info.backend_pid


def test_a_connection_that_came_back_is_lent_again(pooled: PooledDatabase):
    pids = set()
    for _ in range(9):
        with pooled.connect() as connection:
            pids.add(pid_of(connection))
    connection = pooled.connect()
    pids.add(pid_of(connection))
    connection.close()
    # Who asks before the first one is open has a second one opened.
    assert len(pids) <= 2


def test_it_speaks_as_every_connection_of_the_program_does(pooled: PooledDatabase):
    with pooled.connect() as connection:
        shown = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in ("TimeZone", "statement_timeout")]
    assert shown == [("UTC",), ("1s",)]


def test_it_comes_back_as_it_was_lent(pooled: PooledDatabase):
    for _ in range(2):
        with pooled.connect(read_only=True) as connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("CREATE TABLE x (y int)")
        with pooled.connect() as connection:
            connection.autocommit = True
        with pooled.connect() as connection:
            assert (connection.autocommit, connection.read_only) == (False, None)


def test_what_was_not_committed_when_it_came_back_is_gone(pooled: PooledDatabase):
    connection = pooled.connect()
    connection.execute("CREATE TABLE x (y int)")
    connection.close()
    with pooled.connect() as again:
        assert again.execute("SELECT to_regclass('x')").fetchone() == (None,)
        again.execute("CREATE TABLE x (y int)")
    with pooled.connect() as again:
        assert again.execute("SELECT to_regclass('x')").fetchone() == ("x",)


def test_a_statement_that_takes_too_long_is_broken_off(pooled: PooledDatabase):
    with pooled.connect() as connection, pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute("SELECT pg_sleep(20)")
    with pooled.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_who_gets_none_in_time_is_told(pooled: PooledDatabase):
    with pooled.connect(), pooled.connect(), pytest.raises(DatabaseError, match=r"within 0\.5 s"):
        pooled.connect()


def test_a_connection_that_the_server_ended_is_not_lent_again(
    pooled: PooledDatabase, fresh_database: str, monkeypatch: pytest.MonkeyPatch
):
    with pooled.connect() as connection:
        ended = pid_of(connection)
    with psycopg.connect(fresh_database, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [ended])
    monkeypatch.setattr("morningline.kit.pool.FRESH_SECONDS", -FRESH_SECONDS)
    with pooled.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_many_at_once_share_few(pooled: PooledDatabase):
    seen: list[int] = []

    def borrow() -> None:
        for _ in range(20):
            with pooled.connect() as connection:
                connection.execute("SELECT 1")
                seen.append(pid_of(connection))

    threads = [threading.Thread(target=borrow) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 120
    assert len(set(seen)) <= 2
