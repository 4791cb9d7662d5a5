"""A few database connections that many threads share, and that outlive the server's death."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from morningline.kit.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from morningline.kit.database import Database

    Connection = psycopg.Connection[Any]

T = TypeVar("T")


class Connections:
    """A pool in which every statement is a transaction of its own, unless the work opens one.

    Args:
        database: Where to connect to.
        size: Most connections open at a time; a further caller waits.
    """

    def __init__(self, database: Database, size: int = 4) -> None:
        self._database = database
        self._room = threading.Semaphore(size)
        self._idle: list[Connection] = []

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do something with a connection; once more with a new one where the server went away under it.

        Args:
            work: Gets a connection in autocommit mode; must be safe to repeat.

        Raises:
            DatabaseError: The server does not come back; trying later can help.
        """
        import psycopg

        with self._room:
            try:
                return self._once(work)
            except psycopg.OperationalError:
                # The server was killed or restarted: what is idle is as dead as what was used.
                self.close()
            try:
                return self._once(work)
            except psycopg.OperationalError as error:
                raise DatabaseError(f"The database went away: {error}", do="Check that the server runs.") from error

    def close(self) -> None:
        """Close what is idle; the pool may go on being used."""
        import psycopg

        while self._idle:
            with suppress(psycopg.Error, IndexError):
                self._idle.pop().close()

    def _once(self, work: Callable[[Connection], T]) -> T:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._database.connect()
            connection.autocommit = True
        try:
            result = work(connection)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return result
