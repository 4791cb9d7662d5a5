"""Two sources value by value: what both say of the same thing, where they differ, and whom to doubt for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from morningline.facts.store import read_keyed
from morningline.sources.mapping import ENTRANT_ID, EVENT_ID

if TYPE_CHECKING:
    import psycopg

    from morningline.facts.table import Catalog, Table
    from morningline.sources.assembling import ShapedRows
    from morningline.sources.assembly import Assembly

FEWEST = 3
"""Of an entrant with fewer values that differ nobody is in doubt."""

DOUBTFUL = "it differs from the stored entrant in more values than it shares with it"

DIFFERENCE = {
    "table": pl.String,
    "column": pl.String,
    EVENT_ID: pl.String,
    ENTRANT_ID: pl.String,
    "first": pl.String,
    "second": pl.String,
}
"""One value of which the two sources say different things."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What came of comparing.

    Attributes:
        columns: One row a compared column: `table`, `column`, `agree`, `differ`, and how many values `only_first` and
            `only_second` have.
        differences: In the shape of `DIFFERENCE`, text as the database shows the values.
        doubtful: Entrants that are hardly the stored ones: `event_id`, `entrant_id`.
    """

    columns: pl.DataFrame
    differences: pl.DataFrame
    doubtful: pl.DataFrame


def compare_rows(connection: psycopg.Connection[Any], shaped: ShapedRows, catalog: Catalog, entrant: str) -> Comparison:
    """Hold rows of a second source against what is stored; nothing is written.

    Rows of a key that contradict each other are noted in the assembly of `shaped` and not compared.

    Args:
        connection: Where the first source is stored.
        shaped: The second source's rows, by table.
        catalog: The domain's tables.
        entrant: The column that says who took part.
    """
    counts, differences, tallies = [], [pl.DataFrame(schema=DIFFERENCE)], []
    for name, frame in shaped.tables.items():
        table = catalog[name]
        both, values = _side_by_side(connection, frame, table, shaped.assembly)
        event = next((n for r in table.references if r.to == catalog.events.name for n in r.columns), table.key[0])
        who = pl.col(entrant) if entrant in both.columns else pl.lit(None, pl.String)
        place = [pl.col(event).alias(EVENT_ID), who.alias(ENTRANT_ID)]
        for value in values:
            first, second = pl.col(f"#stored {value}"), pl.col(value)
            known = first.is_not_null() & second.is_not_null()
            told = both.select(
                *place,
                _shown(first, table.dtypes[value]).alias("first"),
                _shown(second, table.dtypes[value]).alias("second"),
                (known & (first == second)).alias("agree"),
                (known & (first != second)).alias("differ"),
                (first.is_not_null() & second.is_null()).alias("only_first"),
                (first.is_null() & second.is_not_null()).alias("only_second"),
            )
            counts.append({"table": name, "column": value} | told.select(pl.col(*COUNTS).sum()).row(0, named=True))
            at = told.filter("differ").with_columns(pl.lit(name).alias("table"), pl.lit(value).alias("column"))
            differences.append(at.select(*DIFFERENCE))
            tallies.append(told.select(EVENT_ID, ENTRANT_ID, "agree", "differ"))
    columns = pl.DataFrame(counts, schema={"table": pl.String, "column": pl.String} | dict.fromkeys(COUNTS, pl.Int64))
    return Comparison(columns=columns, differences=pl.concat(differences), doubtful=_doubtful(tallies))


COUNTS = ("agree", "differ", "only_first", "only_second")


def turn_doubtful_away(shaped: ShapedRows, doubtful: pl.DataFrame, catalog: Catalog, entrant: str) -> None:
    """Leave out what a second source says of entrants that are hardly the stored ones, in place."""
    for name, frame in shaped.tables.items():
        event = next((n for r in catalog[name].references if r.to == catalog.events.name for n in r.columns), None)
        if event is None or entrant not in frame.columns:
            continue
        keys = doubtful.rename({EVENT_ID: event, ENTRANT_ID: entrant})
        shaped.assembly.turn_away(frame.join(keys, on=[event, entrant], how="semi"), name, DOUBTFUL)
        shaped.tables[name] = frame.join(keys, on=[event, entrant], how="anti")


def _side_by_side(
    connection: psycopg.Connection[Any], frame: pl.DataFrame, table: Table, assembly: Assembly
) -> tuple[pl.DataFrame, list[str]]:
    """One row a key with the second source's values and the stored ones beside them as `#stored ...`."""
    key = [name for name in table.key if name in frame.columns]
    values = [name for name in table.columns if name in frame.columns and name not in key]
    merged = _one_per_key(frame, key, values, table, assembly)
    order = [name for name in ("event_at",) if name in table.columns and name not in (*key, *values)]
    stored = read_keyed(connection, table, [*key, *values, *order], merged[key[0]].unique())
    # Of prices that were told several times the last is the one that stands.
    stored = stored.sort(*order, *key).unique(key, keep="last").select(*key, *values)
    return merged.join(stored.rename({n: f"#stored {n}" for n in values}), on=key, how="left"), values


def _one_per_key(
    frame: pl.DataFrame, key: list[str], values: list[str], table: Table, assembly: Assembly
) -> pl.DataFrame:
    """What several rows of the second source say together; those that contradict each other are turned away."""
    distinct = frame.unique([*key, *values], keep="first", maintain_order=True)
    clashes = distinct.group_by(key).agg(pl.col(n).drop_nulls().n_unique().alias(n) for n in values)
    bad = clashes.filter(pl.any_horizontal(pl.col(n) > 1 for n in values))
    reason = f"several rows of one {' and '.join(key)} differ from each other, so they are not compared"
    assembly.turn_away(distinct.join(bad, on=key, how="semi"), table.name, reason)
    agreeing = distinct.join(bad, on=key, how="anti")
    return agreeing.group_by(key, maintain_order=True).agg(pl.col(n).drop_nulls().first() for n in values)


def _shown(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A value as text; a list with spaces."""
    if isinstance(dtype, pl.List):
        return value.list.eval(pl.element().cast(pl.String)).list.join(" ")
    return value.cast(pl.String)


def _doubtful(tallies: list[pl.DataFrame]) -> pl.DataFrame:
    if not tallies:
        return pl.DataFrame(schema={EVENT_ID: pl.String, ENTRANT_ID: pl.String})
    each = pl.concat(tallies).drop_nulls(ENTRANT_ID).group_by(EVENT_ID, ENTRANT_ID).agg(pl.col("agree", "differ").sum())
    return (
        each.filter((pl.col("differ") >= FEWEST) & (pl.col("differ") > pl.col("agree")))
        .select(EVENT_ID, ENTRANT_ID)
        .sort(EVENT_ID, ENTRANT_ID)
    )
