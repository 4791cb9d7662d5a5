"""From shaped rows to facts that belong together: clocks, duplicates, bounds, references, the domain's own limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from morningline.facts.store import read_keyed
from morningline.sources.clocks import Rule, event_clock
from morningline.sources.quarantine import PROBLEM, problems
from morningline.sources.reading import PLACE
from morningline.sources.shaping import shape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Mapping as Map

    import psycopg

    from morningline.facts.table import Catalog, Reference, Table
    from morningline.sources.convert import Converter
    from morningline.sources.mapping import Mapping
    from morningline.sources.reading import Source

WHERE = (*PLACE, "#source")


@dataclass(frozen=True)
class Rejection:
    """Rows of a table that no event can have: their keys and a column `reason`."""

    table: str
    keys: pl.DataFrame


@dataclass
class Tally:
    """How many rows were meant for a table, and how many said the same as another."""

    read: int = 0
    merged: int = 0


@dataclass
class Assembly:
    """What an import will write: frames by table, and everything that was turned away.

    Attributes:
        frames: Table name to accepted rows in the order of their key; columns as the table's.
        tallies: Table name to its counts.
        problems: Rows in the shape of `PROBLEM`.
        left_out: Target to rows its conditions left out.
    """

    frames: dict[str, pl.DataFrame] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)
    problems: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PROBLEM))
    left_out: dict[str, int] = field(default_factory=dict)

    def turn_away(self, rows: pl.DataFrame, table: str, reason: pl.Expr | str, scope: str = "row") -> None:
        """Note rows (with `#file`, `#row`, `#source`) as turned away."""
        if rows.height:
            self.problems = self.problems.vstack(problems(rows, table, scope, reason))


def assemble(
    mapping: Mapping,
    sources: Map[str, Source],
    catalog: Catalog,
    converters: Map[str, Converter],
    reject: Callable[[Map[str, pl.DataFrame]], Sequence[Rejection]],
    connection: psycopg.Connection[Any],
) -> Assembly:
    """Make the rows of files into facts.

    Args:
        mapping: How the files are read.
        sources: Their rows as text.
        catalog: The domain's tables.
        converters: Notations by name.
        reject: The domain's own limits.
        connection: For events and entities that an earlier import brought.

    Returns:
        The accepted rows and everything that was turned away.
    """
    assembly = Assembly()
    shaped = _shape_all(mapping, sources, catalog, converters, assembly)
    _add_clocks(shaped, mapping, catalog, connection, assembly)
    for table in catalog.tables:
        if table.name in shaped:
            complete = _complete(shaped[table.name], table, assembly)
            shaped[table.name] = _within_bounds(_one_per_key(complete, table, assembly), table, assembly)
    for rejection in reject(shaped):
        key = list(catalog[rejection.table].key)
        bad = shaped[rejection.table].join(
            rejection.keys, on=[k for k in key if k in rejection.keys.columns], how="inner", nulls_equal=True
        )
        assembly.turn_away(bad, rejection.table, pl.col("reason"))
        shaped[rejection.table] = shaped[rejection.table].join(bad, on=key, how="anti")
    for table in catalog.tables:
        if table.name in shaped:
            for reference in table.references:
                shaped[table.name] = _with_parent(shaped, table, reference, catalog, connection, assembly)
            columns = [name for name in table.columns if name in shaped[table.name].columns]
            assembly.frames[table.name] = shaped[table.name].select(columns).sort(table.key)
    return assembly


def _shape_all(
    mapping: Mapping,
    sources: Map[str, Source],
    catalog: Catalog,
    converters: Map[str, Converter],
    assembly: Assembly,
) -> dict[str, pl.DataFrame]:
    parts: dict[str, list[pl.DataFrame]] = {}
    for target in mapping.tables:
        if not sources[target.source].files:
            continue
        table = catalog[target.to]
        result = shape(target, mapping, sources[target.source].frame, table, converters)
        frame = result.frame.with_columns(pl.lit(target.source).alias("#source"))
        if target.known_at is not None:
            frame = frame.with_columns(pl.lit(target.known_at).alias("#rule"))
        assembly.left_out[f"{target.to} from {target.source}"] = result.unread
        assembly.tallies.setdefault(table.name, Tally()).read += frame.height
        parts.setdefault(table.name, []).append(
            _without_unreadable(frame, result.unreadable, target.source, table, assembly)
        )
    return {name: pl.concat(frames, how="diagonal_relaxed") for name, frames in parts.items()}


def _without_unreadable(
    frame: pl.DataFrame, unreadable: pl.DataFrame, source: str, table: Table, assembly: Assembly
) -> pl.DataFrame:
    if unreadable.is_empty():
        return frame
    needed = [name for name, column in table.columns.items() if not column.nullable]
    marked = unreadable.with_columns(pl.lit(source).alias("#source"))
    fatal = marked.filter(pl.col("column").is_in(needed))
    assembly.turn_away(fatal.unique(PLACE, keep="first", maintain_order=True), table.name, pl.col("reason"))
    assembly.turn_away(marked.join(fatal, on=list(PLACE), how="anti"), table.name, pl.col("reason"), "value")
    return frame.join(fatal, on=list(PLACE), how="anti")


def _add_clocks(
    shaped: dict[str, pl.DataFrame],
    mapping: Mapping,
    catalog: Catalog,
    connection: psycopg.Connection[Any],
    assembly: Assembly,
) -> None:
    events = catalog.events
    clocks = []
    if events.name in shaped:
        frame = shaped[events.name]
        zone = str(events.zone)
        given = pl.col(zone) if zone in frame.columns else pl.lit(None, pl.String)
        off = [] if events.off in frame.columns else [pl.lit(None, pl.Datetime("us", "UTC")).alias(str(events.off))]
        frame = frame.with_columns(pl.coalesce(given, pl.lit(mapping.time_zone)).alias(zone), *off)
        clocks.append(event_clock(frame.unique(events.key, keep="first"), events))
        frame = frame.join(clocks[0].drop(str(events.day)), on=list(events.key), how="left")
        shaped[events.name] = _clocked(frame, events, mapping)
    for table in catalog.tables:
        reference = table.event_reference(events.name)
        if reference is None or table.name not in shaped:
            reference = _through_parent(table, catalog) if table.name in shaped else None
        if reference is not None:
            shaped[table.name] = _event_clocked(
                shaped[table.name], table, reference, clocks, mapping, events, connection, assembly
            )
    for table in reversed(catalog.tables):
        if table.stage == "master" and table.name in shaped:
            shaped[table.name] = _master_clocked(shaped, table, catalog)


def _through_parent(table: Table, catalog: Catalog) -> Reference | None:
    """A child of a child finds its event by the columns its parent finds it by."""
    for reference in table.references:
        up = catalog[reference.to].event_reference(catalog.events.name)
        if up is not None and all(column in reference.columns for column in up.columns):
            return up
    return None


def _event_clocked(
    frame: pl.DataFrame,
    table: Table,
    reference: Reference,
    clocks: list[pl.DataFrame],
    mapping: Mapping,
    events: Table,
    connection: psycopg.Connection[Any],
    assembly: Assembly,
) -> pl.DataFrame:
    """Rows with the day and the clocks of their event, from this import or from an earlier one."""
    key = events.key[0]
    column = reference.columns[0]
    known = clocks[0][key] if clocks else pl.Series([], dtype=pl.String)
    strangers = frame[column].drop_nulls().unique().sort()
    strangers = strangers.filter(~strangers.is_in(known.implode()))
    if strangers.len():
        columns = [*events.key, str(events.day), str(events.off), str(events.zone)]
        stored = event_clock(read_keyed(connection, events, columns, strangers), events)
        clock = pl.concat([*clocks, stored])
    else:
        clock = (
            clocks[0]
            if clocks
            else event_clock(
                pl.DataFrame(
                    schema={
                        k: events.dtypes[k] for k in (*events.key, str(events.day), str(events.off), str(events.zone))
                    }
                ),
                events,
            )
        )
    clock = clock.rename({key: column})
    lost = frame.join(clock, on=column, how="anti")
    assembly.turn_away(
        lost, table.name, pl.format(f"no {events.name} with {key} = '{{}}'", pl.col(column).fill_null(""))
    )
    joined = frame.drop(str(events.day), strict=False).join(clock, on=column, how="inner", maintain_order="left")
    return _clocked(joined, table, mapping)


def _clocked(frame: pl.DataFrame, table: Table, mapping: Mapping) -> pl.DataFrame:
    stage = {"event": mapping.clocks.pre, "pre": mapping.clocks.pre, "post": mapping.clocks.post}.get(
        table.stage, mapping.clocks.price
    )
    rules = frame["#rule"].drop_nulls().unique().to_list() if "#rule" in frame.columns else []
    known_at = Rule.parse(stage).instant()
    for text in rules:
        known_at = pl.when(pl.col("#rule") == text).then(Rule.parse(text).instant()).otherwise(known_at)
    given = {
        name: pl.col(name) if name in frame.columns else pl.lit(None, pl.Datetime("us", "UTC"))
        for name in ("event_at", "known_at")
    }
    clocked = frame.with_columns(
        pl.coalesce(given["event_at"], "#event_at").alias("event_at"),
        pl.coalesce(given["known_at"], known_at).alias("known_at"),
    )
    return clocked.drop("#day_start", "#day_end", "#off", "#event_at", "#rule", strict=False)


def _master_clocked(shaped: Map[str, pl.DataFrame], table: Table, catalog: Catalog) -> pl.DataFrame:
    """Entities with the clocks of their first mention, or of the first event where nothing here mentions them."""
    mentions = [
        shaped[child.name].select(pl.col(reference.columns[0]).alias(table.key[0]), "event_at", "known_at")
        for child in catalog.tables
        if child.name in shaped and "known_at" in shaped[child.name].columns
        for reference in child.references
        if reference.to == table.name and reference.columns[0] in shaped[child.name].columns
    ]
    frame = shaped[table.name]
    clocks = ("event_at", "known_at")
    if mentions:
        first = (
            pl.concat(mentions).drop_nulls().group_by(table.key[0]).agg(pl.col(n).min().alias(f"#{n}") for n in clocks)
        )
        frame = frame.join(first, on=table.key[0], how="left", maintain_order="left")
    events = shaped.get(catalog.events.name)
    fallback = {n: events[n].min() if events is not None else None for n in clocks}
    candidates = {n: [c for c in (n, f"#{n}") if c in frame.columns] for n in clocks}
    return frame.with_columns(
        pl.coalesce(*candidates[n], pl.lit(fallback[n], pl.Datetime("us", "UTC"))).alias(n) for n in clocks
    ).drop("#event_at", "#known_at", "#rule", strict=False)


def _one_per_key(frame: pl.DataFrame, table: Table, assembly: Assembly) -> pl.DataFrame:
    """Merge rows that say the same; turn away those that contradict each other."""
    values = [name for name in frame.columns if not name.startswith("#")]
    key = list(table.key)
    # The same fact may come from several rows and files; the first place in file order stands for all.
    ordered = frame.sort(*PLACE)
    distinct = ordered.unique(values, keep="first", maintain_order=True)
    if table.stage == "master":
        # The name an entity bears last is its name; nothing contradicts.
        distinct = (
            distinct.sort("known_at", *values, nulls_last=True)
            .group_by(key, maintain_order=True)
            .agg(
                pl.col(n).first() if n.startswith("#") else pl.col(n).drop_nulls().last()
                for n in distinct.columns
                if n not in key
            )
            .select(distinct.columns)
        )
        assembly.tallies[table.name].merged += frame.height - distinct.height
        return distinct
    assembly.tallies[table.name].merged += frame.height - distinct.height
    clashing = distinct.filter(pl.struct(key).is_duplicated())
    if clashing.is_empty():
        return distinct
    differing = [name for name in values if name not in key]
    reason = clashing.group_by(key).agg(pl.col(n).n_unique().alias(n) for n in differing)
    named = pl.concat_list(pl.when(pl.col(n) > 1).then(pl.lit(n)) for n in differing).list.drop_nulls().list.join(", ")
    text = pl.format(f"several rows of one {' and '.join(key)} differ in {{}}", named)
    reason = reason.select(*key, text.alias("#reason"))
    assembly.turn_away(clashing.join(reason, on=key, how="left", nulls_equal=True), table.name, pl.col("#reason"))
    return distinct.filter(~pl.struct(key).is_duplicated())


def _within_bounds(frame: pl.DataFrame, table: Table, assembly: Assembly) -> pl.DataFrame:
    """Rows that keep the table's schema and rules; the others with every rule they break."""
    key = list(table.key)
    declared = table.schema.columns()
    missing = [pl.lit(None, declared[name].dtype).alias(name) for name in declared if name not in frame.columns]
    full = frame.with_columns(*missing)
    _, failure = table.schema.filter(full.select(*declared), cast=True)
    if len(failure):
        details = failure.details()
        texts = [
            pl.when(pl.col(rule) == "invalid").then(
                pl.format(f"{_rule_words(rule)}: '{{}}' is not allowed", _offender(rule, details))
            )
            for rule in details.columns[len(declared) :]
        ]
        reason = pl.concat_list(texts).list.drop_nulls().list.join("; ").alias("#reason")
        bad = frame.join(details.select(*key, reason), on=key, how="inner")
        assembly.turn_away(bad, table.name, pl.col("#reason"))
        full = full.join(bad, on=key, how="anti")
    for name, condition in table.rules:
        broken = full.filter(~pl.sql_expr(condition))
        assembly.turn_away(broken, table.name, f"the rule {name} does not hold: {condition}")
        full = full.join(broken, on=key, how="anti")
    return full.select(frame.columns)


def _rule_words(rule: str) -> str:
    column, _, name = rule.partition("|")
    return f"{column} ({name})" if name else rule


def _offender(rule: str, details: pl.DataFrame) -> pl.Expr:
    column = rule.partition("|")[0]
    if column not in details.columns or details.schema[column].is_nested():
        return pl.lit("the row")
    return pl.col(column).cast(pl.String, strict=False).fill_null("missing")


def _complete(frame: pl.DataFrame, table: Table, assembly: Assembly) -> pl.DataFrame:
    """Rows that have every value a row of this table must have."""
    for name, column in table.columns.items():
        if name in frame.columns and not column.nullable:
            assembly.turn_away(frame.filter(pl.col(name).is_null()), table.name, f"{name} is missing")
            frame = frame.filter(pl.col(name).is_not_null())
    return frame


def _with_parent(
    shaped: Map[str, pl.DataFrame],
    table: Table,
    reference: Reference,
    catalog: Catalog,
    connection: psycopg.Connection[Any],
    assembly: Assembly,
) -> pl.DataFrame:
    """Rows whose reference leads somewhere: to a row of this import or of the database."""
    frame = shaped[table.name]
    columns = [c for c in reference.columns if c in frame.columns]
    if len(columns) < len(reference.columns):
        return frame
    parent = catalog[reference.to]
    here = dict(zip(parent.key, columns, strict=True))
    given = frame.drop_nulls(columns)
    if parent.name in shaped:
        known = shaped[parent.name].select(pl.col(there).alias(name) for there, name in here.items())
        given = given.join(known, on=columns, how="anti")
    if given.is_empty():
        return frame
    stored = read_keyed(connection, parent, list(parent.key), given[columns[0]].unique().sort())
    orphans = given.join(stored.rename(here), on=columns, how="anti")
    values = ", ".join(f"{there} = '{{}}'" for there in here)
    assembly.turn_away(
        orphans,
        table.name,
        pl.format(f"no {parent.name} with {values}", *(pl.col(c).cast(pl.String) for c in columns)),
    )
    return frame.join(orphans, on=list(WHERE), how="anti")
