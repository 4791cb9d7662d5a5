"""Compiled loops compute what the same loops say in Python, wherever they were written down."""

from __future__ import annotations

import math

import numpy as np

from morningline.kit.compiled import compiled
from morningline.kit.memory import give_back


def total_and_share(values, of):
    total = 0.0
    for value in values:
        total += value
    return total, total / of


def test_a_sum_has_the_bits_of_the_same_loop_in_python():
    # Their sum depends on the order in which they are added.
    values = np.array([1e16, 1.0, -1e16, 1.0, 0.1, 0.2, 0.3] * 50)
    with np.errstate(divide="ignore"):
        assert compiled(total_and_share)(values, 3.0) == total_and_share(values, 3.0)
        assert compiled(total_and_share)(values, 0.0)[1] == math.inf


def test_where_machine_code_cannot_be_kept_a_function_is_compiled_all_the_same():
    there = {}
    exec("def twice(value):\n    return 2 * value", there)  # noqa: S102 - a function that no file has
    assert compiled(there["twice"])(21) == 42


def test_giving_memory_back_takes_none_that_is_in_use():
    kept = [np.full(1 << 17, number) for number in range(64)]
    del kept[::2]
    give_back()
    assert [int(array[-1]) for array in kept] == list(range(1, 64, 2))
