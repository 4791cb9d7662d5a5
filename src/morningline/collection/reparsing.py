"""Facts from the archive alone: built anew beside the live ones, compared with them, and put in their place at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from morningline.collection.fetching import Fetched
from morningline.collection.ledger import Item, Outcome
from morningline.collection.records import RECORDS as COLLECTION
from morningline.facts.ddl import create_statements
from morningline.facts.fingerprint import combined, fingerprint
from morningline.facts.records import RECORDS as FACTS
from morningline.facts.table import Catalog
from morningline.kit.errors import DataError
from morningline.sources.records import RECORDS as SOURCES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import psycopg

    from morningline.collection.loading import Loader
    from morningline.sources.feed import Payload

SCRATCH = "reparse"
"""The schema in which the facts are built."""
TOGETHER = 64
"""Most days that are loaded at once."""
BOOKS = (COLLECTION["coverage"], SOURCES["quarantine"], FACTS["fact_days"])


@dataclass(frozen=True, kw_only=True)
class Reparsed:
    """What came of building the facts anew.

    Args:
        days: Fetches that were read again.
        tables: Rows by table.
        before: Fingerprint of the facts as they were.
        after: Fingerprint of the facts as the archive gives them.
        differing: Tables whose content differs.
        replaced: Whether the new facts stand in the place of the old.
    """

    days: int
    tables: Mapping[str, int]
    before: str
    after: str
    differing: Sequence[str]
    replaced: bool


def reparse(
    connection: psycopg.Connection[Any],
    loaders: Mapping[str, Loader],
    catalog: Catalog,
    payloads_of: Callable[[str, Item], Sequence[Payload]],
    progress: Callable[[str, float], None],
    *,
    check: bool,
) -> Reparsed:
    """Build a domain's facts from the archive, and put them in the place of the live ones.

    Nothing is visible to anybody before everything is there; a failure leaves the live facts as they were.

    Args:
        connection: An open connection; committed on the way.
        loaders: The domain's feeds, by name.
        catalog: The domain's tables.
        payloads_of: The pages of one fetch of a feed's day, from the archive.
        progress: Told what is being done and how far it is.
        check: Only compare, and leave the live facts as they are.

    Raises:
        DataError: The facts come from files too, which the archive does not hold.
        IntegrityError: A payload is missing or is not what it was.
    """
    if not check:
        _refuse_imported(connection)
    fetches = _loaded(connection)
    _make_scratch(connection, catalog)
    done = 0
    for feed, batch in _batches(fetches):
        progress(f"Reading {batch[0].item.day} again", done / max(len(fetches), 1))
        fetched = [Fetched(planned=o.item, outcome=o, payloads=payloads_of(feed, o.item)) for o in batch]
        with connection.transaction():
            loaders[feed].load_at_once(connection, fetched)
        done += len(batch)
    connection.commit()
    progress("Comparing", 1.0)
    after = fingerprint(connection, catalog.tables)
    connection.execute(f"SET search_path = public, {SCRATCH}".encode())
    before = fingerprint(connection, catalog.tables)
    if not check:
        _put_in_place(connection, catalog)
    connection.execute(f"DROP SCHEMA {SCRATCH} CASCADE; SET search_path = public".encode())
    connection.commit()
    return Reparsed(
        days=len(fetches),
        tables={p.table: p.rows for p in after},
        before=combined(before),
        after=combined(after),
        differing=[a.table for a, b in zip(after, before, strict=True) if a != b],
        replaced=not check,
    )


def _refuse_imported(connection: psycopg.Connection[Any]) -> None:
    row = connection.execute("SELECT string_agg(DISTINCT mapping, ', ') FROM imports").fetchone()
    if row and row[0]:
        raise DataError(
            f"Facts were imported from files as well (mappings {row[0]}), which the archive does not hold.",
            allowed="a workspace whose facts all come from feeds, or `--check`",
            do="Collect into a workspace of its own, or only compare with `morningline reparse --check`.",
        )


def _loaded(connection: psycopg.Connection[Any]) -> list[tuple[str, int, Outcome]]:
    """Every fetch whose facts were committed, in that order: feed, number of its load, outcome."""
    rows = connection.execute(
        "SELECT feed, load_number, endpoint, day, generation, said, events, pages, fetched_at,"
        " CASE WHEN status = 'lossy' THEN 'complete' ELSE status END FROM coverage"
        " WHERE load_number IS NOT NULL ORDER BY load_number, day, endpoint"
    ).fetchall()
    return [
        (
            feed,
            number,
            Outcome(
                item=Item(endpoint=endpoint, day=day, generation=generation),
                status=status,
                said=said,
                events=events,
                pages=pages,
                fetched_at=fetched_at,
            ),
        )
        for feed, number, endpoint, day, generation, said, events, pages, fetched_at, status in rows
    ]


def _batches(fetches: Sequence[tuple[str, int, Outcome]]) -> Iterator[tuple[str, list[Outcome]]]:
    """Loads in their order, several of a feed together as long as no day comes twice."""
    batch: list[Outcome] = []
    feed = ""
    for (name, _), group in groupby(fetches, key=lambda fetch: fetch[:2]):
        outcomes = [outcome for _, _, outcome in group]
        places = {(o.item.endpoint, o.item.day) for o in batch}
        again = any((o.item.endpoint, o.item.day) in places for o in outcomes)
        if batch and (again or name != feed or len(batch) + len(outcomes) > TOGETHER):
            yield feed, batch
            batch = []
        feed = name
        batch += outcomes
    if batch:
        yield feed, batch


def _make_scratch(connection: psycopg.Connection[Any], catalog: Catalog) -> None:
    connection.execute(f"DROP SCHEMA IF EXISTS {SCRATCH} CASCADE; CREATE SCHEMA {SCRATCH}".encode())
    connection.execute(f"SET search_path = {SCRATCH}, public".encode())
    for statement in create_statements(Catalog((*catalog.tables, *BOOKS))):
        connection.execute(statement.encode())
    connection.commit()


def _put_in_place(connection: psycopg.Connection[Any], catalog: Catalog) -> None:
    """Exchange the live tables for the new ones, and the books of these days, in one transaction."""
    # What is dropped and put in its place passes by the triggers that stamp days: all that have or had facts are.
    connection.execute(
        f"""
        SELECT stamp_days(table_name, array_agg(day))
        FROM (TABLE public.fact_days UNION ALL TABLE {SCRATCH}.fact_days) AS days
        WHERE table_name = ANY(%s) GROUP BY table_name
        """.encode(),  # noqa: S608 - our own names
        (list(catalog.names),),
    )
    for table in reversed(catalog.tables):
        for name in filter(None, (table.superseded, table.name)):
            connection.execute(f"DROP TABLE public.{name} CASCADE".encode())
    for table in catalog.tables:
        if table.superseded:
            connection.execute(f"ALTER TABLE {SCRATCH}.{table.superseded} SET SCHEMA public".encode())
        parts = connection.execute(
            "SELECT relid::regclass::text FROM pg_partition_tree(%s) WHERE parentrelid IS NOT NULL",
            (f"{SCRATCH}.{table.name}",),
        ).fetchall()
        for name in (f"{SCRATCH}.{table.name}", *(part if "." in part else f"{SCRATCH}.{part}" for (part,) in parts)):
            connection.execute(f"ALTER TABLE {name} SET SCHEMA public".encode())
    connection.execute(
        f"""
        UPDATE public.coverage AS c SET status = s.status, reason = s.reason, rows_read = s.rows_read,
            rows_kept = s.rows_kept, rows_quarantined = s.rows_quarantined
        FROM {SCRATCH}.coverage AS s
        WHERE (c.feed, c.endpoint, c.day, c.generation) = (s.feed, s.endpoint, s.day, s.generation);
        DELETE FROM public.quarantine WHERE import_id NOT IN (SELECT id FROM imports);
        INSERT INTO public.quarantine SELECT * FROM {SCRATCH}.quarantine ON CONFLICT DO NOTHING
        """.encode()  # noqa: S608 - our own names
    )
