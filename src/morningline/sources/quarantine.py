"""Rows and values that were turned away, with their reason and their payload, so that nothing vanishes."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import polars as pl

from morningline.kit.nul import NUL, NUL_SHOWN, show_nul_in_json
from morningline.sources.reading import PLACE
from morningline.sources.report import EXAMPLES, Turned

if TYPE_CHECKING:
    from collections.abc import Mapping as Map

    from morningline.sources.reading import Source

PROBLEM = {
    "#file": pl.String,
    "#row": pl.UInt32,
    "target": pl.String,
    "source": pl.String,
    "scope": pl.String,
    "reason": pl.String,
    "kind": pl.String,
}
"""One problem a row: where it stands, which table it was meant for, what is wrong with it, what that counts as."""

LONGEST_REASON = 1_000
"""Characters of a reason that are kept; the payload beside it is kept whole."""


def problems(rows: pl.DataFrame, target: str, scope: str, reason: pl.Expr | str, kind: pl.Expr | str) -> pl.DataFrame:
    """Problems of some rows, in the shape of `PROBLEM`.

    Args:
        rows: Rows with `#file`, `#row` and `#source`.
        target: The table they were meant for.
        scope: `row` or `value`.
        reason: Why, as words or as an expression over the rows.
        kind: What it counts as: the reason without the values at fault.
    """
    return rows.select(
        pl.col("#file"),
        pl.col("#row").cast(pl.UInt32),
        pl.lit(target).alias("target"),
        pl.col("#source").alias("source"),
        pl.lit(scope).alias("scope"),
        (pl.lit(reason) if isinstance(reason, str) else reason).str.head(LONGEST_REASON).alias("reason"),
        (pl.lit(kind) if isinstance(kind, str) else kind).str.head(LONGEST_REASON).alias("kind"),
    )


def _with_payload(sources: Map[str, Source], found: pl.DataFrame) -> pl.DataFrame:
    """The problems of tables and of files, each with the record it is about as JSON."""
    broken = [
        (b.file, b.row, f"files.{name}", name, b.scope, b.reason[:LONGEST_REASON], b.kind[:LONGEST_REASON], b.payload)
        for name, source in sources.items()
        for b in source.broken
    ]
    parts = [pl.DataFrame(broken, schema={**PROBLEM, "payload": pl.String}, orient="row")]
    for (name,), part in found.partition_by("source", as_dict=True).items():
        keys = part.select(PLACE).unique()
        rows = sources[str(name)].original.join(keys, on=list(PLACE), how="semi")
        payload = pl.struct(pl.all().exclude(PLACE)).struct.json_encode().alias("payload")
        parts.append(part.join(rows.select(*PLACE, payload), on=list(PLACE), how="left"))
    texts = pl.col("reason", "kind").str.replace_all(NUL, NUL_SHOWN, literal=True)
    return pl.concat(parts, how="vertical_relaxed").with_columns(texts)


def turned_away(sources: Map[str, Source], found: pl.DataFrame) -> list[Turned]:
    """Counts and examples by table and kind of reason, the most frequent first."""
    everything = _with_payload(sources, found).with_columns(
        pl.format("{} row {}: {}", "#file", "#row", "reason").alias("example")
    )
    grouped = everything.sort("#file", "#row", "example").group_by("target", "scope", "kind", maintain_order=True)
    counted = grouped.agg(pl.len().alias("count"), pl.col("example").head(EXAMPLES)).sort(
        "scope", "count", "target", "kind", descending=[False, True, False, False]
    )
    return [
        Turned(table=r["target"], scope=r["scope"], reason=r["kind"], count=r["count"], examples=r["example"])
        for r in counted.iter_rows(named=True)
    ]


def quarantine_rows(sources: Map[str, Source], found: pl.DataFrame, import_id: str) -> pl.DataFrame:
    """The rows of the quarantine table."""
    identity = ("#file", "#row", "target", "scope", "reason")
    numbered = _with_payload(sources, found).with_columns(
        # Two targets of one table may turn the same record away for the same reason.
        pl.int_range(pl.len()).over(identity).alias("#again")
    )
    ids = pl.concat_str([*identity, "#again"], separator="\x1f").map_elements(_digest, return_dtype=pl.String)
    return numbered.select(
        ids.alias("id"),
        pl.lit(import_id).alias("import_id"),
        "target",
        "scope",
        "reason",
        pl.col("#file").alias("file"),
        pl.col("#row").cast(pl.Int64).alias("row"),
        # PostgreSQL's JSON has no NUL; a record that holds one was refused for it, and shows it as its symbol.
        pl.col("payload").map_elements(show_nul_in_json, return_dtype=pl.String),
    )


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]
