"""Read a sectional sheet: for each section the position at its end, the margin there and the seconds it took.

The columns of the sheet are one text, `position; margin; seconds; position; ...`, and each reader takes its third
of it. All three give null unless the whole text is complete, so their lists always have one length.
"""

from collections.abc import Callable

import polars as pl

from morningline.sources.convert import Converter
from morningline.sources.mapping import ITEMS

# A digit or two; behind a time of the Hong Kong sheet may stand those of its halves: "22.55 11.08 11.47".
_POSITION = r"^([0-9]{1,2})$"
_SECONDS = r"^([0-9]{1,3}\.[0-9]{1,2})(?:\s+[0-9.]+)*$"

_NOT_TAKEN = 99.0
"""The clock of the Hong Kong sheet ends at 99.99 seconds, which stands for a time that was not taken."""


def _column(text: pl.Expr, place: int) -> pl.Expr:
    """Every third item of a sheet; null where the last section is not whole."""
    items = text.str.split(ITEMS)
    return pl.when(items.list.len() % 3 == 0).then(items).list.gather_every(3, place)


def _positions(text: pl.Expr) -> pl.Expr:
    return _column(text, 0).list.eval(pl.element().str.extract(_POSITION).cast(pl.Int64))


def _seconds(text: pl.Expr) -> pl.Expr:
    seconds = pl.element().str.extract(_SECONDS).cast(pl.Float64)
    return _column(text, 2).list.eval(pl.when(seconds < _NOT_TAKEN).then(seconds))


def _behind(text: pl.Expr, lengths: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    """The leader is behind nobody: the sheet gives its lead. "+SH" and "-SH" are a short head, won and lost."""
    margins = _column(text, 1).list.eval(lengths(pl.element().str.replace(r"^[+-]([A-Z])", "${1}")))
    return margins * _positions(text).list.eval((pl.element() > 1).cast(pl.Float64))


def _complete(values: pl.Expr, *others: pl.Expr) -> pl.Expr:
    """A list without a gap, beside lists without one."""
    return pl.when(pl.all_horizontal(_without_gap(each) for each in (values, *others))).then(values)


def _without_gap(values: pl.Expr) -> pl.Expr:
    return values.list.eval(pl.element().is_not_null()).list.all()


def section_converters(lengths: Callable[[pl.Expr], pl.Expr]) -> tuple[Converter, ...]:
    """The readers of a sectional sheet.

    Args:
        lengths: Reads a margin, such as "1-1/2" or "SH", in lengths.
    """
    sheet = '"4; 1-1/2; 14.03; 1; HD; 23.56"'
    return (
        Converter(
            name="section_seconds",
            quantity="list",
            function=lambda text: _complete(_seconds(text), _positions(text)),
            expects=f"position, margin and seconds of each section such as {sheet}; the seconds come out",
        ),
        Converter(
            name="section_positions",
            quantity="list",
            function=lambda text: _complete(_positions(text), _seconds(text)),
            expects=f"position, margin and seconds of each section such as {sheet}; the positions come out",
        ),
        Converter(
            name="section_margins",
            quantity="list",
            function=lambda text: _complete(_behind(text, lengths), _seconds(text)),
            expects=f"position, margin and seconds of each section such as {sheet}; lengths behind the leader come out",
        ),
    )
