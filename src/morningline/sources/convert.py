"""Read the texts of a file as what they mean: numbers, weights, lengths, times and dates, or nothing.

A converter turns an expression of stripped text into a typed expression and gives null where the text is not
of its notation. It never raises on a value and never guesses, so that what it could not read can be counted.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from morningline.kit.errors import InputError

Quantity = Literal[
    "number", "integer", "text", "boolean", "date", "time", "instant", "mass", "length", "duration", "list"
]

# The international yard and pound are exact by definition: the agreement of 1 July 1959, the Weights and
# Measures Act 1985 (UK), schedule 1, and NIST Handbook 44, appendix C.
KG_PER_LB = 0.45359237
M_PER_FOOT = 0.3048
M_PER_YARD = 0.9144
M_PER_FURLONG = 201.168  # 220 yards
M_PER_MILE = 1609.344  # 1760 yards
LB_PER_STONE = 14.0

# How many of a quantity's own unit (lb, m or s) one of each allowed unit is.
UNITS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "mass": MappingProxyType({"lb": 1.0, "kg": 1.0 / KG_PER_LB, "st": LB_PER_STONE}),
        "length": MappingProxyType(
            {
                "m": 1.0,
                "km": 1000.0,
                "ft": M_PER_FOOT,
                "yd": M_PER_YARD,
                "f": M_PER_FURLONG,
                "mile": M_PER_MILE,
            }
        ),
        "duration": MappingProxyType({"s": 1.0, "ms": 0.001, "min": 60.0, "h": 3600.0}),
    }
)

# Nine decimals are nanometres and nanoseconds: finer than anything measured, coarse enough to absorb the
# noise that multiplying and dividing by the constants above leaves in the last bits.
_DECIMALS = 9

_VULGAR = MappingProxyType(
    dict(zip("¼½¾⅓⅔⅛⅜⅝⅞", ("1/4", "1/2", "3/4", "1/3", "2/3", "1/8", "3/8", "5/8", "7/8"), strict=True))
)
VULGAR = "".join(_VULGAR)
_WHOLE = r"(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)"
_NUMBER = rf"^[+-]?(?:{_WHOLE}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{{1,3}})?$"
_INTEGER = rf"^[+-]?{_WHOLE}(?:\.0*)?$"
_PLAIN = r"^(?:[0-9]{1,9}(?:\.[0-9]*)?|\.[0-9]+)$"
_FRACTION = rf"^(?:(?:[0-9]{{1,9}})?[ -]?[{VULGAR}]|(?:[0-9]{{1,9}}[ -])?[0-9]{{1,4}}/[1-9][0-9]{{0,3}})$"
_STONES = (
    r"(?i)^(?<st>[0-9]{1,3})\s*(?:[-\x{2013}]\s*(?<dashed>0?[0-9]|1[0-3])"
    r"|st\s*(?:(?<lb>0?[0-9]|1[0-3])\s*(?:lbs?)?)?)$"
)
_CLOCK = (
    r"^(?:(?:(?<hours>[0-9]{1,3}):(?<past>[0-5][0-9])|(?<minutes>[0-9]{1,4})):(?<rest>[0-5]?[0-9](?:\.[0-9]+)?)"
    r"|(?<seconds>[0-9]{1,6}(?:\.[0-9]+)?)\s*s?)$"
)
_LIST = r"^(?:\[\s*(?:{items})?\s*\]|{items})$".format(items=r"[0-9]{1,9}(?:(?:\s*[,-]\s*|\s+)[0-9]{1,9})*")
_TRUTHS = MappingProxyType(
    {"yes": True, "y": True, "true": True, "1": True, "no": False, "n": False, "false": False, "0": False}
)


@dataclass(frozen=True, kw_only=True)
class Converter:
    """One notation: what a text of it means and in which unit.

    Args:
        name: The name a mapping uses.
        quantity: What kind of value comes out.
        unit: The unit of the values that come out: lb for a mass, m for a length, s for a duration; or none.
        function: Turns stripped text into the value; null where the text is not of this notation.
        expects: What the notation looks like, to complete "expected ...".
        absent: Texts, in upper case, that say "there is no value" here: null without being unreadable.

    Example:
        >>> CONVERTERS["st_lb"].expects
        'a weight such as "9-7", "9 st 7 lb" or "9st7lb", with 0 to 13 lb'
    """

    name: str
    quantity: Quantity
    unit: str = ""
    function: Callable[[pl.Expr], pl.Expr]
    expects: str
    absent: frozenset[str] = frozenset()

    def unreadable(self, text: pl.Expr) -> pl.Expr:
        """Whether a text is there and says something that this notation cannot read.

        Args:
            text: Stripped text, null where missing.

        Returns:
            A boolean expression without nulls.
        """
        silent = text.str.to_uppercase().is_in(list(self.absent)) if self.absent else pl.lit(value=False)
        return text.is_not_null() & self.function(text).is_null() & ~silent.fill_null(value=False)


def to_unit(converter: Converter, unit: str) -> Converter:
    """Give the converter whose values come out in another unit of the same quantity.

    Args:
        converter: Any converter.
        unit: The unit that is wanted, such as "lb" for a column kept in pounds.

    Returns:
        The same converter when it already gives that unit, else one that rescales, to nine decimals.

    Raises:
        InputError: The quantity has no such unit.
    """
    if unit == converter.unit:
        return converter
    units = UNITS.get(converter.quantity, {})
    if unit not in units or converter.unit not in units:
        raise InputError(
            f'"{converter.name}" reads a {converter.quantity}, which cannot be given in "{unit}".',
            allowed=", ".join(units) or (f'only "{converter.unit}"' if converter.unit else "no unit"),
            do="Choose a converter of the quantity that the column holds.",
        )
    source, target, inner = units[converter.unit], units[unit], converter.function
    return replace(converter, unit=unit, function=lambda text: (inner(text) * source / target).round(_DECIMALS))


def read_number(text: pl.Expr) -> pl.Expr:
    """Read decimal numbers; a comma only between thousands; infinities and NaN are not numbers.

    Args:
        text: Stripped text.

    Returns:
        Float64.
    """
    plain = pl.when(text.str.contains(_NUMBER)).then(text).str.replace_all(",", "", literal=True)
    value = plain.cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value)


def read_mixed(text: pl.Expr) -> pl.Expr:
    """Read numbers that may carry a proper fraction: "2.75", ".5", "3/4", "1½", "1-1/2" or "1 1/2".

    Args:
        text: Stripped text.

    Returns:
        Float64, never negative.
    """
    plain = pl.when(text.str.contains(_PLAIN)).then(text).cast(pl.Float64, strict=False)
    mixed = pl.when(text.str.contains(_FRACTION)).then(text)
    spelled = mixed.str.replace_many({sign: f" {slash}" for sign, slash in _VULGAR.items()})
    whole = spelled.str.extract(r"^([0-9]+)[ -]").cast(pl.Float64).fill_null(0.0)
    top, bottom = (spelled.str.extract(part).cast(pl.Float64) for part in (r"([0-9]+)/", r"/([0-9]+)"))
    # "5/4" as a part of a number is a typing error more often than a number.
    return pl.coalesce(plain, pl.when(top < bottom).then(whole + top / bottom))


def _integer(text: pl.Expr) -> pl.Expr:
    plain = pl.when(text.str.contains(_INTEGER)).then(text)
    # Digits are cast without passing through a float, which would round identifiers beyond 2**53.
    return plain.str.replace(r"\.0*$", "").str.replace_all(r"[,+]", "").cast(pl.Int64, strict=False)


def _boolean(text: pl.Expr) -> pl.Expr:
    return text.str.to_lowercase().replace_strict(dict(_TRUTHS), default=None, return_dtype=pl.Boolean)


def _text(text: pl.Expr) -> pl.Expr:
    words = text.str.replace_all(r"\s+", " ").str.strip_chars()
    return pl.when(words != "").then(words)


def _slug(text: pl.Expr) -> pl.Expr:
    # One letter has one spelling (NFC), else the same name from two files would be two slugs.
    letters = text.str.to_lowercase().str.normalize("NFC")
    slug = letters.str.replace_all(r"[^\p{L}\p{M}\p{N}]+", "-").str.strip_chars("-")
    return pl.when(slug != "").then(slug)


def _measure(text: pl.Expr, *, suffix: str, scale: float = 1.0) -> pl.Expr:
    """Read a size of zero or more, times `scale`; its own unit may stand behind it."""
    bare = text.str.replace(rf"(?i)\s*(?:{suffix})\.?$", "")
    value = pl.coalesce(read_mixed(bare), read_number(bare)) * scale
    return pl.when((value >= 0.0) & value.is_finite()).then(value)


def _st_lb(text: pl.Expr) -> pl.Expr:
    part = text.str.extract_groups(_STONES).struct
    pounds = pl.coalesce(part.field("dashed"), part.field("lb"), pl.lit("0"))
    return part.field("st").cast(pl.Float64) * LB_PER_STONE + pounds.cast(pl.Float64)


def _clock(text: pl.Expr) -> pl.Expr:
    # "1.35.36" and "1m 35.36s" are other spellings of "1:35.36"; "1.35" has one dot only and is 1.35
    # seconds.
    colons = text.str.replace(r"^([0-9]{1,3})\.([0-5][0-9]\.[0-9]+)$", "${1}:${2}").str.replace(
        r"(?i)^([0-9]{1,3})\s*m(?:ins?)?\s*([0-9.]+)\s*s?(?:ecs?)?$", "${1}:${2}"
    )
    part = colons.str.extract_groups(_CLOCK).struct
    hours, past, minutes, rest, seconds = (
        part.field(name).cast(pl.Float64) for name in ("hours", "past", "minutes", "rest", "seconds")
    )
    return pl.coalesce(hours * 3600 + past * 60 + rest, minutes * 60 + rest, seconds).round(_DECIMALS)


def _list_of_integers(text: pl.Expr) -> pl.Expr:
    digits = text.str.extract_all(r"[0-9]+").cast(pl.List(pl.Int64))
    return pl.when(text.str.contains(_LIST)).then(digits)


# Excel counts days from 1899-12-30 once its day 60, 29 February 1900, is passed: that day never was
# (Microsoft, "Excel incorrectly assumes that the year 1900 is a leap year"), so serials up to 60 are
# refused.
_EXCEL_EPOCH = pl.date(1899, 12, 30)
_EXCEL_FIRST, _EXCEL_LAST = 61, 2_958_465  # 1900-03-01 and 9999-12-31
_DAY_MS = 86_400_000

_DAY = re.compile(r"%[-_0]?[dejDFxcvs+]|%s")
_TIME = re.compile(r"%[-_0]?[HkTRXcrs+]|%[-_0]?[Il].*%[pP]|%[pP].*%[-_0]?[Il]")
_OFFSET = re.compile(r"%(?::{0,3}|#)z|%\+|%s")


def _need(fmt: str, *, day: bool, hour: bool) -> None:
    """Refuse a format that leaves out what the value needs, before every row fails on it."""
    if fmt == "excel":
        return
    if day and not _DAY.search(fmt):
        raise InputError(f'The format "{fmt}" has no day.', allowed='for example "%Y-%m-%d", or "excel"')
    if hour and not _TIME.search(fmt):
        # A 12-hour clock without am or pm names two times a day; nobody can say which.
        raise InputError(
            f'The format "{fmt}" does not fix the time of day.',
            allowed='%H:%M (24 hours) or %I:%M %p (12 hours with am or pm), or "excel"',
        )


def _excel_day(text: pl.Expr) -> pl.Expr:
    serial = read_number(text)
    return pl.when(serial.is_between(_EXCEL_FIRST, _EXCEL_LAST + 1, closed="left")).then(serial)


def _excel_instant(text: pl.Expr) -> pl.Expr:
    # A day fraction in a double is good to about a microsecond; milliseconds are what a sheet can have
    # meant.
    elapsed = (_excel_day(text) * _DAY_MS).round().cast(pl.Int64)
    return _EXCEL_EPOCH.cast(pl.Datetime("us")) + elapsed.cast(pl.Duration("ms"))


def _four_digit_year(value: pl.Expr) -> pl.Expr:
    # strptime reads the "19" of "19-02-03" as the year 19; the files we read mean a century we cannot know.
    return pl.when(value.dt.year().is_between(1000, 9999)).then(value)


def parse_date(text: pl.Expr, fmt: str) -> pl.Expr:
    """Read calendar dates; a date that the calendar does not have is null.

    Args:
        text: Stripped text.
        fmt: A strptime format (chrono's), or "excel" for serial day numbers of the 1900 system.

    Returns:
        Date, from the year 1000 to 9999.

    Raises:
        InputError: The format names no day.
    """
    _need(fmt, day=True, hour=False)
    if fmt == "excel":
        day = _excel_day(text)
        whole = pl.when(day == day.floor()).then(day).cast(pl.Int64)
        return _EXCEL_EPOCH + (whole * _DAY_MS).cast(pl.Duration("ms"))
    return _four_digit_year(text.str.to_date(fmt, strict=False))


def parse_time(text: pl.Expr, fmt: str) -> pl.Expr:
    """Read times of day.

    Args:
        text: Stripped text.
        fmt: A strptime format (chrono's), or "excel" for the fraction of a day.

    Returns:
        Time, of no date and no zone.

    Raises:
        InputError: The format does not fix the time of day.
    """
    _need(fmt, day=False, hour=True)
    if fmt == "excel":
        elapsed = (read_number(text) * _DAY_MS).round()
        inside = pl.when(elapsed.is_between(0, _DAY_MS, closed="left")).then(elapsed)
        return (inside.cast(pl.Int64) * 1_000_000).cast(pl.Time)  # a Time counts nanoseconds
    return text.str.to_time(fmt, strict=False)


def parse_instant(text: pl.Expr, fmt: str, zone: str | None = None) -> pl.Expr:
    """Read instants, from local time in a zone or from text that carries its own UTC offset.

    Args:
        text: Stripped text.
        fmt: A strptime format (chrono's), or "excel" for serial day numbers with a fraction, in local time.
            With %z, %:z or %+ the text's own offset counts ("Z" is UTC) and the zone is not used.
        zone: The IANA name of the zone of local times, such as "Europe/London".

    Returns:
        Datetime in microseconds, UTC. A local time that a clock change skips is null; of one that it repeats
        the earlier instant is taken.

    Raises:
        InputError: The format fixes no day or time of day, or the zone is missing or unknown.
    """
    _need(fmt, day=True, hour=True)
    if _OFFSET.search(fmt):
        offset = text.str.replace(r"([0-9])\s*[Zz]$", "${1}+00:00") if fmt.endswith("z") else text
        instant = offset.str.to_datetime(fmt, time_unit="us", strict=False)
        # "%s" alone counts seconds since 1970 in UTC but comes without a zone.
        return _four_digit_year(instant if "%s" not in fmt else instant.dt.replace_time_zone("UTC"))
    try:
        name = ZoneInfo(zone or "").key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(
            f'Local times in "{fmt}" need a time zone, not "{zone or ""}".',
            allowed='an IANA name such as "Europe/London" or "Asia/Hong_Kong"',
        ) from error
    local = _excel_instant(text) if fmt == "excel" else text.str.to_datetime(fmt, time_unit="us", strict=False)
    known = _four_digit_year(local).dt.replace_time_zone(name, ambiguous="earliest", non_existent="null")
    return known.dt.convert_time_zone("UTC")


def _size(name: str, quantity: Quantity, scale: float, suffix: str, expects: str) -> Converter:
    unit = {"mass": "lb", "length": "m", "duration": "s"}[quantity]
    function = partial(_measure, suffix=suffix, scale=scale)
    return Converter(name=name, quantity=quantity, unit=unit, function=function, expects=expects)


_ALL = (
    Converter(name="number", quantity="number", function=read_number, expects='a number such as "1234.5"'),
    Converter(name="integer", quantity="integer", function=_integer, expects='a whole number such as "12"'),
    Converter(name="boolean", quantity="boolean", function=_boolean, expects="yes, no, true, false, y, n, 1 or 0"),
    Converter(name="text", quantity="text", function=_text, expects="any text"),
    Converter(name="slug", quantity="text", function=_slug, expects="a name with a letter or digit in it"),
    _size("kg", "mass", 1.0 / KG_PER_LB, "kgs?", 'a weight in kilograms such as "58.5"'),
    _size("lb", "mass", 1.0, "lbs?", 'a weight in pounds such as "133"'),
    Converter(
        name="st_lb",
        quantity="mass",
        unit="lb",
        function=_st_lb,
        expects='a weight such as "9-7", "9 st 7 lb" or "9st7lb", with 0 to 13 lb',
    ),
    _size("m", "length", 1.0, "m|metres?|meters?", 'a length in metres such as "1200"'),
    _size("km", "length", 1000.0, "km", 'a length in kilometres such as "1.2"'),
    _size("yd", "length", M_PER_YARD, "y|yds?|yards?", 'a length in yards such as "1320"'),
    _size("f", "length", M_PER_FURLONG, "f|furlongs?", 'a length in furlongs such as "5½" or "7.5"'),
    _size("mile", "length", M_PER_MILE, "m|mi|miles?", 'a length in miles such as "1½"'),
    _size("s", "duration", 1.0, "s|secs?", 'a time in seconds such as "95.36"'),
    _size("ms", "duration", 0.001, "ms", 'a time in milliseconds such as "95360"'),
    Converter(
        name="clock",
        quantity="duration",
        unit="s",
        function=_clock,
        expects='a time such as "1:35.36", "1.35.36", "1m 35.36s", "58.40" or "1:02:03.5"',
    ),
    Converter(
        name="list_of_integers",
        quantity="list",
        function=_list_of_integers,
        expects='whole numbers such as "[9, 9, 10, 1]", "9 9 10 1" or "9-9-10-1"',
    ),
)

CONVERTERS: Mapping[str, Converter] = MappingProxyType({each.name: each for each in _ALL})
