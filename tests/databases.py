"""Databases for tests that make one of their own."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import psycopg

from morningline.facts import migrate
from morningline.kit.database import Database
from morningline.wiring.program import migration_folders

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def empty_database(postgres_url: str) -> Iterator[str]:
    """Address of a new empty database, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def new_database(postgres_url: str) -> Iterator[Database]:
    """A database with every table and no rows, dropped afterwards."""
    with empty_database(postgres_url) as url, Database(url) as database:
        migrate.upgrade(database, migration_folders())
        yield database
