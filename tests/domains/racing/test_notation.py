"""Racing's notations read their examples, refuse the rest with null, and give back what was written."""

import math
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningline.domains.racing import vocabulary
from morningline.domains.racing.notation import NOTATIONS
from morningline.domains.racing.vocabulary import (
    GOING_GROUP_OF,
    GOING_GROUPS,
    GOINGS,
    OUTCOME_ALIASES,
    OUTCOMES,
    words,
)
from morningline.sources.convert import to_unit

YARD = 0.9144


def read(name, *texts, unit=None):
    converter = NOTATIONS[name] if unit is None else to_unit(NOTATIONS[name], unit)
    frame = pl.DataFrame({"text": list(texts)}, schema={"text": pl.String})
    return frame.select(converter.function(pl.col("text"))).to_series().to_list()


EXAMPLES = {
    "distance": {
        "1m2f110y": 2310 * YARD,
        "6f": 1320 * YARD,
        "1m½f": 1870 * YARD,
        "5½f": 1210 * YARD,
        "½f": 110 * YARD,
        "16.5f": 3630 * YARD,
        "2m53y": 3573 * YARD,
        "1m7f209y": 3509 * YARD,
        "1m": 1760 * YARD,
        "1½m": 2640 * YARD,
        "1 1/16m": 1870 * YARD,
        "1m 2f 110yds": 2310 * YARD,
        "1200m": 1200.0,
        "1200M": 1200.0,
        "1650 metres": 1650.0,
        "1200": None,
        "50m": None,
        "12000m": None,
        "1m8f": None,
        "6f220y": None,
        "1m2": None,
        "17/16m": None,
        "1m 17/16f": None,
        "1m 300y": 2060 * YARD,
        "0f": None,
        "f": None,
        "110y2f": None,
        "": None,
    },
    "lengths": {
        "1-1/2": 1.5,
        "1 1/2": 1.5,
        "1½": 1.5,
        "2.75": 2.75,
        ".75": 0.75,
        "3/4": 0.75,
        "½": 0.5,
        "2½L": 2.5,
        "99": 99.0,
        "SH": 0.1,
        "SHD": 0.1,
        "shd": 0.1,
        "短馬頭位": 0.1,
        "NSE": 0.05,
        "NS": 0.05,
        "nse": 0.05,
        "NOSE": 0.05,
        "鼻位": 0.05,
        "HD": 0.2,
        "Hd": 0.2,
        "頭位": 0.2,
        "NK": 0.3,
        "nk": 0.3,
        "N": 0.3,
        "頸位": 0.3,
        "DHT": 0.0,
        "DH": 0.0,
        "DIST": 30.0,
        "DST": 30.0,
        "ML": None,
        "-": None,
        "5/4": None,
        "1000": None,
        "-1": None,
        "": None,
    },
    "odds_decimal": {
        "5.5": 5.5,
        "12": 12.0,
        "1.01": 1.01,
        "10000": 10000.0,
        "1": None,
        "0.9": None,
        "10001": None,
        "9/2": None,
        "---": None,
    },
    "odds_fractional": {
        "9/2": 5.5,
        "100/30": 1 + 100 / 30,
        "9-2": 5.5,
        "EVS": 2.0,
        "Evens": 2.0,
        "evs": 2.0,
        "EvensF": 2.0,
        "4": 5.0,
        "9/4F": 3.25,
        "11/8JF": 2.375,
        "7/2J": 4.5,
        "5/1C": 6.0,
        "4/11": 1 + 4 / 11,
        "0/1": None,
        "9/0": None,
        "7.2": None,
        "SP": None,
        "F": None,
    },
    "odds": {"9/2": 5.5, "Evens": 2.0, "5.5": 5.5, "4": 4.0, "2/5F": 1.4, "1": None, "SP": None, "": None},
    "odds_american": {
        "+150": 2.5,
        "-200": 1.5,
        "+100": 2.0,
        "-100": 2.0,
        "EVEN": 2.0,
        "150": None,
        "+50": None,
    },
    "placing": {
        "1": 1,
        "01": 1,
        "1 DH": 1,
        "=3": 3,
        "3=": 3,
        "4 平頭馬": 4,
        "2nd": 2,
        "11th": 11,
        "0": None,
        "PU": None,
        "1.5": None,
    },
    "outcome": {
        "1": "FIN",
        "4 平頭馬": "FIN",
        "pu": "PU",
        "FE": "F",
        "WV-A": "NR",
        "WXNR": "NR",
        "DISQ": "DSQ",
        "DNF": "DNF",
        "R": "REF",
        "XX": None,
        "": None,
    },
    "country": {
        "GB": "GB",
        "ire": "IRE",
        "Fr": "FR",
        "G": None,
        "Eire": None,
        "(GB)": None,
        "": None,
    },
    "combination": {
        "7": "7",
        "11,12": "11-12",
        "12 / 1": "12-1",
        "11-12-1": "11-12-1",
        "A1": None,
        "-": None,
        "11,": None,
        "": None,
    },
    # A sheet is read whole or not at all: tests of a second source.
    "section_seconds": {"4; 1-1/2; 14.03; 1; HD; 22.55 11.08 11.47": [14.03, 22.55], "4; HD; 14.03; 1": None},
    "section_positions": {"4; 1-1/2; 14.03; 1; HD; 22.55": [4, 1], "4; HD; 14.03; 1": None},
    "section_margins": {"4; 1-1/2; 14.03; 1; HD; 22.55": [1.5, 0.0], "4; HD; 14.03; 1": None},
}


@pytest.mark.parametrize(
    ("name", "text", "value"), [(name, *pair) for name, pairs in EXAMPLES.items() for pair in pairs.items()]
)
def test_each_example_reads_as_written_here(name, text, value):
    (got,) = read(name, text)
    assert got == (pytest.approx(value, rel=1e-14) if isinstance(value, float) else value)


def test_every_notation_has_examples_and_keeps_null():
    assert set(EXAMPLES) == set(NOTATIONS)
    for name in NOTATIONS:
        assert read(name, None) == [None]


BOUNDS = {
    "distance": (0.0, 37_015.0),
    "lengths": (0.0, 1000.0),
    "odds_decimal": (1.0, 10_000.0),
    "odds_fractional": (1.0, 10_000.0),
    "odds": (1.0, 10_000.0),
    "odds_american": (1.0, 10_000.0),
    "placing": (1, 99),
}


@given(
    st.sampled_from(sorted(BOUNDS)),
    st.lists(st.text(max_size=12) | st.from_regex(r"[-+=0-9.½/ mfydhFJ]{1,10}")),
)
def test_random_text_never_raises_and_gives_null_or_a_value_within_bounds(name, texts):
    low, high = BOUNDS[name]
    values = read(name, *texts)
    assert len(values) == len(texts)
    for value in values:
        assert value is None or (math.isfinite(value) and low <= value <= high)


@given(st.lists(st.text(max_size=8)))
def test_an_outcome_is_a_word_of_the_vocabulary_or_nothing(texts):
    assert set(read("outcome", *texts)) <= {None, *words(OUTCOMES)}


@given(st.integers(0, 8), st.integers(0, 7), st.integers(0, 219))
def test_a_distance_is_read_back_to_the_yard(miles, furlongs, yards):
    text = f"{miles}m" * (miles > 0) + f"{furlongs}f" * (furlongs > 0) + f"{yards}y" * (yards > 0)
    total = miles * 1760 + furlongs * 220 + yards
    assert read("distance", text, unit="yd") == [float(total) if total else None]


@given(st.integers(100, 9999))
def test_metres_are_read_back(metres):
    assert read("distance", f"{metres}m", f"{metres} metres") == [float(metres)] * 2


@given(st.integers(0, 998), st.sampled_from([("1/4", "¼", 0.25), ("1/2", "½", 0.5), ("3/4", "¾", 0.75)]))
def test_beaten_lengths_written_four_ways_are_read_back(whole, part):
    slash, vulgar, value = part
    texts = (f"{whole}-{slash}", f"{whole} {slash}", f"{whole}{vulgar}", f"{whole + value}")
    assert read("lengths", *texts) == [whole + value] * 4


@given(st.fractions(Fraction(1, 100), 900, max_denominator=100))
def test_fractional_odds_are_read_back(odds):
    text = f"{odds.numerator}/{odds.denominator}"
    expected = [pytest.approx(1 + float(odds), rel=1e-14)] * 3
    assert read("odds_fractional", text, text + "F", text + "JF") == expected
    assert read("odds", text) == expected[:1]


@given(st.integers(100, 100_000))
def test_american_odds_are_read_back(stake):
    assert read("odds_american", f"+{stake}") == [pytest.approx(1 + stake / 100)]
    assert read("odds_american", f"-{stake}") == [pytest.approx(1 + 100 / stake)]


@given(st.integers(1, 99), st.sampled_from(["{}", "{:02d}", "{} DH", "={}", "{} 平頭馬", "{}th"]))
def test_a_placing_is_read_back_and_means_finished(place, written):
    text = written.format(place)
    assert read("placing", text) == [place]
    assert read("outcome", text) == ["FIN"]


@pytest.mark.parametrize("word", words(OUTCOMES))
def test_every_outcome_reads_as_itself_and_is_no_unreadable_placing(word):
    assert read("outcome", word, word.lower()) == [word, word]
    frame = pl.DataFrame({"text": [word, "??", None]})
    placing = NOTATIONS["placing"].unreadable(pl.col("text"))
    assert frame.select(placing).to_series().to_list() == [False, True, False]


def test_many_lengths_is_no_number_and_not_unreadable():
    frame = pl.DataFrame({"text": ["ML", "多個馬位", "MLX"]})
    assert frame.select(NOTATIONS["lengths"].unreadable(pl.col("text"))).to_series().to_list() == [
        False,
        False,
        True,
    ]


def test_aliases_lead_to_outcomes_and_hide_none():
    assert set(OUTCOME_ALIASES.values()) <= set(words(OUTCOMES))
    assert not set(OUTCOME_ALIASES) & set(words(OUTCOMES))
    assert all(alias == alias.upper() for alias in OUTCOME_ALIASES)


def test_every_going_has_a_group():
    assert tuple(GOING_GROUP_OF) == words(GOINGS)
    assert set(GOING_GROUP_OF.values()) == set(words(GOING_GROUPS))


@pytest.mark.parametrize(
    "name", ["OUTCOMES", "GOINGS", "GOING_GROUPS", "SURFACES", "SEXES", "RACE_TYPES", "PRICE_KINDS", "POOLS"]
)
def test_words_are_unique_and_described_in_one_line(name):
    terms = getattr(vocabulary, name)
    assert len(set(words(terms))) == len(terms)
    assert all(term.description and "\n" not in term.description for term in terms)
