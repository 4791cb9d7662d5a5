"""Rows and values that were turned away, with their reason and their payload, so that nothing vanishes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

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
}
"""One problem a row: where it stands, which table it was meant for, what is wrong with it."""


def problems(rows: pl.DataFrame, target: str, scope: str, reason: pl.Expr | str) -> pl.DataFrame:
    """Problems of some rows, in the shape of `PROBLEM`.

    Args:
        rows: Rows with `#file`, `#row` and `#source`.
        target: The table they were meant for.
        scope: `row` or `value`.
        reason: Why, as words or as an expression over the rows.
    """
    return rows.select(
        pl.col("#file"),
        pl.col("#row").cast(pl.UInt32),
        pl.lit(target).alias("target"),
        pl.col("#source").alias("source"),
        pl.lit(scope).alias("scope"),
        (pl.lit(reason) if isinstance(reason, str) else reason).alias("reason"),
    )


def _with_broken(sources: Map[str, Source], found: pl.DataFrame) -> pl.DataFrame:
    broken = [
        {
            "#file": b.file,
            "#row": b.row,
            "target": "",
            "source": name,
            "scope": "row",
            "reason": b.reason,
            "payload": b.payload,
        }
        for name, source in sources.items()
        for b in source.broken
    ]
    records = pl.DataFrame(broken, schema={**PROBLEM, "payload": pl.String})
    payloads = []
    for (name,), part in found.partition_by("source", as_dict=True).items():
        text = sources[str(name)].original
        keys = part.select(PLACE).unique()
        rows = text.join(keys, on=list(PLACE), how="semi")
        payload = pl.struct(pl.all().exclude("^#.*$")).struct.json_encode().alias("payload")
        payloads.append(part.join(rows.select(*PLACE, payload), on=list(PLACE), how="left"))
    return pl.concat([*payloads, records], how="vertical_relaxed")


def turned_away(sources: Map[str, Source], found: pl.DataFrame) -> list[Turned]:
    """Counts and examples by table and reason; values inside a reason are set aside, so that like counts with like."""
    everything = _with_broken(sources, found)
    kinds = everything.with_columns(
        pl.col("reason").str.replace(r"'.*?' is not", "a value is not").alias("kind"),
        pl.format("{} row {}: {}", "#file", "#row", "reason").alias("example"),
    )
    grouped = kinds.sort("#file", "#row").group_by("target", "source", "scope", "kind", maintain_order=True)
    counted = grouped.agg(pl.len().alias("count"), pl.col("example").head(EXAMPLES)).sort(
        "scope", "count", "target", "kind", descending=[False, True, False, False]
    )
    return [
        Turned(
            table=r["target"] or f"files.{r['source']}",
            scope=r["scope"],
            reason=r["kind"],
            count=r["count"],
            examples=r["example"],
        )
        for r in counted.iter_rows(named=True)
    ]


def quarantine_rows(sources: Map[str, Source], found: pl.DataFrame, import_id: str) -> pl.DataFrame:
    """The rows of the quarantine table."""
    everything = _with_broken(sources, found)
    text = pl.concat_str(["#file", "#row", "target", "scope", "reason"], separator="\x1f")
    ids = everything.select(text.alias("t"))["t"].map_elements(_digest, return_dtype=pl.String)
    return everything.select(
        ids.alias("id"),
        pl.lit(import_id).alias("import_id"),
        pl.when(pl.col("target") == "").then(pl.format("files.{}", "source")).otherwise("target").alias("target"),
        "scope",
        pl.col("reason").str.slice(0, 1_000),
        pl.col("#file").alias("file"),
        pl.col("#row").cast(pl.Int64).alias("row"),
        _as_json("payload"),
    ).unique("id", keep="first", maintain_order=True)


def _digest(text: str) -> str:
    from hashlib import sha256

    return sha256(text.encode()).hexdigest()[:32]


def _as_json(column: str) -> pl.Expr:
    # A record that is not even of its file's shape is kept as the text it is.
    import msgspec

    def encode(text: str | None) -> str:
        try:
            msgspec.json.decode(text or "null")
        except msgspec.DecodeError:
            return msgspec.json.encode(text).decode()
        return text or "null"

    return pl.col(column).map_elements(encode, return_dtype=pl.String, skip_nulls=False).alias(column)
