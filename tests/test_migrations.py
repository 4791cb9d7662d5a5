"""Migrating up from nothing equals the declared schema; every step goes down, and up again, with rows in the tables."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from databases import temporary_database
from morningline.facts import migrate
from morningline.facts.ddl import FUNCTIONS, create_statements, partition_statement
from morningline.kit.database import Database, copy_in
from morningline.wiring.program import domains, migration_folders, record_catalogs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from morningline.facts.table import Catalog, Table

# What PostgreSQL itself says of a schema; Alembic's own table apart.
CATALOGS = {
    "relations": """
        SELECT c.relname, c.relkind, c.relpersistence, pg_get_partkeydef(c.oid), obj_description(c.oid, 'pg_class')
        FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace""",
    "columns": """
        SELECT c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
               a.attgenerated, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum), a.attcollation
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, contype, pg_get_constraintdef(oid), convalidated, condeferrable
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal""",
    "functions": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
    "types": """
        SELECT typname, typtype FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')""",
}


@pytest.fixture
def other_database(postgres_url: str) -> Iterator[str]:
    with temporary_database(postgres_url) as url:
        yield url


def catalogs() -> list[Catalog]:
    return [*record_catalogs(), *(domain.catalog for domain in domains())]


def described(url: str) -> dict[str, list[Any]]:
    with Database(url).connect() as connection:
        return {
            name: sorted(
                (row for row in connection.execute(sql.encode()) if not str(row[0]).startswith("alembic_")), key=repr
            )
            for name, sql in CATALOGS.items()
        }


def sampled(table: Table, parents: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Five rows of the table's own schema, which refer to rows that are there and keep the table's rules."""
    rows = 5
    overrides: dict[str, Any] = {}
    for reference in table.references:
        parent = parents[reference.to]
        keys = [n for n, c in parent.schema.items() if n in _keys(reference.to)]
        for column, there in zip(reference.columns, keys, strict=True):
            overrides[column] = parent[there].to_list()
    if table.name == "ra_results":
        overrides |= {"outcome": ["FIN"] * rows, "position": [1, 2, 3, 4, 5]}
    for name, column in table.columns.items():
        if "sql_type" in (column.metadata or {}):
            # An empty object where the type is jsonb, an empty list where it is an array.
            overrides[name] = ["{}"] * rows
    frame = table.schema.sample(rows, overrides=overrides or None)
    # COPY ends a text at a NUL, and so does every text of the database.
    texts = [n for n, d in frame.schema.items() if d == pl.String]
    return frame.with_columns(pl.col(texts).str.replace_all("\0", " ", literal=True))


def _keys(name: str) -> tuple[str, ...]:
    return next(catalog[name].key for catalog in catalogs() if name in catalog.names)


def fill(url: str) -> None:
    with Database(url).connect() as connection:
        parents: dict[str, pl.DataFrame] = {}
        for catalog in catalogs():
            for table in catalog.tables:
                frame = parents[table.name] = sampled(table, parents)
                if table.partition_by:
                    for year in frame[table.partition_by].dt.year().unique():
                        connection.execute(partition_statement(table, year).encode())
                copy_in(connection, table.name, frame)
                assert connection.execute(f"SELECT count(*) FROM {table.name}".encode()).fetchone() == (5,)


def test_migrating_up_from_nothing_equals_the_declared_schema(fresh_database: str, other_database: str):
    migrate.upgrade(Database(fresh_database), migration_folders())
    with Database(other_database).connect() as connection:
        for function in FUNCTIONS:
            connection.execute(function.encode())
        for catalog in catalogs():
            for statement in create_statements(catalog):
                connection.execute(statement.encode())
    migrated, declared = described(fresh_database), described(other_database)
    for name in CATALOGS:
        assert migrated[name] == declared[name], name
    assert len(declared["relations"]) > 20
    assert declared["triggers"]
    assert declared["functions"]


def test_every_step_goes_down_and_up_again_with_rows_in_every_table(fresh_database: str):
    database, folders = Database(fresh_database), migration_folders()
    migrate.upgrade(database, folders)
    whole = described(fresh_database)
    steps = [revision for folder in reversed(folders) for revision in reversed(migrate.revisions([folder]))]
    for step in steps:
        fill(fresh_database)
        branch = step.partition("_")[0]
        migrate.downgrade(database, folders, f"{branch}@-1" if step not in _first(folders) else f"{branch}@base")
        with database.connect() as connection:
            assert step not in migrate.applied(connection)
        migrate.upgrade(database, folders)
        assert described(fresh_database) == whole
        _empty(database)


def _first(folders: list) -> set[str]:
    return {migrate.revisions([folder])[0] for folder in folders}


def _empty(database: Database) -> None:
    names = ", ".join(table.name for catalog in catalogs() for table in catalog.tables)
    with database.connect() as connection:
        connection.execute(f"TRUNCATE {names} CASCADE".encode())
        for (part,) in connection.execute(b"SELECT inhrelid::regclass::text FROM pg_inherits").fetchall():
            kind = connection.execute("SELECT relkind FROM pg_class WHERE oid = %s::regclass", (part,)).fetchone()
            if kind == ("r",):
                connection.execute(f"DROP TABLE {part}".encode())


def test_going_down_to_nothing_leaves_nothing(fresh_database: str):
    database, folders = Database(fresh_database), migration_folders()
    migrate.upgrade(database, folders)
    fill(fresh_database)
    migrate.downgrade(database, folders, "base")
    assert not any(described(fresh_database).values())
    migrate.upgrade(database, folders)
    with database.connect() as connection:
        assert migrate.applied(connection) == migrate.heads(folders)


HALF_LOADED = """
import sys, threading, time
from importlib.machinery import PathFinder
from morningline.facts import migrate
from morningline.kit.database import Database
from morningline.wiring.program import migration_folders

folders, half = migration_folders(), threading.Event()

class Halting:
    "Halts the import where SQLAlchemy knows of its mapper and has not loaded it."
    def find_spec(self, name, path=None, target=None):
        if name != "sqlalchemy.orm.interfaces":
            return None
        spec = PathFinder.find_spec(name, path)
        load = spec.loader.exec_module
        spec.loader.exec_module = lambda module: (half.set(), time.sleep(2), load(module))
        return spec

sys.meta_path.insert(0, Halting())
threading.Thread(target=lambda: __import__("dbos"), daemon=True).start()
assert half.wait(60)
migrate.upgrade(Database(sys.argv[1]), folders)
"""


def test_a_new_database_is_brought_up_while_the_engine_is_half_loaded_beside(fresh_database: str) -> None:
    # The first command of a user on a server loads the engine beside, and both use SQLAlchemy.
    done = subprocess.run(
        [sys.executable, "-c", HALF_LOADED, fresh_database], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
