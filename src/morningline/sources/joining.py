"""How the files of a folder complete each other: derived columns, gaps filled, partners joined, rows left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from morningline.kit.errors import InputError
from morningline.sources.mapping import Column
from morningline.sources.reading import PLACE, BrokenRecord, Source, keep, payload, read_kind, require_columns
from morningline.sources.shaping import derived_text
from morningline.sources.texts import present, raw_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as Map
    from pathlib import Path
    from typing import Literal

    from morningline.sources.convert import Converter
    from morningline.sources.mapping import File, Fill, Join, Mapping

DAY = "%Y-%m-%d"
"""How the days of a nearest join are written; other forms are brought to it by a derived column."""


def read_sources(
    mapping: Mapping, folder: Path, converters: Map[str, Converter], progress: Callable[[str], None]
) -> dict[str, Source]:
    """Read every file a mapping names and let them complete each other.

    Args:
        mapping: What to read.
        folder: Where the files are.
        converters: Notations by name, for derived columns.
        progress: Called with the name of each file before it is read.

    Returns:
        Name in the mapping to its rows; text columns, and `#file` and `#row` for where a row stands.

    Raises:
        InputError: A file is missing, empty, of another encoding or format, or lacks a column the mapping uses.
    """
    if not folder.is_dir():
        raise InputError(
            f"There is no folder {str(folder)!r}.",
            allowed="a folder",
            do="Give the folder that holds the files the mapping names.",
        )
    sources = {name: read_kind(name, file, folder, progress) for name, file in mapping.files.items()}
    complete(mapping, sources, converters)
    return sources


def complete(mapping: Mapping, sources: Map[str, Source], converters: Map[str, Converter]) -> None:
    """Let rows complete each other as the mapping says, in place: derive, fill, join, leave out.

    Args:
        mapping: What is derived, filled, joined and left out.
        sources: Every file of the mapping by its name.
        converters: Notations by name, for derived columns.

    Raises:
        InputError: The mapping uses a column that its file does not have.
    """
    # Derived columns come first everywhere, so that files can be matched on them in any order.
    for name, file in mapping.files.items():
        _derive(sources[name], file, name, converters)
    for name, file in mapping.files.items():
        for fill in file.fill:
            _fill(sources[name], fill, sources[fill.file].frame, name)
    for name, file in mapping.files.items():
        for join in file.join:
            _join(sources[name], join, sources[join.file].frame, name, file)
    # Rows that become no facts may still be partners, so they are left out last.
    for name, file in mapping.files.items():
        _leave_out(sources[name], file, name)


def _leave_out(source: Source, file: File, name: str) -> None:
    """Keep the rows the mapping wants, and what was said of their values."""
    source.frame, unread = keep(source.frame, file.where, f"files.{name}.where")
    source.unread += unread
    if any(record.scope == "value" for record in source.broken):
        kept = set(source.frame.select(PLACE).iter_rows())
        source.broken = [b for b in source.broken if b.scope == "row" or (b.file, b.row) in kept]


def _derive(source: Source, file: File, name: str, converters: Map[str, Converter]) -> None:
    if not source.files:
        return
    for column_name, given in file.derive.items():
        where = f"files.{name}.derive.{column_name}"
        column = present(Column(column=given) if isinstance(given, str) else given, source.frame.columns)
        if column is None:
            if column_name not in source.frame.columns:
                source.frame = source.frame.with_columns(pl.lit(None, pl.String).alias(column_name))
            continue
        require_columns(source.frame, column.sources(), where)
        value = derived_text(column, where, converters, file.decimal)
        source.frame = source.frame.with_columns(
            value.alias(column_name), raw_text(column).alias(f"#raw {column_name}")
        )
        lost = source.frame.filter(pl.col(column_name).is_null() & pl.col(f"#raw {column_name}").is_not_null())
        for row in lost.iter_rows(named=True):
            kind = f"{column_name} cannot be derived"
            _set_aside(source, row, f"{kind} from '{row[f'#raw {column_name}']}'", kind, "value")
        source.frame = source.frame.drop(f"#raw {column_name}")


def _set_aside(source: Source, row: Map[str, object], reason: str, kind: str, scope: Literal["row", "value"]) -> None:
    source.broken.append(BrokenRecord(str(row["#file"]), int(str(row["#row"])), reason, kind, payload(row), scope))


def _partners(other: pl.DataFrame, keys: Map[str, str], taken: Map[str, str]) -> pl.DataFrame:
    """One row a key of the other file: `#k0`..., `#taken ...`, and `#matched`, false where its rows differ."""
    columns = {f"#k{i}": there for i, there in enumerate(keys.values())}
    columns |= {f"#taken {here}": there for here, there in taken.items()}
    right = other.select(pl.col(there).alias(here) for here, there in columns.items()).unique(maintain_order=True)
    by = [name for name in columns if name.startswith("#k")]
    agreed = pl.all_horizontal(pl.lit(value=True), *(pl.col(f"#taken {n}").drop_nulls().n_unique() < 2 for n in taken))
    merged = right.group_by(by, maintain_order=True).agg(
        *(pl.col(f"#taken {n}").drop_nulls().first() for n in taken), agreed.alias("#matched")
    )
    # Which of several is meant cannot be known, and the order of rows must not decide.
    return merged.with_columns(pl.when("#matched").then(f"#taken {n}").alias(f"#taken {n}") for n in taken)


def _fill(source: Source, fill: Fill, other: pl.DataFrame, name: str) -> None:
    keys, taken = fill.keys(), fill.taken()
    where = f"files.{name}.fill"
    if not source.files:
        return
    require_columns(source.frame, keys, where)
    source.frame = source.frame.with_columns(
        pl.lit(None, pl.String).alias(n) for n in taken if n not in source.frame.columns
    )
    if other.width == len(PLACE):
        return
    require_columns(other, [*keys.values(), *taken.values()], f"{where} ({fill.file})")
    right = _partners(other, keys, taken)
    by = [name for name in right.columns if name.startswith("#k")]
    joined = source.frame.join(right, left_on=list(keys), right_on=by, how="left", maintain_order="left")
    unclear = joined.filter(~pl.col("#matched") & pl.any_horizontal(pl.col(n).is_null() for n in taken))
    for row in unclear.iter_rows(named=True):
        _set_aside(source, row, *_several(row, keys, fill.file), "value")
    source.frame = joined.with_columns(pl.coalesce(n, f"#taken {n}").alias(n) for n in taken).drop(
        "#matched", *(f"#taken {n}" for n in taken)
    )


def _several(row: Map[str, object], keys: Map[str, str], file: str) -> tuple[str, str]:
    said = " and ".join(f"{there} = '{row[here]}'" for here, there in keys.items())
    kind = f"several rows of {file!r} with its {' and '.join(keys.values())} differ"
    return f"several rows of {file!r} with {said} differ", kind


def _join(source: Source, join: Join, other: pl.DataFrame, name: str, file: File) -> None:
    keys, taken = join.keys(), join.taken()
    where = f"files.{name}.join"
    if not source.files:
        return
    require_columns(source.frame, [*keys, *([join.nearest] if join.nearest else [])], where)
    there = [*keys.values(), *taken.values(), *([join.nearest] if join.nearest else [])]
    require_columns(other, there, f"{where} ({join.file})")
    left = source.frame.with_row_index("#order")
    joined = _nearest(left, join, other) if join.nearest else _matched(left, join, other)
    joined = joined.sort("#order").drop("#order")
    if join.required:
        lost = joined.filter(pl.col("#matched").is_null())
        # A row that the mapping leaves out anyway needs no partner.
        missed, unread = keep(lost, [c for c in file.where if c.column in lost.columns], where)
        source.unread += unread
        for row in missed.iter_rows(named=True):
            said = " and ".join(f"{there} = '{row[here]}'" for here, there in keys.items())
            kind = f"no row of {join.file!r} has its {' and '.join(keys.values())}"
            _set_aside(source, row, f"no row of {join.file!r} has {said}", kind, "row")
    for row in joined.filter(~pl.col("#matched")).iter_rows(named=True):
        _set_aside(source, row, *_several(row, keys, join.file), "row" if join.required else "value")
    if join.required:
        joined = joined.filter("#matched")
    joined = joined.with_columns(pl.col(f"#taken {n}").alias(n) for n in taken)
    source.frame = joined.drop("#matched", *(f"#taken {n}" for n in taken))


def _matched(left: pl.DataFrame, join: Join, other: pl.DataFrame) -> pl.DataFrame:
    right = _partners(other, join.keys(), join.taken())
    by = [name for name in right.columns if name.startswith("#k")]
    return left.join(right, left_on=list(join.keys()), right_on=by, how="left")


def _nearest(left: pl.DataFrame, join: Join, other: pl.DataFrame) -> pl.DataFrame:
    """The partner whose day is nearest; of two equally near, the later."""
    keys, taken = join.keys(), join.taken()
    columns = {f"#k{i}": there for i, there in enumerate(keys.values())}
    day = pl.col(str(join.nearest)).str.to_date(DAY, strict=False).alias("#nearest")
    right = (
        other.with_columns(day)
        .drop_nulls("#nearest")
        .select(
            "#nearest",
            *(pl.col(there).alias(here) for here, there in columns.items()),
            *(pl.col(there).alias(f"#taken {here}") for here, there in taken.items()),
            pl.lit(value=True).alias("#matched"),
        )
        .unique(maintain_order=True)
        .sort("#nearest", *(f"#taken {here}" for here in taken))
    )
    left = left.with_columns(day)
    dated = left.drop_nulls("#nearest").sort("#nearest")
    joined = dated.join_asof(
        right, on="#nearest", by_left=list(keys), by_right=list(columns), strategy="nearest", check_sortedness=False
    )
    return pl.concat([joined, left.filter(pl.col("#nearest").is_null())], how="diagonal").drop(
        "#nearest", *(n for n in columns if n in joined.columns)
    )
