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
def temporary_database(postgres_url: str, like: str | None = None) -> Iterator[str]:
    """Address of a new database, empty or a copy of the one at another address, dropped afterwards."""
    name, template = f"test_{uuid.uuid4().hex}", "template0" if like is None else urlsplit(like).path[1:]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def new_database(postgres_url: str) -> Iterator[Database]:
    """A database with every table and no rows, dropped afterwards."""
    with temporary_database(postgres_url) as url, Database(url) as database:
        migrate.upgrade(database, migration_folders())
        yield database
