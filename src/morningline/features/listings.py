"""Which history rows belong to which key, and which of them each entrant may use.

A row is usable from its `usable_at` until it was corrected (`until`); an entrant uses what is usable at its cut-off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from morningline.features.sorting import in_order_of, numbered, stable_order, taken
from morningline.features.windows import Days, Last
from morningline.kit.compiled import compiled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from morningline.features.sorting import Integers, Places
    from morningline.features.windows import Window

DAY = 86_400_000_000
"""Microseconds in a day."""

NEVER = np.iinfo(np.int64).min
"""Before all time: the cut-off of an entrant that has none."""

FOREVER = np.iinfo(np.int64).max
"""After all time: until when a row is true that was never corrected."""

EXPANDED = 1 << 23
"""Rows listed at once for cut-offs between a row and its correction, which bounds the memory it takes."""


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
    place: Places

    @classmethod
    def of(cls, instants: Integers) -> Moments:
        """Place them."""
        return cls(*numbered(instants))

    @cached_property
    def order(self) -> Places:
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

    code: Places
    row: Places
    usable: Moments
    until: Integers | None = None
    rival: Places | None = None

    @property
    def usable_at(self) -> Integers:
        """When each became usable, microseconds."""
        return self.usable.instants[self.usable.place]

    @property
    def corrected_at(self) -> Integers:
        """When each was corrected, microseconds."""
        return np.full(len(self.row), FOREVER) if self.until is None else self.until

    def __getitem__(self, chosen: Integers | Places) -> Listing:
        """Some of the rows, in the order given."""
        until = None if self.until is None else taken(self.until, chosen)
        rival = None if self.rival is None else taken(self.rival, chosen)
        usable = Moments(self.usable.instants, taken(self.usable.place, chosen))
        return Listing(taken(self.code, chosen), taken(self.row, chosen), usable, until, rival)

    def under(self, code: Places) -> Listing:
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

    def __init__(self, asked: Places, cutoffs: Moments, listing: Listing) -> None:
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
        self._lows: dict[Window, Places] = {}
        if self.corrected is not None:
            self.concerned, self.alive = self._between_corrections(self.corrected)

    def _first_since(self, until: Integers) -> Places:
        """The first row of each pair's key that became usable after an instant, which is given for each moment."""
        usable = usable_instants(self.listing.usable.instants, until)
        return _firsts(self._code, self._moment, usable, self.listing.code, self.listing.usable.place)

    def low(self, window: Window) -> Places:
        """The first row of each pair's window."""
        if window not in self._lows:
            low = self.begin
            if isinstance(window, Last):
                low = np.maximum(low, self.high - np.int32(min(window.rows, len(self.listing.row))))
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
        """Pairs that know a row which was corrected since, in order, and the row."""
        wide = max(len(self._moments), 1)
        pairs = self._code.astype(np.int64) * wide + self._moment
        code = corrected.code.astype(np.int64)
        first = np.searchsorted(self._moments, corrected.usable_at)
        last = np.searchsorted(self._moments, corrected.corrected_at)
        low, high = (np.searchsorted(pairs, code * wide + moment) for moment in (first, last))
        row, pair = spans(low, high)
        order = stable_order(pair)
        return pair[order], row[order]

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
        _, era = numbered(code.astype(np.int64) * (int(over.max(initial=0)) + 1) + over)
        first = np.unique(era, return_index=True)[1]
        low, high = _found(self.listing.code, code[first])
        moments = Moments.of(cutoff)
        for eras in np.split(np.arange(len(first)), np.flatnonzero(np.diff(np.cumsum(high - low) // EXPANDED)) + 1):
            ours = np.flatnonzero((era >= eras[0]) & (era <= eras[-1]))
            known = self._known_then(code[first[eras]], cutoff[first[eras]])
            asked = Moments(moments.instants, moments.place[ours])
            yield pairs[ours], Ranges(era[ours] - np.int32(eras[0]), asked, known)

    def _known_then(self, code: Places, cutoff: Integers) -> Listing:
        """The rows of keys as versions that are true at a cut-off or came later, each key under its place here."""
        corrected = self.corrected or self.listing
        of, row = spans(*_found(self.listing.code, code))
        of_corrected, was = spans(*_found(corrected.code, code))
        still = corrected.corrected_at[was] > cutoff[of_corrected]
        of_corrected, was = of_corrected[still], was[still]
        one, other = self.listing[row].under(of.astype(np.int32)), corrected[was].under(of_corrected.astype(np.int32))
        rival = None if one.rival is None or other.rival is None else np.append(one.rival, other.rival)
        usable = Moments(one.usable.instants, np.append(one.usable.place, other.usable.place))
        rows = np.append(one.row, other.row)
        listing = Listing(np.append(one.code, other.code), rows, usable, rival=rival)
        return listing[in_order_of(usable.place, rows, *([] if rival is None else [rival]))]


def _found(codes: Places, wanted: Places) -> tuple[Integers, Integers]:
    """Where the rows of some keys begin and end, among rows sorted by key."""
    return np.searchsorted(codes, wanted), np.searchsorted(codes, wanted, side="right")


def by_key(listing: Listing) -> Listing:
    """The listing sorted by key, the rows of a key in the order they were in."""
    if not np.any(listing.code[1:] < listing.code[:-1]):
        return listing
    return listing[stable_order(listing.code)]


@compiled
def _pairs(order: Places, asked: Places, place: Places) -> tuple[Places, Places, Places]:
    """The pair of each entrant, and key and moment of each pair; `order` sorts entrants by these."""
    pair_of = np.empty(len(order), np.int32)
    code, moment = np.empty(len(order), np.int32), np.empty(len(order), np.int32)
    count = 0
    for one in order:
        if count == 0 or code[count - 1] != asked[one] or moment[count - 1] != place[one]:
            code[count], moment[count] = asked[one], place[one]
            count += 1
        pair_of[one] = count - 1
    return pair_of, code[:count].copy(), moment[:count].copy()


@compiled
def _firsts(code: Places, moment: Places, usable: Integers, code_of_row: Places, place_of_row: Places) -> Places:
    """The first row of each pair's key that is not among the `usable` instants of its moment; pairs are in order."""
    found = np.empty(len(code), np.int32)
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
