"""A registry for a module's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from databases import new_database, temporary_database
from morningline.kit.database import Database
from registered_models import Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def empty_registry(postgres_url: str) -> Iterator[Database]:
    """A database with every table, of which copies are made."""
    with new_database(postgres_url) as database:
        yield database


@pytest.fixture
def database(postgres_url: str, empty_registry: Database) -> Iterator[Database]:
    with temporary_database(postgres_url, like=empty_registry.url) as url, Database(url) as database:
        yield database


@pytest.fixture
def shelf(database: Database, tmp_path: Path) -> Shelf:
    return Shelf(database, tmp_path)
