"""Bringing a database to this version of the program, and back: Alembic over SQL in named files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from morningline.kit.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg
    from alembic.config import Config

    from morningline.kit.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"
DEPENDS_ON = re.compile(r'^depends_on = \("(\w+)",\)', re.MULTILINE)


def applied(connection: psycopg.Connection[Any]) -> set[str]:
    """The revisions a database stands at, asked without loading Alembic (0.8 s); empty where it was never migrated."""
    exists = connection.execute(b"SELECT to_regclass('alembic_version')").fetchone()
    if exists is None or exists[0] is None:
        return set()
    return {row[0] for row in connection.execute(b"SELECT version_num FROM alembic_version")}


def heads(folders: Sequence[Path]) -> set[str]:
    """The revisions a database of this version stands at, read from the files' names: `<branch>_<number>.py`.

    Alembic does not write down a revision that another one, applied too, depends on.
    """
    scripts = [max((folder / "versions").glob("*_[0-9]*.py")) for folder in folders]
    needed = {name for path in scripts for name in DEPENDS_ON.findall(path.read_text(encoding="utf-8"))}
    return {path.stem for path in scripts} - needed


def upgrade(database: Database, folders: Sequence[Path], revision: str = "heads") -> None:
    """Apply migrations up to a revision.

    Args:
        database: Which one.
        folders: Migration folders, the core's first; each holds `versions/` and `sql/`.
        revision: `heads` for this version of the program.

    Raises:
        DatabaseError: A migration failed; nothing of it was kept.
    """
    _run(database, folders, "upgrade", revision)


def downgrade(database: Database, folders: Sequence[Path], revision: str) -> None:
    """Undo migrations down to a revision (`base` for all of them).

    Raises:
        DatabaseError: A migration failed; nothing of it was undone.
    """
    _run(database, folders, "downgrade", revision)


def _run(database: Database, folders: Sequence[Path], direction: str, revision: str) -> None:
    import alembic.command
    import alembic.util.exc
    import psycopg
    import sqlalchemy as sa
    import sqlalchemy.orm  # Whole: where another thread has half of it loaded, SQLAlchemy asks that half and fails.

    config = _config(folders)
    engine = sa.create_engine("postgresql+psycopg://", creator=database.connect, poolclass=sa.NullPool)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            getattr(alembic.command, direction)(config, revision)
    except (sa.exc.SQLAlchemyError, psycopg.Error, alembic.util.exc.CommandError) as error:
        raise DatabaseError(
            f"The database could not be {direction}d to {revision!r}: {error}",
            allowed=f"heads, base or one of {', '.join(sorted(revisions(folders)))}",
            do="Nothing was changed. Run `morningline doctor`.",
        ) from error


def revisions(folders: Sequence[Path]) -> list[str]:
    """Every revision of these folders, oldest first within a folder."""
    return [path.stem for folder in folders for path in sorted((folder / "versions").glob("*_[0-9]*.py"))]


def run_sql(name: str, folder: Path) -> None:
    """Run one named SQL file inside a migration."""
    from alembic import op

    # Without parameters psycopg leaves the text as it stands, percent signs and all.
    connection = cast("psycopg.Connection[Any]", op.get_bind().connection.driver_connection)
    connection.execute((folder / "sql" / f"{name}.sql").read_bytes())


def _config(folders: Sequence[Path]) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(str(folder / "versions") for folder in folders))
    return config
