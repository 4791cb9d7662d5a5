"""Read racing's own notations: distances, beaten lengths, odds, placings, outcomes and countries.

Like every converter, these give null where the text is not of the notation, and never guess.
"""

from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from morningline.domains.racing.sections import section_converters
from morningline.domains.racing.vocabulary import OUTCOME_ALIASES, OUTCOMES, words
from morningline.sources.convert import M_PER_YARD, VULGAR, Converter, read_mixed, read_number

_YARDS_PER_MILE = 1760.0
_YARDS_PER_FURLONG = 220.0

# Below a hundred an "m" is miles and from a hundred on it is metres. No course races over more than 20 miles,
# so "50m" could be either a typing error or metres and stays unread (house convention).
_METRES = r"^([1-9][0-9]{2,3}(?:\.[0-9]+)?)\s*(?:m|metres?|meters?)$"
_MILES, _FURLONGS, _YARDS = r"\s*m(?:iles?)?", r"\s*f(?:urlongs?)?", r"\s*y(?:ds?|ards?)?"
_SLASH = r"[0-9]{1,2}/[1-9][0-9]?"
_PART = rf"(?:\.[0-9]+|[ -]?[{VULGAR}]|[ -]{_SLASH})?|[{VULGAR}]|{_SLASH}"
# After a larger unit the smaller stays below one of it: "1m8f" and "6f220y" are slips, not distances.
_REST = rf"(?:\s*(?:1?[0-9]{{1,2}}|2[01][0-9]){_YARDS})?"
_IMPERIAL = (
    rf"^(?:(?:(?:1?[0-9]|20){_PART}){_MILES}(?:\s*(?:[0-7]{_PART}){_FURLONGS}{_REST}|\s*[0-9]{{1,3}}{_YARDS})?"
    rf"|(?:[0-9]{{1,2}}{_PART}){_FURLONGS}{_REST}|[0-9]{{1,4}}{_YARDS})$"
)

# The names and their order are the British judges' (British Horseracing Authority, "new finishing
# distances", 21 February 2008). The decimals are house convention: nose 0.05, short head 0.1, head 0.2
# and neck 0.3 as British result feeds print them, short neck 0.25 between. "Distance" meant more than 30
# lengths until 26 December 2010 (the Authority's "change to official distances") and is read as 30, its
# least.
_NOSE, _SHORT_HEAD, _HEAD, _SHORT_NECK, _NECK, _DISTANCE = 0.05, 0.1, 0.2, 0.25, 0.3, 30.0
_MARGINS = MappingProxyType(
    dict.fromkeys(("dh", "dht", "dead heat", "平頭馬"), 0.0)
    | dict.fromkeys(("nse", "ns", "nose", "鼻位"), _NOSE)
    | dict.fromkeys(("sh", "shd", "sht-hd", "short head", "短馬頭位"), _SHORT_HEAD)
    | dict.fromkeys(("hd", "head", "頭位"), _HEAD)
    | dict.fromkeys(("snk", "sht-nk", "short neck"), _SHORT_NECK)
    # A bare N is a neck: for every Hong Kong runner beaten by 頸位 (a neck) the sectional sheet of the same
    # race says N, and it writes a nose out as NOSE (2016 to 2023).
    | dict.fromkeys(("n", "nk", "neck", "頸位"), _NECK)
    | dict.fromkeys(("dist", "dst", "distance"), _DISTANCE)
)
# "Many lengths" and "far behind" were not measured: there is no number, and nothing unreadable either.
_MANY_LENGTHS = frozenset({"ML", "多個馬位", "遙遙落後"})
_TOO_FAR = r"^[0-9]{4}"  # House convention: a thousand lengths or more is a typing error.

# House convention: no market offers longer odds (a betting exchange stops at 1000), so they are typing
# errors.
_MOST_ODDS = 10_000.0
_FAVOURITE = r"(?i)\s*(?:[jc]?f|[jc])$"  # favourite, joint and co-favourite
_FRACTION = r"^([0-9]{1,5})[/-]([1-9][0-9]{0,3})$"
_EVENS = r"(?i)^ev(?:s|n|en|ens)?$"

_PLACING = r"(?i)^=?\s*([0-9]{1,2})(?:st|nd|rd|th)?\s*(?:=|d\.?h\.?t?|平頭馬)?$"

_COMBINATION = r"^[0-9]{1,2}(?:\s*[-,/+]\s*[0-9]{1,2})*$"

_CODES = MappingProxyType({word: word for word in words(OUTCOMES)} | dict(OUTCOME_ALIASES))


def _distance(text: pl.Expr) -> pl.Expr:
    lower = text.str.to_lowercase()

    def yards(letter: str, each: float) -> pl.Expr:
        # A part that is left out counts nothing, and one that cannot be read makes the whole unreadable.
        part = read_mixed(lower.str.extract(rf"([^a-z]+){letter}").str.strip_chars())
        return pl.when(lower.str.contains(letter, literal=True)).then(part * each).otherwise(0.0)

    total = yards("m", _YARDS_PER_MILE) + yards("f", _YARDS_PER_FURLONG) + yards("y", 1.0)
    imperial = lower.str.contains(_IMPERIAL) & lower.str.contains(rf"[1-9{VULGAR}]")
    metres = lower.str.extract(_METRES).cast(pl.Float64)
    return pl.coalesce(metres, pl.when(imperial).then(total * M_PER_YARD))


def _lengths(text: pl.Expr) -> pl.Expr:
    word = text.str.to_lowercase().str.replace(r"[.]$", "")
    named = word.replace_strict(dict(_MARGINS), default=None, return_dtype=pl.Float64)
    bare = text.str.replace(r"(?i)\s*(?:l|lengths?)\.?$", "")
    counted = read_mixed(pl.when(~bare.str.contains(_TOO_FAR)).then(bare))
    return pl.coalesce(named, counted)


def _possible(odds: pl.Expr) -> pl.Expr:
    return pl.when((odds > 1.0) & (odds <= _MOST_ODDS)).then(odds)


def _decimal(text: pl.Expr) -> pl.Expr:
    return _possible(read_number(text))


def _against(text: pl.Expr) -> pl.Expr:
    """Read what cannot be anything but fractional: two numbers, or evens."""
    part = text.str.extract_groups(_FRACTION).struct
    fraction = part.field("1").cast(pl.Float64) / part.field("2").cast(pl.Float64)
    return pl.coalesce(_possible(fraction + 1.0), pl.when(text.str.contains(_EVENS)).then(2.0))


def _fractional(text: pl.Expr) -> pl.Expr:
    bare = text.str.replace(_FAVOURITE, "")
    alone = bare.str.extract(r"^([0-9]{1,4})$").cast(pl.Float64)
    return pl.coalesce(_against(bare), _possible(alone + 1.0))


def _either(text: pl.Expr) -> pl.Expr:
    bare = text.str.replace(_FAVOURITE, "")
    return pl.coalesce(_against(bare), _decimal(bare))


def _american(text: pl.Expr) -> pl.Expr:
    stake = text.str.extract(r"^([+-][1-9][0-9]{2,6})$").cast(pl.Float64)
    odds = pl.when(stake > 0).then(1.0 + stake / 100.0).otherwise(1.0 - 100.0 / stake)
    return pl.coalesce(_possible(odds), pl.when(text.str.contains(_EVENS)).then(2.0))


def _placing(text: pl.Expr) -> pl.Expr:
    place = text.str.extract(_PLACING).cast(pl.Int64)
    return pl.when(place >= 1).then(place)


def _outcome(text: pl.Expr) -> pl.Expr:
    code = text.str.to_uppercase().replace_strict(dict(_CODES), default=None, return_dtype=pl.String)
    return pl.coalesce(code, pl.when(_placing(text).is_not_null()).then(pl.lit("FIN")))


def _combination(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.contains(_COMBINATION)).then(text).str.replace_all(r"\s*[,/+]\s*", "-")


def _country(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.contains(r"^[A-Za-z]{2,3}$")).then(text.str.to_uppercase())


_ALL = (
    Converter(
        name="distance",
        quantity="length",
        unit="m",
        function=_distance,
        expects='a distance such as "1m2f110y", "5½f", "2m53y" or "1200m"',
    ),
    Converter(
        name="lengths",
        quantity="number",
        unit="lengths",
        function=_lengths,
        expects='lengths such as "1-1/2", "1½", "2.75", "SH", "HD", "NK" or "NSE"',
        absent=_MANY_LENGTHS,
    ),
    Converter(
        name="odds_decimal",
        quantity="number",
        unit="decimal",
        function=_decimal,
        expects='decimal odds above 1 such as "5.5"',
    ),
    Converter(
        name="odds_fractional",
        quantity="number",
        unit="decimal",
        function=_fractional,
        expects='fractional odds such as "9/2", "11/8F", "Evens" or "4" for 4/1',
    ),
    Converter(
        name="odds",
        quantity="number",
        unit="decimal",
        function=_either,
        expects='odds such as "9/2", "Evens" or "5.5"; a number alone is decimal',
    ),
    Converter(
        name="odds_american",
        quantity="number",
        unit="decimal",
        function=_american,
        expects='American odds such as "+150" or "-200"',
    ),
    Converter(
        name="placing",
        quantity="integer",
        function=_placing,
        expects='a placing such as "1", "2nd", "=3" or "1 DH"',
        # A horse that did not finish has no placing, and its outcome says so.
        absent=frozenset(_CODES),
    ),
    Converter(
        name="outcome",
        quantity="text",
        function=_outcome,
        expects="a placing or one of " + ", ".join(words(OUTCOMES)),
    ),
    Converter(
        name="combination",
        quantity="text",
        function=_combination,
        expects='saddlecloth numbers such as "11-12", "11,12" or "11/12"; "11-12" comes out',
    ),
    Converter(
        name="country",
        quantity="text",
        function=_country,
        expects='a code of two or three letters such as "GB", "ire" or "FR"; capitals come out',
    ),
    *section_converters(_lengths),
)

NOTATIONS: Mapping[str, Converter] = MappingProxyType({each.name: each for each in _ALL})
