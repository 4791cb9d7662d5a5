"""From text to facts: each target column read as its table declares it, each unreadable value reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import dataframely as dy
import polars as pl

from morningline.kit.errors import InputError
from morningline.sources.convert import Converter, parse_date, parse_instant, to_unit
from morningline.sources.mapping import Column
from morningline.sources.reading import PLACE, keep, require_columns
from morningline.sources.texts import fold, present, raw_text, source_text

if TYPE_CHECKING:
    from collections.abc import Mapping as Map

    from morningline.facts.table import Table
    from morningline.sources.mapping import Mapping, Target

UNIT_OF_SUFFIX = {"_lbs": "lb", "_m": "m", "_seconds": "s", "_yards": "yd"}
"""Columns carry their unit in their name; a reader of another unit of the same quantity is converted to it."""

DATE_FORMATS = ["%Y-%m-%d"]
INSTANT_FORMATS = ["%Y-%m-%dT%H:%M:%S%.f%z"]

# Converting between units leaves noise in the last bits; a whole number is one that is this near to one.
_WHOLE = 1e-6


@dataclass(frozen=True)
class Shaped:
    """Rows of one target, typed, with what could not be read.

    Attributes:
        frame: The target's columns and `#file`, `#row`.
        unreadable: `#file`, `#row`, `column`, `reason`, `kind`, one row a value that was given and not read.
        unread: Rows that the target's conditions left out.
    """

    frame: pl.DataFrame
    unreadable: pl.DataFrame
    unread: int


@dataclass(frozen=True, kw_only=True)
class _Manner:
    """How this file writes values, and what they may be read by.

    Attributes:
        zone: IANA time zone of local times; empty where it differs from row to row.
        decimal: Whether a point or a comma stands before the decimals.
        converters: Reader names to what they do.
    """

    zone: str
    decimal: Literal[".", ","]
    converters: Map[str, Converter]


@dataclass(frozen=True)
class _Reading:
    value: pl.Expr
    raw: pl.Expr
    expects: str


def shape(
    target: Target, mapping: Mapping, rows: pl.DataFrame, table: Table, converters: Map[str, Converter]
) -> Shaped | None:
    """Read the rows of a file as rows of a table.

    Args:
        target: Which table, from which columns.
        mapping: The whole mapping, for its time zone.
        rows: The file's rows as text.
        table: The table they become.
        converters: Reader names to what they do.

    Returns:
        The rows; None where the file has no column for an optional value that no row of the table can be without.

    Raises:
        InputError: The target names a column the table or the file does not have, or reads it by a notation of
            another quantity.
    """
    columns = _columns(target, rows, table)
    if columns is None:
        return None
    chosen, unread = keep(rows, target.where, f"The table {table.name} where")
    decimal = mapping.files[target.source].decimal
    manner = _Manner(zone=_zone(columns, table, mapping.time_zone), decimal=decimal, converters=converters)
    readings = {name: _reading(column, name, table, manner) for name, column in columns.items()}
    # Lazily, so that what several columns and their reports have in common is computed once.
    typed = (
        chosen.lazy()
        .select(
            *PLACE,
            *(reading.value.alias(name) for name, reading in readings.items()),
            *(reading.raw.alias(f"#raw {name}") for name, reading in readings.items()),
        )
        .collect()
    )
    unreadable = [_unreadable(typed, name, reading.expects) for name, reading in readings.items()]
    return Shaped(typed.select(*PLACE, *readings), pl.concat(unreadable), unread)


def _zone(columns: Map[str, Column], table: Table, zone: str) -> str:
    """The time zone of a target's local times: the mapping's, or its own; none where each row may have another."""
    own = columns.get(str(table.zone))
    if own is None:
        return zone
    return str(own.constant) if own.constant is not None else ""


def derived_text(column: Column, where: str, converters: Map[str, Converter], decimal: Literal[".", ","]) -> pl.Expr:
    """The text of a derived column: as its steps leave it; read dates in ISO form, read values as text."""
    text = source_text(column)
    if column.format is not None:
        _refuse_steps(column, where, "a date", "read", "scale", "round")
        return _date(text, column)[0].dt.to_string("%Y-%m-%d")
    if column.read is None:
        _refuse_steps(column, where, "text", "scale", "round")
        return text
    converter = _converter(column.read, where, converters)
    if converter.quantity == "list":
        raise InputError(
            f"{where} is read as {column.read!r}, which gives a list.",
            allowed="a notation of one value",
            do="Read the list in the columns of a table.",
        )
    return _scaled(_read(text, converter, decimal), converter, column, where).cast(pl.String)


def _columns(target: Target, rows: pl.DataFrame, table: Table) -> dict[str, Column] | None:
    """The target's columns that this file can give."""
    where = f"The table {table.name}"
    columns = {}
    for name, given in target.columns.items():
        if name not in table.columns:
            raise InputError(
                f"{where} has no column {name!r}.",
                allowed=", ".join(table.columns),
                do="Correct the name in the mapping.",
            )
        column = present(Column(column=given) if isinstance(given, str) else given, rows.columns)
        if column is not None:
            require_columns(rows, column.sources(), f"{table.name}.{name}")
            columns[name] = column
    by_program = {"event_at", "known_at", "time_zone"} | ({"date"} if table.stage != "event" else set())
    needed = [n for n, c in table.columns.items() if not c.nullable and n not in by_program and n not in columns]
    never = [n for n in needed if n not in target.columns]
    if target.compare:
        # What is only compared needs its key, and of the rest what both sources say.
        return columns
    if never:
        raise InputError(
            f"The mapping gives {table.name} no {' and no '.join(never)}.",
            allowed=f"every column that may not be missing: {', '.join(never)}",
            do=f"Add it to the columns of {table.name}.",
        )
    return None if needed else columns


def _unreadable(typed: pl.DataFrame, name: str, expects: str) -> pl.DataFrame:
    raw = pl.col(f"#raw {name}")
    return typed.filter(raw.is_not_null() & pl.col(name).is_null()).select(
        *PLACE,
        pl.lit(name).alias("column"),
        pl.format(f"{name}: '{{}}' is not {{}}", raw.str.head(200), pl.lit(expects)).alias("reason"),
        pl.lit(f"{name}: a value is not {expects}").alias("kind"),
    )


def _reading(column: Column, name: str, table: Table, manner: _Manner) -> _Reading:
    where = f"{table.name}.{name}"
    text, raw = source_text(column), raw_text(column)
    value, expects = _value(text, column, name, table, manner)
    if column.values is not None:
        _check_words(column, value, text, where, expects)
        expects = f"one of the mapping's values: {', '.join(column.values)}"
    elif column.extract is not None:
        expects = f"{expects} after taking {column.extract!r}"
    absent = manner.converters[column.read].absent if column.read else frozenset()
    if absent:
        raw = pl.when(~raw.str.to_uppercase().is_in(list(absent))).then(raw)
    return _Reading(value, raw, expects)


def _value(text: pl.Expr, column: Column, name: str, table: Table, manner: _Manner) -> tuple[pl.Expr, str]:
    declared, where = table.columns[name], f"{table.name}.{name}"
    if isinstance(declared, dy.Date):
        _refuse_steps(column, where, "a date", "read", "scale", "round")
        return _date(text, column)
    if isinstance(declared, dy.Datetime):
        _refuse_steps(column, where, "an instant", "read", "scale", "round")
        return _instant(text, column, manner.zone, where)
    _refuse_steps(column, where, "no date", "format", "time_zone")
    if isinstance(declared, dy.Enum):
        _refuse_steps(column, where, "a word", "scale", "round")
        return _word(text, declared, column, where, manner.converters)
    return _converted(text, declared, column, where, manner)


def _refuse_steps(column: Column, where: str, what: str, *steps: str) -> None:
    for step in steps:
        if getattr(column, step) is not None:
            raise InputError(
                f"{where} is {what}, for which `{step}` means nothing.",
                allowed="`format` and `time_zone` for dates and instants; `read`, `scale` and `round` for numbers; "
                "`read` for texts and words",
                do=f"Leave `{step}` out.",
            )


def _check_words(column: Column, value: pl.Expr, text: pl.Expr, where: str, expects: str) -> None:
    """Refuse a value map that gives what the column cannot hold, before every row fails on it."""
    given = pl.DataFrame({name: list((column.values or {}).keys()) for name in column.sources()[:1]})
    if column.extract is not None or len(column.sources()) != 1 or column.missing:
        return
    wrong = given.select(text.alias("text"), value.is_null().alias("null")).filter("null")["text"].to_list()
    if wrong:
        raise InputError(
            f"The value map of {where} gives {', '.join(map(repr, wrong))}.",
            allowed=expects,
            do="Correct the right-hand sides of `values`; what means nothing belongs into `missing`.",
        )


def _word(
    text: pl.Expr, declared: dy.Enum, column: Column, where: str, converters: Map[str, Converter]
) -> tuple[pl.Expr, str]:
    if column.read is not None:
        converter = _converter(column.read, where, converters)
        if converter.quantity != "text":
            raise _unfit(converter, where, [n for n, c in converters.items() if c.quantity == "text"])
        text = converter.function(text)
    words = {str(pl.select(fold(pl.lit(word))).item()): word for word in declared.categories}
    value = fold(text).replace_strict(list(words), list(words.values()), default=None, return_dtype=pl.String)
    return value, f"one of {', '.join(declared.categories)}"


def _date(text: pl.Expr, column: Column) -> tuple[pl.Expr, str]:
    formats = _formats(column, DATE_FORMATS)
    return pl.coalesce(parse_date(text, fmt) for fmt in formats), f"a date like {' or '.join(formats)}"


def _instant(text: pl.Expr, column: Column, zone: str, where: str) -> tuple[pl.Expr, str]:
    formats = _formats(column, INSTANT_FORMATS)
    chosen = column.time_zone or zone
    if not chosen and not all("%z" in fmt or "%:z" in fmt or "%+" in fmt for fmt in formats):
        raise InputError(
            f"{where} holds local times, and the time zone differs from row to row.",
            allowed="times that carry their own offset, or one time zone for a target",
            do="Write a target for each zone, with a constant `time_zone` and a `where` that keeps its rows.",
        )
    parsed = pl.coalesce(parse_instant(text, fmt, chosen or None) for fmt in formats)
    return parsed, f"a time like {' or '.join(formats)} that exists in {chosen or 'its own zone'}"


def _formats(column: Column, default: list[str]) -> list[str]:
    if column.format is None:
        return default
    return [column.format] if isinstance(column.format, str) else column.format


def _converted(text: pl.Expr, declared: dy.Column, column: Column, where: str, manner: _Manner) -> tuple[pl.Expr, str]:
    converters = manner.converters
    converter = _converter(column.read or _plain_reader(declared), where, converters)
    name = where.rpartition(".")[2]
    unit = next((unit for suffix, unit in UNIT_OF_SUFFIX.items() if name.endswith(suffix)), None)
    if not _fits(converter, declared, unit):
        raise _unfit(converter, where, [n for n, c in converters.items() if _fits(c, declared, unit)])
    if unit is not None and converter.quantity in {"mass", "length", "duration"}:
        converter = to_unit(converter, unit)
    value = _scaled(_read(text, converter, manner.decimal), converter, column, where)
    if declared.dtype.is_integer() and (converter.quantity != "integer" or column.scale is not None):
        value = pl.when((value - value.round()).abs() < _WHOLE).then(value.round())
    typed = value.cast(declared.dtype, strict=False)
    if isinstance(declared, dy.List):
        # A list with an item that its column cannot hold is no list of this column.
        typed = pl.when(typed.list.eval(pl.element().is_not_null()).list.all()).then(typed)
    return typed, converter.expects


def _read(text: pl.Expr, converter: Converter, decimal: Literal[".", ","]) -> pl.Expr:
    if decimal == "," and converter.quantity in {"number", "integer", "mass", "length", "duration"}:
        # Where a comma stands before the decimals, a point before three digits groups thousands.
        text = text.str.replace_all(r"\.([0-9]{3})\b", "${1}").str.replace_all(",", ".", literal=True)
    return converter.function(text)


def _scaled(value: pl.Expr, converter: Converter, column: Column, where: str) -> pl.Expr:
    if converter.quantity in {"text", "boolean", "list"}:
        _refuse_steps(column, where, f"read as {converter.name}, which gives no number", "scale", "round")
    if column.scale is not None:
        value = value * column.scale
    return value.round(column.round) if column.round is not None else value


def _converter(name: str, where: str, converters: Map[str, Converter]) -> Converter:
    if name not in converters:
        import difflib

        close = difflib.get_close_matches(name, converters, 1)
        raise InputError(
            f"{where} is read as {name!r}, which is no notation.",
            allowed=", ".join(sorted(converters)),
            do=f"Did you mean {close[0]!r}?" if close else "Choose one of them.",
        )
    return converters[name]


def _unfit(converter: Converter, where: str, fitting: list[str]) -> InputError:
    return InputError(
        f"{where} cannot be read as {converter.name!r}, which gives {converter.quantity}.",
        allowed=", ".join(sorted(fitting)),
        do="Choose another `read`.",
    )


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


def _fits(converter: Converter, declared: dy.Column, unit: str | None) -> bool:
    if isinstance(declared, dy.String):
        return converter.quantity == "text"
    if isinstance(declared, dy.List):
        return converter.quantity == "list"
    if isinstance(declared, dy.Bool):
        return converter.quantity == "boolean"
    if converter.quantity in {"number", "integer"}:
        return True
    quantity = {"lb": "mass", "m": "length", "yd": "length", "s": "duration"}.get(unit or "")
    return converter.quantity == quantity
