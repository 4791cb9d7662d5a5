"""The second source held against the first: matched, compared, reported and kept, and never merged in silence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import polars as pl

from morningline.kit.database import copy_in
from morningline.kit.errors import NotFoundError
from morningline.sources.assembling import shape_rows
from morningline.sources.comparing import DOUBTFUL, compare_rows, turn_doubtful_away
from morningline.sources.mapping import ENTRANT_ID, EVENT_ID
from morningline.sources.matching import match_rows, matched_only
from morningline.sources.matching_entrants import KEY, entrant_column
from morningline.sources.reconciliation import ColumnCount, Example, MatchCount, OnlyIn, Reconciliation
from morningline.sources.report import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Mapping as Map
    from datetime import datetime

    import psycopg

    from morningline.facts.table import Catalog
    from morningline.sources.assembling import ShapedRows
    from morningline.sources.comparing import Comparison
    from morningline.sources.convert import Converter
    from morningline.sources.mapping import Mapping
    from morningline.sources.matching import Matching
    from morningline.sources.reading import Source

MOST_OF, ENOUGH = 0.5, 5
"""Differences of one column of which this share, and so many, are the same pair of values have one cause."""

UNEXPLAINED = "not in the other source"
NOTHING_MATCHED = (
    "Nothing was matched: bring the first source before the second, or see in [match] whether the columns of the files "
    "are written as the database shows theirs."
)


class ReconcileRules(Protocol):
    """What a domain adds to the match of a second source."""

    @property
    def event_noun(self) -> str:
        """What one event is called."""

    @property
    def entrant_noun(self) -> str:
        """What takes part in an event."""

    @property
    def catalog(self) -> Catalog:
        """Its tables."""

    def suggest(self, connection: psycopg.Connection[Any], differences: pl.DataFrame) -> list[str]:
        """What to make of the differences between a second source and what is stored."""


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """A second source that was matched and compared.

    Attributes:
        rows: What of it may be written: rows of tables that are not compared.
        report: What to tell.
        differences: One row a difference: `kind`, `table`, `column`, `event_id`, `entrant_id`, `first`, `second`,
            `reason`.
    """

    rows: ShapedRows
    report: Reconciliation
    differences: pl.DataFrame


def reconcile(
    connection: psycopg.Connection[Any],
    mapping: Mapping,
    sources: Map[str, Source],
    rules: ReconcileRules,
    converters: Map[str, Converter],
    import_id: str,
) -> Reconciled:
    """Match a second source with what is stored, compare what both say, and shape what it alone says.

    Args:
        connection: Where the first source is stored; only read.
        mapping: With its section [match].
        sources: The rows of the files; exact repeats and rows that cannot be matched are taken out.
        rules: The domain's tables, checks and words.
        converters: Notations by name.
        import_id: The id that the report will bear.

    Raises:
        InputError: [match] does not fit the files or the tables.
    """
    matching = match_rows(connection, mapping, sources, rules.catalog)
    # Only set where there is a section [match].
    entrants = rules.catalog[mapping.match.entrants if mapping.match else ""]
    entrant = entrant_column(entrants, rules.catalog)
    matched = matched_only(mapping)
    compared = shape_rows(matched.targets(compare=True), sources, rules.catalog, converters)
    rows = shape_rows(matched.targets(compare=False), sources, rules.catalog, converters)
    comparison = compare_rows(connection, compared, rules.catalog, entrant)
    turn_doubtful_away(rows, comparison.doubtful, rules.catalog, entrant)
    rows.assembly.problems = rows.assembly.problems.vstack(compared.assembly.problems)
    matching = _with_doubt(matching, comparison.doubtful)
    differences = _differences(matching, comparison, rules.catalog.events.name, entrants.name)
    events = _count(matching.events, rules.event_noun)
    nothing = [] if events.matched else [NOTHING_MATCHED]
    suggestions = [*nothing, *rules.suggest(connection, differences), *_suggestions(comparison)]
    report = Reconciliation(
        id=import_id,
        mapping=mapping.name,
        events=events,
        # Whom one source cannot have because it has not the event says nothing of how well the rest is matched.
        entrants=_count(matching.entrants.filter(_shared(matching)), rules.entrant_noun),
        repeated_rows=sum(matching.repeated_rows.values()),
        repeated_events=matching.repeated_events,
        only=[*_only(matching.events, rules.event_noun), *_only(matching.entrants, rules.entrant_noun)],
        columns=_columns(comparison),
        contradicted=matching.contradicted.height,
        doubtful=comparison.doubtful.height,
        suggestions=suggestions,
    )
    return Reconciled(rows=rows, report=report, differences=differences)


def _with_doubt(matching: Matching, doubtful: pl.DataFrame) -> Matching:
    """Entrants in doubt are in both sources and matched in none."""
    from dataclasses import replace

    doubt = doubtful.with_columns(pl.lit(value=True).alias("#doubt"))
    entrants = matching.entrants.join(doubt, on=[EVENT_ID, ENTRANT_ID], how="left", maintain_order="left")
    both = pl.col("stored") & pl.col("given") & pl.col("#doubt").fill_null(value=False)
    kept = entrants.with_columns(
        pl.when(both).then(False).otherwise("stored").alias("stored"),  # noqa: FBT003 - a value, no flag
        pl.when(both).then(pl.lit(DOUBTFUL)).otherwise("reason").alias("reason"),
    )
    first = entrants.filter(both).with_columns(pl.lit(value=False).alias("given"), pl.lit(DOUBTFUL).alias("reason"))
    return replace(matching, entrants=pl.concat([kept, first]).drop("#doubt"))


def _shared(matching: Matching) -> pl.Expr:
    events = matching.events.filter(pl.col("stored") & pl.col("given"))[EVENT_ID]
    return pl.col(EVENT_ID).is_in(events.implode()).fill_null(value=False)


def _count(rows: pl.DataFrame, noun: str) -> MatchCount:
    first, second = int(rows["stored"].sum()), int(rows["given"].sum())
    matched = rows.filter(pl.col("stored") & pl.col("given")).height
    return MatchCount(
        noun=noun,
        first=first,
        second=second,
        matched=matched,
        first_rate=round(matched / first, 6) if first else None,
        second_rate=round(matched / second, 6) if second else None,
    )


def _only(rows: pl.DataFrame, noun: str) -> list[OnlyIn]:
    alone = rows.filter(_alone()).with_columns(
        pl.when("stored").then(pl.lit("first")).otherwise(pl.lit("second")).alias("source"),
        pl.col("reason").fill_null(UNEXPLAINED),
        _label(rows).alias("label"),
    )
    grouped = alone.sort("label", nulls_last=True).group_by("source", "reason", maintain_order=True)
    counted = grouped.agg(pl.len().alias("count"), pl.col("label").head(EXAMPLES))
    return [
        OnlyIn(noun=noun, source=r["source"], reason=r["reason"], count=r["count"], examples=r["label"])
        for r in counted.sort("source", "count", "reason", descending=[False, True, False]).iter_rows(named=True)
    ]


def _alone() -> pl.Expr:
    return ~(pl.col("stored") & pl.col("given"))


def _label(rows: pl.DataFrame) -> pl.Expr:
    """How a person finds it: an event's id or key; an entrant's event and id or number."""
    if ENTRANT_ID not in rows.columns:
        return pl.coalesce(EVENT_ID, KEY)
    who = pl.coalesce(ENTRANT_ID, pl.when(pl.col(KEY) != "").then(pl.format("number {}", KEY)), pl.lit("no number"))
    return pl.format("{}, {}", pl.coalesce(EVENT_ID, "event_key", pl.lit("")), who)


def _columns(comparison: Comparison) -> list[ColumnCount]:
    counted = []
    for row in comparison.columns.iter_rows(named=True):
        of = (pl.col("table") == row["table"]) & (pl.col("column") == row["column"])
        found = comparison.differences.filter(of).sort(EVENT_ID, ENTRANT_ID).head(EXAMPLES)
        examples = [
            Example(event=d[EVENT_ID], entrant=d[ENTRANT_ID], first=d["first"], second=d["second"])
            for d in found.iter_rows(named=True)
        ]
        counted.append(ColumnCount(**row, examples=examples))
    return counted


def _differences(matching: Matching, comparison: Comparison, events: str, entrants: str) -> pl.DataFrame:
    """Everything that is not the same on both sides, one row each."""
    alone = _alone()
    kind = pl.when("stored").then(pl.lit("only_first")).otherwise(pl.lit("only_second")).alias("kind")
    races = matching.events.filter(alone).select(
        kind, pl.lit(events).alias("table"), pl.coalesce(EVENT_ID, KEY).alias(EVENT_ID), "reason"
    )
    runners = matching.entrants.filter(alone).select(
        kind,
        pl.lit(entrants).alias("table"),
        pl.coalesce(EVENT_ID, "event_key").alias(EVENT_ID),
        pl.coalesce(ENTRANT_ID, KEY).alias(ENTRANT_ID),
        "reason",
    )
    identities = matching.contradicted.with_columns(pl.lit("identity").alias("kind"), pl.lit(entrants).alias("table"))
    values = comparison.differences.with_columns(pl.lit("value").alias("kind"))
    columns = ("kind", "table", "column", EVENT_ID, ENTRANT_ID, "first", "second", "reason")
    empty = pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    found = pl.concat([empty, races, runners, identities, values], how="diagonal")
    # The books have room for so much; a remark of a file may be longer.
    names, said = pl.col(EVENT_ID, ENTRANT_ID, "reason"), pl.col("first", "second")
    return found.with_columns(names.str.head(200), said.str.head(20_000)).sort(columns, nulls_last=True)


def _suggestions(comparison: Comparison) -> list[str]:
    """What the pattern of differences and gaps says, whatever the domain."""
    said = []
    for row in comparison.columns.filter(pl.col("differ") > 0).iter_rows(named=True):
        of = (pl.col("table") == row["table"]) & (pl.col("column") == row["column"])
        pairs = comparison.differences.filter(of)["first", "second"]
        pair = (
            pairs.group_by("first", "second").len().sort("len", "first", "second", descending=True).row(0, named=True)
        )
        if pair["len"] >= max(ENOUGH, MOST_OF * row["differ"]):
            said.append(
                f"{row['table']}.{row['column']}: {pair['len']:,} of the {row['differ']:,} that differ are "
                f"{pair['first']} in the first and {pair['second']} in the second: one word that is read in two ways. "
                "Find out which reading is right, and correct the mapping of the other."
            )
    said += [
        f"{row['table']}.{row['column']}: the first has no value for {row['only_second']:,} where the second has one."
        for row in comparison.columns.filter(pl.col("only_second") > 0).iter_rows(named=True)
    ]
    return said


def keep(
    connection: psycopg.Connection[Any], report: Reconciliation, differences: pl.DataFrame, domain: str, at: datetime
) -> None:
    """Keep a report, in the caller's transaction, and of its mapping the differences it found and no older ones.

    Args:
        connection: An open connection; the caller commits.
        report: What to keep.
        differences: Of `Reconciled`.
        domain: Whose facts were matched.
        at: When it was made (UTC).
    """
    connection.execute(
        """
        INSERT INTO reconciliations (id, domain, mapping, reconciled_at, report) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (id) DO UPDATE SET reconciled_at = EXCLUDED.reconciled_at, report = EXCLUDED.report
        """,
        (report.id, domain, report.mapping, at, msgspec.json.encode(report).decode()),
    )
    connection.execute(
        "DELETE FROM differences USING reconciliations AS r WHERE reconciliation_id = r.id AND r.mapping = %s",
        (report.mapping,),
    )
    numbered = differences.with_row_index("number", offset=1).with_columns(
        pl.lit(report.id).alias("reconciliation_id"), pl.col("number").cast(pl.Int64)
    )
    copy_in(connection, "differences", numbered.rename({"table": "target", "column": "target_column"}))


def newest(connection: psycopg.Connection[Any], mapping: str | None) -> tuple[Reconciliation, datetime]:
    """The newest report, and when it was made (UTC).

    Args:
        connection: An open connection.
        mapping: Only of this mapping; of any where not given.

    Raises:
        NotFoundError: No second source was ever matched.
    """
    row = connection.execute(
        "SELECT report::text, reconciled_at FROM reconciliations WHERE %(mapping)s::text IS NULL OR mapping = "
        "%(mapping)s ORDER BY reconciled_at DESC, id LIMIT 1",
        {"mapping": mapping},
    ).fetchone()
    if row is None:
        raise NotFoundError(
            f"No second source{'' if mapping is None else f' by the mapping {mapping!r}'} was ever matched here.",
            do="Import one: `morningline import MAPPING FOLDER` with a mapping that has a section [match].",
        )
    return msgspec.json.decode(row[0], type=Reconciliation), row[1]
