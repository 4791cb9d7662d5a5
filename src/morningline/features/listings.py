"""Which history rows belong to which key, and which of them each entrant may use.

A row is usable from its `usable_at` until it was corrected (`until`); an entrant uses what is usable at its cut-off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from morningline.features.windows import Days, Last
from morningline.kit.compiled import compiled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from morningline.features.sums import Integers
    from morningline.features.windows import Window

DAY = 86_400_000_000
"""Microseconds in a day."""

NEVER = np.iinfo(np.int64).min
"""Before all time: the cut-off of an entrant that has none."""

FOREVER = np.iinfo(np.int64).max
"""After all time: until when a row is true that was never corrected."""

EXPANDED = 1 << 23
"""Rows listed at once for cut-offs between a row and its correction, which bounds the memory it takes."""


DIGIT = 11
"""Bits by which numbers are sorted at once: the counts of a digit's values stay in the processor's cache."""


def usable_instants(instants: Integers, cutoffs: Integers) -> Integers:
    """How many of the sorted instants are at each cut-off or before it: the one comparison of clocks there is."""
    return np.searchsorted(instants, cutoffs, side="right")


@dataclass(frozen=True)
class Moments:
    """Instants as places in a sorted list of the distinct ones: small whole numbers that compare alike.

    Attributes:
        instants: The distinct instants in order, microseconds.
        place: Of each row.
    """

    instants: Integers
    place: Integers

    @classmethod
    def of(cls, instants: Integers) -> Moments:
        """Place them."""
        return cls(*numbered(instants))

    @cached_property
    def order(self) -> Integers:
        """Positions of the rows from the earliest to the latest, equal ones in the order they are in."""
        return stable_order(self.place)


@dataclass(frozen=True)
class Listing:
    """The rows of keys, in the order in which they became usable; a row may be listed under several keys.

    Attributes:
        code: Whole number of the key, 0 or more and below 2^31.
        row: Position among the history rows.
        usable: When each became usable.
        until: When each was corrected, microseconds; `FOREVER` where it never was. None: none of them was.
        rival: Position of the row of the other side of a meeting, where rows are meetings.
    """

    code: Integers
    row: Integers
    usable: Moments
    until: Integers | None = None
    rival: Integers | None = None

    @property
    def usable_at(self) -> Integers:
        """When each became usable, microseconds."""
        return self.usable.instants[self.usable.place]

    @property
    def corrected_at(self) -> Integers:
        """When each was corrected, microseconds."""
        return np.full(len(self.row), FOREVER) if self.until is None else self.until

    def __getitem__(self, chosen: Integers | NDArray[np.bool_]) -> Listing:
        """Some of the rows, in the order given."""
        until, rival = (None if column is None else column[chosen] for column in (self.until, self.rival))
        usable = Moments(self.usable.instants, self.usable.place[chosen])
        return Listing(self.code[chosen], self.row[chosen], usable, until, rival)

    def under(self, code: Integers) -> Listing:
        """The same rows under other keys."""
        return Listing(code, self.row, self.usable, self.until, self.rival)


class Ranges:
    """For each pair of key and cut-off that is asked for, the rows of the key that are usable, oldest first.

    Args:
        asked: Key of each entrant as its code, negative where it has none.
        cutoffs: Of each entrant.
        listing: The rows of keys.

    Attributes:
        listing: Those that were never corrected, sorted by key and by when they became usable.
        cutoff: Of each pair, microseconds.
        begin: The first row of each pair's key.
        high: The row after the last usable one.
        pair_of: The pair of each entrant.
        corrected: Rows that were corrected, sorted in the same way; None where there are none.
        concerned: The pairs whose cut-off lies between such a row and its correction.
        alive: For each of `concerned`, the row in `corrected`.
    """

    def __init__(self, asked: Integers, cutoffs: Moments, listing: Listing) -> None:
        self._moments = cutoffs.instants
        self.pair_of, self._code, self._moment = _pairs(stable_order(asked, cutoffs.order), asked, cutoffs.place)
        self.cutoff: Integers = self._moments[self._moment]
        self.corrected: Listing | None = None
        if listing.until is None:
            self.listing = by_key(listing)
        else:
            order = stable_order(listing.code)
            standing = (listing.until == FOREVER)[order]
            self.listing = replace(listing, until=None)[order[standing]]
            self.corrected = listing[order[~standing]]
        # Before all time no row is usable: that is where a key's rows begin.
        self.begin = self._first_since(np.full_like(self._moments, NEVER))
        self.high = self._first_since(self._moments)
        self._lows: dict[Window, Integers] = {}
        if self.corrected is not None:
            self.concerned, self.alive = self._between_corrections(self.corrected)

    def _first_since(self, until: Integers) -> Integers:
        """The first row of each pair's key that became usable after an instant, which is given for each moment."""
        usable = usable_instants(self.listing.usable.instants, until)
        return _firsts(self._code, self._moment, usable, self.listing.code, self.listing.usable.place)

    def low(self, window: Window) -> Integers:
        """The first row of each pair's window."""
        if window not in self._lows:
            low = self.begin
            if isinstance(window, Last):
                low = np.maximum(low, self.high - window.rows)
            elif isinstance(window, Days):
                low = self._first_since(np.maximum(self._moments, NEVER + window.days * DAY) - window.days * DAY)
            self._lows[window] = low
        return self._lows[window]

    @cached_property
    def begins(self) -> Integers:
        """Where the rows of each key begin, in order, and their number at the end."""
        starts = np.flatnonzero(np.diff(self.listing.code, prepend=-1))
        return np.append(starts, len(self.listing.code))

    def _between_corrections(self, corrected: Listing) -> tuple[Integers, Integers]:
        """Pairs that know a row which was corrected since, and the row."""
        wide = max(len(self._moments), 1)
        pairs = self._code * wide + self._moment
        first = np.searchsorted(self._moments, corrected.usable_at)
        last = np.searchsorted(self._moments, corrected.corrected_at)
        low, high = (np.searchsorted(pairs, corrected.code * wide + moment) for moment in (first, last))
        row, pair = spans(low, high)
        return pair, row

    def as_known_then(self) -> Iterator[tuple[Integers, Ranges]]:
        """Ranges of the concerned pairs alone, from rows as they were: some pairs of all, and their ranges.

        The pairs of one key between two corrections of its rows know the same versions: they are an era.
        """
        if self.corrected is None or not len(self.concerned):
            return
        pairs = np.unique(self.concerned)
        code, cutoff = self._code[pairs], self.cutoff[pairs]
        of, row = spans(*_found(self.corrected.code, code))
        over = np.bincount(of[self.corrected.corrected_at[row] <= cutoff[of]], minlength=len(pairs))
        _, era = numbered(code * (int(over.max(initial=0)) + 1) + over)
        first = np.unique(era, return_index=True)[1]
        low, high = _found(self.listing.code, code[first])
        moments = Moments.of(cutoff)
        for eras in np.split(np.arange(len(first)), np.flatnonzero(np.diff(np.cumsum(high - low) // EXPANDED)) + 1):
            ours = np.flatnonzero((era >= eras[0]) & (era <= eras[-1]))
            known = self._known_then(code[first[eras]], cutoff[first[eras]])
            asked = Moments(moments.instants, moments.place[ours])
            yield pairs[ours], Ranges(era[ours] - eras[0], asked, known)

    def _known_then(self, code: Integers, cutoff: Integers) -> Listing:
        """The rows of keys as versions that are true at a cut-off or came later, each key under its place here."""
        corrected = self.corrected or self.listing
        of, row = spans(*_found(self.listing.code, code))
        of_corrected, was = spans(*_found(corrected.code, code))
        still = corrected.corrected_at[was] > cutoff[of_corrected]
        of_corrected, was = of_corrected[still], was[still]
        one, other = self.listing[row].under(of), corrected[was].under(of_corrected)
        rival = None if one.rival is None or other.rival is None else np.append(one.rival, other.rival)
        usable = Moments(one.usable.instants, np.append(one.usable.place, other.usable.place))
        rows = np.append(one.row, other.row)
        listing = Listing(np.append(of, of_corrected), rows, usable, rival=rival)
        return listing[np.lexsort((rows if rival is None else rival, rows, usable.place))]


def _found(codes: Integers, wanted: Integers) -> tuple[Integers, Integers]:
    """Where the rows of some keys begin and end, among rows sorted by key."""
    return np.searchsorted(codes, wanted), np.searchsorted(codes, wanted, side="right")


def by_key(listing: Listing) -> Listing:
    """The listing sorted by key, the rows of a key in the order they were in."""
    if not np.any(listing.code[1:] < listing.code[:-1]):
        return listing
    return listing[stable_order(listing.code)]


def stable_order(codes: Integers, order: Integers | None = None) -> Integers:
    """Positions that sort whole numbers, equal ones in the order they were in, or in the order given."""
    order = np.arange(len(codes)) if order is None else order
    keys = codes[order] - codes.min(initial=0)
    return _radix_sort(keys.view(np.uint64), order)[0]


def in_order_of(*columns: Integers) -> Integers:
    """Positions that sort rows by the first column, equal ones by the next, and last in the order they were in."""
    order = np.arange(len(columns[0]))
    for column in reversed(columns):
        order = stable_order(column, order)
    return order


def ordered(values: Integers) -> tuple[Integers, Integers]:
    """Positions that sort whole numbers, equal ones in the order they were in, and the numbers in order."""
    low = values.min(initial=0)
    # Differences of any two are right modulo 2^64.
    order, keys = _radix_sort((values - low).view(np.uint64), np.arange(len(values)))
    return order, keys.view(np.int64) + low


def numbered(values: Integers) -> tuple[Integers, Integers]:
    """The distinct values in order, and which of them each value is."""
    order, in_order = ordered(values)
    new = np.diff(in_order, prepend=in_order[:1] - 1) != 0
    number = np.empty(len(values), dtype=np.int64)
    number[order] = np.cumsum(new) - 1
    return in_order[new], number


@compiled
def _radix_sort(keys: NDArray[np.uint64], order: Integers) -> tuple[Integers, NDArray[np.uint64]]:
    """Digit by digit of `DIGIT` bits, the lowest first (Knuth, TAOCP 3, section 5.2.5, algorithm R)."""
    keys, order, next_keys, next_order = keys.copy(), order.copy(), np.empty_like(keys), np.empty_like(order)
    some, all_of_them, in_order = np.uint64(0), np.uint64((1 << 64) - 1), True
    for one in range(len(keys)):
        some |= keys[one]
        all_of_them &= keys[one]
        in_order &= one == 0 or keys[one - 1] <= keys[one]
    if in_order:
        return order, keys
    mask = np.uint64((1 << DIGIT) - 1)
    for step in range(0, 64, DIGIT):
        shift = np.uint64(step)
        # Where all keys have the same digit, there is nothing to sort.
        if ((some ^ all_of_them) >> shift) & mask == np.uint64(0):
            continue
        place = np.zeros((1 << DIGIT) + 1, np.int64)
        for key in keys:
            place[((key >> shift) & mask) + np.uint64(1)] += 1
        for digit in range(1 << DIGIT):
            place[digit + 1] += place[digit]
        for one in range(len(keys)):
            digit_of_one = (keys[one] >> shift) & mask
            to = place[digit_of_one]
            next_keys[to], next_order[to] = keys[one], order[one]
            place[digit_of_one] = to + 1
        keys, next_keys, order, next_order = next_keys, keys, next_order, order
    return order, keys


@compiled
def _pairs(order: Integers, asked: Integers, place: Integers) -> tuple[Integers, Integers, Integers]:
    """The pair of each entrant, and key and moment of each pair; `order` sorts entrants by these."""
    pair_of = np.empty(len(order), np.int64)
    code, moment = np.empty(len(order), np.int64), np.empty(len(order), np.int64)
    count = 0
    for one in order:
        if count == 0 or code[count - 1] != asked[one] or moment[count - 1] != place[one]:
            code[count], moment[count] = asked[one], place[one]
            count += 1
        pair_of[one] = count - 1
    return pair_of, code[:count].copy(), moment[:count].copy()


@compiled
def _firsts(
    code: Integers, moment: Integers, usable: Integers, code_of_row: Integers, place_of_row: Integers
) -> Integers:
    """The first row of each pair's key that is not among the `usable` instants of its moment; pairs are in order."""
    found = np.empty(len(code), np.int64)
    row = 0
    for pair in range(len(code)):
        until = usable[moment[pair]]
        while row < len(code_of_row) and (
            code_of_row[row] < code[pair] or (code_of_row[row] == code[pair] and place_of_row[row] < until)
        ):
            row += 1
        found[pair] = row
    return found


def spans(low: Integers, high: Integers) -> tuple[Integers, Integers]:
    """Every position of the ranges `low <= i < high`: the range it is of, and the position."""
    sizes = np.maximum(high - low, 0)
    of = np.repeat(np.arange(len(low)), sizes)
    return of, np.arange(len(of)) - np.repeat(np.cumsum(sizes) - sizes - low, sizes)
