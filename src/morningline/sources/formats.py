"""File formats: bytes become a table of text, one row a record, nothing guessed.

A format is found by the entry-point group `morningline.file_formats`; third parties add theirs the same way.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import sys
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import polars as pl

from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from morningline.sources.mapping import File

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


@dataclass(frozen=True)
class Records:
    """What a file held: a text column for each field, and the records that were not of its shape.

    Attributes:
        frame: All columns `String`; null where the record has no such field. The column `#row` is the
            record's number in the file, from 1.
        broken: Row number, reason, and the record as it stands.
    """

    frame: pl.DataFrame
    broken: list[tuple[int, str, str]]


class FileFormat(Protocol):
    """A way to read bytes as records."""

    suffixes: tuple[str, ...]

    def read(self, content: bytes, options: File, name: str) -> Records:
        """Read decompressed bytes.

        Raises:
            InputError: The bytes are not of this format at all.
        """


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
    ".zst": zstd.decompress,
}


def read_bytes(path: Path) -> bytes:
    """A file's bytes, decompressed by its last suffix (.gz, .bz2, .xz, .zst).

    Raises:
        InputError: The file cannot be read, or is not compressed as its name says.
    """
    decompress = COMPRESSIONS.get(path.suffix.lower())
    try:
        content = path.read_bytes()
        return decompress(content) if decompress else content
    except (OSError, EOFError, lzma.LZMAError, zlib.error, zstd.ZstdError) as error:
        raise InputError(
            f"The file {path.name} cannot be read: {error}.",
            do="Check that it is whole and compressed as its name says.",
        ) from error


def decode(content: bytes, encoding: str, name: str) -> str:
    """Bytes as text, without a byte-order mark.

    Raises:
        InputError: The bytes are not in that encoding, or no such encoding exists.
    """
    try:
        return content.decode(
            "utf-8-sig" if encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else encoding
        ).removeprefix("\ufeff")
    except LookupError as error:
        raise InputError(
            f"There is no encoding {encoding!r}.",
            allowed="utf-8, latin-1, cp1252, gb18030, big5, shift_jis, utf-16, ...",
        ) from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"The file {name} is not {encoding}: byte 0x{content[error.start]:02x} in line {line}.",
            allowed="the encoding the file was written in",
            do="Set `encoding` of the file: spreadsheets often write cp1252, older Chinese files gb18030.",
        ) from error


class CsvFormat:
    """Separated values with a header line."""

    suffixes = (".csv", ".tsv", ".txt")

    def read(self, content: bytes, options: File, name: str) -> Records:
        """Read separated values; records with too many fields are set aside, not dropped."""
        text = decode(content, options.encoding, name)
        if not text.strip():
            raise InputError(
                f"The file {name} is empty.",
                allowed="a header line and records",
                do="Remove it, or set `optional` and delete the file.",
            )
        header = next(csv.reader(io.StringIO(text), delimiter=options.separator, quotechar=options.quote or None))
        repeated = {column for column in header if header.count(column) > 1}
        if repeated:
            raise InputError(
                f"The header of {name} names {', '.join(sorted(repeated))} twice.",
                do="Give each column a name of its own.",
            )
        try:
            frame = pl.read_csv(
                text.encode(),
                separator=options.separator,
                quote_char=options.quote or None,
                infer_schema=False,
                empty_string_is_null=False,
            )
        except pl.exceptions.PolarsError:
            return self._read_slowly(text, header, options)
        # An empty field is an empty text here, so a null can only be a field that the record does not have.
        if frame.null_count().sum_horizontal().sum() > 0:
            return self._read_slowly(text, header, options)
        return Records(frame.with_row_index("#row", offset=1), [])

    def _read_slowly(self, text: str, header: list[str], options: File) -> Records:
        # Some record is not of the header's shape: find which, keep the others.
        rows, numbers, broken = [], [], []
        reader = csv.reader(
            io.StringIO(text), delimiter=options.separator, quotechar=options.quote or None, strict=False
        )
        next(reader)
        for number, row in enumerate(reader, start=1):
            if len(row) == len(header):
                rows.append(row)
                numbers.append(number)
            elif row:
                broken.append(
                    (
                        number,
                        f"it has {len(row)} fields where the header has {len(header)}",
                        options.separator.join(row),
                    )
                )
        frame = pl.DataFrame(rows, schema=dict.fromkeys(header, pl.String), orient="row")
        return Records(frame.insert_column(0, pl.Series("#row", numbers, dtype=pl.UInt32)), broken)


class JsonLinesFormat:
    """One JSON object a line."""

    suffixes = (".jsonl", ".ndjson")

    def read(self, content: bytes, options: File, name: str) -> Records:
        """Read JSON lines; nested values are kept as JSON text, lines that are not objects are set aside."""
        import msgspec

        rows, numbers, broken = [], [], []
        for number, line in enumerate(decode(content, options.encoding, name).splitlines(), start=1):
            if not line.strip():
                continue
            try:
                value = msgspec.json.decode(line)
            except msgspec.DecodeError as error:
                broken.append((number, f"it is not JSON: {error}", line))
                continue
            if not isinstance(value, dict):
                broken.append((number, "it is not a JSON object", line))
                continue
            rows.append({key: _as_text(item) for key, item in value.items()})
            numbers.append(number)
        columns = dict.fromkeys((key for row in rows for key in row), pl.String)
        if not rows and not broken:
            raise InputError(f"The file {name} is empty.", allowed="one JSON object a line")
        frame = pl.DataFrame(rows, schema=columns)
        return Records(frame.insert_column(0, pl.Series("#row", numbers, dtype=pl.UInt32)), broken)


class ParquetFormat:
    """Apache Parquet."""

    suffixes = (".parquet", ".pq")

    def read(self, content: bytes, options: File, name: str) -> Records:  # noqa: ARG002 - Parquet needs no options
        """Read Parquet; every column becomes text, dates and instants in ISO form."""
        try:
            frame = pl.read_parquet(io.BytesIO(content))
        except pl.exceptions.PolarsError as error:
            raise InputError(f"The file {name} is not Parquet: {error}", do="Check that it is whole.") from error
        nested = [
            pl.col(n).list.eval(pl.element().cast(pl.String)).list.join(" ")
            for n, t in frame.schema.items()
            if isinstance(t, pl.List)
        ]
        text = frame.with_columns(nested).with_columns(pl.all().cast(pl.String))
        return Records(text.with_row_index("#row", offset=1), [])


def _as_text(value: object) -> str | None:
    import msgspec

    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


csv_format = CsvFormat()
jsonl_format = JsonLinesFormat()
parquet_format = ParquetFormat()
