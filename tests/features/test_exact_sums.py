"""Exact sums against fractions, and the passes along rows against plain loops."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features_by_loops import FIND
from morningline.features.order_statistics import OrderStatistics
from morningline.features.scans import fading, first_of_key, highest_between
from morningline.features.sorting import ordered, stable_order
from morningline.features.sums import LARGEST, More, RunningSums, running, whole
from morningline.kit.errors import InputError

GRAIN = Fraction(1, 1 << 50)
values = st.one_of(
    st.just(math.nan),
    st.sampled_from([0.0, -0.0, 0.1, -0.3, 1e-20, LARGEST, -LARGEST, 2.0**-12, 2.0**-13, 3 * 2.0**-13, 2.0**-50]),
    st.floats(-100, 100, width=32),
    st.floats(-(2.0**30), 2.0**30),
)
columns = st.lists(values, min_size=1, max_size=40)


def ranges(data, size) -> tuple[np.ndarray, np.ndarray]:
    ends = st.tuples(st.integers(0, size), st.integers(0, size)).map(sorted)
    low, high = zip(*data.draw(st.lists(ends, min_size=1, max_size=6)), strict=True)
    return np.array(low), np.array(high)


def exactly(terms) -> Fraction:
    """The sum of the terms, each to the nearest unit of 2^-50."""
    return sum((Fraction(round(Fraction(v) / GRAIN)) * GRAIN for v in terms if not math.isnan(v)), Fraction(0))


@given(columns, st.data())
@settings(FIND, max_examples=60)
def test_the_sum_of_any_range_is_that_of_fractions(column, data):
    low, high = ranges(data, len(column))
    found = RunningSums(np.array(column)).between(low, high)
    for first, last, total in zip(low, high, found, strict=True):
        wanted = exactly(column[first:last])
        # Both whole numbers are exact; one rounding each makes them a float, and one their sum.
        assert abs(Fraction(float(total)) - wanted) <= abs(wanted) * Fraction(2, 1 << 52) + GRAIN / 2


@given(columns, st.permutations(range(40)), st.data())
@settings(FIND, max_examples=60)
def test_a_sum_is_the_same_to_the_bit_in_whatever_order_and_company_its_rows_are_added(column, order, data):
    (low, *_), (high, *_) = ranges(data, len(column))
    alone = np.array(column[low:high])
    whole_column = RunningSums(np.array(column)).between(np.array([low]), np.array([high]))
    shuffled = alone[[place for place in order if place < len(alone)]]
    nothing, everything = np.array([0]), np.array([len(alone)])
    assert whole_column.tobytes() == RunningSums(shuffled).between(nothing, everything).tobytes()


@given(columns, columns, st.data())
@settings(FIND, max_examples=60)
def test_rows_added_besides_give_the_sum_of_all_of_them_to_the_bit(column, others, data):
    low, high = ranges(data, len(column))
    of = np.array(sorted(data.draw(st.integers(0, len(low) - 1)) for _ in others))
    found = RunningSums(np.array(column)).between(low, high, More(of, np.array(others)))
    for place, (first, last) in enumerate(zip(low, high, strict=True)):
        terms = np.array([*column[first:last], *(v for v, where in zip(others, of, strict=True) if where == place)])
        all_of_them = RunningSums(terms).between(np.array([0]), np.array([len(terms)]))
        assert found[place : place + 1].tobytes() == all_of_them.tobytes()


@given(st.lists(values, min_size=1, max_size=20))
@settings(FIND, max_examples=60)
def test_two_whole_numbers_say_a_value_to_the_nearest_unit(column):
    coarse, fine = whole(np.array(column))
    for value, high, low in zip(column, coarse.tolist(), fine.tolist(), strict=True):
        assert exactly([value]) == Fraction(high, 1 << 12) + Fraction(low, 1 << 50)
        assert abs(low) <= 1 << 37


def test_running_totals_that_pass_64_bits_still_give_exact_differences():
    column = np.full(10_000, LARGEST)
    sums = RunningSums(np.append(column, [0.1, 0.2]))
    assert sums.between(np.array([10_000]), np.array([10_002])).tolist() == [pytest.approx(0.3, rel=1e-15)]
    assert sums.between(np.array([9_000]), np.array([9_002])).tolist() == [2 * LARGEST]


def test_a_value_too_large_to_be_added_exactly_is_refused_with_its_size():
    for too_large in (LARGEST * 1.5, -LARGEST * 1.5):
        with pytest.raises(InputError, match="too large to be added exactly"):
            RunningSums(np.array([1.0, too_large]))
    assert running(np.array([True, False, True])).tolist() == [0, 1, 1, 2]


@given(columns, st.data())
@settings(FIND, max_examples=60)
def test_the_highest_of_ranges_that_move_forward_is_what_a_loop_finds(column, data):
    low, high = (np.sort(ends) for ends in ranges(data, len(column)))
    found = highest_between(np.array(column), low, high)
    for first, last, highest in zip(low, high, found, strict=True):
        there = [v for v in column[first:last] if not math.isnan(v)]
        assert highest == max(there) if there else math.isnan(highest)


@given(st.lists(columns, max_size=12), st.data())
@settings(FIND, max_examples=60)
def test_a_fading_sum_and_the_first_value_of_a_key_are_what_a_loop_gives(keys, data):
    begins, flat = np.array([0, *np.cumsum([len(k) for k in keys], dtype=np.int64)]), [v for rows in keys for v in rows]
    fades = np.array([data.draw(st.sampled_from([0.0, 0.25, 0.5, 1.0])) for _ in flat])
    filled = np.nan_to_num(np.array(flat))
    found, first_ones = fading(filled, fades, begins), first_of_key(np.array(flat), begins)
    for first, last in pairwise(begins.tolist()):
        total, known = 0.0, [value for value in flat[first:last] if not math.isnan(value)]
        assert set(first_ones[first:last]) <= {known[0] if known else 0.0}
        for row in range(first, last):
            total = filled[row] + total * (fades[row] if row > first else 0.0)
            assert found[row] == total


@given(st.lists(st.sampled_from([-(1 << 63), -5, 0, 3, 2047, 2048, 1 << 40, (1 << 63) - 1]), max_size=60))
def test_whole_numbers_of_any_size_are_sorted_and_equal_ones_keep_their_order(column):
    order, in_order = ordered(np.array(column, dtype=np.int64))
    wanted = sorted(range(len(column)), key=column.__getitem__)
    assert order.tolist() == stable_order(np.array(column, dtype=np.int64)).tolist() == wanted
    assert in_order.tolist() == sorted(column)


@given(st.lists(values.filter(math.isfinite), min_size=1, max_size=40), st.data())
@settings(FIND, max_examples=60)
def test_the_kth_smallest_of_any_range_is_that_of_the_sorted_rows(column, data):
    low, high = ranges(data, len(column))
    low, high = low[low < high], high[low < high]
    place = np.array([data.draw(st.integers(0, size - 1)) for size in (high - low).tolist()], dtype=np.int64)
    asked = low.copy(), high.copy(), place.copy()
    found = OrderStatistics(np.array(column)).smallest(low, high, place)
    assert found.tolist() == [sorted(column[a:b])[k] for a, b, k in zip(low, high, place, strict=True)]
    # What was asked is not written over.
    assert all(np.array_equal(now, then) for now, then in zip((low, high, place), asked, strict=True))


def test_nothing_has_no_order_and_no_highest():
    none = np.empty(0, dtype=np.int64)
    assert OrderStatistics(np.empty(0)).smallest(none, none, none).tolist() == []
    assert highest_between(np.empty(0), none, none).tolist() == []
    assert np.isnan(highest_between(np.empty(0), np.array([0]), np.array([0]))).all()
