"""Making the tables of runs: the engine's own, then ours beside them, as often as wanted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from morningline.kit.errors import DatabaseError

if TYPE_CHECKING:
    import psycopg

    from morningline.kit.database import Database

SQL = Path(__file__).parent / "sql" / "runs.sql"
MARK = "morningline runs 3"
"""What the comment of the view `runs` says where this version's tables are."""

# Any number, the same in every process: who installs holds it, the others wait.
INSTALL_LOCK = 7_246_301


def installed(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether the tables of runs are there and of this version, without loading the engine."""
    row = connection.execute("SELECT obj_description(to_regclass('runs'), 'pg_class')").fetchone()
    return row is not None and row[0] == MARK


def install(database: Database) -> None:
    """Make the tables, or bring them to this version; what is there already stays.

    Raises:
        DatabaseError: The user may not make tables there.
    """
    import psycopg

    from morningline.runs.engine import migrate

    try:
        with database.connect() as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", [INSTALL_LOCK])
            connection.commit()
            if not installed(connection):
                migrate(database)
                connection.execute(SQL.read_bytes())
                connection.commit()
    except psycopg.Error as error:
        raise DatabaseError(
            f"The tables of runs could not be made: {error}",
            do="Give the user the right to create tables and the schema `dbos` in this database.",
        ) from error
