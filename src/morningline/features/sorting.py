"""Sorting whole numbers, digit by digit: what is sorted here is millions of rows by key and time.

Digits are taken from the lowest to the highest (Knuth, TAOCP 3, section 5.2.5, algorithm R).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from morningline.kit.compiled import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

T = TypeVar("T", np.int32, np.int64, np.float64)

Integers: TypeAlias = npt.NDArray[np.int64]

Places: TypeAlias = npt.NDArray[np.int32]
"""Positions of rows, and codes: whole numbers from -1 to below 2^31, in half the memory."""

FEW = 64
"""Where one of so many numbers or fewer is smaller than the one before, numbers are in order but for few."""

DIGIT = 11
"""Bits by which numbers are sorted at once: the counts of a digit's values stay in the processor's cache."""

MASK = np.uint64((1 << DIGIT) - 1)
"""A digit of a number that it was shifted to the end of."""


def stable_order(codes: Integers | Places, order: Places | None = None) -> Places:
    """Positions that sort whole numbers, equal ones in the order they were in.

    Args:
        codes: The numbers.
        order: In which order they are taken to be; None: as they stand.
    """
    order = np.arange(len(codes), dtype=np.int32) if order is None else order
    if int(codes.max(initial=0)) - int(codes.min(initial=0)) >= 1 << 32:
        codes = numbered(codes)[1]
    return _stable_order(codes, codes.min(initial=0), order)


def in_order_of(*columns: Integers | Places) -> Places:
    """Positions that sort rows by the first column, equal ones by the next, and last in the order they were in."""
    if np.count_nonzero(columns[0][1:] < columns[0][:-1]) < len(columns[0]) // FEW:
        # Rows that come file after file are in order but for late ones: runs of them are merged in a hundredth of the
        # time, and mostly equal ones stand as they should.
        order = np.argsort(columns[0], kind="stable").astype(np.int32)
        if _are_in_order([column[order] for column in columns]):
            return order
    order = np.arange(len(columns[0]), dtype=np.int32)
    for column in reversed(columns):
        order = stable_order(column, order)
    return order


def _are_in_order(columns: Sequence[Integers | Places]) -> bool:
    """Whether rows are in the order of the first column, equal ones in that of the next, and so on."""
    alike = np.ones(len(columns[0]) - 1, dtype=np.bool_)
    for column in columns:
        if (alike & (column[1:] < column[:-1])).any():
            return False
        alike &= column[1:] == column[:-1]
    return True


def ordered(values: Integers | Places) -> tuple[Integers, Integers]:
    """Positions that sort whole numbers, equal ones in the order they were in, and the numbers in order."""
    low = np.int64(values.min(initial=0))
    # Differences of any two are right modulo 2^64.
    order, keys = _radix_sort((values.astype(np.int64) - low).view(np.uint64))
    return order, keys.view(np.int64) + low


def numbered(values: Integers | Places) -> tuple[Integers, Places]:
    """The distinct values in order, and which of them each value is."""
    order, in_order = ordered(values)
    new = np.diff(in_order, prepend=in_order[:1] - 1) != 0
    number = np.empty(len(values), dtype=np.int32)
    number[order] = np.cumsum(new, dtype=np.int32) - 1
    return in_order[new], number


@compiled
def taken(values: NDArray[T], rows: Integers | Places) -> NDArray[T]:
    """Some of the values."""
    found = np.empty(len(rows), values.dtype)
    for place in range(len(rows)):
        found[place] = values[rows[place]]
    return found


@compiled
def _stable_order(codes: Integers | Places, lowest: int, order: Places) -> Places:
    # A number and its position are one word of 64 bits, which has room for numbers that lie less than 2^32 apart.
    words, sorted_words = np.empty(len(order), np.uint64), np.empty(len(order), np.uint64)
    for place in range(len(order)):
        words[place] = np.uint64(codes[order[place]] - lowest) << np.uint64(32) | np.uint64(order[place])
    some, all_of_them, in_order = np.uint64(0), np.uint64((1 << 64) - 1), True
    for place in range(len(words)):
        some |= words[place]
        all_of_them &= words[place]
        in_order &= place == 0 or words[place - 1] >> np.uint64(32) <= words[place] >> np.uint64(32)
    if in_order:
        return order.copy()
    for step in range(32, 64, DIGIT):
        bit = np.uint64(step)
        if ((some ^ all_of_them) >> bit) & MASK:
            _by_digit(words, sorted_words, bit)
            words, sorted_words = sorted_words, words
    found = np.empty(len(order), np.int32)
    for place in range(len(words)):
        found[place] = np.int32(words[place] & np.uint64((1 << 32) - 1))
    return found


@compiled
def _by_digit(words: NDArray[np.uint64], into: NDArray[np.uint64], bit: np.uint64) -> None:
    """Sort numbers by the digit that begins at a bit, equal ones in the order they were in."""
    place = _begins_of_digits(words, bit)
    for word in words:
        digit = (word >> bit) & MASK
        into[place[digit]] = word
        place[digit] += 1


@compiled
def _begins_of_digits(words: NDArray[np.uint64], bit: np.uint64) -> Integers:
    """Where numbers with each digit that begins at a bit are to stand."""
    place = np.zeros((1 << DIGIT) + 1, np.int64)
    for word in words:
        place[((word >> bit) & MASK) + np.uint64(1)] += 1
    for digit in range(1 << DIGIT):
        place[digit + 1] += place[digit]
    return place


@compiled
def _radix_sort(keys: NDArray[np.uint64]) -> tuple[Integers, NDArray[np.uint64]]:
    order, next_keys, next_order = np.arange(len(keys)), np.empty_like(keys), np.empty(len(keys), np.int64)
    some, all_of_them, in_order = np.uint64(0), np.uint64((1 << 64) - 1), True
    for one in range(len(keys)):
        some |= keys[one]
        all_of_them &= keys[one]
        in_order &= one == 0 or keys[one - 1] <= keys[one]
    if in_order:
        return order, keys
    for step in range(0, 64, DIGIT):
        bit = np.uint64(step)
        # Where all keys have the same digit, there is nothing to sort.
        if ((some ^ all_of_them) >> bit) & MASK == np.uint64(0):
            continue
        place = _begins_of_digits(keys, bit)
        for one in range(len(keys)):
            digit = (keys[one] >> bit) & MASK
            next_keys[place[digit]], next_order[place[digit]] = keys[one], order[one]
            place[digit] += 1
        keys, next_keys, order, next_order = next_keys, keys, next_order, order
    return order, keys
