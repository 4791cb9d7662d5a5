"""Ratings that learn from contest after contest: Elo for many competitors, and Plackett-Luce with its doubt.

A contest is rated from the ratings its competitors bring to it, so contests that share nobody can be rated together.
Each contest's sums run over its own competitors, best result first and those who tie by their rating: its ratings
are the same to the last bit whatever else is rated beside it, and whatever order its rows came in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from morningline.features.listings import DAY
from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from morningline.features.sums import Floats, Integers

# A variance shrinks to no less than this share of itself in one contest (Weng & Lin 2011, eq. 28).
KAPPA = 1e-4

# Pairs of competitors that are worked on at once, so that what is in hand stays in the processor's cache.
PAIRS = 1 << 16


@dataclass(frozen=True)
class Ratings:
    """Ratings of entities or of rows.

    Attributes:
        mean: The rating itself; NaN for those that were never rated.
        spread: Standard deviation of the doubt about it, in the unit of the rating; zero for Elo.
        at: Instant that mean and spread are as of, that of the last contest unless `decayed` says otherwise, in
            microseconds since 1970 UTC; without meaning for those that were never rated.
    """

    mean: Floats
    spread: Floats
    at: Integers

    @classmethod
    def unrated(cls, count: int) -> Ratings:
        """Ratings of `count` entities that were never rated."""
        return cls(np.full(count, np.nan), np.full(count, np.nan), np.zeros(count, dtype=np.int64))


@dataclass(frozen=True)
class Field:
    """The competitors of some contests, each of them against everyone of its contest, itself included.

    Attributes:
        mean: Rating of each competitor before the contest.
        spread: Standard deviation of the doubt about it.
        own: Number of a competitor, once for each of its contest; those of one competitor stand together.
        other: Number of the competitor it is held against.
        own_result: Result of the one; smaller is better, equal results tie.
        other_result: Result of the other.
    """

    mean: Floats
    spread: Floats
    own: Integers
    other: Integers
    own_result: Floats
    other_result: Floats

    @classmethod
    def of(cls, contests: Integers, mean: Floats, spread: Floats, results: Floats) -> Field:
        """Pair competitors of contests, whose rows stand together, with everyone of their contest."""
        first = np.searchsorted(contests, contests)
        size = np.searchsorted(contests, contests, side="right") - first
        own = np.repeat(np.arange(len(contests)), size)
        other = np.arange(len(own)) - np.repeat(np.cumsum(size) - size - first, size)
        return cls(mean, spread, own, other, results[own], results[other])

    def total(self, pairs: NDArray[np.float64 | np.bool_]) -> Floats:
        """Sum of each competitor's pairs, added one by one in their order; np.sum would add in an order of its own."""
        return np.bincount(self.own, pairs, len(self.mean)).astype(np.float64, copy=False)


@dataclass(frozen=True, kw_only=True)
class Elo:
    """Elo's rating, a contest of many taken as a duel of each with each.

    A duel is expected to give `1 / (1 + 10 ** ((other - own) / scale))` and gives 1, 1/2 (tie) or 0 (Elo 1978, The
    Rating of Chessplayers). A competitor moves by k times the mean of what its duels gave beyond that,
    so that k bounds the move in fields of any size and a contest changes no sum of ratings.

    Args:
        start: Rating of those that were never rated.
        k: The most that one contest can move a rating.
        scale: Points of difference that make the odds of a duel ten to one.
        half_life_days: Days of absence (of 24 hours) that halve the distance from `start`; None: it stays.

    Raises:
        InputError: k, scale or half-life is not above zero, or one of them or the start is no finite number.

    Example:
        >>> Elo(half_life_days=730).k
        32.0
    """

    start: float = 1500.0
    k: float = 32.0
    scale: float = 400.0
    half_life_days: int | None = None

    def __post_init__(self) -> None:
        _require_usable(self, "k", "scale", "half_life_days")

    @property
    def beginning(self) -> tuple[float, float]:
        """Rating and spread of those that were never rated."""
        return self.start, 0.0

    def aged(self, mean: Floats, spread: Floats, days: Floats) -> tuple[Floats, Floats]:
        """Ratings and spreads after some days of absence."""
        if self.half_life_days is None:
            return mean, spread
        return mean + (mean - self.start) * np.expm1(days * (-math.log(2) / self.half_life_days)), spread

    def rated(self, field: Field) -> tuple[Floats, Floats]:
        """Ratings and spreads after the contests of a field."""
        odds_against = np.exp((field.mean[field.other] - field.mean[field.own]) * (math.log(10) / self.scale))
        won, tied = field.own_result < field.other_result, field.own_result == field.other_result
        # Against itself a competitor ties and is expected to: nothing is added to its total.
        beyond = field.total((won + 0.5 * tied) - 1.0 / (1.0 + odds_against))
        opponents = field.total(np.ones(len(field.own))) - 1.0
        return field.mean + self.k / opponents * beyond, field.spread


@dataclass(frozen=True, kw_only=True)
class PlackettLuce:
    """The rating of Weng & Lin (2011, JMLR 12, algorithm 4): abilities with doubt, under a Plackett-Luce model.

    A ranking is a row of choices, each among those still left in proportion to exp(ability / c). Ability and doubt
    move by the first and second derivative of the ranking's likelihood; who is in doubt moves more. Ties share
    a choice. Their gamma is spread / c, as in the openskill library.

    Args:
        mean: Rating of those that were never rated.
        spread: Their standard deviation.
        beta: Standard deviation of one performance about the ability.
        growth_a_day: Variance gains the square of this a day of absence (of 24 hours), until it is as large as at the
            start; zero: it does not grow. The default is what TrueSkill adds once a contest.

    Raises:
        InputError: Spread or beta is not above zero, or one of them, the mean or the growth is no finite number.

    Example:
        >>> PlackettLuce().mean
        25.0
    """

    mean: float = 25.0
    spread: float = 25.0 / 3.0
    beta: float = 25.0 / 6.0
    growth_a_day: float = 25.0 / 300.0

    def __post_init__(self) -> None:
        _require_usable(self, "spread", "beta")

    @property
    def beginning(self) -> tuple[float, float]:
        """Rating and spread of those that were never rated."""
        return self.mean, self.spread

    def aged(self, mean: Floats, spread: Floats, days: Floats) -> tuple[Floats, Floats]:
        """Ratings and spreads after some days of absence."""
        if self.growth_a_day == 0:
            return mean, spread
        return mean, np.minimum(np.sqrt(spread * spread + self.growth_a_day**2 * days), self.spread)

    def rated(self, field: Field) -> tuple[Floats, Floats]:
        """Ratings and spreads after the contests of a field."""
        own, other = field.own, field.other
        variance = field.spread * field.spread
        c = np.sqrt(field.total((variance + self.beta**2)[other]))
        # Relative to the mean of all that were never rated: the ratios are the same, and large means do not overflow.
        strength = np.exp((field.mean - self.mean) / c)
        left = field.total(np.where(field.other_result >= field.own_result, strength[other], 0.0))
        ties = field.total(field.other_result == field.own_result)
        chosen = np.where(field.other_result <= field.own_result, strength[own] / left[other], 0.0)
        shared = chosen / ties[other]
        omega = variance / c * (1.0 / ties - field.total(shared))
        delta = (field.spread / c) * (variance / (c * c)) * field.total(shared * (1.0 - chosen))
        return field.mean + omega, field.spread * np.sqrt(np.maximum(1.0 - delta, KAPPA))


System = Elo | PlackettLuce


def rate(
    contests: Integers, entities: Integers, results: Floats, at: Integers, before: Ratings, system: System
) -> Ratings:
    """Rate contest after contest.

    Those with a result compete, where there are at least two of them in a contest. For everyone else nothing changes:
    neither rating nor spread nor the instant it is as of, so absence goes on. Memory grows with the square of the
    largest field.

    Args:
        contests: Number of each row's contest. Rows of one contest stand together, contests in the order in which
            they are taken.
        entities: Code of each row's entity, from zero to one less than there are in `before`, with at most one result
            a contest; -1 for unknown ones, with any number: each competes as a beginner and is not kept.
        results: Of each row, smaller is better, equal results tie; NaN for those that did not compete for a place.
        at: Instant of each row in microseconds, equal within a contest, never smaller than that of a contest before.
        before: Rating of each entity before the first of these contests.
        system: How ratings learn and age.

    Returns:
        The rating of each row's entity right after its contest; NaN where it is unknown or was never rated. Going on
        from the last of each entity gives the same bits as rating all contests at once.
    """
    starts = np.flatnonzero(np.diff(contests, prepend=contests[:1] - 1))
    of_contest = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(contests)))
    sizes = np.bincount(of_contest, ~np.isnan(results), len(starts)).astype(np.int64)
    competes = ~np.isnan(results) & (sizes > 1)[of_contest]
    # The unknown share a place of their own behind the last entity, where -1 points to: emptied after each batch.
    unknown, nobody = np.array([-1]), Ratings.unrated(1)
    state = Ratings(np.append(before.mean, np.nan), np.append(before.spread, np.nan), np.append(before.at, 0))
    after = Ratings.unrated(len(contests))
    levels = _levels(starts, entities, len(before.mean))
    for rows in _batches(levels, sizes, of_contest):
        ours = rows[competes[rows]]
        rated = _rated(of_contest[ours], results[ours], at[ours], _taken(state, entities[ours]), system)
        _put(state, entities[ours], rated)
        _put(state, unknown, nobody)
        _put(after, rows, _taken(state, entities[rows]))
    return after


def decayed(ratings: Ratings, at: Integers, system: System) -> Ratings:
    """Ratings as of an instant.

    Args:
        ratings: As of an earlier instant.
        at: As of when, in microseconds, for each of them; not before `ratings.at`.
        system: How ratings age.

    Returns:
        The same ratings after the absence since; NaN for those that were never rated.
    """
    mean, spread = system.aged(ratings.mean, ratings.spread, (at - ratings.at) / DAY)
    return Ratings(mean, spread, at)


def _levels(starts: Integers, entities: Integers, known: int) -> Integers:
    """Level of each contest, one above the highest of the contests before it that it shares an entity with."""
    highest = [0] * (known + 1)
    codes = entities.tolist()
    levels = []
    for low, high in pairwise([*starts.tolist(), len(codes)]):
        entered = codes[low:high]
        level = 1 + max([highest[code] for code in entered])
        for code in entered:
            highest[code] = level
        # Nobody waits for the unknown, who stand in the last place.
        highest[-1] = 0
        levels.append(level)
    return np.array(levels, dtype=np.int64)


def _batches(levels: Integers, sizes: Integers, of_contest: Integers) -> list[Integers]:
    """Rows of contests of one level, in the order of levels, a batch having about as many pairs as `PAIRS` says."""
    contests = np.argsort(levels, kind="stable")
    blocks = np.cumsum(sizes[contests] ** 2) // PAIRS
    begins = (np.diff(levels[contests], prepend=0) != 0) | (np.diff(blocks, prepend=0) != 0)
    batches = np.empty_like(levels)
    batches[contests] = np.cumsum(begins) - 1
    rows = np.argsort(batches[of_contest], kind="stable")
    return np.split(rows, np.cumsum(np.bincount(batches[of_contest]))[:-1])


def _rated(contests: Integers, results: Floats, at: Integers, states: Ratings, system: System) -> Ratings:
    """Ratings of competitors after contests that share nobody, from those after their contests before."""
    aged = decayed(states, at, system)
    fresh, (start, doubt) = np.isnan(aged.mean), system.beginning
    mean, spread = np.where(fresh, start, aged.mean), np.where(fresh, doubt, aged.spread)
    # Sums run in this order, in which only those are interchangeable whom nothing tells apart.
    order = np.lexsort((spread, mean, results, contests))
    field = Field.of(contests[order], mean[order], spread[order], results[order])
    rated = Ratings(np.empty_like(mean), np.empty_like(mean), at)
    rated.mean[order], rated.spread[order] = system.rated(field)
    return rated


def _taken(ratings: Ratings, places: Integers) -> Ratings:
    return Ratings(ratings.mean[places], ratings.spread[places], ratings.at[places])


def _put(ratings: Ratings, places: Integers, new: Ratings) -> None:
    ratings.mean[places], ratings.spread[places], ratings.at[places] = new.mean, new.spread, new.at


def _require_usable(system: System, *above_zero: str) -> None:
    """Refuse parameters that no rating could come from."""
    for name, value in vars(system).items():
        if value is not None and not (math.isfinite(value) and (value > 0 or name not in above_zero)):
            raise InputError(
                f"{type(system).__name__} was given {name} = {value}.",
                allowed="finite numbers" + (" above zero" if name in above_zero else ""),
                do="Leave it out to have the default.",
            )
