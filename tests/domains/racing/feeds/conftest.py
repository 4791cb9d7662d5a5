"""An empty database with the racing tables, to be filled by a feed."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from racing_api_facts import Collected

from morningline.kit.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sources.folder_imports import Facts


@pytest.fixture
def collected(facts: Facts) -> Collected:
    """An empty database with the tables, filled by payloads."""
    return Collected(facts.database)


@pytest.fixture(scope="module")
def shared_database(postgres_url: str, racing_template: str) -> Iterator[Collected]:
    """The same for all the tests of a module, which fill it once and only read from then on."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {racing_template}")
        yield Collected(Database(urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))))
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
