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
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import msgspec

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


def _numbered(frame: pl.DataFrame, numbers: Sequence[int], name: str) -> pl.DataFrame:
    if "#row" in frame.columns:
        raise InputError(
            f"The file {name} has a column '#row', a name this program needs for itself.",
            allowed="any other name",
            do="Rename the column in the file.",
        )
    place = pl.Series("#row", numbers, dtype=pl.UInt32)
    return pl.DataFrame([place, *frame.get_columns()])


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
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error, zstd.ZstdError) as error:
        raise InputError(
            f"The file {path.name} cannot be read: {error}.",
            allowed="a file that may be read, compressed as its name says (.gz, .bz2, .xz, .zst) or not at all",
            do="Fetch it again, or correct its name.",
        ) from error


def decode(content: bytes, encoding: str, name: str) -> str:
    """Bytes as text, without a byte-order mark.

    Raises:
        InputError: The bytes are not in that encoding, or no such encoding exists.
    """
    do = "Set `encoding` of the file: spreadsheets often write cp1252 or utf-16, older Chinese files gb18030."
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
        # Some codecs give what is not text: half of a pair of surrogates.
        text.encode()
    except UnicodeError as error:
        where = ""
        if isinstance(error, UnicodeDecodeError):
            line = content[: error.start].count(b"\n") + 1
            where = f": byte 0x{content[error.start : error.start + 1].hex()} in line {line}"
        raise InputError(
            f"The file {name} is not {encoding}{where}.", allowed="the encoding the file was written in", do=do
        ) from error
    except (LookupError, ValueError) as error:
        raise InputError(
            f"There is no text encoding {encoding!r}.",
            allowed="utf-8, latin-1, cp1252, gb18030, big5, shift_jis, utf-16, ...",
            do=do,
        ) from error
    return text


class CsvFormat:
    """Separated values with a header line."""

    suffixes = (".csv", ".tsv", ".txt")

    def read(self, content: bytes, options: File, name: str) -> Records:
        """Read separated values; records with too many or too few fields are set aside, not dropped."""
        text = decode(content, options.encoding, name)
        if not text.strip():
            raise InputError(
                f"The file {name} is empty.",
                allowed="a header line and records",
                do="Remove it; a file that may be absent is `optional = true` in the mapping.",
            )
        header = self._header(text, options, name)
        try:
            frame = pl.read_csv(
                text.encode(),
                separator=options.separator,
                quote_char=options.quote or None,
                infer_schema=False,
                empty_string_is_null=False,
                new_columns=header,
            )
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            return self._read_slowly(text, header, options, name)
        if frame.columns != header or not _is_rectangular(text, frame, options):
            return self._read_slowly(text, header, options, name)
        return Records(_numbered(frame, range(1, frame.height + 1), name), [])

    def _header(self, text: str, options: File, name: str) -> list[str]:
        try:
            first = next(row for row in _reader(text, options) if row)
        except (csv.Error, StopIteration) as error:
            raise InputError(
                f"The header of {name} cannot be read: {error}.",
                allowed="a first line with a name for each column",
                do="Check `separator`, `quote` and `encoding` of the file.",
            ) from error
        # Trailing separators and the index that spreadsheets export make columns without a name.
        header = [column if column.strip() else f"column_{n}" for n, column in enumerate(first, start=1)]
        repeated = {column for column in header if header.count(column) > 1}
        if repeated:
            raise InputError(
                f"The header of {name} names {', '.join(sorted(repeated))} twice.",
                allowed="a first line with a name of its own for each column",
                do="Rename one of them in the file.",
            )
        return header

    def _read_slowly(self, text: str, header: list[str], options: File, name: str) -> Records:
        # Some record is not of the header's shape: find which, keep the others.
        rows, numbers, broken = [], [], []
        for number, row in enumerate(_records(text, options)):
            if number == 0 or row == []:
                continue
            if isinstance(row, csv.Error):
                broken.append((number, f"it cannot be read: {row}", ""))
            elif len(row) == len(header):
                rows.append(row)
                numbers.append(number)
            else:
                reason = f"it has {len(row)} fields where the header has {len(header)}"
                broken.append((number, reason, options.separator.join(row)))
        frame = pl.DataFrame(rows, schema=dict.fromkeys(header, pl.String), orient="row")
        return Records(_numbered(frame, numbers, name), broken)


def _is_rectangular(text: str, frame: pl.DataFrame, options: File) -> bool:
    """Whether every record has a field for every column; Polars takes short records for ones with empty fields."""
    expected = (frame.height + 1) * (frame.width - 1)
    if options.quote and options.quote in text:
        inside = frame.select(pl.all().str.count_matches(options.separator, literal=True).sum())
        expected += sum(inside.row(0)) if frame.height else 0
        expected += sum(column.count(options.separator) for column in frame.columns)
    return text.count(options.separator) == expected


def _reader(text: str, options: File) -> Iterator[list[str]]:
    if not options.quote:
        return csv.reader(io.StringIO(text), delimiter=options.separator, quoting=csv.QUOTE_NONE, quotechar=None)
    return csv.reader(io.StringIO(text), delimiter=options.separator, quotechar=options.quote)


def _records(text: str, options: File) -> Iterator[list[str] | csv.Error]:
    """The records from the header on, a record that the reader chokes on as its error."""
    reader = _reader(text, options)
    started = False
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield error
            continue
        started = started or row != []
        if started:
            yield row


class JsonLinesFormat:
    """One JSON object a line."""

    suffixes = (".jsonl", ".ndjson")

    def read(self, content: bytes, options: File, name: str) -> Records:
        """Read JSON lines; numbers and nested values are kept as written, lines that are not objects set aside."""
        import msgspec

        decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
        rows, numbers, broken = [], [], []
        # Not splitlines: JSON strings may hold line separators of Unicode.
        for number, line in enumerate(decode(content, options.encoding, name).split("\n"), start=1):
            if not line.strip():
                continue
            try:
                rows.append({key: _as_text(value) for key, value in decoder.decode(line).items()})
            except (msgspec.DecodeError, RecursionError) as error:
                broken.append((number, f"it is not a JSON object: {error}", line))
                continue
            numbers.append(number)
        if not rows and not broken:
            raise InputError(
                f"The file {name} is empty.",
                allowed="one JSON object a line",
                do="Remove it; a file that may be absent is `optional = true` in the mapping.",
            )
        columns = dict.fromkeys((key for row in rows for key in row), pl.String)
        frame = pl.DataFrame(rows, schema=columns)
        return Records(_numbered(frame, numbers, name), broken)


def _as_text(value: msgspec.Raw) -> str | None:
    """A JSON value as text: strings as they are, null as nothing, everything else as it is written."""
    import msgspec

    written = bytes(value).strip()
    if written == b"null":
        return None
    # Decoded, whatever it is, so that what is no JSON is not taken for text.
    decoded = msgspec.json.decode(written)
    return decoded if isinstance(decoded, str) else written.decode()


class ParquetFormat:
    """Apache Parquet."""

    suffixes = (".parquet", ".pq")

    def read(self, content: bytes, options: File, name: str) -> Records:  # noqa: ARG002 - Parquet needs no options
        """Read Parquet; every column becomes text, dates and instants in ISO form, nested values as JSON."""
        try:
            frame = pl.read_parquet(io.BytesIO(content))
            text = frame.select(_column_text(column, dtype) for column, dtype in frame.schema.items())
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise InputError(
                f"The file {name} is not Parquet that can be read: {error}",
                allowed="a whole Parquet file of numbers, texts, dates, times, lists and structs",
                do="Fetch it again, or write it anew.",
            ) from error
        return Records(_numbered(text, range(1, frame.height + 1), name), [])


def _column_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        return column.dt.to_string("%Y-%m-%dT%H:%M:%S%.f%:z" if dtype.time_zone else "%Y-%m-%dT%H:%M:%S%.f")
    if isinstance(dtype, pl.Array):
        column, dtype = column.arr.to_list(), pl.List(dtype.inner)
    if isinstance(dtype, pl.List) and not dtype.inner.is_nested():
        items = column.list.eval(pl.element().cast(pl.String)).list.join(",")
        return pl.concat_str(pl.lit("["), items, pl.lit("]")).alias(name)
    if dtype.is_nested():
        return pl.struct(column).struct.json_encode().alias(name)
    return column.cast(pl.String)


csv_format = CsvFormat()
jsonl_format = JsonLinesFormat()
parquet_format = ParquetFormat()
