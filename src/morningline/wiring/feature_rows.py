"""Which computations wrote the rows of a feature table, and what each of them read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    import psycopg

    from morningline.domains.contract import Domain
    from morningline.features.monthly_table import MonthlyTable
    from morningline.wiring.program import Program


@dataclass(frozen=True, kw_only=True)
class ComputationOf:
    """A computation that wrote rows of a feature table.

    Attributes:
        rows: How many of the rows in question it wrote, of the local days `first_day` to `last_day`.
        code_version: Version of the program and hash of its source.
        as_of: What was known at this instant was read (UTC).
        mark: The newest change of facts before they were read; what changed later was not read, or makes it stale.
        tables: Each table of facts that was read, and its newest change then.
    """

    id: str
    rows: int
    first_day: date
    last_day: date
    code_version: str | None
    as_of: datetime | None
    mark: int | None
    tables: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class FeaturesOf:
    """Rows of a feature table, and the computations that wrote them.

    Attributes:
        delta_version: The version that was read.
        written_at: When it was committed (UTC).
    """

    feature_set: str
    feature_version: str
    delta_version: int
    written_at: datetime
    computations: Sequence[ComputationOf]


def stored_of(
    program: Program, connection: psycopg.Connection[Any], domain: Domain, event_id: str, day: date
) -> list[FeaturesOf]:
    """The rows of an event in the feature tables of every set of its domain that has any.

    Args:
        program: The program.
        connection: An open connection.
        domain: The domain.
        event_id: The event.
        day: Its local day.
    """
    found = []
    for name in domain.feature_sets:
        store = program.features(domain, name)
        if not store.exists():
            continue
        written = written_of(connection, store.table, name, store.features.version, only=(event_id, day))
        if written.computations:
            found.append(written)
    return found


def written_of(
    connection: psycopg.Connection[Any],
    table: MonthlyTable,
    name: str,
    version: str,
    delta_version: int | None = None,
    only: tuple[str, date] | None = None,
) -> FeaturesOf:
    """The computations that wrote a Delta version of a table, or the rows of one event in it.

    Args:
        connection: An open connection.
        table: The table.
        name: Of the set.
        version: Of the set.
        delta_version: The newest where not given.
        only: An event and its local day; all rows where not given.

    Raises:
        DataError: There is no table.
        NotFoundError: It has no such version.
        FileNotFoundError: The files of that version were removed.
    """
    commit = table.commit(delta_version)
    event_id, day = only or (None, None)
    rows = table.scan(commit.version, day, day).filter(
        pl.lit(value=True) if event_id is None else pl.col("event_id") == event_id
    )
    written = rows.group_by("computation").agg(
        pl.len().alias("rows"), pl.col("day").min().alias("first"), pl.col("day").max().alias("last")
    )
    noted = {
        identity: rest
        for identity, *rest in connection.execute(
            "SELECT id, code_version, as_of, mark, tables FROM feature_computations "
            "WHERE feature_set = %s AND feature_version = %s",
            (name, version),
        )
    }
    computations = []
    for identity, count, first, last in written.sort("computation").collect().iter_rows():
        code, as_of, mark, tables = noted.get(identity, (None, None, None, {}))
        computations.append(
            ComputationOf(
                id=identity,
                rows=count,
                first_day=first,
                last_day=last,
                code_version=code,
                as_of=as_of,
                mark=mark,
                tables=tables,
            )
        )
    return FeaturesOf(
        feature_set=name,
        feature_version=version,
        delta_version=commit.version,
        written_at=commit.written_at,
        computations=computations,
    )
