from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_events import draw_sample

from morningline.kit.errors import InputError
from morningline.training import PeriodSplit

FIRST = date.fromordinal(738_000)


def after(days):
    return FIRST + timedelta(days=days)


def test_each_part_holds_its_days_and_both_ends_belong_to_it():
    split = PeriodSplit(train_until=after(3), test_from=after(6), test_to=after(8))
    masks = split.masks(738_000 + np.arange(12))
    assert np.flatnonzero(masks.train).tolist() == [0, 1, 2, 3]
    assert np.flatnonzero(masks.validation).tolist() == [4, 5]
    assert np.flatnonzero(masks.test).tolist() == [6, 7, 8]


@given(st.lists(st.integers(0, 30), min_size=1), st.integers(0, 30), st.integers(2, 30), st.integers(0, 30))
def test_no_day_is_in_two_parts_and_parts_follow_each_other(offsets, until, gap, length):
    split = PeriodSplit(train_until=after(until), test_from=after(until + gap), test_to=after(until + gap + length))
    # One event in each part, so that none is empty, and the drawn ones anywhere.
    days = 738_000 + np.array([0, until + 1, until + gap, *offsets])
    train, validation, test = split.masks(days)
    assert (train.astype(int) + validation + test <= 1).all()
    assert (train | validation | test | (days > split.test_to.toordinal())).all()
    assert days[train].max() < days[validation].min() <= days[validation].max() < days[test].min()


def test_a_sample_is_cut_into_three():
    sample = draw_sample(1, 120, [0.5], events_per_day=10)
    parts = PeriodSplit(after(5), after(8), after(10)).apply(sample)
    assert [part.events for part in parts] == [60, 20, 30]
    assert parts.test.event_ids[0] == "event-80"


def test_days_are_read_from_text():
    assert PeriodSplit.parse("2024-02-29", "2024-07-01", "2024-12-31").train_until == date(2024, 2, 29)


@pytest.mark.parametrize("text", ["2023-02-29", "2023-13-01", "yesterday", "", None])
def test_a_day_that_never_was_is_refused(text):
    with pytest.raises(InputError, match="`train_until` is"):
        PeriodSplit.parse(text, "2024-07-01", "2024-12-31")


@pytest.mark.parametrize(
    ("until", "start", "end"),
    [
        (after(5), after(5), after(8)),
        (after(5), after(6), after(8)),
        (after(5), after(4), after(8)),
        (after(5), after(8), after(7)),
    ],
)
def test_days_out_of_order_are_refused(until, start, end):
    with pytest.raises(InputError, match="leaves a part without days"):
        PeriodSplit(until, start, end)


def test_an_instant_is_not_a_local_day():
    with pytest.raises(InputError, match="`test_from` is"):
        PeriodSplit(after(1), datetime(2024, 1, 1, tzinfo=UTC), after(5))


@pytest.mark.parametrize(
    ("offsets", "part"), [([5, 7], "train"), ([0, 7], "validation"), ([0, 5, 20], "test"), ([], "train")]
)
def test_an_empty_part_is_named(offsets, part):
    with pytest.raises(InputError, match=f"The {part} period has no events"):
        PeriodSplit(after(3), after(6), after(8)).masks(738_000 + np.array(offsets, dtype=np.int64))
