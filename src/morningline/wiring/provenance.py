"""Where the facts of an event came from: its rows table by table, and the payloads and files that brought them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from morningline.kit.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    import psycopg

    from morningline.facts.table import Catalog, Table
    from morningline.sources.archive import Archive


@dataclass(frozen=True, kw_only=True)
class FactsOf:
    """The rows of an event in one table of facts.

    Attributes:
        rows: As they are, or as they were known at the instant that was asked for.
        corrected: Of these, what rows said before they were corrected, where it was still the truth at that instant.
        event_at: The first and the last (UTC).
        known_at: The first and the last (UTC).
        change: Number of the last change of this table on that local day, and `changed_at` when it was (UTC).
        payloads: Payloads at whose fetch exactly these rows became known.
        imports: Imports of files that wrote to the table.
    """

    table: str
    rows: int
    corrected: int
    event_at: tuple[datetime, datetime]
    known_at: tuple[datetime, datetime]
    change: int | None
    changed_at: datetime | None
    payloads: Sequence[int]
    imports: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class PayloadOf:
    """A body that a feed sent about the local day of an event; its hash is its name in the raw archive.

    Attributes:
        loaded_at: When the facts of that fetch were committed (UTC); None where they were not.
        names_event: Whether the event's id stands in the body; None where the body cannot be read.
        archive: `intact`, or what is wrong with the body in the raw archive.
    """

    id: int
    feed: str
    endpoint: str
    day: date | None
    generation: int
    path: str
    fetched_at: datetime
    sha256: str
    size: int
    loaded_at: datetime | None
    names_event: bool | None
    archive: str


@dataclass(frozen=True, kw_only=True)
class ImportOf:
    """An import of files that wrote to a table in which the event has rows.

    Attributes:
        files: Name, rows and SHA-256 of each.
        tables: The tables of the event that it wrote to.
    """

    id: str
    mapping: str
    finished_at: datetime
    files: Sequence[dict[str, Any]]
    tables: Sequence[str]


def facts_of(
    connection: psycopg.Connection[Any], catalog: Catalog, event_id: str, day: date, as_of: datetime | None
) -> list[FactsOf]:
    """The rows of an event in every table of facts that has any.

    Args:
        connection: An open connection.
        catalog: The domain's tables.
        event_id: The event.
        day: Its local day.
        as_of: UTC instant; what became known later is left out. Null: everything.
    """
    imports = _imports(connection)
    found = []
    for table in catalog.tables:
        column = _event_column(catalog, table)
        if column is None:
            continue
        rows = _rows(connection, table, column, event_id, as_of)
        if not rows:
            continue
        events, known = sorted(row[0] for row in rows), sorted(row[1] for row in rows)
        stamp = connection.execute(
            "SELECT change, changed_at FROM fact_days WHERE table_name = %s AND day = %s", (table.name, day)
        ).fetchone()
        payloads = connection.execute(
            "SELECT id FROM payloads WHERE usable AND day = %s AND fetched_at = ANY(%s) ORDER BY id", (day, known)
        ).fetchall()
        found.append(
            FactsOf(
                table=table.name,
                rows=len(rows),
                corrected=sum(row[2] for row in rows),
                event_at=(events[0], events[-1]),
                known_at=(known[0], known[-1]),
                change=stamp[0] if stamp else None,
                changed_at=stamp[1] if stamp else None,
                payloads=[number for (number,) in payloads],
                imports=[one.id for one in imports if table.name in one.tables],
            )
        )
    return found


def imports_of(connection: psycopg.Connection[Any], facts: Sequence[FactsOf]) -> list[ImportOf]:
    """The imports that wrote to tables in which an event has rows, the oldest first."""
    named = {one for table in facts for one in table.imports}
    return [one for one in _imports(connection) if one.id in named]


def payloads_of(
    connection: psycopg.Connection[Any], archive: Archive, event_id: str, day: date, as_of: datetime | None
) -> list[PayloadOf]:
    """The usable payloads about the local day of an event, in the order of fetching, and whether they name it.

    Args:
        connection: An open connection.
        archive: Where their bodies are.
        event_id: The event.
        day: Its local day.
        as_of: UTC instant; what was fetched later is left out. Null: everything.
    """
    loads = connection.execute(
        "SELECT feed, endpoint, generation, loaded_at FROM coverage WHERE day = %s", (day,)
    ).fetchall()
    loaded_at = {tuple(place): at for *place, at in loads}
    feeds = connection.execute("SELECT DISTINCT feed FROM payloads WHERE day = %s ORDER BY 1", (day,)).fetchall()
    found = []
    for (feed,) in feeds:
        for row in archive.payloads(connection, feed, first=day, last=day):
            if as_of is not None and row.fetched_at > as_of:
                continue
            try:
                names, said = event_id.encode() in archive.read(row).body, "intact"
            except IntegrityError as error:
                names, said = None, error.message
            found.append(
                PayloadOf(
                    id=row.id,
                    feed=feed,
                    endpoint=row.endpoint,
                    day=row.day,
                    generation=row.generation,
                    path=row.path,
                    fetched_at=row.fetched_at,
                    sha256=row.sha256,
                    size=row.size,
                    loaded_at=loaded_at.get((feed, row.endpoint, row.generation)),
                    names_event=names,
                    archive=said,
                )
            )
    return found


def words_of(facts: Sequence[FactsOf], payloads: Sequence[PayloadOf], imports: Sequence[ImportOf]) -> list[str]:
    """What of the way back cannot be followed, in words."""
    words = []
    told = [one.table for one in facts if not one.payloads]
    if told and payloads:
        words.append(
            f"Rows of {', '.join(told)} became known at no fetch of their own: what is fetched when its day is over is "
            "known by the publication rule of the feed. The payloads of that day that name the event hold them."
        )
    if imports:
        words.append(
            "A row does not say which file it came from: the imports that are named wrote to its table, and the hashes "
            "say which files they read."
        )
    if facts and not payloads and not imports:
        words.append("No payload is about this day and no import wrote to these tables: somebody wrote them by hand.")
    return words


def _event_column(catalog: Catalog, table: Table) -> str | None:
    """The column of a table that names the event; None for masters."""
    if table.stage in {"master", "record"}:
        return None
    if table is catalog.events or table.name == catalog.events.name:
        return table.key[0]
    reference = table.event_reference(catalog.events.name)
    return reference.columns[0] if reference else None


def _rows(
    connection: psycopg.Connection[Any], table: Table, column: str, event_id: str, as_of: datetime | None
) -> list[tuple[datetime, datetime, bool]]:
    """The clocks of an event's rows, and whether a row was corrected after the instant."""
    sql = f"SELECT event_at, known_at, false FROM {table.name} WHERE {column} = %(event)s"  # noqa: S608 - our own names
    if as_of is not None:
        sql += " AND known_at <= %(as_of)s"
        if table.superseded:
            sql += (
                f" UNION ALL SELECT event_at, known_at, true FROM {table.superseded} WHERE {column} = %(event)s"  # noqa: S608 - our own names
                " AND known_at <= %(as_of)s AND superseded_at > %(as_of)s"
            )
    return connection.execute(sql.encode(), {"event": event_id, "as_of": as_of}).fetchall()


def _imports(connection: psycopg.Connection[Any]) -> list[ImportOf]:
    rows = connection.execute(
        "SELECT id, mapping, finished_at, report FROM imports ORDER BY finished_at, id"
    ).fetchall()
    return [
        ImportOf(
            id=identity,
            mapping=mapping,
            finished_at=finished_at,
            files=report["files"],
            tables=[t["table"] for t in report["tables"] if t["accepted"]],
        )
        for identity, mapping, finished_at, report in rows
    ]
