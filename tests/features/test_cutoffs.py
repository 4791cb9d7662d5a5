"""The cut-off of an event: the start of its local day, or minutes before the off that was known then."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningline.domains.racing.schema import CATALOG
from morningline.features.cutoffs import MORNING, BeforeOff, at_cutoff, with_cutoffs
from morningline.kit.errors import InputError

RACES = CATALOG["ra_races"]
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def races(*rows: tuple[str, date, datetime | None, str]) -> pl.DataFrame:
    schema = {"id": pl.String, "date": pl.Date, "off_at": pl.Datetime("us", "UTC"), "time_zone": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def known(*versions: tuple[int, int | None]) -> pl.DataFrame:
    """Versions of one race: the minute at which each was known, and the minute of its cut-off."""
    instant = pl.Datetime("us", "UTC")
    rows = [("a", NOON + k * MINUTE, None if c is None else NOON + c * MINUTE) for k, c in versions]
    return pl.DataFrame(rows, schema={"id": pl.String, "known_at": instant, "cutoff": instant}, orient="row")


def fired(versions: pl.DataFrame) -> datetime | None:
    """By a clock that goes minute by minute: the cut-off that comes while its version holds."""
    rows = sorted(versions.rows(), key=lambda row: row[1])
    for minute in range(-5, 40):
        now = NOON + minute * MINUTE
        holding = [row for row in rows if row[1] <= now]
        if holding and holding[-1][2] == now:
            return now
    return None


def test_the_morning_is_the_start_of_the_local_day_wherever_the_race_is_and_whatever_the_clocks_do():
    found = with_cutoffs(
        races(
            ("winter", date(2024, 1, 9), None, "Europe/London"),
            ("summer", date(2024, 7, 9), None, "Europe/London"),
            ("east", date(2024, 7, 9), NOON, "Asia/Hong_Kong"),
        ),
        RACES,
        MORNING,
    )
    assert found["cutoff"].to_list() == [
        datetime(2024, 1, 9, tzinfo=UTC),
        datetime(2024, 7, 8, 23, tzinfo=UTC),
        datetime(2024, 7, 8, 16, tzinfo=UTC),
    ]


def test_before_the_off_it_is_so_many_minutes_earlier_and_a_race_without_an_off_time_has_none():
    found = with_cutoffs(races(("a", NOON.date(), NOON, "UTC"), ("b", NOON.date(), None, "UTC")), RACES, BeforeOff(10))
    assert found["cutoff"].to_list() == [NOON - 10 * MINUTE, None]


def test_no_events_have_no_cutoffs():
    assert with_cutoffs(races(), RACES, MORNING)["cutoff"].dtype == pl.Datetime("us", "UTC")


def test_a_cutoff_after_the_off_is_refused_and_the_policies_say_what_they_are():
    with pytest.raises(InputError, match="-1 minutes before the off"):
        BeforeOff(-1)
    assert (str(MORNING), str(BeforeOff(10))) == ("morning", "off - 10 minutes")


def test_of_a_card_known_in_three_versions_the_last_before_the_cutoff_counts_and_the_first_where_all_were_late():
    assert at_cutoff(known((0, 10), (5, 10), (15, 10)), "id")["known_at"].to_list() == [NOON + 5 * MINUTE]
    assert at_cutoff(known((10, 10), (15, 10)), "id")["known_at"].to_list() == [NOON + 10 * MINUTE]
    assert at_cutoff(known((12, 10), (15, 10)), "id").row(0)[1:] == (NOON + 12 * MINUTE, None)


def test_a_race_that_is_put_off_before_its_cutoff_has_the_later_one_and_afterwards_keeps_its_own():
    assert at_cutoff(known((0, 10), (9, 20)), "id")["cutoff"].to_list() == [NOON + 20 * MINUTE]
    assert at_cutoff(known((0, 10), (11, 20)), "id")["cutoff"].to_list() == [NOON + 10 * MINUTE]


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.none() | st.integers(0, 30)), min_size=1, max_size=5, unique_by=lambda v: v[0]
    ),
    st.randoms(use_true_random=False),
)
def test_it_is_the_first_cutoff_to_come_while_its_version_holds_in_whatever_order_versions_come(versions, luck):
    luck.shuffle(versions)
    rows = known(*versions)
    found = at_cutoff(rows, "id")
    assert found["cutoff"].to_list() == [fired(rows)]
    cutoff = found["cutoff"][0]
    before = [k for k in rows["known_at"] if cutoff is not None and k <= cutoff]
    assert found["known_at"][0] == (max(before) if before else rows["known_at"].min())
