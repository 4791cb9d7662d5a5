"""A database with the racing tables, a folder to write files into, and the import between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from databases import temporary_database
from morningline.facts.fingerprint import TableFingerprint, fingerprint
from morningline.facts.migrate import upgrade
from morningline.kit.database import Database
from morningline.sources.importing import import_files
from morningline.sources.mapping import read_mapping
from morningline.wiring.program import domain_named, mapping_path, migration_folders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from morningline.sources.report import ImportReport

SKELETON = """
mapping = 1
name = "tiny"
domain = "racing"
time_zone = "{zone}"
{top}
[files.rows]
path = "rows.*"
{file}
[[tables]]
to = "ra_mst_courses"
from = "rows"
columns = {{ id = {{ constant = "X" }} }}
[[tables]]
to = "ra_mst_horses"
from = "rows"
columns = {{ id = "horse" }}
[[tables]]
to = "ra_races"
from = "rows"
[tables.columns]
id = "race"
course_id = {{ constant = "X" }}
{race}
[[tables]]
to = "ra_runners"
from = "rows"
[tables.columns]
race_id = "race"
horse_id = "horse"
{runner}
{more}
"""


def tiny(
    *,
    zone: str = "Europe/London",
    top: str = "",
    file: str = "",
    race: str = 'date = "day"',
    runner: str = "",
    more: str = "",
) -> str:
    """A mapping of one file of runners, with its holes filled."""
    return SKELETON.format(zone=zone, top=top, file=file, race=race, runner=runner, more=more)


def table(to: str, columns: str, source: str = "rows", where: str = "") -> str:
    """One more target of a mapping."""
    return f'[[tables]]\nto = "{to}"\nfrom = "{source}"\n{where}\n[tables.columns]\n{columns}\n'


RESULTS = table(
    "ra_results",
    'race_id = "race"\nhorse_id = "horse"\n'
    'outcome = { column = "pos", read = "outcome" }\nposition = { column = "pos", read = "placing" }',
)
ODDS = table("ra_mst_bookmakers", 'id = { constant = "B" }') + table(
    "ra_odds",
    'race_id = "race"\nhorse_id = "horse"\nbookmaker_id = { constant = "B" }\nprice_kind = { constant = "sp" }\n'
    'decimal_odds = { column = "odds", read = "odds" }',
)


@dataclass
class Facts:
    """One database and one folder."""

    database: Database
    folder: Path

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def bring(self, mapping: str, folder: Path | None = None) -> ImportReport:
        """Import a folder through the text of a mapping, or through one that ships."""
        if "\n" in mapping:
            path = self.folder.parent / "mapping.toml"
            path.write_text(mapping, encoding="utf-8")
        else:
            path = mapping_path(mapping)
        read = read_mapping(path)
        return import_files(read, folder or self.folder, domain_named(read.domain), self.database, silent)

    def rows(self, sql: str) -> list[Any]:
        """The rows of a query; of one column, its values."""
        with self.database.connect() as connection:
            found = connection.execute(sql.encode()).fetchall()
        return [row[0] if len(row) == 1 else row for row in found]

    def prints(self) -> list[TableFingerprint]:
        with self.database.connect() as connection:
            return fingerprint(connection, domain_named("racing").catalog.tables)

    def empty(self) -> None:
        tables = ", ".join([*domain_named("racing").catalog.names, "imports", "quarantine"])
        with self.database.connect() as connection:
            connection.execute(f"TRUNCATE {tables}".encode())


def silent(_doing: str, _done: float) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="session")
def racing_template(postgres_url: str) -> Iterator[str]:
    """Address of a database with the tables, to be copied."""
    with temporary_database(postgres_url) as url:
        upgrade(Database(url), migration_folders())
        yield url


@pytest.fixture
def facts(postgres_url: str, racing_template: str, tmp_path: Path) -> Iterator[Facts]:
    """An empty database with the tables, and an empty folder."""
    folder = tmp_path / "files"
    folder.mkdir()
    with temporary_database(postgres_url, like=racing_template) as url:
        yield Facts(Database(url), folder)
