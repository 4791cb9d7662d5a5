"""From a folder to frames of text: find the files a mapping names, read, derive, fill, join and filter them."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

import polars as pl

from morningline.kit.errors import InputError
from morningline.kit.plugins import load_plugins
from morningline.sources.formats import COMPRESSIONS, FileFormat, read_bytes
from morningline.sources.mapping import Column, Condition
from morningline.sources.texts import source_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from collections.abc import Mapping as Map
    from pathlib import Path

    from morningline.sources.mapping import File, Fill, Join, Mapping

PLACE = ("#file", "#row")
"""The columns that say where a row stands."""


@dataclass
class Source:
    """All the rows of one kind of file, as text, and the records that could not be rows.

    Attributes:
        frame: The rows with what was derived, filled and joined, less those the mapping leaves out.
        original: The rows as the files have them.
        files: The files read.
        broken: Records that are not of their file's shape, or lack a partner they need.
        unread: Rows the mapping leaves out.
    """

    frame: pl.DataFrame
    original: pl.DataFrame
    files: list[SourceFile] = field(default_factory=list)
    broken: list[BrokenRecord] = field(default_factory=list)
    unread: int = 0


@dataclass(frozen=True)
class SourceFile:
    """One file that was read."""

    name: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class BrokenRecord:
    """A record that is not of its file's shape, or that has no partner it needs."""

    file: str
    row: int
    reason: str
    payload: str


def read_sources(mapping: Mapping, folder: Path, progress: Callable[[str], None]) -> dict[str, Source]:
    """Read every file a mapping names.

    Args:
        mapping: What to read.
        folder: Where the files are.
        progress: Called with the name of each file before it is read.

    Returns:
        Name in the mapping to its rows; text columns, and `#file` and `#row` for where a row stands.

    Raises:
        InputError: A file is missing, empty, of another encoding or format, or lacks a column the mapping uses.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder {str(folder)!r}.", do="Give the folder that holds the files.")
    sources = {name: _read_kind(name, file, folder, progress) for name, file in mapping.files.items()}
    # Derived columns come first everywhere, so that files can be matched on them in any order.
    for name, file in mapping.files.items():
        _derive(sources[name], file, name)
    for name, file in mapping.files.items():
        for fill in file.fill:
            _fill(sources[name], fill, sources[fill.file].frame, name)
    for name, file in mapping.files.items():
        for join in file.join:
            _join(sources[name], join, sources[join.file].frame, name)
        sources[name].frame, sources[name].unread = keep(sources[name].frame, file.where, f"files.{name}.where")
    return sources


def keep(frame: pl.DataFrame, conditions: Iterable[Condition], where: str) -> tuple[pl.DataFrame, int]:
    """Rows for which every condition holds, and how many do not."""
    kept = frame
    for condition in conditions:
        require_columns(kept, [condition.column], where)
        text = pl.col(condition.column)
        tests = [
            text == condition.equals if condition.equals is not None else None,
            text.is_in(condition.one_of) if condition.one_of is not None else None,
            ~text.is_in(condition.none_of) | text.is_null() if condition.none_of is not None else None,
            text.str.contains(condition.matches) if condition.matches is not None else None,
            text.is_not_null() == condition.present if condition.present is not None else None,
        ]
        kept = kept.filter(*(test for test in tests if test is not None))
    return kept, frame.height - kept.height


def require_columns(frame: pl.DataFrame, names: Iterable[str], where: str) -> None:
    """Refuse a mapping that uses a column the file does not have.

    Raises:
        InputError: One of the names is not a column.
    """
    import difflib

    columns = [name for name in frame.columns if not name.startswith("#")]
    for name in names:
        if name not in columns:
            close = difflib.get_close_matches(name, columns, 1)
            raise InputError(
                f"{where} uses the column {name!r}, which the file does not have.",
                allowed=", ".join(columns) or "the file has no columns",
                do=f"Did you mean {close[0]!r}?" if close else "Correct the name in the mapping.",
            )


def _read_kind(name: str, file: File, folder: Path, progress: Callable[[str], None]) -> Source:
    patterns = [file.path] if isinstance(file.path, str) else file.path
    paths = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    if not paths and not file.optional:
        raise InputError(
            f"The folder has no file {' or '.join(map(repr, patterns))}, which the mapping reads as {name!r}.",
            allowed=", ".join(sorted(p.name for p in folder.iterdir())[:20]) or "the folder is empty",
            do="Correct `path` in the mapping, or set `optional = true` for a file that may be absent.",
        )
    formats = {n: f for n, f in load_plugins("morningline.file_formats").items() if hasattr(f, "read")}
    nothing = pl.DataFrame(schema={"#file": pl.String, "#row": pl.UInt32})
    source, frames = Source(nothing, nothing), []
    for path in paths:
        label = path.relative_to(folder).as_posix()
        progress(label)
        content = read_bytes(path)
        records = _format(file, path, formats).read(content, file, label)
        frames.append(records.frame.with_columns(pl.lit(label).alias("#file")))
        source.files.append(SourceFile(label, sha256(content).hexdigest(), records.frame.height + len(records.broken)))
        source.broken += [BrokenRecord(label, row, reason, text) for row, reason, text in records.broken]
    if frames:
        missing = ["", *file.missing]
        text = pl.all().exclude(PLACE).str.strip_chars()
        frame = pl.concat(frames, how="diagonal")
        source.original = frame
        source.frame = frame.with_columns(pl.when(~text.is_in(missing)).then(text).name.keep())
    return source


def _format(file: File, path: Path, formats: Map[str, object]) -> FileFormat:
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    for name, plugin in formats.items():
        fitting: FileFormat = plugin  # type: ignore[assignment]
        if file.format == name or (file.format is None and suffixes and suffixes[-1] in fitting.suffixes):
            return fitting
    raise InputError(
        f"The file {path.name} is of no known format" + (f" ({file.format!r})." if file.format else "."),
        allowed=", ".join(sorted(formats)),
        do="Set `format` of the file in the mapping.",
    )


def _derive(source: Source, file: File, name: str) -> None:
    if not source.files:
        return
    for column_name, given in file.derive.items():
        column = Column(column=given) if isinstance(given, str) else given
        require_columns(source.frame, column.sources(), f"files.{name}.derive.{column_name}")
        source.frame = source.frame.with_columns(source_text(column).alias(column_name))


def _fill(source: Source, fill: Fill, other: pl.DataFrame, name: str) -> None:
    keys, taken = fill.keys(), fill.taken()
    require_columns(source.frame, keys, f"files.{name}.fill")
    source.frame = source.frame.with_columns(
        pl.lit(None, pl.String).alias(n) for n in taken if n not in source.frame.columns
    )
    if other.width == len(PLACE):
        return
    require_columns(other, [*keys.values(), *taken.values()], f"files.{name}.fill ({fill.file})")
    unique = other.select(
        *(pl.col(there).alias(here) for here, there in keys.items()),
        *(pl.col(there).alias(f"#{here}") for here, there in taken.items()),
    ).unique(list(keys), keep="first", maintain_order=True)
    joined = source.frame.join(unique, on=list(keys), how="left", maintain_order="left")
    source.frame = joined.with_columns(pl.coalesce(here, f"#{here}").alias(here) for here in taken).drop(
        f"#{here}" for here in taken
    )


def _join(source: Source, join: Join, other: pl.DataFrame, name: str) -> None:
    keys, taken = join.keys(), join.taken()
    where = f"files.{name}.join"
    require_columns(source.frame, [*keys, *([join.nearest] if join.nearest else [])], where)
    require_columns(other, [*keys.values(), *taken.values()], f"{where} ({join.file})")
    columns = {f"#k{i}": there for i, there in enumerate(keys.values())} | dict(taken.items())
    matched = pl.lit(value=True).alias("#matched")
    right = other.select(*(pl.col(there).alias(here) for here, there in columns.items()), matched)
    left = source.frame.drop(n for n in taken if n in source.frame.columns).with_row_index("#order")
    if join.nearest:
        require_columns(other, [join.nearest], f"{where} ({join.file})")
        nearest = other[join.nearest].str.to_date(strict=False).alias("#nearest")
        right = right.with_columns(nearest).drop_nulls("#nearest").unique(maintain_order=True).sort("#nearest", *taken)
        left = left.with_columns(pl.col(join.nearest).str.to_date(strict=False).alias("#nearest")).sort("#nearest")
        joined = left.join_asof(
            right,
            on="#nearest",
            by_left=list(keys),
            by_right=list(columns)[: len(keys)],
            strategy="nearest",
            check_sortedness=False,
        )
        joined = joined.drop("#nearest")
    else:
        right = right.unique([n for n in columns if n.startswith("#k")], keep="first", maintain_order=True)
        joined = left.join(right, left_on=list(keys), right_on=[n for n in columns if n.startswith("#k")], how="left")
    joined = joined.sort("#order").drop("#order", *(n for n in columns if n.startswith("#k") and n in joined.columns))
    if join.required:
        lost = joined.filter(pl.col("#matched").is_null())
        source.broken += [_without_partner(row, join) for row in lost.iter_rows(named=True)]
        joined = joined.filter(pl.col("#matched").is_not_null())
    source.frame = joined.drop("#matched")


def _without_partner(row: dict[str, str], join: Join) -> BrokenRecord:
    import msgspec

    keys = " and ".join(f"{there} = {row[here]}" for here, there in join.keys().items())
    payload = {name: value for name, value in row.items() if not name.startswith("#")}
    return BrokenRecord(
        row["#file"],
        int(row["#row"]),
        f"no row of {join.file!r} has {keys}",
        msgspec.json.encode(payload).decode(),
    )
