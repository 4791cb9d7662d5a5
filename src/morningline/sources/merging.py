"""One row a key, within the table's bounds: rows that agree become one, rows that contradict are turned away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dataframely as dy
import polars as pl

from morningline.facts.store import last_mentions, read_keyed
from morningline.sources.clocking import CLOCKS, MENTIONED
from morningline.sources.reading import PLACE

if TYPE_CHECKING:
    import psycopg

    from morningline.facts.table import Catalog, Table
    from morningline.sources.assembly import Assembly


def one_per_key(
    frame: pl.DataFrame, table: Table, catalog: Catalog, connection: psycopg.Connection[Any], assembly: Assembly
) -> pl.DataFrame:
    """Merge rows that agree, a gap agreeing with everything; turn away those that contradict each other."""
    # The same fact may come from several rows and files; the first place in file order stands for all.
    ordered = frame.sort(*PLACE)
    values = [name for name in frame.columns if not name.startswith("#")]
    key = list(table.key)
    if table.stage == "master":
        distinct = _last_known(ordered, table, catalog, connection)
        assembly.tallies[table.name].merged += frame.height - distinct.height
        return distinct
    distinct = _strongest(ordered.unique(values, keep="first", maintain_order=True), table)
    repeated = pl.struct(key).is_duplicated()
    several = distinct.filter(repeated)
    if several.is_empty():
        assembly.tallies[table.name].merged += frame.height - distinct.height
        return distinct
    differing = [name for name in values if name not in (*key, *CLOCKS)]
    clashes = several.group_by(key).agg(pl.col(n).drop_nulls().n_unique().alias(n) for n in differing)
    contradicting = clashes.filter(pl.any_horizontal(pl.lit(value=False), *(pl.col(n) > 1 for n in differing)))
    bad = _turn_contradicting_away(several, contradicting, differing, table, assembly)
    agreeing = several.join(bad, on=key, how="anti", nulls_equal=True)
    pieced = agreeing.group_by(key, maintain_order=True).agg(
        pl.col(n).max() if n in CLOCKS else pl.col(n).first() if n.startswith("#") else pl.col(n).drop_nulls().first()
        for n in frame.columns
        if n not in key
    )
    kept = pl.concat([distinct.filter(~repeated), pieced.select(distinct.columns)])
    assembly.tallies[table.name].merged += frame.height - kept.height - bad.height
    return kept


def _strongest(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Of the rows of a key, those of the strongest basis: what a weaker one says of it is not needed."""
    if not table.precedence or "basis" not in frame.columns:
        return frame
    last = len(table.precedence) - 1
    strength = pl.col("basis").replace_strict({w: i for i, w in enumerate(table.precedence)}, default=last)
    return frame.filter(strength == strength.max().over(table.key))


def _turn_contradicting_away(
    rows: pl.DataFrame, clashes: pl.DataFrame, differing: list[str], table: Table, assembly: Assembly
) -> pl.DataFrame:
    if clashes.is_empty():
        return rows.clear()
    key = list(table.key)
    named = pl.concat_list(pl.when(pl.col(n) > 1).then(pl.lit(n)) for n in differing).list.drop_nulls().list.join(", ")
    text = pl.format(f"several rows of one {' and '.join(key)} differ in {{}}", named).alias("#reason")
    bad = rows.join(clashes.select(*key, text), on=key, how="inner", nulls_equal=True, maintain_order="left")
    assembly.turn_away(bad, table.name, pl.col("#reason"))
    return bad.drop("#reason")


def _last_known(
    frame: pl.DataFrame, table: Table, catalog: Catalog, connection: psycopg.Connection[Any]
) -> pl.DataFrame:
    """One row an entity with what it was called last; whichever import says it, the later mention counts."""
    key = table.key[0]
    values = [n for n in frame.columns if n != key and not n.startswith("#") and n not in CLOCKS]
    merged = (
        frame.unique([key, *values, MENTIONED, *CLOCKS], keep="first", maintain_order=True)
        .sort(MENTIONED, *values, nulls_last=False)
        .group_by(key, maintain_order=True)
        .agg(
            *(pl.col(n).drop_nulls().last() for n in values),
            *(pl.col(n).min() for n in CLOCKS),
            pl.col(MENTIONED).max(),
            *(pl.col(n).first() for n in PLACE),
            pl.col("#source").first(),
        )
        .select(frame.columns)
    )
    return _without_outdated(merged, values, table, catalog, connection)


def _without_outdated(
    frame: pl.DataFrame, values: list[str], table: Table, catalog: Catalog, connection: psycopg.Connection[Any]
) -> pl.DataFrame:
    """Leave open what the database knows from a later mention, so that the order of imports does not matter."""
    key = table.key[0]
    if not values:
        return frame
    stored = read_keyed(connection, table, [key, *values], frame[key].drop_nulls())
    if stored.is_empty():
        return frame
    stored = stored.rename({n: f"#stored {n}" for n in values})
    both = frame.select(key, *values).join(stored, on=key, how="inner")
    new, old = ({n: pl.col(f"{prefix}{n}").cast(pl.String) for n in values} for prefix in ("", "#stored "))
    changing = both.filter(pl.any_horizontal((new[n] != old[n]).fill_null(value=False) for n in values))
    if changing.is_empty():
        return frame
    later = last_mentions(connection, catalog, table, changing[key])
    joined = frame.join(stored, on=key, how="left", maintain_order="left").join(
        later, on=key, how="left", maintain_order="left"
    )
    seen, here = pl.col("last_known_at"), pl.col(MENTIONED)
    outdated = ((here.is_null() & seen.is_not_null()) | (here < seen)).fill_null(value=False)
    tied = ((here == seen) | (here.is_null() & seen.is_null())).fill_null(value=False)
    return joined.with_columns(
        pl.when(~(outdated & old[n].is_not_null()) & ~(tied & (old[n] > new[n]).fill_null(value=False)))
        .then(pl.col(n))
        .alias(n)
        for n in values
    ).select(frame.columns)


def as_stored(
    frame: pl.DataFrame, table: Table, connection: psycopg.Connection[Any], assembly: Assembly
) -> pl.DataFrame:
    """Rows of an append-only table that do not contradict what it holds, which is never changed."""
    key = list(table.key)
    values = [n for n in frame.columns if n not in (*key, *CLOCKS) and n in table.columns]
    stored = read_keyed(connection, table, [*key, *values], frame[key[0]].unique())
    if stored.is_empty():
        return frame
    both = frame.join(stored.rename({n: f"#stored {n}" for n in values}), on=key, how="inner")
    for name in values:
        given, held = pl.col(name).cast(pl.String), pl.col(f"#stored {name}").cast(pl.String)
        clashing = both.filter((given != held).fill_null(value=False))
        kind = f"another {name} is stored for its {' and '.join(key)}, and {table.name} is append-only"
        assembly.turn_away(
            clashing, table.name, pl.format(f"{name}: '{{}}', but {kind}: '{{}}'", given, held), kind=kind
        )
        frame, both = (part.join(clashing, on=key, how="anti") for part in (frame, both))
    return frame


def within_bounds(frame: pl.DataFrame, table: Table, assembly: Assembly) -> pl.DataFrame:
    """Rows that keep the table's schema and rules; the others with every rule they break."""
    key = list(table.key)
    declared = table.schema.columns()
    missing = [pl.lit(None, declared[name].dtype).alias(name) for name in declared if name not in frame.columns]
    full = frame.with_columns(*missing)
    _, failure = table.schema.filter(full.select(*declared), cast=True)
    if len(failure):
        # Its columns may begin with an empty chunk, on which Polars' `format` panics.
        details = failure.details().rechunk()
        rules = details.columns[len(declared) :]
        said = [_words(rule, declared) for rule in rules]
        broken = [pl.col(rule) == "invalid" for rule in rules]
        texts = [
            pl.when(bad).then(pl.format(f"{column}: '{{}}' {words}", _offender(column, details)))
            for (column, words), bad in zip(said, broken, strict=True)
        ]
        kinds = [
            pl.when(bad).then(pl.lit(f"{column}: a value {words}"))
            for (column, words), bad in zip(said, broken, strict=True)
        ]
        reasons = details.select(
            *key,
            pl.concat_list(texts).list.drop_nulls().list.join("; ").alias("#reason"),
            pl.concat_list(kinds).list.drop_nulls().list.join("; ").alias("#kind"),
        )
        bad = frame.join(reasons, on=key, how="inner")
        assembly.turn_away(bad, table.name, pl.col("#reason"), kind=pl.col("#kind"))
        full = full.join(bad, on=key, how="anti")
    for name, condition in table.rules:
        broken_rows = full.filter(~pl.sql_expr(condition))
        assembly.turn_away(broken_rows, table.name, f"the rule {name} does not hold: {condition}")
        full = full.join(broken_rows, on=key, how="anti")
    return full.select(frame.columns)


def _words(rule: str, declared: dict[str, dy.Column]) -> tuple[str, str]:
    """The column a rule is about, and what it says of a value that breaks it."""
    name, _, check = rule.partition("|")
    bound = getattr(declared.get(name), check, None)
    if isinstance(declared.get(name), dy.String) and check in {"min_length", "max_length"}:
        word = "longer" if check == "max_length" else "shorter"
        return name, f"is {word} than {bound} characters"
    words = {
        "min": f"is less than {bound}",
        "max": f"is more than {bound}",
        "min_exclusive": f"is not more than {bound}",
        "max_exclusive": f"is not less than {bound}",
        "nullability": "may not be missing",
    }
    return name, words.get(check, f"breaks the rule {check or name}")


def _offender(column: str, details: pl.DataFrame) -> pl.Expr:
    if column not in details.columns or details.schema[column].is_nested():
        return pl.lit("the row")
    return pl.col(column).cast(pl.String, strict=False).fill_null("missing")
