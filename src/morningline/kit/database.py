"""The database: where the facts live, how to connect to it, and how frames get in and out exactly."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

from morningline.kit.errors import DatabaseError
from morningline.kit.settings import mask_url

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl
    import psycopg

    from morningline.kit.postgres import EmbeddedPostgres
    from morningline.kit.settings import Settings
    from morningline.kit.workspace import Workspace

OLDEST_VERSION = 14
CHUNK_BYTES = 1 << 20
SESSION = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET extra_float_digits = 1"


class Database:
    """An open database: the embedded PostgreSQL of a workspace, or a server of the user's own.

    Args:
        url: Address of the server and database; may carry a password.
        embedded: The embedded server this database keeps running, or None.

    Example:
        >>> with Database.open(settings, workspace) as database:  # doctest: +SKIP
        ...     with database.connect() as connection:
        ...         connection.execute("SELECT 1")
    """

    def __init__(self, url: str, embedded: EmbeddedPostgres | None = None) -> None:
        self.url = url
        self._embedded = embedded
        self._closing = threading.Lock()

    @classmethod
    def open(cls, settings: Settings, workspace: Workspace) -> Self:
        """Open the database that the settings name, starting the embedded one when they name none.

        Raises:
            DatabaseError: The server cannot be started or reached, or is older than PostgreSQL 14.
        """
        if settings.database_url is None:
            from morningline.kit.postgres import EmbeddedPostgres

            embedded = EmbeddedPostgres(workspace.database)
            return cls(embedded.acquire(), embedded)
        database = cls(settings.database_url)
        with database.connect() as connection:
            _refuse_old(connection.info.server_version)
        return database

    def connect(self, *, read_only: bool = False, kind: type[psycopg.Connection] | None = None) -> psycopg.Connection:
        """Open a connection whose session speaks UTC, ISO dates and exact floats.

        Args:
            read_only: Have the server refuse every write of the session.
            kind: Class of the connection; psycopg's own if not given.

        Returns:
            A connection with a transaction per `commit`; the caller closes it.

        Raises:
            DatabaseError: The server does not answer or refuses.
        """
        import psycopg

        try:
            connection = self._connect(kind)
        except psycopg.OperationalError as error:
            if self._embedded is None:
                raise DatabaseError(
                    f"The database at {mask_url(self.url)} cannot be reached: {error}",
                    do="Check that the server runs and that MORNINGLINE_DATABASE_URL names it rightly.",
                ) from error
            # The server was killed under us, by the kernel for lack of memory say: start it again.
            self.url = self._embedded.revive()
            connection = self._connect(kind)
        connection.execute(SESSION)
        if read_only:
            connection.execute("SET default_transaction_read_only = on")
        connection.autocommit = False
        return connection

    def close(self) -> None:
        """Leave the embedded server; the last process to leave stops it. Closing twice is closing once."""
        with self._closing:
            embedded, self._embedded = self._embedded, None
        if embedded is not None:
            embedded.release()

    def _connect(self, kind: type[psycopg.Connection] | None) -> psycopg.Connection:
        import psycopg

        return (kind or psycopg.Connection).connect(
            self.url,
            autocommit=True,
            application_name="morningline",
            client_encoding="utf8",
            connect_timeout=10,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def copy_in(connection: psycopg.Connection, table: str, frame: pl.DataFrame) -> int:
    """Append a frame to a table, in the connection's transaction.

    Args:
        connection: From `Database.connect`.
        table: Name of the table, with its schema if any: `staging.races`.
        frame: Its columns are filled by name; other columns of the table take their defaults. Instants are
            aware and kept to the microsecond; lists hold numbers; an empty text stays apart from a null.

    Returns:
        The number of rows.

    Raises:
        InputError: A column's dtype has no exact form in the database.
        psycopg.Error: The table refuses the rows.
    """
    from psycopg import sql

    from morningline.kit.frame_text import to_csv

    if frame.width == 0 or frame.height == 0:
        return 0
    text = to_csv(frame)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for start in range(0, len(text), CHUNK_BYTES):
            copy.write(text[start : start + CHUNK_BYTES])
    return frame.height


def read_frame(
    connection: psycopg.Connection,
    sql: str,
    schema: Mapping[str, pl.DataType | type[pl.DataType]],
    params: Sequence[Any] | Mapping[str, Any] = (),
) -> pl.DataFrame:
    """Read the result of a query as a frame.

    Args:
        connection: From `Database.connect`.
        sql: One SELECT (or WITH, VALUES, TABLE), with `%s` or `%(name)s` where a parameter stands; without
            parameters a `%` is a percent sign.
        schema: Name and dtype of every column, in the order wanted.
        params: The values of the parameters.

    Returns:
        A frame of exactly that schema, rows in the order of the query; empty when the query finds nothing.

    Raises:
        InputError: The query's columns are not those of the schema, or a dtype cannot be read.
        psycopg.Error: The server refuses the query.
    """
    import psycopg

    from morningline.kit.frame_text import from_csv

    query = sql.strip().rstrip(";")
    if params:
        query = psycopg.ClientCursor(connection).mogrify(query.encode(), params)
    # The line break keeps a comment at the query's end from swallowing the bracket.
    statement = f"COPY ({query}\n) TO STDOUT (FORMAT csv, HEADER)"
    with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        text = b"".join(copy)
    return from_csv(text, schema)


def _refuse_old(server_version: int) -> None:
    if server_version < OLDEST_VERSION * 10_000:
        raise DatabaseError(
            f"The server in MORNINGLINE_DATABASE_URL runs PostgreSQL {server_version // 10_000}.",
            allowed=f"PostgreSQL {OLDEST_VERSION} or newer",
            do="Upgrade it, or unset MORNINGLINE_DATABASE_URL to use the embedded server.",
        )
