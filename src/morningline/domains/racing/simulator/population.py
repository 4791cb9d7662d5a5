"""The horses and people of the simulated world, every one of them from the first cohort to the last."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from morningline.domains.racing.simulator.chance import Bools, Floats, Ints, drift, normal, uniform, whole
from morningline.domains.racing.simulator.places import CIRCUITS

FIRST_COHORT, LAST_COHORT = 2003, 2030
COHORT = 5900
SIRES, DAMS, DAMSIRES, OWNERS, BREEDERS = 620, 42_000, 480, 9_000, 2_600
# How many jockeys and trainers each circuit has; their indices follow one another in the order of the circuits.
JOCKEYS = (130, 110, 60, 60, 50, 40)
TRAINERS = (210, 190, 70, 80, 60, 40)
JOCKEY_STARTS = tuple(int(n) for n in np.cumsum((0, *JOCKEYS)))
TRAINER_STARTS = tuple(int(n) for n in np.cumsum((0, *TRAINERS)))
# The level of ratings over jumps against the flat, in pounds.
JUMPS_LBS = 42.0


@dataclass(frozen=True, kw_only=True)
class Horses:
    """All horses, one entry of each array a horse, in the order of their cohorts.

    Days are ordinals, abilities and likings pounds of weight on the scale of official ratings.
    """

    circuit: Ints
    born: Ints
    birthday: Ints
    female: Bools
    gelded: Bools
    country: Ints
    first_day: Ints
    last_day: Ints
    rated_from: Ints
    ability: Floats
    best: Floats
    softness: Floats
    all_weather: Floats
    obstacles: Floats
    keenness: Floats
    phase: Ints
    trainer: Ints
    next_trainer: Ints
    moves_on: Ints
    owner: Ints
    next_owner: Ints
    sire: Ints
    dam: Ints
    renamed_on: Ints


@dataclass(frozen=True, kw_only=True)
class People:
    """What jockeys and trainers are worth in pounds, and how much jockeys are sought after."""

    jockey_lbs: Floats
    fame: Floats
    apprenticed: Ints
    trainer_lbs: Floats


def new_year(years: Ints) -> Ints:
    """Give the ordinal of 1 January of each year."""
    before = years - 1
    return before * 365 + before // 4 - before // 100 + before // 400 + 1


def _careers(seed: int, who: Ints, born: Ints, jumps: Bools) -> tuple[Ints, Ints]:
    """Draw the first and the last day in training of each horse."""
    start = new_year(born)
    late = uniform(seed, "debut", who)
    spread = uniform(seed, "debut day", who)
    flat = np.where(late < 0.75, start + 730 + 100 + spread * 210, start + 1095 + 20 + spread * 220)
    over = start + 365 * np.where(late < 0.5, 4, 5) - 80 + spread * 230
    first = np.where(jumps, over, flat).astype(np.int64)
    years = -np.log(1 - uniform(seed, "career", who)) * np.where(jumps, 2.6, 2.1) + 0.25
    oldest = start + 365 * np.where(jumps, 13, 11)
    return first, np.minimum(first + (years * 365).astype(np.int64), oldest)


def _owner_of(trainer: Ints, draw: Floats) -> Ints:
    """Choose one of the forty owners of a stable; few have most of its horses."""
    return (trainer * 41 + (draw**2 * 40).astype(np.int64)) % OWNERS


@lru_cache(maxsize=4)
def breed(seed: int) -> Horses:
    """Make every horse that will ever run in a world.

    Args:
        seed: The world.
    """
    count = COHORT * (LAST_COHORT - FIRST_COHORT + 1)
    who = np.arange(count)
    born = FIRST_COHORT + who // COHORT
    shares = np.cumsum([c.share for c in CIRCUITS])
    circuit = np.searchsorted(shares / shares[-1], uniform(seed, "circuit", who), side="right")
    jumps = np.array([c.jumps for c in CIRCUITS])[circuit]
    female = uniform(seed, "female", who) < np.where(jumps, 0.27, 0.43)
    first, last = _careers(seed, who, born, jumps)
    starts, sizes = np.array(TRAINER_STARTS)[circuit], np.array(TRAINERS)[circuit]
    trainer = starts + (uniform(seed, "trainer", who) ** 1.7 * sizes).astype(np.int64)
    following = starts + (uniform(seed, "second trainer", who) ** 1.7 * sizes).astype(np.int64)
    moves = uniform(seed, "moves", who)
    never = np.int64(4_000_000)
    moves_on = np.where(moves < 0.18, first + 120 + (moves / 0.18 * 700).astype(np.int64), never)
    renamed = uniform(seed, "renamed", who)
    return Horses(
        circuit=circuit,
        born=born,
        birthday=new_year(born) + 24 + whole(125, seed, "birthday", who),
        female=female,
        gelded=~female & (uniform(seed, "gelded", who) < np.where(jumps, 0.97, 0.62)),
        country=np.searchsorted([0.42, 0.80, 0.90, 0.96, 0.99], uniform(seed, "country", who), side="right"),
        first_day=first,
        last_day=last,
        rated_from=first + 40 + whole(60, seed, "rated", who),
        ability=np.where(jumps, 68.0 + JUMPS_LBS, 70.0) - 3.0 * female + 13.0 * normal(seed, "ability", who),
        best=np.where(jumps, np.log(4100), np.log(1760)) + np.where(jumps, 0.14, 0.30) * normal(seed, "best", who),
        softness=2.2 * normal(seed, "softness", who),
        all_weather=4.0 * normal(seed, "sand", who),
        obstacles=uniform(seed, "obstacle", who),
        keenness=0.22 + 0.5 * uniform(seed, "keenness", who),
        phase=whole(14, seed, "phase", who),
        trainer=trainer,
        next_trainer=following,
        moves_on=moves_on,
        owner=_owner_of(trainer, uniform(seed, "owner", who)),
        next_owner=_owner_of(following, uniform(seed, "second owner", who)),
        sire=(uniform(seed, "sire", who) ** 1.6 * SIRES).astype(np.int64),
        dam=whole(DAMS, seed, "dam", who),
        renamed_on=np.where(renamed < 0.002, first + (renamed / 0.002 * 500).astype(np.int64), never),
    )


@lru_cache(maxsize=4)
def hire(seed: int) -> People:
    """Draw what jockeys and trainers are worth.

    Args:
        seed: The world.
    """
    jockeys, trainers = np.arange(sum(JOCKEYS)), np.arange(sum(TRAINERS))
    worth = 1.6 * normal(seed, "jockey", jockeys)
    learns = uniform(seed, "learns", jockeys) < 0.3
    return People(
        jockey_lbs=worth,
        fame=worth / 1.6 + 0.7 * normal(seed, "fame", jockeys),
        # The first year of the apprenticeship; jockeys who never claim started long ago.
        apprenticed=np.where(learns, 2010 + whole(17, seed, "starts", jockeys), 1990),
        trainer_lbs=1.6 * normal(seed, "stable", trainers),
    )


def ability_on(horses: Horses, seed: int, who: Ints, day: Ints) -> Floats:
    """Tell how able horses are on a day, in pounds: they grow up, have better and worse months, and fade.

    Args:
        horses: All horses.
        seed: The world.
        who: Which of them.
        day: The day of each.
    """
    years = (day - new_year(horses.born[who])) / 365.25
    jumps = np.array([c.jumps for c in CIRCUITS])[horses.circuit[who]]
    young = np.where(jumps, 9.0 * np.exp(-(years - 3.7) * 0.7), 13.0 * np.exp(-(years - 2.2) * 0.95))
    old = np.maximum(0.0, years - np.where(jumps, 9.0, 6.0)) * 1.6
    return horses.ability[who] - young - old + 4.0 * drift(seed, "form", who, day, 90)


def ratings_on(horses: Horses, seed: int, who: Ints, day: Ints) -> Floats:
    """Tell the official ratings published for the week of a day; NaN while a horse is unexposed.

    The handicapper sees the ability of a month ago, with an error that wanders.
    """
    week = day - day % 7
    seen = ability_on(horses, seed, who, week - 28) + 3.5 * drift(seed, "official", who, week, 120)
    jumps = np.array([c.jumps for c in CIRCUITS])[horses.circuit[who]]
    rating = np.clip(np.rint(seen), np.where(jumps, 75, 42), np.where(jumps, 170, 122))
    return np.where(day >= horses.rated_from[who], rating, np.nan)
