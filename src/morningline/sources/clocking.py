"""Gives every row of an import its two clocks: of its event where it has one, of its first mention where not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from morningline.facts.store import read_keyed
from morningline.kit.clock import local_day_bounds
from morningline.kit.errors import InputError
from morningline.sources.clocks import Rule, event_clock
from morningline.sources.reading import PLACE

if TYPE_CHECKING:
    from collections.abc import Mapping as Map

    import psycopg

    from morningline.facts.table import Catalog, Reference, Table
    from morningline.sources.assembly import Assembly
    from morningline.sources.mapping import Mapping

CLOCKS = ("event_at", "known_at")
INSTANT = pl.Datetime("us", "UTC")
MENTIONED = "#mentioned"
"""When an entity bore what a row says of it; null where the row's file does not say."""


def add_clocks(
    shaped: dict[str, pl.DataFrame],
    mapping: Mapping,
    catalog: Catalog,
    connection: psycopg.Connection[Any],
    assembly: Assembly,
) -> None:
    """Add `event_at` and `known_at` to the rows of every table, in place; rows without an event are turned away."""
    events = catalog.events
    clock = _no_clock(events)
    if events.name in shaped:
        frame = _with_zone(shaped[events.name], events, mapping, assembly)
        clock = event_clock(frame.unique(events.key, keep="first", maintain_order=True), events)
        frame = frame.join(clock.drop(str(events.day)), on=list(events.key), how="left", maintain_order="left")
        shaped[events.name] = _clocked(frame, events, mapping)
    for table in catalog.tables:
        if table.name not in shaped:
            continue
        reference = table.event_reference(events.name) or _through_parent(table, catalog)
        if reference is not None:
            column = reference.columns[0]
            frame = shaped[table.name]
            known = pl.concat([clock, _stored_clock(frame[column], clock, events, connection)])
            shaped[table.name] = _event_clocked(frame, table, column, known, events, mapping, assembly)
    for table in reversed(catalog.tables):
        if table.stage == "master" and table.name in shaped:
            shaped[table.name] = _master_clocked(shaped, table, catalog)


def _with_zone(frame: pl.DataFrame, events: Table, mapping: Mapping, assembly: Assembly) -> pl.DataFrame:
    """Events with their zone and a column for their off; those in a zone that does not exist are turned away."""
    zone, off = str(events.zone), str(events.off)
    given = pl.col(zone) if zone in frame.columns else pl.lit(None, pl.String)
    added = [] if off in frame.columns else [pl.lit(None, INSTANT).alias(off)]
    frame = frame.with_columns(pl.coalesce(given, pl.lit(mapping.time_zone)).alias(zone), *added)
    unknown = [name for name in frame[zone].unique() if not _is_zone(name)]
    lost = pl.col(zone).is_in(unknown)
    reason = pl.format(f"{zone}: '{{}}' is not an IANA time zone such as Europe/London", zone)
    assembly.turn_away(frame.filter(lost), events.name, reason, kind=f"{zone} is not an IANA time zone")
    return frame.filter(~lost)


def _is_zone(name: str) -> bool:
    try:
        local_day_bounds(pl.Series([], dtype=pl.Date), name)
    except InputError:
        return False
    return True


def _through_parent(table: Table, catalog: Catalog) -> Reference | None:
    """A child of a child finds its event by the columns its parent finds it by."""
    for reference in table.references:
        up = catalog[reference.to].event_reference(catalog.events.name)
        if up is not None and all(column in reference.columns for column in up.columns):
            return up
    return None


def _event_columns(events: Table) -> list[str]:
    return [*events.key, str(events.day), str(events.off), str(events.zone)]


def _no_clock(events: Table) -> pl.DataFrame:
    return event_clock(pl.DataFrame(schema={n: events.dtypes[n] for n in _event_columns(events)}), events)


def _stored_clock(
    wanted: pl.Series, clock: pl.DataFrame, events: Table, connection: psycopg.Connection[Any]
) -> pl.DataFrame:
    """The clocks of events that an earlier import brought."""
    strangers = wanted.drop_nulls().unique().sort()
    strangers = strangers.filter(~strangers.is_in(clock[events.key[0]].implode()))
    if strangers.is_empty():
        return clock.clear()
    return event_clock(read_keyed(connection, events, _event_columns(events), strangers), events)


def _event_clocked(
    frame: pl.DataFrame,
    table: Table,
    column: str,
    clock: pl.DataFrame,
    events: Table,
    mapping: Mapping,
    assembly: Assembly,
) -> pl.DataFrame:
    """Rows with the day and the clocks of their event."""
    key = events.key[0]
    clock = clock.rename({key: column})
    lost = frame.join(clock, on=column, how="anti")
    assembly.turn_away(
        lost,
        table.name,
        pl.format(f"no {events.name} with {key} = '{{}}'", pl.col(column).fill_null("")),
        kind=f"no {events.name} with its {column}",
    )
    joined = frame.drop(str(events.day), strict=False).join(clock, on=column, how="inner", maintain_order="left")
    return _clocked(joined, table, mapping)


def _clocked(frame: pl.DataFrame, table: Table, mapping: Mapping) -> pl.DataFrame:
    stage = {"event": mapping.clocks.pre, "pre": mapping.clocks.pre, "post": mapping.clocks.post}.get(
        table.stage, mapping.clocks.price
    )
    rules = frame["#rule"].drop_nulls().unique().sort().to_list() if "#rule" in frame.columns else []
    known_at = Rule.parse(stage).instant()
    for text in rules:
        known_at = pl.when(pl.col("#rule") == text).then(Rule.parse(text).instant()).otherwise(known_at)
    given = {name: pl.col(name) if name in frame.columns else pl.lit(None, INSTANT) for name in CLOCKS}
    clocked = frame.with_columns(
        pl.coalesce(given["event_at"], "#event_at").alias("event_at"),
        pl.coalesce(given["known_at"], known_at).alias("known_at"),
    )
    return clocked.drop("#day_start", "#day_end", "#off", "#event_at", "#rule", strict=False)


def _master_clocked(shaped: Map[str, pl.DataFrame], table: Table, catalog: Catalog) -> pl.DataFrame:
    """Entities with the clocks of their first mention, or of the first event where nothing here mentions them."""
    frame = shaped[table.name]
    key = table.key[0]
    mentions = [
        shaped[child.name].select(*PLACE, "#source", pl.col(reference.columns[0]).alias(key), *CLOCKS)
        for child in catalog.tables
        if child.name in shaped and "known_at" in shaped[child.name].columns
        for reference in child.references
        if reference.to == table.name and reference.columns[0] in shaped[child.name].columns
    ]
    if mentions:
        everyone = pl.concat(mentions, how="vertical_relaxed").drop_nulls([key, *CLOCKS])
        first = everyone.group_by(key).agg(pl.col(n).min().alias(f"#{n}") for n in CLOCKS)
        here = everyone.group_by(*PLACE, "#source", key).agg(pl.col("known_at").max().alias(MENTIONED))
        frame = frame.join(first, on=key, how="left", maintain_order="left").join(
            here, on=[*PLACE, "#source", key], how="left", maintain_order="left"
        )
    else:
        frame = frame.with_columns(pl.lit(None, INSTANT).alias(MENTIONED))
    events = shaped.get(catalog.events.name)
    fallback = {n: events[n].min() if events is not None else None for n in CLOCKS}
    candidates = {n: [c for c in (n, f"#{n}") if c in frame.columns] for n in CLOCKS}
    return frame.with_columns(pl.coalesce(*candidates[n], pl.lit(fallback[n], INSTANT)).alias(n) for n in CLOCKS).drop(
        "#event_at", "#known_at", "#rule", strict=False
    )
