"""From text to facts: each target column read as its table declares it, each unreadable value reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import dataframely as dy
import polars as pl

from morningline.kit.errors import InputError
from morningline.sources.convert import Converter, parse_date, parse_instant, to_unit
from morningline.sources.mapping import Column
from morningline.sources.reading import PLACE, keep, require_columns
from morningline.sources.texts import fold, raw_text, source_text

if TYPE_CHECKING:
    from collections.abc import Mapping as Map

    from morningline.facts.table import Table
    from morningline.sources.mapping import Mapping, Target

UNIT_OF_SUFFIX = {"_lbs": "lb", "_m": "m", "_seconds": "s", "_yards": "yd"}
"""Columns carry their unit in their name; a reader of another unit of the same quantity is converted to it."""


@dataclass(frozen=True)
class Shaped:
    """Rows of one target, typed, with what could not be read.

    Attributes:
        frame: The target's columns and `#file`, `#row`.
        unreadable: `#file`, `#row`, `column`, `text`, `reason`, one row a value that was given and not read.
        unread: Rows that the target's conditions left out.
    """

    frame: pl.DataFrame
    unreadable: pl.DataFrame
    unread: int


@dataclass(frozen=True)
class _Reading:
    value: pl.Expr
    raw: pl.Expr
    expects: str


def _said(raw: pl.Expr, column: Column, converters: Map[str, Converter]) -> pl.Expr:
    """The text, unless its notation says by it that there is no value."""
    absent = converters[column.read].absent if column.read else frozenset()
    return pl.when(~raw.str.to_uppercase().is_in(list(absent))).then(raw) if absent else raw


def shape(
    target: Target, mapping: Mapping, rows: pl.DataFrame, table: Table, converters: Map[str, Converter]
) -> Shaped:
    """Read the rows of a file as rows of a table.

    Args:
        target: Which table, from which columns.
        mapping: The whole mapping, for its time zone.
        rows: The file's rows as text.
        table: The table they become.
        converters: Reader names to what they do.

    Raises:
        InputError: The target names a column the table or the file does not have, or reads it by a notation of
            another quantity.
    """
    where = f"The table {table.name}"
    chosen, unread = keep(rows, target.where, f"{where} where")
    readings = {}
    for name, given in target.columns.items():
        column = Column(column=given) if isinstance(given, str) else given
        if name not in table.columns:
            raise InputError(
                f"{where} has no column {name!r}.",
                allowed=", ".join(table.columns),
                do="Correct the name in the mapping.",
            )
        require_columns(rows, column.sources(), f"{table.name}.{name}")
        readings[name] = _reading(column, name, table, mapping, converters)
    _require_key(table, readings)
    typed = chosen.select(
        *PLACE,
        *(reading.value.alias(name) for name, reading in readings.items()),
        *(reading.raw.alias(f"#raw {name}") for name, reading in readings.items()),
    )
    unreadable = [
        typed.filter(pl.col(f"#raw {name}").is_not_null() & pl.col(name).is_null()).select(
            *PLACE,
            pl.lit(name).alias("column"),
            pl.col(f"#raw {name}").alias("text"),
            pl.format(f"{name}: '{{}}' is not {{}}", pl.col(f"#raw {name}"), pl.lit(reading.expects)).alias("reason"),
        )
        for name, reading in readings.items()
    ]
    return Shaped(typed.select(*PLACE, *readings), pl.concat(unreadable), unread)


def _require_key(table: Table, readings: Map[str, object]) -> None:
    given_by_program = (
        {"date", "time_zone", "event_at", "known_at"}
        if table.stage != "event"
        else {"time_zone", "event_at", "known_at"}
    )
    needed = [n for n, c in table.columns.items() if not c.nullable and n not in given_by_program and n not in readings]
    if needed:
        raise InputError(
            f"The mapping gives {table.name} no {' and no '.join(needed)}.",
            allowed=f"every column that may not be missing: {', '.join(needed)}",
            do=f"Add it to the columns of {table.name}.",
        )


def _reading(column: Column, name: str, table: Table, mapping: Mapping, converters: Map[str, Converter]) -> _Reading:
    declared = table.columns[name]
    where = f"{table.name}.{name}"
    text = source_text(column)
    if isinstance(declared, dy.Enum):
        value, expects = _word(text, declared, column, where, converters)
    elif isinstance(declared, dy.Date):
        value, expects = _date(text, column)
    elif isinstance(declared, dy.Datetime):
        value, expects = _instant(text, column, mapping.time_zone)
    else:
        value, expects = _converted(text, declared, column, where, converters)
    if column.values is not None:
        expects = f"one of the mapping's values: {', '.join(column.values)}"
    elif column.extract is not None:
        expects = f"{expects} after taking {column.extract!r}"
    return _Reading(value, _said(raw_text(column), column, converters), expects)


def _word(
    text: pl.Expr, declared: dy.Enum, column: Column, where: str, converters: Map[str, Converter]
) -> tuple[pl.Expr, str]:
    if column.read is not None:
        text = _converter(column.read, where, converters).function(text)
    words = {_folded(word): word for word in declared.categories}
    value = fold(text).replace_strict(list(words), list(words.values()), default=None, return_dtype=pl.String)
    return value, f"one of {', '.join(declared.categories)}"


def _folded(word: str) -> str:
    return str(pl.select(fold(pl.lit(word))).item())


def _date(text: pl.Expr, column: Column) -> tuple[pl.Expr, str]:
    formats = _formats(column, "%Y-%m-%d")
    return pl.coalesce(parse_date(text, fmt) for fmt in formats), f"a date like {' or '.join(formats)}"


def _instant(text: pl.Expr, column: Column, zone: str) -> tuple[pl.Expr, str]:
    formats = _formats(column, "%Y-%m-%dT%H:%M:%S%z")
    parsed = pl.coalesce(parse_instant(text, fmt, column.time_zone or zone) for fmt in formats)
    return parsed, f"a time like {' or '.join(formats)} that exists in {column.time_zone or zone}"


def _formats(column: Column, default: str) -> list[str]:
    if column.format is None:
        return [default]
    return [column.format] if isinstance(column.format, str) else column.format


def _converted(
    text: pl.Expr, declared: dy.Column, column: Column, where: str, converters: Map[str, Converter]
) -> tuple[pl.Expr, str]:
    converter = _converter(column.read or _plain_reader(declared), where, converters)
    name = where.rpartition(".")[2]
    unit = next((unit for suffix, unit in UNIT_OF_SUFFIX.items() if name.endswith(suffix)), None)
    if unit is not None and converter.quantity in {"mass", "length", "duration"}:
        converter = to_unit(converter, unit)
    value = converter.function(text)
    if column.scale is not None:
        value = value * column.scale
    if column.round is not None:
        value = value.round(column.round)
    if not _fits(converter, declared):
        raise InputError(
            f"{where} cannot be read as {converter.name!r}, which gives {converter.quantity}.",
            allowed=", ".join(sorted(n for n, c in converters.items() if _fits(c, declared))),
            do="Choose another `read`.",
        )
    if declared.dtype.is_integer() and converter.quantity != "integer":
        value = value.round()
    return value.cast(declared.dtype, strict=False), converter.expects


def _converter(name: str, where: str, converters: Map[str, Converter]) -> Converter:
    if name not in converters:
        raise InputError(
            f"{where} is read as {name!r}, which is no notation.",
            allowed=", ".join(sorted(converters)),
            do="Choose one of them.",
        )
    return converters[name]


def _plain_reader(declared: dy.Column) -> str:
    if declared.dtype.is_integer():
        return "integer"
    if declared.dtype.is_float():
        return "number"
    if isinstance(declared, dy.Bool):
        return "boolean"
    if isinstance(declared, dy.List):
        return "list_of_integers"
    return "text"


def _fits(converter: Converter, declared: dy.Column) -> bool:
    if isinstance(declared, dy.String):
        return converter.quantity == "text"
    if isinstance(declared, dy.List):
        return converter.quantity == "list"
    if isinstance(declared, dy.Bool):
        return converter.quantity == "boolean"
    return converter.quantity in {"number", "integer", "mass", "length", "duration"}
