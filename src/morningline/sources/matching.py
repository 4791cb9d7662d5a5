"""The match of a second source: which stored event and entrant each of its rows is about, and what only one has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from morningline.kit.database import read_frame
from morningline.kit.errors import InputError
from morningline.sources.joining import DAY
from morningline.sources.mapping import ENTRANT_ID, EVENT_ID, Condition
from morningline.sources.matching_entrants import KEY, entrant_column, joined, match_entrants
from morningline.sources.reading import PLACE, BrokenRecord, payload, require_columns

if TYPE_CHECKING:
    from collections.abc import Mapping as Map

    import psycopg

    from morningline.facts.table import Catalog, Table
    from morningline.sources.mapping import Mapping, Match
    from morningline.sources.reading import Source

NOBODY = "files that name no entrants alone speak of it"


@dataclass(frozen=True, kw_only=True)
class Matching:
    """What the stored facts and the files hold of the same days.

    Attributes:
        events: One row an event of either: `key` (the texts it is matched by), `event_id` (null where not stored),
            `stored`, `given`, `reason` (why it is in one alone, null where not known). An event that only files without
            entrants speak of is not given.
        entrants: One row an entrant of either: `event_key`, `key`, `event_id`, `entrant_id`, `stored`, `given`,
            `reason`.
        contradicted: Entrants whose confirmation differs: `event_id`, `entrant_id` of the stored one, `column`,
            `first`, `second`; they are not matched.
        repeated_rows: File to rows that say exactly what an earlier one says; they are left out.
        repeated_events: How many events they are about.
    """

    events: pl.DataFrame
    entrants: pl.DataFrame
    contradicted: pl.DataFrame
    repeated_rows: dict[str, int]
    repeated_events: int


def matched_only(mapping: Mapping) -> Mapping:
    """The mapping whose tables take only rows that were matched as far as they need it."""
    tables = []
    for target in mapping.tables:
        used = {n for c in target.columns.values() for n in ([c] if isinstance(c, str) else c.sources())}
        found = [Condition(column=name, present=True) for name in (EVENT_ID, ENTRANT_ID) if name in used]
        tables.append(msgspec.structs.replace(target, where=[*found, *target.where]))
    return msgspec.structs.replace(mapping, tables=tables)


def match_rows(
    connection: psycopg.Connection[Any], mapping: Mapping, sources: Map[str, Source], catalog: Catalog
) -> Matching:
    """Add `event_id` and `entrant_id` to the rows of every file, in place; null where nothing stored is theirs.

    Exact repeats are left out. Rows that lack what they are matched by, and rows whose confirmation says that the
    stored entrant is another, are set aside.

    Args:
        connection: Where the first source is stored.
        mapping: With its section [match].
        sources: The rows of the files, complete.
        catalog: The domain's tables.

    Raises:
        InputError: [match] names a column or table that is not there.
    """
    match = mapping.match
    if match is None:
        raise InputError("The mapping has no section [match].")
    table = catalog[match.entrants]
    entrant_column(table, catalog)
    _check(match, table, catalog)
    read = {name: source for name, source in sources.items() if source.files}
    _check_files(read, match)
    rows, events = _without_repeats(read, match)
    for source in read.values():
        _set_aside_nameless(source, list(match.event))
    matched_events, numbers = _match_events(connection, match, read, catalog)
    entrants, contradicted = match_entrants(connection, match, read, table, catalog, numbers)
    return Matching(
        events=matched_events,
        entrants=entrants,
        contradicted=contradicted,
        repeated_rows=rows,
        repeated_events=events,
    )


def _check(match: Match, table: Table, catalog: Catalog) -> None:
    for columns, where in ((match.event.values(), catalog.events), (match.entrant.values(), table)):
        for name in columns:
            if name not in where.columns:
                raise InputError(f"[match] names {where.name}.{name}.", allowed=", ".join(where.columns))
    if catalog.events.day not in match.event.values():
        raise InputError(
            f"[match] does not match events by their day, {catalog.events.name}.{catalog.events.day}.",
            allowed=f'`event` with a column for "{catalog.events.day}" among others',
        )


def _check_files(sources: Map[str, Source], match: Match) -> None:
    for name, source in sources.items():
        require_columns(source.frame, match.event, f"files.{name}, for match.event,")
    there = {column for source in sources.values() for column in source.frame.columns}
    wanted = [("entrant", name) for name in match.entrant] + [("confirm", name) for name in match.confirm]
    for key, name in [*wanted, *([("absent", match.absent)] if match.absent else [])]:
        if name not in there:
            raise InputError(
                f"No file has the column {name!r} of match.{key}.",
                allowed=", ".join(sorted(column for column in there if column not in PLACE)),
                do="Correct the name, or derive the column.",
            )


def _without_repeats(sources: Map[str, Source], match: Match) -> tuple[dict[str, int], int]:
    dropped, events = {}, []
    for name, source in sources.items():
        own = [column for column in source.frame.columns if column not in PLACE]
        kept = source.frame.unique(own, keep="first", maintain_order=True)
        if kept.height < source.frame.height:
            dropped[name] = source.frame.height - kept.height
            repeats = source.frame.join(kept, on=list(PLACE), how="anti")
            events.append(repeats.select(list(match.event)))
        source.frame = kept
    return dropped, pl.concat(events).unique().height if events else 0


def _set_aside_nameless(source: Source, needed: list[str]) -> None:
    nameless = pl.any_horizontal(pl.col(name).is_null() for name in needed)
    for row in source.frame.filter(nameless).iter_rows(named=True):
        missing = ", ".join(name for name in needed if row[name] is None)
        reason = f"it has no {missing}, by which it would be matched"
        source.broken.append(BrokenRecord(row["#file"], row["#row"], reason, reason, payload(row)))
    source.frame = source.frame.filter(~nameless)


def _match_events(
    connection: psycopg.Connection[Any], match: Match, sources: Map[str, Source], catalog: Catalog
) -> tuple[pl.DataFrame, pl.Series]:
    """Every event of either source, and the ids of those stored that the files could have; adds `event_id`."""
    here, there = list(match.event), list(match.event.values())
    said = [
        source.frame.select(*here, pl.lit(set(match.entrant) <= set(source.frame.columns)).alias("given"))
        for source in sources.values()
    ]
    given = pl.concat(said).group_by(here).agg(pl.col("given").any())
    stored = _stored_events(connection, given.select(here).rename(match.event), catalog)
    known = stored.group_by(there).agg(pl.col(EVENT_ID).first(), pl.len().alias("#n"))
    pairs = given.join(known, left_on=here, right_on=there, how="left").with_columns(
        pl.when(pl.col("#n") == 1).then(EVENT_ID).alias(EVENT_ID)
    )
    for source in sources.values():
        source.frame = source.frame.join(pairs.select(*here, EVENT_ID), on=here, how="left", maintain_order="left")
    second = pairs.select(
        joined(here),
        EVENT_ID,
        pl.col(EVENT_ID).is_not_null().alias("stored"),
        "given",
        pl.when(pl.col("#n") > 1)
        .then(pl.lit("several are stored under its key"))
        .when(~pl.col("given"))
        .then(pl.lit(NOBODY))
        .alias("reason"),
    )
    first = stored.join(pairs, on=EVENT_ID, how="anti").select(
        joined(there),
        EVENT_ID,
        pl.lit(value=True).alias("stored"),
        pl.lit(value=False).alias("given"),
        pl.lit(None, pl.String).alias("reason"),
    )
    return pl.concat([second, first]).sort(KEY), stored[EVENT_ID]


def _stored_events(connection: psycopg.Connection[Any], given: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """The stored events of the days that the files span, at places of theirs."""
    events, key = catalog.events, catalog.events.key[0]
    day = str(events.day)
    days = given[day].str.to_date(DAY, strict=False)
    if days.null_count() == days.len():
        raise InputError(
            f"The days that [match] gives for {events.name}.{day} are none: {', '.join(given[day].head(3))}.",
            allowed="days as 2024-05-14",
            do='Derive a column with a `format`: day = { column = "when", format = "%d/%m/%Y" }.',
        )
    columns = list(dict.fromkeys([key, *given.columns]))
    stored = read_frame(
        connection,
        f"SELECT {', '.join(columns)} FROM {events.name} WHERE {day} BETWEEN %s AND %s",  # noqa: S608 - our own names
        {name: events.dtypes[name] for name in columns},
        (days.min(), days.max()),
    )
    places = [c for reference in events.references for c in reference.columns if c in given.columns]
    here = [pl.col(name).is_in(given[name].unique().implode()) for name in places]
    return stored.filter(*here).select(
        pl.col(key).alias(EVENT_ID), *(pl.col(name).cast(pl.String) for name in given.columns)
    )
