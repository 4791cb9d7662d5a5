"""From payloads to facts: several days of a feed at once, in one transaction with the ledger that says so."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import polars as pl

from morningline.collection.fetching import NOTHING
from morningline.collection.ledger import Item, Outcome, loaded_before, note
from morningline.facts.store import load
from morningline.sources.assembling import ShapedRows, shape_rows
from morningline.sources.convert import CONVERTERS
from morningline.sources.importing import take_in
from morningline.sources.joining import complete
from morningline.sources.quarantine import quarantine_rows
from morningline.sources.reading import Source, SourceFile, without_nul
from morningline.sources.records import RECORDS

if TYPE_CHECKING:
    from collections.abc import Mapping as Map
    from collections.abc import Sequence
    from typing import Any

    import psycopg

    from morningline.collection.fetching import Fetched
    from morningline.facts.store import LoadCount
    from morningline.sources.assembly import Assembly
    from morningline.sources.feed import Feed, FeedRows, Payload
    from morningline.sources.importing import ImportRules
    from morningline.sources.mapping import Mapping


@dataclass(frozen=True, kw_only=True)
class Loader:
    """What turns the payloads of a feed into facts.

    Args:
        feed: Reads the payloads.
        mapping: From the feed's frames to the tables.
        rules: The domain's tables, notations and checks.
        run_id: The run on whose behalf it happens.
    """

    feed: Feed
    mapping: Mapping
    rules: ImportRules
    run_id: str | None = None

    def prepare(self, fetched: Sequence[Fetched], revised: set[Item]) -> Prepared:
        """Read the payloads of days as rows of tables; needs no database.

        Args:
            fetched: Days with their payloads.
            revised: Those of them that were loaded before, in an earlier generation.
        """
        payloads = [p for f in fetched for p in f.payloads if p.status != NOTHING]
        # One order whatever the order of arrival, so that loading is a function of what came.
        payloads.sort(key=lambda p: (p.day or datetime.max.replace(tzinfo=UTC).date(), p.endpoint, p.id))
        read = self.feed.read(payloads)
        # The same body may have come twice; it was known when it came first.
        known_at = {p.label: self._known_at(p, revised) for p in reversed(payloads)}
        sources = _as_sources(self.mapping, read, known_at)
        converters = {**CONVERTERS, **self.rules.converters}
        complete(self.mapping, sources, converters)
        return Prepared(
            fetched=fetched,
            labels={p.label: (p.endpoint, p.day) for p in payloads},
            sources=sources,
            rows=shape_rows(self.mapping, sources, self.rules.catalog, converters),
            unknown=dict(read.unknown),
        )

    def load(self, connection: psycopg.Connection[Any], prepared: Prepared) -> Loaded:
        """Load days, inside the caller's transaction; may be done again where that was lost.

        Args:
            connection: An open connection; the caller commits.
            prepared: What `prepare` made of them.

        Returns:
            What the ledger says of each day now, and what loading did to each table.
        """
        rows = ShapedRows(dict(prepared.rows.tables), deepcopy(prepared.rows.assembly))
        assembly, counts = take_in(connection, self.mapping, rows, self.rules, lambda *_: None)
        turned = quarantine_rows(prepared.sources, assembly.problems, self.run_id or self.feed.name)
        if turned.height:
            load(connection, RECORDS["quarantine"], turned)
        outcomes = _counted(prepared, assembly)
        spoiled = [outcome for one in prepared.fetched for outcome in one.spoiled]
        note(connection, self.feed.name, spoiled, self.run_id, loaded=False)
        note(connection, self.feed.name, outcomes, self.run_id, loaded=True)
        return Loaded(outcomes=outcomes, tables=counts, unknown=prepared.unknown)

    def load_at_once(self, connection: psycopg.Connection[Any], fetched: Sequence[Fetched]) -> Loaded:
        """Prepare and load days, inside the caller's transaction."""
        revised = loaded_before(connection, self.feed.name, [f.outcome.item for f in fetched])
        return self.load(connection, self.prepare(fetched, revised))

    def _known_at(self, payload: Payload, revised: set[Item]) -> str | None:
        """When a payload's facts became known: its fetch, or nothing where the feed had told them long before.

        What is fetched while its day lasts is known from the fetch. What is fetched later was known by the feed's
        publication rule, which the mapping states, except for what a day's later fetch finds changed.
        """
        if payload.day is None or payload.endpoint in self.feed.masters:
            return payload.fetched_at.isoformat()
        item = Item(endpoint=payload.endpoint, day=payload.day, generation=payload.generation)
        end = datetime.combine(payload.day + timedelta(days=1), datetime.min.time(), ZoneInfo(self.feed.time_zone))
        live = item in revised or payload.fetched_at < end
        return payload.fetched_at.isoformat() if live else None


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Days read as rows of tables, before anything stored is looked at.

    Args:
        fetched: The days.
        labels: Payload label to the endpoint and day it is about.
        sources: The rows as text, by the mapping's name of their file.
        rows: The rows of tables.
        unknown: Keys the feed's reader does not know, and how often each was seen.
    """

    fetched: Sequence[Fetched]
    labels: Map[str, tuple[str, Any]]
    sources: Map[str, Source]
    rows: ShapedRows
    unknown: Map[str, int]


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What loading days did.

    Args:
        outcomes: What the ledger says of each.
        tables: What happened to each table, in rows.
        unknown: Keys the feed's reader does not know, and how often each was seen.
    """

    outcomes: Sequence[Outcome]
    tables: Map[str, LoadCount]
    unknown: Map[str, int]


def _as_sources(mapping: Mapping, rows: FeedRows, known_at: Map[str, str | None]) -> dict[str, Source]:
    """The frames of a feed as the files its mapping reads."""
    sources = {}
    for name in mapping.files:
        frame = rows.frames.get(name)
        if frame is None:
            frame = pl.DataFrame(schema={"#file": pl.String, "#row": pl.UInt32})
        known = pl.col("#file").replace_strict(known_at, default=None, return_dtype=pl.String)
        frame = frame.with_columns(known.alias("known_at"))
        height, broken = frame.height, list(rows.broken.get(name, ()))
        frame = without_nul(frame, broken)
        sources[name] = Source(frame, frame, broken=broken)
        if height:
            sources[name].files.append(SourceFile(name, "", height))
    return sources


def _counted(prepared: Prepared, assembly: Assembly) -> list[Outcome]:
    """The outcomes with the rows of their payloads: read, kept, turned away."""
    labels, sources = prepared.labels, prepared.sources
    read: Counter[Any] = Counter()
    for source in sources.values():
        for label, height in source.original.group_by("#file").len().iter_rows():
            read[labels[label]] += height
        read.update(labels[b.file] for b in source.broken if b.scope == "row")
    lost: Counter[Any] = Counter(labels[b.file] for s in sources.values() for b in s.broken)
    for label, height in assembly.problems.group_by("#file").len().iter_rows():
        lost[labels[label]] += height
    outcomes = []
    for one in prepared.fetched:
        outcome = one.outcome
        place = outcome.item.endpoint, outcome.item.day
        rows = read[place], max(read[place] - lost[place], 0), lost[place]
        outcome = replace(outcome, rows=rows)
        if lost[place] and outcome.status == "complete":
            outcome = replace(outcome, status="lossy", reason=f"{lost[place]} rows or values are in quarantine")
        outcomes.append(outcome)
    return outcomes
