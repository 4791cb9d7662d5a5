"""A local day begins at its first instant, also where midnight does not exist or happens twice."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morningline.kit.clock import local_day_bounds, rehearsal, start_of_local_day, utc_now
from morningline.kit.errors import InputError

TRAPS = [
    ("UTC", date(2024, 1, 1), "2024-01-01T00:00:00"),
    ("Europe/London", date(2024, 3, 31), "2024-03-31T00:00:00"),
    ("Europe/London", date(2024, 4, 1), "2024-03-31T23:00:00"),
    ("Europe/London", date(2024, 10, 28), "2024-10-28T00:00:00"),
    # Midnight is jumped over: the day starts at one o'clock.
    ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00:00"),
    ("Asia/Beirut", date(2024, 3, 31), "2024-03-30T22:00:00"),
    # The jump starts before midnight: 23:30 becomes 00:30.
    ("America/Toronto", date(1919, 3, 31), "1919-03-31T04:30:00"),
    # Midnight happens twice: the first counts.
    ("America/Havana", date(2024, 11, 3), "2024-11-03T04:00:00"),
    # One minute after midnight the clock goes back into the day before.
    ("America/St_Johns", date(2006, 10, 29), "2006-10-29T02:30:00"),
    # A day that never was starts where the next one does.
    ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00:00"),
    ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00:00"),
]


@pytest.mark.parametrize(("zone", "day", "expected"), TRAPS)
def test_the_traps_of_the_zone_database(zone, day, expected):
    assert start_of_local_day(day, zone) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@settings(deadline=None)
@given(st.sampled_from(sorted(available_timezones())), st.dates(date(1900, 1, 2), date(2037, 12, 30)))
def test_no_instant_before_the_start_is_in_the_day_and_the_start_is(zone, day):
    start, known = start_of_local_day(day, zone), ZoneInfo(zone)
    assert start.tzinfo is UTC
    assert start.astimezone(known).date() >= day
    for seconds in (1, 60, 3599, 3600, 7200, 43_200):
        assert (start - timedelta(seconds=seconds)).astimezone(known).date() < day


def test_bounds_are_one_row_a_distinct_day_and_each_day_ends_where_the_next_begins():
    days = pl.Series([date(2018, 11, 4), None, date(2018, 11, 3), date(2018, 11, 4)], dtype=pl.Date)
    bounds = local_day_bounds(days, "America/Sao_Paulo")
    assert bounds["day"].to_list() == [date(2018, 11, 3), date(2018, 11, 4)]
    assert bounds["ends_at"][0] == bounds["starts_at"][1]
    # The day that lost its first hour has twenty-three.
    assert (bounds["ends_at"] - bounds["starts_at"]).to_list() == [timedelta(hours=24), timedelta(hours=23)]
    assert bounds.schema["starts_at"] == bounds.schema["ends_at"] == pl.Datetime("us", "UTC")


def test_no_days_give_no_bounds_and_what_is_not_a_date_is_refused():
    assert local_day_bounds(pl.Series([], dtype=pl.Date), "UTC").height == 0
    with pytest.raises(InputError, match="String"):
        local_day_bounds(pl.Series(["2024-01-01"]), "UTC")


@pytest.mark.parametrize("zone", ["Europe/Lundon", "Europe", "", "/etc/localtime", "../UTC", "a\0b"])
def test_a_name_that_is_no_zone_is_refused(zone):
    with pytest.raises(InputError, match="not a time zone"):
        start_of_local_day(date(2024, 1, 1), zone)


def test_now_is_aware_and_in_utc():
    assert utc_now().tzinfo is UTC


def test_in_a_rehearsal_the_clock_stands_where_it_is_put_and_afterwards_it_is_the_real_one():
    evening = datetime(2024, 11, 30, 23, tzinfo=ZoneInfo("Europe/Paris"))
    with rehearsal() as turn_to:
        assert utc_now() > evening
        turn_to(evening)
        assert utc_now() == evening
        assert utc_now().tzinfo is UTC
    assert utc_now() - datetime.now(UTC) < timedelta(seconds=1)
    assert utc_now() > evening
