"""Who runs on which day: each horse's next fortnight is drawn by itself, so no day depends on those before it."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from morningline.domains.racing.simulator.chance import Floats, Ints, uniform
from morningline.domains.racing.simulator.places import CIRCUITS

if TYPE_CHECKING:
    from morningline.domains.racing.simulator.population import Horses

# A horse may run on the first ten days of its fortnight, so that two runs lie four days or more apart.
_FORTNIGHT, _DAYS_OPEN = 14, 10
FIRST_ORDINAL = date(2004, 1, 1).toordinal()
LAST_ORDINAL = date(2031, 1, 1).toordinal()


def easter(year: int) -> date:
    """Find Easter Sunday (the anonymous Gregorian computus, Nature 1876)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e, g = b // 4, b % 4, (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = c // 4, c % 4
    n = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * n) // 451
    month, day = divmod(h + n - 7 * m + 114, 31)
    return date(year, month, day + 1)


def _holidays() -> set[int]:
    """Give the days without any racing: 24 and 25 December and Good Friday until 2013."""
    years = range(2004, 2031)
    closed = {date(year, 12, day).toordinal() for year in years for day in (23, 24, 25)}
    return closed | {easter(year).toordinal() - 2 for year in years if year < 2014}


@lru_cache(maxsize=1)
def day_weights() -> Floats:
    """How much each circuit races on each day from `FIRST_ORDINAL`, as cumulative sums along the days."""
    ordinals = range(FIRST_ORDINAL, LAST_ORDINAL)
    days = [date.fromordinal(o) for o in ordinals]
    weekday, month = np.array([d.weekday() for d in days]), np.array([d.month - 1 for d in days])
    weights = np.array([np.array(c.week)[weekday] * np.array(c.season)[month] for c in CIRCUITS])
    closed = _holidays()
    weights[:, [o in closed for o in ordinals]] = 0.0
    boxing = np.array([(d.month, d.day) == (12, 26) for d in days])
    weights[:, boxing] = np.maximum(weights[:, boxing], 0.4) * 2.5
    weights[4:, boxing] = 0.0
    weights /= weights.mean(axis=1, keepdims=True)
    return np.concatenate([np.zeros((len(CIRCUITS), 1)), weights.cumsum(axis=1)], axis=1)


@lru_cache(maxsize=1)
def _lines() -> tuple[Floats, float]:
    """One ascending line of all circuits, each on a stretch of its own, and the length of a stretch."""
    cumulative = day_weights()
    stretch = float(cumulative.max()) + 1.0
    return (cumulative + stretch * np.arange(len(CIRCUITS))[:, None]).ravel(), stretch


def _campaigning(horses: Horses, seed: int, who: Ints, block: Ints) -> Floats:
    """The chance to run in a fortnight: each horse rests for some months now and then."""
    resting = uniform(seed, "rests", who, (block + horses.phase[who]) // 8) < 0.22
    return horses.keenness[who] * np.where(resting, 0.0, 1.0)


def _run_day(horses: Horses, seed: int, who: Ints, block: Ints) -> Ints:
    """Draw the day on which each horse runs in a fortnight of its own, or zero if it does not."""
    cumulative = day_weights()
    start = block * _FORTNIGHT + horses.phase[who] - FIRST_ORDINAL
    circuit = horses.circuit[who]
    low, high = cumulative[circuit, start], cumulative[circuit, start + _DAYS_OPEN]
    wanted = low + uniform(seed, "day", who, block) * (high - low)
    lines, stretch = _lines()
    found = np.searchsorted(lines, wanted + stretch * circuit, side="right") - 1 - circuit * cumulative.shape[1]
    # The season draws how many run; an average day weighs one.
    demand = (high - low) / _DAYS_OPEN
    runs = uniform(seed, "runs", who, block) < _campaigning(horses, seed, who, block) * demand
    day = np.clip(found, start, start + _DAYS_OPEN - 1) + FIRST_ORDINAL
    alive = (horses.first_day[who] <= day) & (day <= horses.last_day[who])
    return np.where(runs & alive & (high > low), day, 0)


def declared(horses: Horses, seed: int, monday: int) -> tuple[Ints, Ints]:
    """Tell which horses are declared to run in a week.

    Args:
        horses: All horses.
        seed: The world.
        monday: Ordinal of the first day of seven.

    Returns:
        The horses and their days, in no order; no horse twice a day.
    """
    active = np.flatnonzero((horses.first_day < monday + 7) & (horses.last_day >= monday))
    first = (monday - horses.phase[active]) // _FORTNIGHT
    last = (monday + 6 - horses.phase[active]) // _FORTNIGHT
    two = last > first
    who, block = np.concatenate([active, active[two]]), np.concatenate([first, last[two]])
    day = _run_day(horses, seed, who, block)
    inside = (day >= monday) & (day < monday + 7)
    return who[inside], day[inside]
