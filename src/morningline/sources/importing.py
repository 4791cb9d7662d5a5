"""The import of a folder: read, shape, clock, check, and load in one transaction, losing nothing silently."""

from __future__ import annotations

import time
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import polars as pl

from morningline.facts.store import LoadCount, load
from morningline.kit.clock import utc_now
from morningline.kit.errors import InputError
from morningline.sources.assembling import assemble, shape_rows
from morningline.sources.convert import CONVERTERS
from morningline.sources.joining import read_sources
from morningline.sources.quarantine import quarantine_rows, turned_away
from morningline.sources.reconciling import ReconcileRules, keep, reconcile
from morningline.sources.records import RECORDS
from morningline.sources.report import FileCount, ImportReport, TableCount

if TYPE_CHECKING:
    from collections.abc import Mapping as Map
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    import psycopg

    from morningline.facts.table import Catalog
    from morningline.kit.database import Database
    from morningline.sources.assembling import Rejection, ShapedRows
    from morningline.sources.assembly import Assembly
    from morningline.sources.convert import Converter
    from morningline.sources.mapping import Mapping
    from morningline.sources.reading import Source
    from morningline.sources.reconciling import Reconciled
    from morningline.sources.report import Finding

IMPORT_LOCK = 7_201_300
"""Key of the advisory lock that lets one import at a time write facts."""


class Progress(Protocol):
    """Told what is being done and the share of the whole that is done, 0 to 1."""

    def __call__(self, doing: str, done: float, /) -> None:
        """Take note."""


class ImportRules(ReconcileRules, Protocol):
    """What a domain adds to the import of its files."""

    @property
    def converters(self) -> Map[str, Converter]:
        """Its notations, by the name a mapping uses."""

    def reject(self, frames: Map[str, pl.DataFrame]) -> Sequence[Rejection]:
        """Rows that no event of this domain can have."""

    def findings(self, frames: Map[str, pl.DataFrame]) -> list[Finding]:
        """What a modeller should know of the rows that were accepted."""


def import_files(
    mapping: Mapping, folder: Path, rules: ImportRules, database: Database, progress: Progress
) -> ImportReport:
    """Bring the files of a folder into the facts.

    Everything is read, checked and loaded before anything is committed: after a failure, a refusal or a kill
    the database is as it was. Importing the same files again changes nothing. A second source (a mapping with a
    section [match]) is held against what is stored and adds only what that does not say.

    Args:
        mapping: How the files are to be read.
        folder: Where they are.
        rules: The domain's tables, notations and checks.
        database: Where the facts live.
        progress: Told what is being done and how far it is.

    Raises:
        InputError: The mapping does not fit the files or the tables; nothing was written.
    """
    started_at, started = utc_now(), time.perf_counter()
    for target in mapping.tables:
        if target.to not in rules.catalog.names:
            raise InputError(
                f"The mapping writes to {target.to!r}, which is no table of {mapping.domain}.",
                allowed=", ".join(rules.catalog.names),
            )
    converters = {**CONVERTERS, **rules.converters}
    sources = read_sources(mapping, folder, converters, lambda name: progress(f"Reading {name}", 0.05))
    identity = _identity(mapping, sources)
    second: Reconciled | None = None
    with database.connect() as connection:
        if mapping.match is None:
            progress("Reading rows as facts", 0.15)
            rows = shape_rows(mapping, sources, rules.catalog, converters)
        else:
            progress("Matching with what is stored", 0.1)
            _one_at_a_time(connection)
            second = reconcile(connection, mapping, sources, rules, converters, identity)
            rows = second.rows
        assembly, counts = take_in(connection, mapping, rows, rules, progress)
        progress("Checking what was accepted", 0.95)
        report = ImportReport(
            id=identity,
            mapping=mapping.name,
            folder=str(folder),
            files=_files(sources),
            tables=_tables(assembly, counts),
            left_out=_left_out(sources, assembly),
            quarantined=turned_away(sources, assembly.problems),
            findings=rules.findings(_whole(assembly.frames, rules.catalog)),
            accepted_losses=msgspec.to_builtins(mapping.accept),
            seconds=round(time.perf_counter() - started, 3),
            reconciliation=second.report if second else None,
        )
        _keep_books(connection, report, mapping, sources, assembly, started_at)
        if second is not None:
            keep(connection, second.report, second.differences, mapping.domain, started_at)
    progress("Done", 1.0)
    return report


def take_in(
    connection: psycopg.Connection[Any], mapping: Mapping, rows: ShapedRows, rules: ImportRules, progress: Progress
) -> tuple[Assembly, dict[str, LoadCount]]:
    """Make rows of tables into facts and load them, inside the caller's transaction.

    Args:
        connection: An open connection; the caller commits. One transaction at a time takes facts in.
        mapping: How the rows were read.
        rows: The rows, of `shape_rows`; used up.
        rules: The domain's tables, notations and checks.
        progress: Told what is being done and how far it is.

    Returns:
        What was accepted and turned away, and what loading it did to each table.
    """
    _one_at_a_time(connection)
    assembly = assemble(mapping, rows, rules.catalog, rules.reject, connection)
    return assembly, _load(connection, rules.catalog, assembly, progress)


def _one_at_a_time(connection: psycopg.Connection[Any]) -> None:
    connection.execute(b"SELECT pg_advisory_xact_lock(%d)" % IMPORT_LOCK)


def _load(
    connection: psycopg.Connection[Any], catalog: Catalog, assembly: Assembly, progress: Progress
) -> dict[str, LoadCount]:
    counts = {}
    total = sum(frame.height for frame in assembly.frames.values()) or 1
    done = 0
    for table in catalog.tables:
        frame = assembly.frames.get(table.name)
        if frame is None:
            continue
        progress(f"Loading {table.name}", 0.3 + 0.65 * done / total)
        counts[table.name] = load(connection, table, frame)
        done += frame.height
    return counts


def _whole(frames: Map[str, pl.DataFrame], catalog: Catalog) -> dict[str, pl.DataFrame]:
    """Accepted rows with every column of their table, null where the mapping does not give it."""
    return {
        name: frame.with_columns(
            pl.lit(None, dtype).alias(column)
            for column, dtype in catalog[name].dtypes.items()
            if column not in frame.columns
        )
        for name, frame in frames.items()
    }


def _files(sources: Map[str, Source]) -> list[FileCount]:
    """Each file once, though several kinds may read it."""
    files = {
        f.name: FileCount(file=f.name, rows=f.rows, sha256=f.sha256)
        for source in sources.values()
        for f in source.files
    }
    return sorted(files.values(), key=lambda f: f.file)


def _identity(mapping: Mapping, sources: Map[str, Source]) -> str:
    """The same for the same mapping and files."""
    hashes = "".join(sorted(f.sha256 for f in _files(sources)))
    return sha256(msgspec.json.encode(mapping) + hashes.encode()).hexdigest()[:32]


def _left_out(sources: Map[str, Source], assembly: Assembly) -> dict[str, int]:
    files = {f"files.{name}": source.unread for name, source in sources.items() if source.unread}
    return {name: count for name, count in assembly.left_out.items() if count} | files


def _tables(assembly: Assembly, counts: dict[str, LoadCount]) -> list[TableCount]:
    tables = []
    for name, frame in assembly.frames.items():
        tally = assembly.tallies[name]
        height = frame.height or 1
        fill = {column: round(1 - frame[column].null_count() / height, 4) for column in frame.columns}
        tables.append(
            TableCount(
                table=name,
                read=tally.read,
                accepted=frame.height,
                merged=tally.merged,
                quarantined=assembly.rows_turned_away(name),
                fill=fill,
                **asdict(counts[name]),
            )
        )
    return tables


def _keep_books(
    connection: psycopg.Connection[Any],
    report: ImportReport,
    mapping: Mapping,
    sources: Map[str, Source],
    assembly: Assembly,
    started_at: datetime,
) -> None:
    status = "rows_quarantined" if report.rows_quarantined or report.values_quarantined else "complete"
    connection.execute(
        """
        INSERT INTO imports AS i (id, mapping, started_at, finished_at, status, report)
        VALUES (%s, %s, %s, clock_timestamp(), %s, %s)
        ON CONFLICT (id) DO UPDATE SET finished_at = EXCLUDED.finished_at
        """,
        (report.id, mapping.name, started_at, status, msgspec.json.encode(report).decode()),
    )
    turned = quarantine_rows(sources, assembly.problems, report.id)
    if turned.height:
        load(connection, RECORDS["quarantine"], turned)
