"""Every notation reads its examples, refuses the rest with null, and gives back what was written."""

import math
from datetime import UTC, date, datetime, time, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningline.kit.errors import InputError
from morningline.sources.convert import (
    CONVERTERS,
    UNITS,
    parse_date,
    parse_instant,
    parse_time,
    to_unit,
)

LB = 1 / 0.45359237


def read(name, *texts):
    frame = pl.DataFrame({"text": list(texts)}, schema={"text": pl.String})
    return frame.select(CONVERTERS[name].function(pl.col("text"))).to_series().to_list()


def apply(function, *texts):
    frame = pl.DataFrame({"text": list(texts)}, schema={"text": pl.String})
    return frame.select(function(pl.col("text"))).to_series().to_list()


EXAMPLES = {
    "number": {
        "12": 12.0,
        "-0.5": -0.5,
        "+3": 3.0,
        ".5": 0.5,
        "1,234.5": 1234.5,
        "1,234,567": 1234567.0,
        "1e-3": 0.001,
        "12x": None,
        "1,23": None,
        "12,3456": None,
        "1e400": None,
        "inf": None,
        "NaN": None,
        "-": None,
        "": None,
        "\uff11\uff12": None,
        "1_000": None,
    },
    "integer": {
        "12": 12,
        "12.0": 12,
        "-7": -7,
        "+7": 7,
        "1,234": 1234,
        "9007199254740993": 9007199254740993,
        "12.5": None,
        "99999999999999999999": None,
        "1e3": None,
        "": None,
    },
    "boolean": {
        "yes": True,
        "Y": True,
        "TRUE": True,
        "1": True,
        "No": False,
        "n": False,
        "false": False,
        "0": False,
        "2": None,
        "maybe": None,
    },
    "text": {"  a \t b ": "a b", "沙田\u3000草地": "沙田 草地", "   ": None, "": None},
    "slug": {
        "Sha Tin (AW)": "sha-tin-aw",
        "Auteuil / Été": "auteuil-été",
        "沙田 — 草地": "沙田-草地",
        "e\u0301": "é",
        "O'Brien, A. P.": "o-brien-a-p",
        "--": None,
        "": None,
    },
    "kg": {"58.5": 58.5 * LB, "58.5 kg": 58.5 * LB, "0": 0.0, "-1": None, "58.5 lb": None},
    "lb": {"133": 133.0, "133lbs": 133.0, "x": None},
    "st_lb": {
        "9-7": 133.0,
        "9 st 7 lb": 133.0,
        "9st7lb": 133.0,
        "9st": 126.0,
        "8-13": 125.0,
        "9-07": 133.0,
        "9-14": None,
        "9": None,
        "133": None,
    },
    "m": {"1200": 1200.0, "1,200 m": 1200.0, "1200 metres": 1200.0, "1200y": None, "-5": None},
    "km": {"1.2": 1200.0, "1.2km": 1200.0, "1.2 m": None},
    "yd": {"100": 91.44, "100 yds": 91.44, "100 f": None},
    "f": {
        "5½": 5.5 * 201.168,
        "7.5": 7.5 * 201.168,
        "6f": 6 * 201.168,
        "5 1/2": 5.5 * 201.168,
        "6g": None,
    },
    "mile": {"1½": 1.5 * 1609.344, "1 1/16": 1.0625 * 1609.344, "2m": 2 * 1609.344, "1 17/16": None},
    "s": {"95.36": 95.36, "95.36s": 95.36, "1:35.36": None},
    "ms": {"95360": 95.36, "500 ms": 0.5},
    "clock": {
        "1:35.36": 95.36,
        "1.35.36": 95.36,
        "1m 35.36s": 95.36,
        "1m35.36s": 95.36,
        "3:2.36": 182.36,
        "0:58.95": 58.95,
        "58.40": 58.4,
        "95.36": 95.36,
        "1:02:03.5": 3723.5,
        "1:35": 95.0,
        "1:60.00": None,
        "1.75.36": None,
        "1m 75s": None,
        "1:60:00": None,
        "1:35.36.1": None,
        "---": None,
        "": None,
    },
    "list_of_integers": {
        "[9, 9, 10, 1]": [9, 9, 10, 1],
        "9 9 10 1": [9, 9, 10, 1],
        "9-9-10-1": [9, 9, 10, 1],
        "7": [7],
        "[]": [],
        "9, x": None,
        "[9, 9": None,
        "9--9": None,
        "": None,
    },
}


@pytest.mark.parametrize(
    ("name", "text", "value"), [(name, *pair) for name, pairs in EXAMPLES.items() for pair in pairs.items()]
)
def test_each_example_reads_as_written_here(name, text, value):
    (got,) = read(name, text)
    assert got == (pytest.approx(value, rel=1e-14) if isinstance(value, float) else value)


def test_every_converter_has_an_example_and_keeps_null():
    assert set(EXAMPLES) == set(CONVERTERS)
    for name in CONVERTERS:
        assert read(name, None) == [None]


@given(
    st.sampled_from(sorted(CONVERTERS)),
    st.lists(st.text(max_size=20) | st.from_regex(r"[-0-9:.,½/ ems]{1,12}")),
)
def test_random_text_never_raises_and_gives_null_or_a_finite_value(name, texts):
    values = read(name, *texts)
    assert len(values) == len(texts)
    for value in values:
        assert not isinstance(value, float) or math.isfinite(value)
        if CONVERTERS[name].quantity in UNITS:
            assert value is None or value >= 0


@given(st.text())
def test_the_slug_of_a_slug_is_itself(text):
    (once,) = read("slug", text)
    assert read("slug", once) == [once]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_back_to_the_last_bit(value):
    assert read("number", repr(value)) == [value]


@given(st.integers(-(2**63), 2**63 - 1))
def test_an_integer_is_read_back(value):
    assert read("integer", str(value), f"{value:,}", f"{value}.0") == [value] * 3


@given(st.integers(0, 359_999))
def test_a_time_written_three_ways_is_read_back(hundredths):
    minutes, rest = divmod(hundredths, 6000)
    seconds = f"{rest // 100:02d}.{rest % 100:02d}"
    texts = (f"{minutes}:{seconds}", f"{minutes}.{seconds}", f"{minutes}m {seconds}s")
    assert read("clock", *texts) == [hundredths / 100] * 3


@given(st.integers(0, 999), st.integers(0, 13))
def test_a_weight_in_stones_is_read_back(stones, pounds):
    texts = (f"{stones}-{pounds}", f"{stones} st {pounds} lb", f"{stones}st{pounds}lb")
    assert read("st_lb", *texts) == [stones * 14.0 + pounds] * 3


@given(st.lists(st.integers(0, 99), min_size=1))
def test_a_list_written_three_ways_is_read_back(values):
    texts = (str(values), " ".join(map(str, values)), "-".join(map(str, values)))
    assert read("list_of_integers", *texts) == [values] * 3


@given(st.integers(0, 100_000))
def test_a_weight_kept_in_its_own_unit_loses_nothing(grams):
    kept = to_unit(CONVERTERS["kg"], "kg")
    assert kept.unit == "kg"
    assert apply(kept.function, str(grams / 1000)) == [grams / 1000]


def test_a_length_is_given_in_the_unit_the_column_keeps():
    assert apply(to_unit(CONVERTERS["f"], "yd").function, "6", "5½", "x") == [1320.0, 1210.0, None]
    assert apply(to_unit(CONVERTERS["mile"], "f").function, "1") == [8.0]
    assert apply(to_unit(CONVERTERS["clock"], "ms").function, "1:35.36") == [95360.0]


def test_the_same_unit_is_the_same_converter():
    assert to_unit(CONVERTERS["kg"], "lb") is CONVERTERS["kg"]
    assert to_unit(CONVERTERS["number"], "") is CONVERTERS["number"]


@pytest.mark.parametrize(("name", "unit", "allowed"), [("kg", "m", "lb, kg, st"), ("number", "lb", "no unit")])
def test_a_quantity_is_not_given_in_a_unit_of_another(name, unit, allowed):
    with pytest.raises(InputError) as error:
        to_unit(CONVERTERS[name], unit)
    assert error.value.allowed == allowed


def test_text_that_cannot_be_read_is_told_from_text_that_is_missing():
    frame = pl.DataFrame({"text": ["12", "12x", None]})
    assert frame.select(CONVERTERS["number"].unreadable(pl.col("text"))).to_series().to_list() == [
        False,
        True,
        False,
    ]


def test_dates_the_calendar_does_not_have_are_null():
    texts = ("2024-02-29", "2023-02-29", "2024-13-01", "19-02-03", "2024-02-29x", None)
    assert apply(lambda text: parse_date(text, "%Y-%m-%d"), *texts) == [date(2024, 2, 29)] + [None] * 5


def test_excel_serials_are_read_from_the_day_after_the_leap_day_that_never_was():
    texts = ("61", "45000", "45000.0", "45000.5", "60", "2958465", "2958466", "x")
    assert apply(lambda text: parse_date(text, "excel"), *texts) == [
        date(1900, 3, 1),
        date(2023, 3, 15),
        date(2023, 3, 15),
        None,
        None,
        date(9999, 12, 31),
        None,
        None,
    ]
    assert apply(lambda text: parse_time(text, "excel"), "0.5", "0", "1", "-0.1") == [
        time(12),
        time(0),
        None,
        None,
    ]
    assert apply(lambda text: parse_instant(text, "excel", "Asia/Hong_Kong"), "45000.5", "2958466") == [
        datetime(2023, 3, 15, 4, tzinfo=UTC),
        None,
    ]


@given(st.dates(date(1000, 1, 1)), st.sampled_from(["%Y-%m-%d", "%d/%m/%Y", "%d %b %Y", "%Y%m%d"]))
def test_a_date_is_read_back(day, fmt):
    assert apply(lambda text: parse_date(text, fmt), day.strftime(fmt)) == [day]


def test_times_of_day_need_a_half_of_the_day():
    assert apply(lambda text: parse_time(text, "%H:%M"), "14:05", "2:05", "24:00") == [
        time(14, 5),
        time(2, 5),
        None,
    ]
    assert apply(lambda text: parse_time(text, "%I:%M %p"), "2:05 pm", "12:30 AM") == [
        time(14, 5),
        time(0, 30),
    ]
    with pytest.raises(InputError, match="does not fix the time of day"):
        parse_time(pl.col("text"), "%I:%M")


def test_a_local_time_skipped_by_the_clock_change_is_null_and_a_repeated_one_is_the_earlier():
    texts = (
        "2024-03-31 01:30",
        "2024-10-27 01:30",
        "2024-07-01 12:00",
        "2024-01-01 12:00",
        "2024-02-30 12:00",
    )
    assert apply(lambda text: parse_instant(text, "%Y-%m-%d %H:%M", "Europe/London"), *texts) == [
        None,
        datetime(2024, 10, 27, 0, 30, tzinfo=UTC),
        datetime(2024, 7, 1, 11, tzinfo=UTC),
        datetime(2024, 1, 1, 12, tzinfo=UTC),
        None,
    ]


@pytest.mark.parametrize("fmt", ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S%:z", "%+"])
def test_an_explicit_offset_counts_whatever_the_zone(fmt):
    texts = ("2024-10-27T01:30:00+01:00", "2024-10-27T01:30:00Z", "2024-10-27T01:30:00", "no")
    assert apply(lambda text: parse_instant(text, fmt, "Asia/Hong_Kong"), *texts) == [
        datetime(2024, 10, 27, 0, 30, tzinfo=UTC),
        datetime(2024, 10, 27, 1, 30, tzinfo=UTC),
        None,
        None,
    ]


def test_seconds_since_1970_are_instants():
    assert apply(lambda text: parse_instant(text, "%s"), "1600000000", "x") == [
        datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC),
        None,
    ]


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), st.integers(-12, 14))  # noqa: DTZ001 - local times
def test_an_instant_with_an_offset_is_read_back(moment, hours):
    instant = moment.replace(tzinfo=UTC)
    local = (moment + timedelta(hours=hours)).isoformat(timespec="microseconds")
    text = f"{local}{hours:+03d}:00"
    assert apply(lambda text: parse_instant(text, "%Y-%m-%dT%H:%M:%S%.f%z"), text) == [instant]


@pytest.mark.parametrize(
    ("fmt", "zone", "message"),
    [
        ("%Y-%m-%d %H:%M", None, "need a time zone"),
        ("%Y-%m-%d %H:%M", "Europe/Nowhere", "need a time zone"),
        ("%Y-%m-%d %H:%M", "../etc", "need a time zone"),
        ("%Y-%m-%d", "Europe/London", "does not fix the time of day"),
        ("%Y-%m-%d %I:%M", "Europe/London", "does not fix the time of day"),
        ("%H:%M", "Europe/London", "has no day"),
    ],
)
def test_a_format_that_leaves_the_instant_open_is_refused_at_once(fmt, zone, message):
    with pytest.raises(InputError, match=message):
        parse_instant(pl.col("text"), fmt, zone)


@given(
    st.lists(st.text(max_size=25)),
    st.sampled_from(["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S%z", "%+", "%s", "excel"]),
)
def test_random_text_is_no_instant_and_never_raises(texts, fmt):
    assert len(apply(lambda text: parse_instant(text, fmt, "Europe/London"), *texts)) == len(texts)
