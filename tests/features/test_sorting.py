"""Rows are put in order as NumPy's own sort of several columns does, however much in order they already are."""

import numpy as np
import pytest

from morningline.features.sorting import in_order_of


@pytest.mark.parametrize("late", [0, 1, 5, 200])
@pytest.mark.parametrize("shuffled_ties", [False, True])
@pytest.mark.parametrize("spread", [3, 40, 1 << 45])
def test_rows_are_sorted_by_one_column_after_the_other(late, shuffled_ties, spread):
    for seed in range(5):
        random = np.random.default_rng(seed)
        first = np.sort(random.integers(-spread, spread, 1000))
        second = random.integers(0, 4, 1000)
        if not shuffled_ties:
            second = second[np.lexsort((second, first))]
        moved = random.integers(0, 1000, late)
        first[moved] = random.integers(-spread, spread, late)
        third = random.integers(0, 3, 1000).astype(np.int32)
        np.testing.assert_array_equal(in_order_of(first, second, third), np.lexsort((third, second, first)))


def test_few_rows_and_none_are_sorted():
    for count in (0, 1, 2, 63, 64, 65):
        values = np.arange(count)[::-1].copy()
        np.testing.assert_array_equal(in_order_of(values, values), np.arange(count)[::-1])
