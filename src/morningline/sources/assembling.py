"""From shaped rows to facts that belong together: clocks, duplicates, bounds, references, the domain's own limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from morningline.facts.store import read_keyed
from morningline.sources.assembly import Assembly, Tally
from morningline.sources.clocking import add_clocks
from morningline.sources.merging import as_stored, one_per_key, within_bounds
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


@dataclass(frozen=True)
class Rejection:
    """Rows of a table that no event can have: their keys and a column `reason`."""

    table: str
    keys: pl.DataFrame


@dataclass(frozen=True)
class ShapedRows:
    """Rows of text read as rows of tables, before anything stored is looked at.

    Args:
        tables: Table name to its rows, with `#file`, `#row` and `#source`.
        assembly: What could not be read.
    """

    tables: dict[str, pl.DataFrame]
    assembly: Assembly


def shape_rows(
    mapping: Mapping, sources: Map[str, Source], catalog: Catalog, converters: Map[str, Converter]
) -> ShapedRows:
    """Read rows of text as rows of tables; needs no database.

    Args:
        mapping: How the files are read.
        sources: Their rows as text.
        catalog: The domain's tables.
        converters: Notations by name.
    """
    assembly = Assembly()
    return ShapedRows(_shape_all(mapping, sources, catalog, converters, assembly), assembly)


def assemble(
    mapping: Mapping,
    rows: ShapedRows,
    catalog: Catalog,
    reject: Callable[[Map[str, pl.DataFrame]], Sequence[Rejection]],
    connection: psycopg.Connection[Any],
) -> Assembly:
    """Make the rows of files into facts.

    Args:
        mapping: How the files are read.
        rows: What they hold, of `shape_rows`; used up.
        catalog: The domain's tables.
        reject: The domain's own limits.
        connection: For events and entities that an earlier import brought.

    Returns:
        The accepted rows and everything that was turned away.
    """
    assembly, shaped = rows.assembly, rows.tables
    add_clocks(shaped, mapping, catalog, connection, assembly)
    for table in catalog.tables:
        if table.name in shaped:
            complete = _complete(shaped[table.name], table, assembly)
            merged = one_per_key(complete, table, catalog, connection, assembly)
            shaped[table.name] = within_bounds(merged, table, assembly)
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
            if table.append_only:
                shaped[table.name] = as_stored(shaped[table.name], table, connection, assembly)
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
        if result is None:
            continue
        frame = result.frame.with_columns(pl.lit(target.source).alias("#source"))
        if target.known_at is not None:
            frame = frame.with_columns(pl.lit(target.known_at).alias("#rule"))
        left_out = f"{target.to} from {target.source}"
        assembly.left_out[left_out] = assembly.left_out.get(left_out, 0) + result.unread
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
    fatal = marked.filter(pl.col("column").is_in(needed)).unique(PLACE, keep="first", maintain_order=True)
    single = marked.join(fatal, on=list(PLACE), how="anti")
    assembly.turn_away(fatal, table.name, pl.col("reason"), kind=pl.col("kind"))
    assembly.turn_away(single, table.name, pl.col("reason"), kind=pl.col("kind"), scope="value")
    return frame.join(fatal, on=list(PLACE), how="anti")


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
        kind=f"no {parent.name} with its {' and '.join(columns)}",
    )
    return frame.join(orphans, on=list(table.key), how="anti")
