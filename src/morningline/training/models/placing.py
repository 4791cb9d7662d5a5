"""Who comes second and third, from who wins: places and orders by Plackett-Luce with an exponent for each stage."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from morningline.kit.errors import InputError
from morningline.training.grouped import check_starts, group_sums, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morningline.training.grouped import Floats, Integers

STAGES = 3
"""How many finishers have a stage: the first, the second, the third."""

MOST = 3.0
"""The largest exponent that a stage can have."""

# Raised to the largest exponent, a product of two of these is still a number.
_LEAST_PROBABILITY = 1e-50


class Placing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """P(i, j, l) = p_i · p_j^b / Σ_{m≠i} p_m^b · p_l^c / Σ_{m≠i,j} p_m^c for the first three in their order.

    With b = c = 1 it is Harville (1973), "Assigning probabilities to the outcomes of multi-entry competitions", JASA
    68, which gives favourites that do not win too many of the places. Exponents below 1 come close to what normal
    (Henery 1981) or gamma (Stern 1990) times of the entrants would give, and need no integral: Lo & Bacon-Shone
    (2008), "Approximating the ordering probabilities of multi-entry competitions by a simple method", in Hausch &
    Ziemba (eds.), Handbook of Sports and Lottery Markets.

    Args:
        exponents: (b, c) of a venue that is not named.
        venues: (b, c) by venue.

    Raises:
        InputError: An exponent is not within [0, 3].

    Example:
        >>> HARVILLE.place(np.array([0.5, 0.3, 0.2]), np.array([0, 3]), 2).round(4).tolist()
        [0.8393, 0.675, 0.4857]
    """

    exponents: tuple[float, float] = (1.0, 1.0)
    venues: dict[str, tuple[float, float]] = {}

    def __post_init__(self) -> None:
        for pair in (self.exponents, *self.venues.values()):
            if not all(0.0 <= exponent <= MOST for exponent in pair):
                raise InputError(
                    f"The exponents of second and third are {pair}.",
                    allowed=f"two numbers within [0, {MOST}]; 1 is Harville's",
                    do="Fit them with `fit_placing`.",
                )

    def of_events(self, events: int, venues: Sequence[str] | None = None) -> Floats:
        """The exponents of each event, shape (events, 2).

        Args:
            events: How many there are.
            venues: The venue of each; None where it is not known of any.

        Raises:
            InputError: There is not one venue for each event.
        """
        if venues is None:
            return np.tile(np.array(self.exponents), (events, 1))
        if len(venues) != events:
            raise InputError(f"{len(venues)} venues were given for {events} events.", allowed="one for each event")
        return np.array([self.venues.get(venue, self.exponents) for venue in venues], dtype=np.float64)

    def place(self, p: Floats, starts: Integers, places: int, venues: Sequence[str] | None = None) -> Floats:
        """The probability of finishing among the first so many.

        Args:
            p: The probability of winning, shape (rows,), above zero and summing to one within each event.
            starts: Offsets of the events, shape (events + 1,).
            places: 1, 2 or 3.
            venues: The venue of each event.

        Returns:
            Shape (rows,); within an event of at least so many entrants it sums to `places`, else each has 1.

        Raises:
            InputError: As described for the arguments.
        """
        from morningline.training.models.placing_sums import add_places

        p, stages = self._checked(p, starts, venues)
        if places not in range(1, STAGES + 1):
            raise InputError(f"{places} places were asked for.", allowed="1, 2 or 3")
        out = p.copy()
        if places > 1:
            third = stages[1] if places > 2 else np.zeros(0)
            add_places(p, stages[0], third, np.asarray(starts, dtype=np.int64), out)
        return out

    def in_order(self, p: Floats, starts: Integers, order: Integers, venues: Sequence[str] | None = None) -> Floats:
        """Ln of the probability that the first ones of each event finish in a given order.

        Args:
            p: As `place`.
            starts: As `place`.
            order: Rows of the first, the second and perhaps the third of each event, shape (events, 1 to 3).
            venues: As `place`.

        Returns:
            Shape (events,).

        Raises:
            InputError: A row is not of its event or named twice; and as `place`.
        """
        p, stages = self._checked(p, starts, venues)
        order = _checked_order(order, starts)
        total = np.log(p[order[:, 0]])
        for stage in range(1, order.shape[1]):
            weights = stages[stage - 1]
            chosen = weights[order[:, stage]]
            left = weights.copy()
            left[order[:, :stage].ravel()] = 0.0
            total += np.log(chosen) - np.log(group_sums(left, starts))
        return np.asarray(total)

    def in_any_order(self, p: Floats, starts: Integers, rows: Integers, venues: Sequence[str] | None = None) -> Floats:
        """Ln of the probability that the first two or three of each event are given ones; arguments as `in_order`."""
        rows = _checked_order(rows, starts)
        orders = permutations(range(rows.shape[1]))
        each = [self.in_order(p, starts, rows[:, list(order)], venues) for order in orders]
        return np.asarray(np.logaddexp.reduce(each, axis=0))

    def orders(self, p: Floats, places: int, venue: str | None = None) -> Floats:
        """The probability of every order of one event's first two or three.

        Args:
            p: As `place`, of one event, shape (n,).
            places: 2 or 3.
            venue: Where it is.

        Returns:
            Shape (n,) * places: the first index is the first to finish. An order that names one twice has 0.
        """
        if places not in range(1, STAGES + 1) or len(p) < places:
            raise InputError(f"The orders of {places} of {len(p)} were asked for.", allowed="1, 2 or 3 of as many")
        listed = np.array(list(permutations(range(len(p)), places)), dtype=np.int64)
        apart = np.arange(len(listed), dtype=np.int64)[:, None] * len(p)
        starts = np.arange(len(listed) + 1, dtype=np.int64) * len(p)
        venues = None if venue is None else [venue] * len(listed)
        found = np.zeros((len(p),) * places)
        found[tuple(listed.T)] = np.exp(self.in_order(np.tile(p, len(listed)), starts, listed + apart, venues))
        return found

    def to_json(self) -> str:
        """The exponents as JSON that reads back to the same bits."""
        return msgspec.json.encode(self, order="sorted").decode()

    @classmethod
    def from_json(cls, text: str) -> Placing:
        """Read what `to_json` wrote.

        Raises:
            InputError: The text is not that.
        """
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as error:
            raise InputError(
                f"The text is not stored exponents of places: {error}.",
                allowed='JSON such as {"exponents":[0.8,0.7],"venues":{}}',
                do="Read the file that `to_json` wrote.",
            ) from error

    def _checked(self, p: Floats, starts: Integers, venues: Sequence[str] | None) -> tuple[Floats, tuple[Floats, ...]]:
        """Probabilities, and the weights of each row in the choice of the second and of the third."""
        p = np.asarray(p, dtype=np.float64)
        check_starts(starts, len(p))
        if not ((p >= _LEAST_PROBABILITY) & (p <= 1.0)).all() or (abs(group_sums(p, starts) - 1.0) > 1e-6).any():
            raise InputError(
                "Probabilities of winning are not possible, or do not sum to one within each event.",
                allowed=f"at least {_LEAST_PROBABILITY:g} for every entrant, and a sum of one",
                do="Take what a model gave for whole events, leaving out entrants that do not run.",
            )
        exponents = self.of_events(len(starts) - 1, venues)
        return p, tuple(p ** spread(exponents[:, stage], starts) for stage in range(STAGES - 1))


HARVILLE = Placing()
"""No exponents: what would hold if times were exponential."""


def _checked_order(order: Integers, starts: Integers) -> Integers:
    order = np.asarray(order)
    right = order.ndim == 2 and order.shape[0] == len(starts) - 1 and 1 <= order.shape[1] <= STAGES
    if right:
        inside = (order >= starts[:-1, None]) & (order < starts[1:, None])
        right = bool(inside.all()) and all(len(set(rows)) == len(rows) for rows in order.tolist())
    if not right:
        raise InputError(
            f"The first ones of {len(starts) - 1} events were given as rows of shape {order.shape}.",
            allowed="one to three different rows of each event",
            do="Leave out events whose finish is not known, and those with a dead heat.",
        )
    return order.astype(np.int64)
