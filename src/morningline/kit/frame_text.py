"""Frames as the CSV that PostgreSQL's COPY speaks, and back, exact to the last bit.

A null is an empty field without quotes and an empty text one with quotes, which both sides tell apart; so no
marker such as a backslash-N is needed, and a text that happens to be that marker stays a text.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl

from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

INSTANT = "%Y-%m-%d %H:%M:%S%.f"


def to_csv(frame: pl.DataFrame) -> memoryview:
    """Write a frame's rows, without a header, for COPY ... FROM STDIN (FORMAT csv).

    Raises:
        InputError: A column's dtype has no exact form in the database.
    """
    text = BytesIO()
    frame.select(_written(name, dtype) for name, dtype in frame.schema.items()).write_csv(
        text,
        include_header=False,
        datetime_format=f"{INSTANT}+00",
        # Before version 18, PostgreSQL takes a line of a bare \. for the end of the data.
        quote_style="non_numeric" if frame.width == 1 else "necessary",
    )
    return text.getbuffer()


def from_csv(text: bytes, schema: Mapping[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    """Read what COPY ... TO STDOUT (FORMAT csv, HEADER) gave, in a session of `Database.connect`.

    Args:
        text: The rows under a header.
        schema: Name and dtype of every column.

    Raises:
        InputError: The columns are not those of the schema, or a dtype cannot be read.
    """
    header = pl.read_csv(text, n_rows=0, infer_schema=False).columns
    if sorted(header) != sorted(schema):
        raise InputError(
            f"The query gives the columns {', '.join(header)}.",
            allowed=", ".join(schema),
            do="Name the query's columns as the schema does.",
        )
    wanted = pl.Schema(schema)
    direct = {name: dtype if _is_direct(dtype) else pl.String for name, dtype in wanted.items()}
    frame = pl.read_csv(text, schema_overrides=direct, infer_schema=False)
    return frame.select(_read(name, dtype) for name, dtype in wanted.items())


def _is_direct(dtype: pl.DataType) -> bool:
    return dtype.is_integer() or dtype.is_float() or dtype == pl.String


def _written(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is None or dtype.time_unit == "ns":
            raise _no_form(name, dtype)
        return column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if isinstance(dtype, pl.List) and (dtype.inner.is_integer() or dtype.inner.is_float()):
        inside = column.list.eval(pl.element().cast(pl.String).fill_null("NULL")).list.join(",")
        return pl.concat_str(pl.lit("{"), inside, pl.lit("}")).alias(name)
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    if _is_direct(dtype) or dtype in (pl.Boolean, pl.Date, pl.Null) or dtype.is_decimal():
        return column
    raise _no_form(name, dtype)


def _read(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if _is_direct(dtype):
        return column
    if dtype == pl.Boolean:
        return column == "t"
    if dtype == pl.Date:
        return column.str.to_date("%Y-%m-%d")
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        instant = column.str.to_datetime(f"{INSTANT}%#z", time_unit=dtype.time_unit)
        return instant.dt.convert_time_zone(dtype.time_zone)
    if isinstance(dtype, pl.List) and (dtype.inner.is_integer() or dtype.inner.is_float()):
        inside = column.str.strip_chars("{}")
        parts = inside.str.split(",").list.eval(pl.element().replace("NULL", None).cast(dtype.inner))
        return pl.when(inside != "").then(parts).when(column.is_not_null()).then(pl.lit([], dtype)).alias(name)
    if isinstance(dtype, pl.Categorical | pl.Enum) or dtype.is_decimal():
        return column.cast(dtype)
    raise _no_form(name, dtype)


def _no_form(name: str, dtype: pl.DataType) -> InputError:
    return InputError(
        f"The column {name!r} is {dtype}, which has no exact form in the database.",
        allowed="whole numbers, floats, decimals, booleans, text, dates, lists of numbers, "
        "instants with a time zone in milli- or microseconds",
        do="Cast the column first; for an instant, name its time zone with dt.replace_time_zone.",
    )
