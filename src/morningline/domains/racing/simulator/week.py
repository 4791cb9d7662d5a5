"""One week of racing: riders, finishing order and prices, drawn without looking at any other week."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from morningline.domains.racing.simulator.board import rung
from morningline.domains.racing.simulator.chance import Bools, Floats, Ints, normal, uniform, whole
from morningline.domains.racing.simulator.fields import CHASE, FLAT, HURDLE, NEVER, Fields, frame, ranks
from morningline.domains.racing.simulator.places import PLACES
from morningline.domains.racing.simulator.population import (
    JOCKEY_STARTS,
    JOCKEYS,
    JUMPS_LBS,
    ability_on,
    breed,
    hire,
    new_year,
)
from morningline.domains.racing.world.market import price, softmax_within

DISQUALIFIED = -9
# What became of a runner, where it has no place; zero is for those that did not start.
CODES = {-1: "PU", -2: "F", -3: "UR", -4: "BD", -5: "RO", -6: "RR", -7: "SU", -8: "REF", DISQUALIFIED: "DSQ"}
_FLAT_CODES, _JUMPS_CODES = np.array([-1, -1, -3, -6, -7]), np.array([-1] * 12 + [-2] * 4 + [-3] * 3 + [-4, -5, -8])
_WEIGHT_EFFECT = 0.8
_POOL = 30
# Numbers of jockeys are made of 2, 3, 5, 11 and 13, so these strides meet nobody twice.
_STRIDES = (7, 17, 19, 23)
_CLAIMS = np.array([7, 7, 5, 5, 3, 3])
# The distances a judge calls: nose, short head, head, neck, then fractions, halves from five and whole ones from ten.
_MARGINS: Floats = np.concatenate(
    [[0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75], np.arange(1, 5, 0.25), np.arange(5, 10, 0.5), np.arange(10, 100)]
)
# Under three thousandths of a length the photograph parts nobody: a dead heat.
_MARGIN_BOUNDS: Floats = np.append([0.003], (_MARGINS[2:] + _MARGINS[1:-1]) / 2)


@dataclass(kw_only=True)
class Riders:
    """Who rides, one entry a runner: see `Week`."""

    jockey: Ints
    declared: Ints
    changed_at: Ints
    claim: Ints


@dataclass(kw_only=True)
class Week:
    """The fields of a week and what became of them; arrays with one entry a runner unless it says otherwise.

    Args:
        fields: Races and declared runners.
        riders: Who rides.
        starts: Whether it came under orders.
        chance: True probability of winning; zero for those that did not start.
        outcome: Place from one, or a code of `CODES`, or zero for those that did not start.
        margin: Lengths behind the horse in front.
        behind: Lengths behind the winner.
        price: Index of the starting price on the board.
        opened: Index of the opening price on the board.
        rpr: Figure earned for performance.
        speed: Figure earned for speed.
        seconds: Time of the winner, one entry a race.
        worded: What has been put into words of it already, by race.
    """

    fields: Fields
    riders: Riders
    starts: Bools
    chance: Floats
    outcome: Ints
    margin: Floats
    behind: Floats
    price: Ints
    opened: Ints
    rpr: Ints
    speed: Ints
    seconds: Floats
    worded: dict[int, object] = field(default_factory=dict)

    def races(self, day: int) -> range:
        """The races of a day, by their index in the week."""
        low, high = np.searchsorted(self.fields.day, [day, day + 1]).tolist()
        return range(low, high)


def _ride(seed: int, fields: Fields, hope: Floats) -> Riders:
    """Give each runner a jockey of its meeting, the best of them to the best; some change after the declaration."""
    people = hire(seed)
    circuit = np.array([p.circuit for p in PLACES])[fields.place]
    start, count = np.array(JOCKEY_STARTS)[circuit], np.array(JOCKEYS)[circuit]
    # A meeting's jockeys are a stretch of its circuit's, in an order that changes from day to day.
    turn = whole(997, seed, "meeting", fields.day, fields.place)
    stride = np.array(_STRIDES)[whole(4, seed, "stride", fields.day)]
    pool = start[:, None] + (turn[:, None] + np.arange(_POOL) * stride[:, None]) % count[:, None]
    keen = people.fame[pool] + 1.2 * normal(seed, "keen", fields.day[:, None], fields.number[:, None], np.arange(_POOL))
    ranked = np.take_along_axis(pool, np.argsort(-keen, axis=1, kind="stable"), axis=1)
    race = fields.race
    order = np.lexsort((-hope, race))
    rank = np.empty(len(race), dtype=np.int64)
    rank[order] = np.minimum(ranks(race[order]), _POOL - 1)
    jockey = ranked[race, rank]
    day, off = fields.day[race], fields.off[race]
    spare = rank + np.diff(fields.first)[race]
    changes = (uniform(seed, "changed", fields.horse, day) < 0.035) & (spare < _POOL)
    at = 420 + (uniform(seed, "changed at", fields.horse, day) * np.maximum(off - 440, 1)).astype(np.int64)
    year = (day - 1) * 400 // 146097 + 1
    served = year - people.apprenticed[jockey]
    claim = np.where(served < len(_CLAIMS), _CLAIMS[np.clip(served, 0, len(_CLAIMS) - 1)], 0)
    return Riders(
        jockey=jockey,
        declared=np.where(changes, ranked[race, np.minimum(spare, _POOL - 1)], jockey),
        changed_at=np.where(changes, np.where(off < 600, -60, at), NEVER),
        claim=claim,
    )


def _utility(seed: int, fields: Fields, riders: Riders, ability: Floats) -> tuple[Floats, Floats]:
    """Tell what each runner may be expected to do, in Gumbel units, and how many pounds make one."""
    horses, people = breed(seed), hire(seed)
    who, race = fields.horse, fields.race
    day, yards, place = fields.day[race], fields.yards[race], fields.place[race]
    jumps = fields.code[race] != FLAT
    sand = np.array([p.sand for p in PLACES])[place]
    offset = (np.log(yards) - horses.best[who]) / 0.4
    size = np.diff(fields.first)[race]
    sprint = np.where(yards <= 1600, 4.5, 1.5) * normal(seed, "draw bias", place, yards)
    bias = np.where(jumps, 0.0, sprint * ((fields.draw - 1) / np.maximum(size - 1, 1) - 0.5))
    carried = _WEIGHT_EFFECT * (fields.lbs - riders.claim - np.where(jumps, 155, 133))
    trainer = np.where(day >= horses.moves_on[who], horses.next_trainer[who], horses.trainer[who])
    lbs = (
        ability
        + np.where(sand, 0.5, -0.5) * horses.all_weather[who] * ~jumps
        + fields.wet[race] * horses.softness[who]
        - np.minimum(12.0 * offset**2, 15.0)
        + bias
        - carried
        + people.jockey_lbs[riders.jockey]
        + people.trainer_lbs[trainer]
        + 2.0 * normal(seed, "wellbeing", who, day)
    )
    noise = np.where(jumps, 10.5, 9.0)
    return lbs / noise, noise


def _standard(seed: int, fields: Fields) -> Floats:
    """The time a good horse takes on good ground at each course and distance, in seconds."""
    slowness = 1 + 0.012 * normal(seed, "slowness", fields.place)
    obstacles = np.choose(fields.code, [1.0, 1.06, 1.10, 1.05])
    standard: Floats = 58.5 * (fields.yards / 1100) ** 1.098 * slowness * obstacles
    return standard


def _finish(fields: Fields, race: Ints, performance: Floats, rng: np.random.Generator) -> tuple[Ints, Floats, Floats]:
    """Judge the finishes of the starters: outcome, margin and lengths behind the winner, in the order of the rows."""
    first = np.flatnonzero(np.append(True, race[1:] != race[:-1]))
    sizes = np.diff(np.append(first, len(race)))
    gap = np.repeat(np.maximum.reduceat(performance, first), sizes) - performance
    behind = 1.8 * np.sqrt(fields.yards[race] / 1760) * gap * (1 + 0.12 * gap)
    order = np.lexsort((behind, race))
    place = np.empty(len(race), dtype=np.int64)
    place[order] = ranks(race[order])
    # Only the beaten half may fail to finish, so that the winner stays the best of all.
    rate = np.array([0.006, 0.07, 0.16, 0.008])[fields.code[race]]
    failed = (place >= np.repeat(sizes, sizes) / 2) & (rng.random(len(race)) < 2 * rate)
    codes = np.where(
        (fields.code[race] == HURDLE) | (fields.code[race] == CHASE),
        rng.choice(_JUMPS_CODES, len(race)),
        rng.choice(_FLAT_CODES, len(race)),
    )
    order = np.lexsort((behind, failed, race))
    along, lost = behind[order], failed[order]
    step = np.diff(along, prepend=0.0)
    rank = ranks(race[order])
    step = np.where((rank == 0) | lost, 0.0, np.maximum(step, 0.0))
    called = _MARGINS[np.searchsorted(_MARGIN_BOUNDS, step)]
    total = called.cumsum()
    total -= np.repeat(total[first], sizes)
    # In a dead heat a horse takes the place of the one before it.
    fresh = (rank == 0) | (called > 0)
    leader = np.maximum.accumulate(np.where(fresh, np.arange(len(race)), 0))
    outcome = np.empty(len(race), dtype=np.int64)
    margin, lengths = np.empty(len(race)), np.empty(len(race))
    outcome[order] = np.where(lost, codes[order], rank[leader] + 1)
    margin[order], lengths[order] = called, total
    return outcome, margin, lengths


def _run(seed: int, fields: Fields, riders: Riders, utility: Floats, noise: Floats) -> Week:
    """Run the races of a week and price them."""
    rng = np.random.Generator(np.random.Philox(key=[seed % 2**64, fields.monday]))
    count = len(fields.horse)
    starts = (fields.withdrawn_at == NEVER) & (fields.abandoned_at == NEVER)[fields.race]
    race, own = fields.race[starts], utility[starts]
    first = np.flatnonzero(np.append(True, race[1:] != race[:-1]))
    performance = own + rng.gumbel(size=len(own))
    market = np.log(price(own, first, noise=0.45, exponent=1.08, rng=rng))
    outcome, margin, behind = _finish(fields, race, performance, rng)
    jumps = fields.code[race] != FLAT
    earned = noise[starts] * (performance - np.euler_gamma) + np.where(jumps, -6.0, 0.0)
    carried = fields.lbs[starts] - riders.claim[starts] - np.where(jumps, 155, 133)
    earned += _WEIGHT_EFFECT * carried + 3.0 * rng.standard_normal(len(own))

    def spread(values: Floats) -> Floats:
        full = np.zeros(count)
        full[starts] = values
        return full

    def counted(values: Ints | Floats) -> Ints:
        full = np.zeros(count, dtype=np.int64)
        full[starts] = values
        return full

    best = np.full(len(fields.day), 60.0)
    best[race[first]] = np.maximum.reduceat(earned, first) - np.where(fields.code[race[first]] != FLAT, JUMPS_LBS, 0)
    pace = rng.gamma(2.0, 0.003, len(fields.day)) - 0.004
    seconds = _standard(seed, fields) * (1 + 0.018 * np.maximum(fields.wet, -0.8) + pace)
    return Week(
        fields=fields,
        riders=riders,
        starts=starts,
        chance=spread(softmax_within(own, first)),
        outcome=counted(outcome),
        margin=spread(margin),
        behind=spread(behind),
        price=counted(rung(market + 0.02 * rng.standard_normal(len(own)))),
        opened=counted(rung(market + 0.2 * rng.standard_normal(len(own)))),
        rpr=counted(np.clip(np.rint(earned + 6), 1, 185)),
        speed=counted(np.clip(np.rint(earned - 12 + 6 * rng.standard_normal(len(own))), 0, 185)),
        seconds=seconds - 0.03 * (best - 70) * fields.yards / 1760,
    )


@lru_cache(maxsize=48)
def race_week(seed: int, monday: int) -> Week:
    """Race one week of a world.

    Args:
        seed: The world.
        monday: Ordinal of the first day of seven; any week can be raced without those before it.
    """
    horses = breed(seed)
    fields = frame(seed, monday)
    day = fields.day[fields.race]
    ability = ability_on(horses, seed, fields.horse, day)
    hope = ability - _WEIGHT_EFFECT * fields.lbs + 6.0 * normal(seed, "hope", fields.horse, day)
    riders = _ride(seed, fields, hope)
    utility, noise = _utility(seed, fields, riders, ability)
    return _run(seed, fields, riders, utility, noise)


def monday_of(day: int) -> int:
    """The first day of the week of a day; ordinal 1 was a Monday."""
    return day - (day - 1) % 7


def standard_seconds(seed: int, fields: Fields) -> Floats:
    """The standard time of each race."""
    return _standard(seed, fields)


def ages(seed: int, fields: Fields, rows: Ints) -> Ints:
    """The age of some runners in years; all horses have their birthday on 1 January."""
    day = fields.day[fields.race[rows]]
    year = (day - 1) * 400 // 146097 + 1
    year += day >= new_year(year + 1)
    year -= day < new_year(year)
    age: Ints = year - breed(seed).born[fields.horse[rows]]
    return age
