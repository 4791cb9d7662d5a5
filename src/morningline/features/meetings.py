"""Meetings: the earlier events in which an entrant met those whom it meets again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from morningline.features.listings import Listing, Moments, usable_instants
from morningline.features.sorting import stable_order
from morningline.kit.compiled import compiled

if TYPE_CHECKING:
    from morningline.features.sorting import Integers, Places


class Appearances(NamedTuple):
    """Rows sorted by entity and by when they became usable, as compiled loops know them.

    Attributes:
        begin: Where the rows of each entity begin, and their number at the end.
        code: Entity of each row.
        event: Event of each row.
        place: When each became usable, as a place among instants.
        begin_of_event: Where the rows of each event begin in `of_event`, and their number at the end.
        of_event: The rows of one event after those of another, as they were before they were sorted.
    """

    begin: Integers
    code: Places
    event: Places
    place: Places
    begin_of_event: Integers
    of_event: Places


def meetings(
    begins: Integers, asked: Places, cutoffs: Moments, past_event: Places, listing: Listing
) -> tuple[Places, Listing]:
    """For each entrant the meetings of its entity with those of its rivals.

    Args:
        begins: The first entrant of each event, in order, and the number of entrants at the end.
        asked: Code of the entity of each entrant, negative where it has none.
        cutoffs: Of each entrant.
        past_event: Number of the event of each listed row, from zero.
        listing: The rows of entities, in the order in which they became usable.

    Returns:
        The entrants as keys of their own, negative where they have no entity, and for each its meetings: the own row,
        and the rival's, in the order in which they became usable.
    """
    by_entity, by_event = stable_order(listing.code), stable_order(past_event)
    sorted_at = np.empty_like(by_entity)
    sorted_at[by_entity] = np.arange(len(by_entity), dtype=np.int32)
    begin_of_event = _begins(past_event[by_event], int(past_event.max(initial=-1)))
    listing, past_event = listing[by_entity], past_event[by_entity]
    begin = _begins(listing.code, int(max(asked.max(initial=-1), listing.code.max(initial=-1))))
    past = Appearances(begin, listing.code, past_event, listing.usable.place, begin_of_event, sorted_at[by_event])
    usable = usable_instants(listing.usable.instants, cutoffs.instants)[cutoffs.place]
    entrant, own, rival = _met(begins, asked, usable, past)
    place = np.maximum(listing.usable.place[own], listing.usable.place[rival])
    until = None if listing.until is None else np.minimum(listing.until[own], listing.until[rival])
    known = Listing(entrant, listing.row[own], Moments(listing.usable.instants, place), until, listing.row[rival])
    if until is not None:
        # Versions of two rows that were never true together are no meeting.
        known = known[np.flatnonzero(known.usable_at < until)]
    return np.where(asked < 0, np.int32(-1), np.arange(len(asked), dtype=np.int32)), known


def _begins(codes: Places, last: int) -> Integers:
    """Where each code up to the last begins in a sorted list, and where the list ends."""
    return np.searchsorted(codes, np.arange(last + 2))


@compiled
def _met(begins: Integers, asked: Places, usable: Integers, past: Appearances) -> Places:
    """Entrant, own row and rival's row of each meeting; an entrant's in the order in which they became usable."""
    entered, seen = np.zeros(len(past.begin), np.int64), np.zeros(len(past.begin_of_event), np.int64)
    found, count = np.empty((3, len(asked)), np.int32), 0
    for event in range(len(begins) - 1):
        field = begins[event] + np.flatnonzero(asked[begins[event] : begins[event + 1]] >= 0)
        for one in field:
            _tell(asked[one], usable[one], past, entered, seen, 1)
        for one in field:
            found, count = _meet(one, asked[one], usable[one], past, entered, seen, found, count)
        for one in field:
            _tell(asked[one], usable[one], past, entered, seen, -1)
    return found[:, :count]


@compiled
def _tell(entity: int, usable: int, past: Appearances, entered: Integers, seen: Integers, by: int) -> None:
    """Count how often an entity is entered in this event, and rows of its entrants in each earlier one."""
    entered[entity] += by
    for own in range(past.begin[entity], past.begin[entity + 1]):
        if past.place[own] >= usable:
            break
        seen[past.event[own]] += by


@compiled
def _meet(
    entrant: int,
    entity: int,
    usable: int,
    past: Appearances,
    entered: Integers,
    seen: Integers,
    found: Places,
    count: int,
) -> tuple[Places, int]:
    """Add the meetings of one entrant in the order in which they became usable; longer where there is no more room."""
    first = count
    for own in range(past.begin[entity], past.begin[entity + 1]):
        if past.place[own] >= usable:
            break
        event = past.event[own]
        if seen[event] < 2:
            continue
        for rival in past.of_event[past.begin_of_event[event] : past.begin_of_event[event + 1]]:
            if past.code[rival] == entity or past.place[rival] >= usable:
                continue
            for _ in range(entered[past.code[rival]]):
                if count == found.shape[1]:
                    found = np.concatenate((found, np.empty_like(found)), axis=1)
                _insert(found, first, count, past.place, (np.int32(entrant), np.int32(own), np.int32(rival)))
                count += 1
    return found, count


@compiled
def _insert(found: Places, first: int, at: int, place: Places, meeting: tuple[np.int32, np.int32, np.int32]) -> None:
    """Put a meeting among those between `first` and `at`, after all that were usable when it became so."""
    usable = max(place[meeting[1]], place[meeting[2]])
    while at > first and max(place[found[1, at - 1]], place[found[2, at - 1]]) > usable:
        for column in range(3):
            found[column, at] = found[column, at - 1]
        at -= 1
    for column in range(3):
        found[column, at] = meeting[column]
