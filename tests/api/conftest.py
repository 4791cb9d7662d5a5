"""Workspaces on databases of their own, and services over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from databases import temporary_database
from morningline.facts import migrate
from morningline.kit.database import Database
from morningline.kit.settings import Settings
from morningline.kit.workspace import Workspace
from morningline.runs.install import install
from morningline.wiring.program import Program, migration_folders
from services import Office, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def all_tables(postgres_url: str) -> Iterator[str]:
    """Address of a database with every table and no rows, to copy from."""
    with temporary_database(postgres_url) as url:
        with Database(url) as database:
            migrate.upgrade(database, migration_folders())
            install(database)
        yield url


@pytest.fixture
def program(postgres_url: str, all_tables: str, tmp_path: Path) -> Iterator[Program]:
    """A workspace on a database of this test alone."""
    with temporary_database(postgres_url, like=all_tables) as url:
        workspace = Workspace.create(tmp_path / "season")
        with Program(workspace, Settings(home=workspace.root, database_url=url)) as opened:
            yield opened


@pytest.fixture
def office(program: Program) -> Iterator[Office]:
    """A service on this machine, without a token."""
    with serving(program) as opened:
        yield opened
