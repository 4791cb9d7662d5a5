"""Meetings: the earlier events in which an entrant met those whom it meets again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from morningline.features.listings import Listing, Moments, spans

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from morningline.features.sums import Integers

PAIRS_AT_ONCE = 1 << 24
"""About how many pairs are held together, which bounds the memory they take."""

MOST_TABLE_BITS = 25
"""Bits at most of the table by which pairs that never met before are set aside, before any is looked up."""

ODD = np.uint64(0x9E3779B97F4A7C15)
"""Two to the 64 over the golden ratio: it scatters whole numbers that lie close (Knuth, TAOCP 3, section 6.4)."""


@dataclass(frozen=True)
class Field:
    """Who takes part in events.

    Attributes:
        event: Number of the event of each; those of one event stand together.
        entity: Code of the entity of each, negative where it has none.
        wide: More than any code there is, here or in what this is held against.
    """

    event: Integers
    entity: Integers
    wide: int

    def pairs(self, part: int, parts: int) -> tuple[Integers, Integers, Integers]:
        """Pairs of entities in one event: a whole number for both, and the places of the smaller and larger code.

        Args:
            part: Only pairs that fall in this part of all pairs of entities, from 0.
            parts: Into how many they are divided, without regard to events.
        """
        found = list(self._some_pairs(part, parts))
        if not found:
            none = np.empty(0, dtype=np.int64)
            return none, none, none
        code, smaller, larger = (np.concatenate(column) for column in zip(*found, strict=True))
        return code, smaller, larger

    def count(self) -> int:
        """How many pairs there are, those of an entity with itself included."""
        return int((self._ends() - np.arange(len(self.event)) - 1).sum())

    def _ends(self) -> Integers:
        return np.searchsorted(self.event, self.event, side="right")

    def _some_pairs(self, part: int, parts: int) -> Iterator[tuple[Integers, Integers, Integers]]:
        ends = self._ends()
        sizes = np.cumsum(ends - np.arange(len(ends)) - 1)
        cuts = np.searchsorted(
            sizes, np.arange(1, (sizes[-1] // PAIRS_AT_ONCE if len(ends) else 0) + 1) * PAIRS_AT_ONCE
        )
        for first, last in zip([0, *cuts], [*cuts, len(ends)], strict=True):
            of, other = spans(np.arange(first, last) + 1, ends[first:last])
            one = of + first
            mine, yours = self.entity[one], self.entity[other]
            swapped = mine > yours
            smaller, larger = np.where(swapped, other, one), np.where(swapped, one, other)
            code = np.minimum(mine, yours) * self.wide + np.maximum(mine, yours)
            kept = (np.minimum(mine, yours) >= 0) & (mine != yours)
            if parts > 1:
                kept &= scattered(code, 16) % parts == part
            yield code[kept], smaller[kept], larger[kept]


def scattered(codes: Integers, bits: int) -> Integers:
    """Whole numbers of so many bits that look like chance, the same for the same code."""
    return ((codes.astype(np.uint64) * ODD) >> np.uint64(64 - bits)).astype(np.int64)


def meetings(
    field: Field, cutoffs: Moments, over: NDArray[np.bool_], past: Field, listing: Listing
) -> tuple[Integers, Listing]:
    """For each entrant the meetings of its entity with those of its rivals.

    Args:
        field: The entrants.
        cutoffs: Of each entrant.
        over: Whether the entrant's own outcome is among the history rows.
        past: The listed rows as who took part in which event, with the same codes of entities.
        listing: The rows of entities in the order of `past`.

    Returns:
        The entrants as keys of their own, negative where they met none of their rivals before, and for each its
        meetings: the own row, and the rival's, in the order in which they became usable.
    """
    parts = (field.count() + past.count()) // PAIRS_AT_ONCE + 1
    found = [
        _met(field.pairs(p, parts), cutoffs.instants[cutoffs.place], over, past.pairs(p, parts), listing)
        for p in range(parts)
    ]
    entrant, row, rival = (np.concatenate(column) for column in zip(*found, strict=True))
    usable = Moments(listing.usable.instants, np.maximum(listing.usable.place[row], listing.usable.place[rival]))
    until = np.minimum(listing.until[row], listing.until[rival])
    rivals = listing.row[rival]
    known = Listing(entrant, listing.row[row], usable, until, rivals)
    order = np.lexsort((rivals, known.row, usable.place))
    # Versions of two rows that were never true together are no meeting.
    order = order[known.usable_at[order] < until[order]]
    asked = np.full(len(field.event), -1, dtype=np.int64)
    asked[entrant] = entrant
    return asked, known[order]


def _met(
    asked: tuple[Integers, Integers, Integers],
    cutoffs: Integers,
    over: NDArray[np.bool_],
    rows: tuple[Integers, Integers, Integers],
    listing: Listing,
) -> tuple[Integers, Integers, Integers]:
    """Entrant, own row and rival's row of each meeting, each side once."""
    bits = min(max(len(rows[0]), len(asked[0])).bit_length() + 2, MOST_TABLE_BITS)
    of_row, of_asked = scattered(rows[0], bits), scattered(asked[0], bits)
    number = np.arange(1, len(of_row) + 1, dtype=np.int32)
    known = np.zeros(1 << bits, dtype=np.int32)
    known[of_row] = number
    twice = np.zeros(1 << bits, dtype=np.bool_)
    twice[of_row[known[of_row] != number]] = True
    # One of the rows is of the event itself, where that is over.
    again = np.where(over[asked[1]] & over[asked[2]], twice[of_asked], known[of_asked] > 0)
    table = np.zeros(1 << bits, dtype=np.bool_)
    table[of_asked[again]] = True
    wanted = table[of_row]
    questions = _frame(asked, again, ("pair", "smaller", "larger"))
    past = _frame(rows, wanted, ("pair", "one", "other"))
    pairs = questions.join(past, on="pair").select(pl.exclude("pair").cast(pl.Int64))
    smaller, larger, one, other = (pairs[name].to_numpy() for name in ("smaller", "larger", "one", "other"))
    until = np.maximum(cutoffs[smaller], cutoffs[larger])
    usable = listing.usable.instants[np.maximum(listing.usable.place[one], listing.usable.place[other])] <= until
    smaller, larger, one, other = smaller[usable], larger[usable], one[usable], other[usable]
    return np.append(smaller, larger), np.append(one, other), np.append(other, one)


def _frame(columns: tuple[Integers, ...], kept: NDArray[np.bool_], names: tuple[str, ...]) -> pl.DataFrame:
    return pl.DataFrame({name: column[kept] for name, column in zip(names, columns, strict=True)})
