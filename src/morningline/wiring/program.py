"""The open workspace: settings, plug-ins and stores, found by name and opened when first asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from morningline.kit.errors import DatabaseError, InputError, NotFoundError
from morningline.kit.settings import Settings, load_settings
from morningline.kit.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.domains.contract import Domain
    from morningline.facts.table import Catalog
    from morningline.features.feature_set import FeatureSet
    from morningline.features.store import FeatureStore
    from morningline.kit.database import Database
    from morningline.sources.archive import Archive
    from morningline.sources.feed import Feed
    from morningline.sources.feed_settings import FeedSettings

DOMAINS = "morningline.domains"
"""Entry-point group of the domains."""


def domain_named(name: str) -> Domain:
    """The domain of that name.

    Raises:
        NotFoundError: No installed package brings it.
    """
    from morningline.kit.plugins import load_plugin

    domain: Domain = load_plugin(DOMAINS, name)  # type: ignore[assignment]
    return domain


def domains() -> list[Domain]:
    """Every installed domain, by name."""
    from morningline.kit.plugins import plugin_names

    return [domain_named(name) for name in sorted(plugin_names(DOMAINS))]


def feed_named(name: str) -> Feed:
    """The feed of that name.

    Raises:
        NotFoundError: No installed package brings it.
    """
    from morningline.kit.plugins import load_plugin
    from morningline.sources.feed import FEEDS

    feed: Feed = load_plugin(FEEDS, name)  # type: ignore[assignment]
    return feed


def feeds() -> list[Feed]:
    """Every installed feed, by name."""
    from morningline.kit.plugins import plugin_names
    from morningline.sources.feed import FEEDS

    return [feed_named(name) for name in sorted(plugin_names(FEEDS))]


def record_catalogs() -> list[Catalog]:
    """The program's own books, in the order their tables are made."""
    from morningline.access.records import RECORDS as ACCESS
    from morningline.collection.records import RECORDS as COLLECTION
    from morningline.facts.quality_records import RECORDS as QUALITY
    from morningline.facts.records import RECORDS as FACTS
    from morningline.features.records import RECORDS as FEATURES
    from morningline.predictions.records import RECORDS as PREDICTIONS
    from morningline.sources.records import RECORDS as SOURCES
    from morningline.training.records import RECORDS as TRAINING

    return [FACTS, QUALITY, FEATURES, SOURCES, COLLECTION, TRAINING, PREDICTIONS, ACCESS]


def migration_folders() -> list[Path]:
    """Folders of migrations: the core's, then each domain's."""
    from morningline.facts.migrate import MIGRATIONS

    return [MIGRATIONS, *(domain.migrations for domain in domains())]


def shipped_mappings() -> dict[str, Path]:
    """Mappings that come with the domains, by name."""
    return {path.stem: path for domain in domains() for path in sorted(domain.mappings.glob("*.toml"))}


def mapping_path(given: str) -> Path:
    """A mapping file by its path, or by the name of one that ships."""
    path = Path(given)
    if path.suffix or path.exists():
        return path
    shipped = shipped_mappings()
    if given not in shipped:
        raise InputError(
            f"There is no mapping {given!r}.",
            allowed=f"the path of a .toml file, or one of {', '.join(shipped)}",
            do="See docs/how-to/import-your-own-history.md for writing one.",
        )
    return shipped[given]


@dataclass(frozen=True)
class Program:
    """A workspace with its settings; what it needs is opened when first asked for.

    Example:
        >>> with Program.at(Path("season"), os.environ) as program:  # doctest: +SKIP
        ...     program.database.url
    """

    workspace: Workspace
    settings: Settings

    @classmethod
    def at(cls, folder: Path, environ: Mapping[str, str]) -> Self:
        """The program in the workspace that a folder or `MORNINGLINE_HOME` names.

        Raises:
            WorkspaceError: There is no workspace there.
            SettingsError: Its settings are not right.
        """
        workspace = Workspace.find(folder, environ)
        return cls(workspace, load_settings(workspace.root, environ))

    @cached_property
    def _opened(self) -> list[Database]:
        return []

    @cached_property
    def database(self) -> Database:
        """The database, brought to this version if it is new.

        Raises:
            DatabaseError: It cannot be opened, or holds an older or newer version's tables.
        """
        database = self.bare_database
        from morningline.facts import migrate
        from morningline.runs.install import install, installed

        folders = migration_folders()
        with database.connect() as connection:
            applied, has_runs = migrate.applied(connection), installed(connection)
        if not applied:
            migrate.upgrade(database, folders)
        elif applied != migrate.heads(folders):
            raise DatabaseError(
                f"The database stands at {', '.join(sorted(applied))}; this program needs "
                f"{', '.join(sorted(migrate.heads(folders)))}.",
                do="Run `morningline db upgrade`, or use the program that wrote it.",
            )
        if not has_runs:
            install(database)
        return database

    @cached_property
    def bare_database(self) -> Database:
        """The database as it is, whatever version its tables are of."""
        from morningline.kit.database import Database

        database = Database.open(self.settings, self.workspace)
        self._opened.append(database)
        return database

    def feature_set(self, domain: Domain, name: str | None = None) -> FeatureSet:
        """A feature set by its name: of the domain, or of the workspace's own file; the task's where none is given.

        Raises:
            NotFoundError: There is no set of that name.
            InputError: The workspace's file cannot be run.
        """
        from morningline.features.own_sets import FILE_NAME, own_sets

        if name is None or name == domain.feature_set.name:
            return domain.feature_set
        path = self.workspace.root / FILE_NAME
        # What a domain brings goes before: a name means the same in every workspace.
        sets = {**own_sets(path), **domain.feature_sets}
        if name not in sets:
            raise NotFoundError(
                f"There is no feature set {name!r}.", allowed=", ".join(sets), do=f"Define it in {path}."
            )
        return sets[name]

    def features(self, domain: Domain, name: str | None = None) -> FeatureStore:
        """The feature tables of a set; of the task's own where none is named."""
        from morningline.features.store import FeatureStore

        return FeatureStore(self.settings.feature_store or self.workspace.features, self.feature_set(domain, name))

    @property
    def archive(self) -> Archive:
        """The raw archive: the bodies of feeds as they came."""
        from morningline.sources.archive import Archive

        return Archive(self.settings.raw_archive or self.workspace.archive)

    def feed_settings(self, feed: Feed) -> FeedSettings:
        """What is in force for a feed.

        Raises:
            SettingsError: Its table in the settings file is not right.
        """
        from morningline.sources.feed_table import read_feed_settings

        return read_feed_settings(feed, self.settings.feeds.get(feed.name, {}), self.workspace.root)

    @property
    def threads(self) -> int:
        """CPU threads to use: the setting, or all that this process may run on."""
        if self.settings.threads:
            return self.settings.threads
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def close(self) -> None:
        """Leave the database."""
        for database in self._opened:
            database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
