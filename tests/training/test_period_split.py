from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningline.kit.errors import InputError
from morningline.training import PeriodSplit
from morningline.training.splits import WalkForward, hold_out
from synthetic_events import draw_sample

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


@given(
    days=st.lists(st.integers(0, 400), min_size=1, max_size=60),
    test_days=st.integers(1, 90),
    validation_days=st.integers(1, 60),
    train_days=st.none() | st.integers(1, 120),
    embargo=st.integers(0, 10),
)
def test_no_day_is_on_two_sides_of_any_fold(days, test_days, validation_days, train_days, embargo):
    plan = WalkForward(
        test_from=after(200),
        test_to=after(400),
        test_days=test_days,
        validation_days=validation_days,
        train_days=train_days,
        embargo_days=embargo,
    )
    tested = []
    for fold in plan.folds():
        ends = [fold.train_until, fold.test_from - timedelta(days=embargo + 1), fold.test_from]
        drawn = np.array([738_000 + day for day in days] + [day.toordinal() for day in ends])
        train, validation, test = fold.masks(drawn)
        assert (train.astype(int) + validation + test <= 1).all()
        # An embargo lies between whatever was learnt from and whatever is judged.
        assert drawn[train].max() + embargo < drawn[validation].min()
        assert drawn[validation].max() + embargo < drawn[test].min()
        if train_days is not None:
            assert drawn[train].max() - drawn[train].min() < train_days
        tested += sorted(set(drawn[test]))
    # Every day of the whole test is tested once, in order.
    assert tested == sorted(set(tested))
    assert {738_000 + day for day in days if day >= 200} <= set(tested)


def test_the_usual_split_keeps_the_last_days_for_the_test():
    split = hold_out(738_000 + np.arange(100).repeat(3))
    assert (split.train_until, split.test_from, split.test_to) == (after(69), after(85), after(99))


def test_a_period_of_few_days_cannot_be_split():
    with pytest.raises(InputError, match="lie on 6 days"):
        hold_out(738_000 + np.arange(6))


def test_a_walk_without_days_is_refused():
    with pytest.raises(InputError, match="has no folds"):
        WalkForward(test_from=after(5), test_to=after(4), test_days=1, validation_days=1)
