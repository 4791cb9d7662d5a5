"""An empty database with the racing tables, to be filled by a feed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from racing_api_facts import Collected

from databases import temporary_database
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
    with temporary_database(postgres_url, like=racing_template) as url:
        yield Collected(Database(url))
