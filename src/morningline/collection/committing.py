"""Transactions that outlive the database: work is done again where the server went away before it was committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from morningline.kit.errors import DatabaseError
from morningline.kit.retries import attempts

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from morningline.kit.database import Database

T = TypeVar("T")
PATIENCE_SECONDS = 120.0
"""How long a database that went away is waited for."""


class Committer:
    """Does work in a transaction on a connection it keeps, and does it again where the server was lost.

    Args:
        database: Where to.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: psycopg.Connection[Any] | None = None

    def commit(self, work: Callable[[psycopg.Connection[Any]], T]) -> T:
        """The result of work, once it is committed.

        Args:
            work: What to do in the transaction; must come to the same when it is done again.

        Raises:
            DatabaseError: The database did not come back in time, or its disk is full.
        """
        import psycopg

        try:
            return outlive(lambda: self._once(work))
        except psycopg.errors.DiskFull as error:
            raise DatabaseError(
                f"The disk of the database is full: {str(error).strip()}",
                do="Make room and start again: everything committed so far stays, and nothing is fetched twice.",
            ) from error

    def _once(self, work: Callable[[psycopg.Connection[Any]], T]) -> T:
        if self._connection is None or self._connection.closed:
            self._connection = self._database.connect()
        # A session found dead is closed by the block, so that the next attempt opens another.
        with self._connection.transaction():
            return work(self._connection)

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def outlive(work: Callable[[], T]) -> T:
    """The result of work, which is done again while the database is away.

    Args:
        work: What to do; must come to the same when it is done again.

    Raises:
        DatabaseError: The database did not come back in time.
    """
    for attempt in attempts(on=_went_away, attempts=None, timeout=PATIENCE_SECONDS, wait_initial=0.2, wait_max=3.0):
        with attempt:
            return work()
    raise AssertionError  # the last attempt returns or raises


def _went_away(error: Exception) -> bool:
    import psycopg

    if isinstance(error, psycopg.errors.DiskFull):
        return False
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | DatabaseError)
