"""Ratings that learn from contest after contest: Elo for many competitors, and Plackett-Luce with its doubt.

Each contest's sums run over its own competitors, best result first and those who tie by their rating: its ratings
are the same to the last bit whatever else is rated beside it, and whatever order its rows came in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from morningline.features.listings import DAY
from morningline.kit.compiled import compiled
from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from morningline.features.sorting import Integers, Places
    from morningline.features.sums import Floats

    Columns = tuple[Floats, Floats, Integers]

# A variance shrinks to no less than this share of itself in one contest (Weng & Lin 2011, eq. 28).
KAPPA = 1e-4

ELO, PLACKETT_LUCE = 0, 1


class Numbers(NamedTuple):
    """A system as compiled loops know it; a number is zero where the system has none.

    Attributes:
        kind: `ELO` or `PLACKETT_LUCE`.
        start: Rating of those that were never rated.
        doubt: Standard deviation of it.
        k: The most that one contest can move a rating.
        steepness: How much the log odds of a duel change with a point of difference.
        fade: Log of the share by which the distance from `start` shrinks a day.
        noise: Variance of one performance about the ability.
        growth: Variance gained a day.
    """

    kind: int
    start: float
    doubt: float
    k: float = 0.0
    steepness: float = 0.0
    fade: float = 0.0
    noise: float = 0.0
    growth: float = 0.0


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
    def numbers(self) -> Numbers:
        """What the compiled loop knows of the system."""
        fade = 0.0 if self.half_life_days is None else math.log(2) / self.half_life_days
        return Numbers(ELO, self.start, 0.0, k=self.k, steepness=math.log(10) / self.scale, fade=fade)


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
    def numbers(self) -> Numbers:
        """What the compiled loop knows of the system."""
        return Numbers(PLACKETT_LUCE, self.mean, self.spread, noise=self.beta**2, growth=self.growth_a_day**2)


System = Elo | PlackettLuce


def rate(
    contests: Integers, entities: Integers | Places, results: Floats, at: Integers, before: Ratings, system: System
) -> Ratings:
    """Rate contest after contest.

    Those with a result compete, where there are at least two of them in a contest. For everyone else nothing changes:
    neither rating nor spread nor the instant it is as of, so absence goes on.

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
    starts = np.flatnonzero(np.diff(contests, prepend=contests[:1] - 1, append=contests[-1:] + 1))
    state = before.mean.copy(), before.spread.copy(), before.at.copy()
    after = Ratings.unrated(len(contests))
    _rate(system.numbers, starts, entities.astype(np.int64), results, at, state, (after.mean, after.spread, after.at))
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
    mean, spread = ratings.mean.copy(), ratings.spread.copy()
    _age(system.numbers, at - ratings.at, mean, spread)
    return Ratings(mean, spread, at)


@compiled
def _rate(
    system: Numbers, starts: Integers, entities: Integers, results: Floats, at: Integers, state: Columns, after: Columns
) -> None:
    """Take contests in their order; `state` holds entities' ratings, `after` takes those of rows."""
    means, spreads, instants = state
    most = np.diff(starts).max() if len(starts) > 1 else 0
    row, result = np.empty(most, np.int64), np.empty(most)
    mean, spread, new_mean, new_spread = np.empty(most), np.empty(most), np.empty(most), np.empty(most)
    for contest in range(len(starts) - 1):
        low, high = starts[contest], starts[contest + 1]
        count = 0
        for one in range(low, high):
            if not np.isnan(results[one]):
                rated = _before(system, entities[one], at[one], state)
                _enter(count, one, results[one], rated, (row, result, mean, spread))
                count += 1
        if count > 1:
            if system.kind == ELO:
                _duel(system, result[:count], mean, spread, new_mean, new_spread)
            else:
                _choose(system, result[:count], mean, spread, new_mean, new_spread)
            for place in range(count):
                who = entities[row[place]]
                if who >= 0:
                    means[who], spreads[who], instants[who] = new_mean[place], new_spread[place], at[low]
        for one in range(low, high):
            who = entities[one]
            if who >= 0:
                after[0][one], after[1][one], after[2][one] = means[who], spreads[who], instants[who]


@compiled
def _before(system: Numbers, who: int, at: int, state: Columns) -> tuple[float, float]:
    """What an entity brings to a contest."""
    if who < 0 or np.isnan(state[0][who]):
        return system.start, system.doubt
    return _aged(system, state[0][who], state[1][who], (at - state[2][who]) / DAY)


@compiled
def _enter(
    place: int, row: int, result: float, rated: tuple[float, float], field: tuple[Integers, Floats, Floats, Floats]
) -> None:
    """Put a competitor among those before `place`, best result first and those who tie by their rating."""
    rows, results, means, spreads = field
    # Sums run in this order, in which only those are interchangeable whom nothing tells apart.
    while place > 0 and (result, rated[0], rated[1]) < (results[place - 1], means[place - 1], spreads[place - 1]):
        rows[place], results[place] = rows[place - 1], results[place - 1]
        means[place], spreads[place] = means[place - 1], spreads[place - 1]
        place -= 1
    rows[place], results[place], means[place], spreads[place] = row, result, rated[0], rated[1]


@compiled
def _age(system: Numbers, absence: Integers, mean: Floats, spread: Floats) -> None:
    for one in range(len(mean)):
        mean[one], spread[one] = _aged(system, mean[one], spread[one], absence[one] / DAY)


@compiled
def _aged(system: Numbers, mean: float, spread: float, days: float) -> tuple[float, float]:
    """A rating after some days of absence."""
    if system.kind == ELO:
        return mean + (mean - system.start) * math.expm1(-days * system.fade), spread
    if system.growth == 0:
        return mean, spread
    return mean, min(math.sqrt(spread * spread + system.growth * days), system.doubt)


@compiled
def _duel(system: Numbers, results: Floats, mean: Floats, spread: Floats, new_mean: Floats, new_spread: Floats) -> None:
    """Elo's ratings after a contest."""
    for own in range(len(results)):
        beyond = 0.0
        for other in range(len(results)):
            if other != own:
                won = 1.0 if results[own] < results[other] else 0.5 if results[own] == results[other] else 0.0
                beyond += won - 1.0 / (1.0 + math.exp((mean[other] - mean[own]) * system.steepness))
        new_mean[own], new_spread[own] = mean[own] + system.k / (len(results) - 1) * beyond, spread[own]


@compiled
def _choose(
    system: Numbers, results: Floats, mean: Floats, spread: Floats, new_mean: Floats, new_spread: Floats
) -> None:
    """Plackett and Luce's ratings after a contest, best result first."""
    count = len(results)
    c = 0.0
    for one in range(count):
        c += spread[one] * spread[one] + system.noise
    c = math.sqrt(c)
    strength, left, ties = np.empty(count), np.empty(count), np.empty(count)
    for one in range(count):
        # Relative to the mean of all that were never rated: the ratios are the same, and large means do not overflow.
        strength[one] = math.exp((mean[one] - system.start) / c)
    for one in range(count):
        left[one] = ties[one] = 0.0
        for other in range(count):
            left[one] += strength[other] if results[other] >= results[one] else 0.0
            ties[one] += results[other] == results[one]
    for own in range(count):
        chosen = undecided = 0.0
        for other in range(count):
            if results[other] <= results[own]:
                share = strength[own] / left[other]
                chosen += share / ties[other]
                undecided += share / ties[other] * (1.0 - share)
        variance = spread[own] * spread[own]
        delta = (spread[own] / c) * (variance / (c * c)) * undecided
        new_mean[own] = mean[own] + variance / c * (1.0 / ties[own] - chosen)
        new_spread[own] = spread[own] * math.sqrt(max(1.0 - delta, KAPPA))


def _require_usable(system: System, *above_zero: str) -> None:
    """Refuse parameters that no rating could come from."""
    for name, value in vars(system).items():
        if value is not None and not (math.isfinite(value) and (value > 0 or name not in above_zero)):
            raise InputError(
                f"{type(system).__name__} was given {name} = {value}.",
                allowed="finite numbers" + (" above zero" if name in above_zero else ""),
                do="Leave it out to have the default.",
            )
