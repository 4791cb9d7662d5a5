"""From a folder to frames of text: find the files a mapping names, read, derive, fill, join and filter them."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

import polars as pl

from morningline.kit.errors import InputError
from morningline.kit.nul import NUL, show_nul
from morningline.kit.plugins import load_plugins
from morningline.sources.formats import COMPRESSIONS, FileFormat, read_bytes
from morningline.sources.mapping import RESERVED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from collections.abc import Mapping as Map
    from pathlib import Path

    from morningline.sources.mapping import Condition, File

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
    """A record that is not of its file's shape, or that has no partner it needs.

    Attributes:
        file: The file it stands in.
        row: Its number there, from 1.
        reason: What is wrong with it.
        kind: The reason without the values at fault.
        payload: The record, as JSON.
        scope: `row` where nothing is made of it, `value` where only a value of it is lost.
    """

    file: str
    row: int
    reason: str
    kind: str
    payload: str
    scope: Literal["row", "value"] = "row"


def payload(row: Map[str, object]) -> str:
    """A row's own columns as JSON."""
    import msgspec

    own = {name: value for name, value in row.items() if not RESERVED.fullmatch(name)}
    return msgspec.json.encode(own).decode()


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

    columns = [name for name in frame.columns if not RESERVED.fullmatch(name)]
    for name in names:
        if name not in columns:
            close = difflib.get_close_matches(name, columns, 1)
            raise InputError(
                f"{where} uses the column {name!r}, which the file does not have.",
                allowed=", ".join(columns) or "the file has no columns",
                do=f"Did you mean {close[0]!r}?" if close else "Correct the name in the mapping.",
            )


def read_kind(name: str, file: File, folder: Path, progress: Callable[[str], None]) -> Source:
    """Read all the files of one kind.

    Raises:
        InputError: There is none, none holds a record, or one cannot be read.
    """
    formats = {n: f for n, f in load_plugins("morningline.file_formats").items() if hasattr(f, "read")}
    nothing = pl.DataFrame(schema={"#file": pl.String, "#row": pl.UInt32})
    source, frames = Source(nothing, nothing), []
    paths = _paths(name, file, folder)
    for path in paths:
        label = path.relative_to(folder).as_posix()
        progress(label)
        content = read_bytes(path)
        records = _format(file, path, formats).read(content, file, label)
        _refuse_reserved(records.frame, label)
        held = records.frame.height + len(records.broken)
        source.files.append(SourceFile(label, sha256(content).hexdigest(), held))
        source.broken += [_broken(label, row, reason, text) for row, reason, text in records.broken]
        frames.append(without_nul(records.frame.with_columns(pl.lit(label).alias("#file")), source.broken))
    if paths and not file.optional and not any(f.rows for f in source.files):
        raise InputError(
            f"The files of {name!r} ({', '.join(f.name for f in source.files[:5])}) have a header and no records.",
            allowed="at least one record",
            do="Fetch them again, or set `optional = true` for files that may be absent or hold nothing.",
        )
    if frames:
        missing = ["", *file.missing]
        text = pl.all().exclude(PLACE).str.strip_chars()
        source.original = pl.concat(frames, how="diagonal")
        source.frame = source.original.with_columns(pl.when(~text.is_in(missing)).then(text).name.keep())
    return source


def without_nul(frame: pl.DataFrame, broken: list[BrokenRecord]) -> pl.DataFrame:
    """Set records aside that hold a character which no text of the database can hold.

    Args:
        frame: Text columns, and `#file` and `#row` for where a row stands.
        broken: Where the records that hold one are added.
    """
    texts = [pl.col(n).str.contains(NUL, literal=True).fill_null(value=False) for n in frame.columns if n != "#row"]
    holds = frame.select(pl.any_horizontal(texts)).to_series()
    if holds.any():
        reason = "it holds a NUL character, which no text can"
        for row in frame.filter(holds).iter_rows(named=True):
            text = payload({n: show_nul(v) if isinstance(v, str) else v for n, v in row.items()})
            broken.append(BrokenRecord(row["#file"], row["#row"], reason, reason, text))
        frame = frame.filter(~holds)
    return frame


def _paths(name: str, file: File, folder: Path) -> list[Path]:
    patterns = [file.path] if isinstance(file.path, str) else file.path
    try:
        paths = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    except (ValueError, NotImplementedError, OSError) as error:
        raise InputError(
            f"The path {' or '.join(map(repr, patterns))} of files.{name} names no files: {error}.",
            allowed="a name or pattern within the folder, such as 'races.csv' or 'races_*.csv' or '**/*.csv'",
            do="Correct `path` in the mapping.",
        ) from error
    if not paths and not file.optional:
        there = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
        raise InputError(
            f"The folder has no file {' or '.join(map(repr, patterns))}, which the mapping reads as {name!r}.",
            allowed=", ".join(there[:20]) or "the folder is empty",
            do="Correct `path` in the mapping, or set `optional = true` for a file that may be absent.",
        )
    return paths


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


def _broken(file: str, row: int, reason: str, text: str) -> BrokenRecord:
    # A record that is not of its file's shape is kept as the text it is.
    import msgspec

    # What stands behind a colon is a detail of this record.
    return BrokenRecord(file, row, reason, reason.partition(":")[0], msgspec.json.encode(text).decode())


def _refuse_reserved(frame: pl.DataFrame, name: str) -> None:
    for column in frame.columns:
        if NUL in column:
            raise InputError(
                f"The header of {name} holds NUL characters.",
                allowed="text",
                do="The file may be UTF-16 or no text at all: set its `encoding` or `format` in the mapping.",
            )
        if column != "#row" and RESERVED.fullmatch(column):
            raise InputError(
                f"The file {name} has a column {column!r}, a name this program needs for itself.",
                allowed="any other name",
                do="Rename the column in the file.",
            )
