"""A database whose connections are lent and taken back: opening one for each request would cost more than most acts."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from morningline.kit.database import SESSION, Database
from morningline.kit.errors import DatabaseError

if TYPE_CHECKING:
    from types import TracebackType

FRESH_SECONDS = 1.0
"""A connection that came back no longer ago than this is taken to be alive; a question would cost as much as an act."""


class PooledDatabase(Database):
    """A database that keeps its connections open and lends them; `connect` and `close` are used as ever.

    Args:
        database: Opens the connections; it is left open by `close`.
        size: How many are open at most.
        statement_seconds: After so long the server breaks off a statement.
        wait_seconds: How long to wait for a connection when all are lent.

    Example:
        >>> with PooledDatabase(database) as pooled, pooled.connect() as connection:  # doctest: +SKIP
        ...     connection.execute("SELECT 1")
    """

    def __init__(
        self, database: Database, *, size: int = 12, statement_seconds: float = 60.0, wait_seconds: float = 5.0
    ) -> None:
        super().__init__(database.url)
        limit = f"SET statement_timeout = {int(statement_seconds * 1000)}"
        self._session = f"{SESSION}; {limit}".encode()
        self._wait_seconds = wait_seconds
        self._pool = ConnectionPool(
            connection_class=_through(database),
            min_size=1,
            max_size=size,
            timeout=wait_seconds,
            configure=self._begin,
            check=_look_if_old,
            close_returns=True,
            open=True,
            name="morningline",
        )

    def connect(self, *, read_only: bool = False, kind: type[psycopg.Connection] | None = None) -> psycopg.Connection:
        """Borrow a connection; closing it, or leaving its `with`, gives it back.

        Args:
            read_only: Have the server refuse every write while it is lent.
            kind: Not to be chosen here: what is lent is of the pool's own class.

        Raises:
            DatabaseError: None became free in time, or the server does not answer.
        """
        del kind
        try:
            connection = self._pool.getconn()
        except PoolTimeout as error:
            raise DatabaseError(
                f"No connection to the database could be had within {self._wait_seconds:g} s.",
                do="Try again; if it stays so, look whether the database answers and what keeps it busy.",
            ) from error
        if read_only:
            connection.read_only = True
        return connection

    def close(self) -> None:
        """Close the connections that are here; those that are lent are closed when they come back."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def _begin(self, connection: psycopg.Connection) -> None:
        connection.autocommit = True
        connection.execute(self._session)
        connection.autocommit = False


class _Lent(psycopg.Connection[Any]):
    """A connection that goes back at the end of its `with`, where psycopg's would be kept.

    It goes back as it came: what acts set, they set for a transaction only, and so it is with their locks.
    """

    back_at = 0.0

    def close(self) -> None:
        """Give the connection back, or end it where the pool has no use for it."""
        if self._pool is not None and not self.closed:
            if self.pgconn.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                self.rollback()
            self.autocommit, self.read_only = False, None
            self.back_at = monotonic()
        super().close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        finally:
            self.close()


def _look_if_old(connection: psycopg.Connection[Any]) -> None:
    """Ask a connection that was idle for a while whether the server still has it."""
    if isinstance(connection, _Lent) and monotonic() - connection.back_at > FRESH_SECONDS:
        ConnectionPool.check_connection(connection)


def _through(database: Database) -> type[psycopg.Connection[Any]]:
    """A class of connections whose every one comes through our own door, which revives an embedded server."""

    class Through(_Lent):
        @classmethod
        def connect(cls, *_: Any, **__: Any) -> Self:  # noqa: ANN401 - as psycopg's
            opened = database.connect(kind=_Lent)
            assert isinstance(opened, _Lent)  # noqa: S101 - of the class that was asked for
            return opened  # type: ignore[return-value]

    return Through
