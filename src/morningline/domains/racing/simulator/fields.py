"""The racecards of a week before anybody rides: meetings, races, their conditions, weights, stalls and withdrawals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from morningline.domains.racing.simulator.chance import Bools, Floats, Ints, drift, mixed, uniform, whole
from morningline.domains.racing.simulator.places import CIRCUITS, PLACES
from morningline.domains.racing.simulator.population import JUMPS_LBS, breed, new_year, ratings_on
from morningline.domains.racing.simulator.schedule import declared

NEVER = 1_000_000
HANDICAP, NOVICE, CONDITIONS = 0, 1, 2
FLAT, HURDLE, CHASE, BUMPER = 0, 1, 2, 3
_FLAT_YARDS = np.array([1100, 1320, 1540, 1760, 1980, 2200, 2420, 2640, 3080, 3520])
_JUMPS_YARDS = np.array([3520, 3740, 4180, 4400, 4840, 5280, 5720, 6600])
_OWN_PLACES = [[i for i, p in enumerate(PLACES) if p.circuit == c] for c in range(len(CIRCUITS))]
_MEETING, _SMALLEST_DAY, _SMALLEST_GROUP = 72, 14, 5


@dataclass(kw_only=True)
class Fields:
    """Races and declared runners of a week, in the order of day, off and course; see `week.Week` for the columns."""

    monday: int
    first: Ints
    day: Ints
    number: Ints
    place: Ints
    off: Ints
    kind: Ints
    code: Ints
    yards: Ints
    top: Ints
    grade: Ints
    pattern: Ints
    young: Ints
    aged: Ints
    fillies: Bools
    wet: Floats
    wet_on_card: Floats
    abandoned_at: Ints
    horse: Ints
    race: Ints
    lbs: Ints
    rating: Floats
    draw: Ints
    withdrawn_at: Ints


def ranks(groups: Ints) -> Ints:
    """Number the members of each group from zero; the groups stand side by side."""
    starts = np.flatnonzero(np.append(True, groups[1:] != groups[:-1]))
    sizes = np.diff(np.append(starts, len(groups)))
    return np.arange(len(groups)) - np.repeat(starts, sizes)


def _numbered(*keys: Ints) -> Ints:
    """Number the runs of equal keys from zero."""
    change = np.zeros(len(keys[0]), dtype=bool)
    for key in keys:
        change[1:] |= key[1:] != key[:-1]
    return change.cumsum()


def _places(seed: int, day: int, circuit: int, count: int) -> list[int]:
    """Choose the courses of a circuit that race on a day: turf first, then all-weather."""
    order = sorted(_OWN_PLACES[circuit], key=lambda place: mixed(day * 101 + place, seed))
    share = CIRCUITS[circuit].all_weather[date.fromordinal(day).month - 1]
    sand = int(count * share + mixed(day * 7 + circuit, seed) / 2**24)
    grass = [i for i in order if not PLACES[i].sand]
    dust = [i for i in order if PLACES[i].sand]
    sand = min(sand, len(dust))
    return [*grass[: count - sand], *dust[:sand]]


def _meetings(seed: int, who: Ints, day: Ints) -> tuple[Ints, Ints, Ints]:
    """Spread the horses of each day over meetings.

    Returns:
        Which horses run, the number of the meeting of each, and the course of each meeting.
    """
    horses = breed(seed)
    circuit = horses.circuit[who]
    unit = (day - day.min()) * len(CIRCUITS) + circuit
    likes = horses.all_weather[who] / 4 + 0.7 * drift(seed, "mood", who, day, 9)
    order = np.lexsort((likes, unit))
    unit = unit[order]
    rank, size = ranks(unit), np.bincount(unit)[unit]
    meeting, courses, base = np.full(len(order), -1), [], 0
    first_day = int(day.min())
    for u in np.unique(unit).tolist():
        inside = unit == u
        n = int(inside.sum())
        if n < _SMALLEST_DAY:
            continue
        chosen = _places(seed, first_day + u // len(CIRCUITS), u % len(CIRCUITS), max(1, round(n / _MEETING)))
        meeting[inside] = base + rank[inside] * len(chosen) // size[inside]
        courses += chosen
        base += len(chosen)
    kept = meeting >= 0
    return order[kept], meeting[kept], np.array(courses)


def _groups(seed: int, who: Ints, day: Ints, meeting: Ints, jumps: Bools) -> Ints:
    """Sort the horses of a meeting by what they run in.

    On the flat: two-year-olds 0, older ones 1, and at some meetings fillies and mares 2; over jumps: bumpers 0,
    hurdles 1, chases 2. A group too small for a race joins another.
    """
    horses = breed(seed)
    age = (day - new_year(horses.born[who])) // 365
    apart = (uniform(seed, "fillies", meeting, day) < 0.35) & horses.female[who]
    flat = np.where(age <= 2, 0, np.where(apart, 2, 1))
    new = (age <= 5) & (day - horses.first_day[who] < 130) & (horses.obstacles[who] < 0.5)
    over = np.where(new, 0, np.where(horses.obstacles[who] + 0.08 * (age - 6) > 0.62, 2, 1))
    group = np.where(jumps, over, flat)
    for small, into in ((0, 1), (2, 1), (1, 2), (1, 0)):
        count = np.bincount(meeting * 3 + group, minlength=3 * int(meeting.max() + 1)).reshape(-1, 3)
        moves = (count[:, small] < _SMALLEST_GROUP) & (count[:, small] > 0) & (count[:, into] > 0)
        group = np.where(moves[meeting] & (group == small), into, group)
    return group


def _cut(seed: int, who: Ints, day: Ints, meeting: Ints, group: Ints, rating: Floats) -> tuple[Ints, Ints]:
    """Cut each group into trips by the distance its horses like, and each trip into races by rating.

    Returns:
        The order in which the runners of a race stand side by side, and the race of each in that order.
    """
    horses = breed(seed)
    unit = meeting * 3 + group
    order = np.lexsort((horses.best[who], unit))
    rank, size = ranks(unit[order]), np.bincount(unit)[unit[order]]
    trips = np.where(size < 30, 1, np.where(size < 75, 2, 3))
    trip = rank * trips // size
    # Horses without a rating meet each other where there are enough of them.
    raw = np.isnan(rating[order])
    trip = np.where(raw & (np.bincount(unit, weights=np.isnan(rating))[unit[order]] >= _SMALLEST_GROUP), 3, trip)
    part = unit[order] * 4 + trip
    again = np.lexsort((np.nan_to_num(rating[order], nan=0.0), part))
    order, part = order[again], part[again]
    rank, size = ranks(part), np.bincount(part)[part]
    wanted = 9.2 + 5.0 * uniform(seed, "wanted", part, int(day.min()))
    races = np.maximum(1, np.rint(size / wanted)).astype(np.int64)
    bend = 0.88 + 0.3 * uniform(seed, "bend", part, int(day.min()))
    within = (races * ((rank + 0.5) / size) ** bend).astype(np.int64)
    return order, _numbered(part, within)


def _offs(seed: int, day: Ints, meeting: Ints, place: Ints) -> Ints:
    """Time the races: a meeting in the afternoon, in the evening or, far away, before a British breakfast."""
    first = np.flatnonzero(np.append(True, meeting[1:] != meeting[:-1]))
    at, where = day[first], place[first]
    u = uniform(seed, "first off", at, where)
    sand = np.array([p.sand for p in PLACES])[where]
    far = np.array([p.region == "AUS" for p in PLACES])[where]
    evening = uniform(seed, "evening", at, where) < np.where(sand, 0.55, 0.12)
    start = np.where(far, 130 + 5 * (u * 18).astype(int), np.where(evening, 1000, 755) + 5 * (u * 17).astype(int))
    gap = np.where(uniform(seed, "gap", at, where) < 0.4, 30, 35)
    order = np.lexsort((uniform(seed, "running order", day, np.arange(len(day))), meeting))
    running = np.empty(len(day), dtype=np.int64)
    running[order] = ranks(meeting[order])
    index = _numbered(meeting)
    return start[index] + gap[index] * running


def _wetness(seed: int, day: Ints, place: Ints) -> Floats:
    """How soft the ground is, in steps from good: season, drainage and the weather of the last weeks."""
    season = 0.25 + 0.5 * np.cos(2 * np.pi * (day % 365.25 - 15) / 365.25)
    drainage = 0.4 * uniform(seed, "drainage", place) - 0.2
    weather = 0.8 * drift(seed, "weather", place, day, 11)
    sand = np.array([p.sand for p in PLACES])[place]
    return np.where(sand, 0.0, season + drainage + weather)


def _yards(seed: int, place: Ints, code: Ints, best: Floats, luck: Floats) -> Ints:
    """Choose the nearest distance of the list to what the field likes; courses stretch it by some yards."""
    wanted = np.exp(best) * np.exp(0.08 * (luck - 0.5))
    flat = _FLAT_YARDS[np.abs(np.log(wanted)[:, None] - np.log(_FLAT_YARDS)).argmin(axis=1)]
    over = _JUMPS_YARDS[np.abs(np.log(wanted)[:, None] - np.log(_JUMPS_YARDS)).argmin(axis=1)]
    base = np.where(code == FLAT, flat, np.where(code == BUMPER, 3520, over))
    stretch = whole(200, seed, "stretch", place, base, np.minimum(code, 2))
    return base + np.where(code == FLAT, np.maximum(0, stretch - 130), stretch // 2)


def _grades(top: Floats, pattern: Ints, jumps: Bools) -> Ints:
    """Name the class of a race by the ratings it admits."""
    level = top - np.where(jumps, JUMPS_LBS + 4, 0)
    grade = np.searchsorted([60, 70, 80, 90], level, side="left")
    return np.where(pattern > 0, 1, 6 - grade).astype(np.int64)


def _weights(seed: int, race: Ints, fields: Conditions, rating: Floats, female: Bools, day: Ints) -> Ints:
    """Set the weights: by rating in a handicap, else level with an allowance for fillies and mares."""
    jumps = fields.code[race] != FLAT
    spare = whole(7, seed, "top weight", day, race)
    highest = fields.top_rating[race]
    handicap = np.maximum(np.where(jumps, 161, 132) + spare - (highest - rating), np.where(jumps, 140, 112))
    level = np.where(jumps, 160, 133) - np.where(female & ~fields.fillies[race], np.where(jumps, 7, 5), 0)
    return np.where(fields.kind[race] == HANDICAP, np.nan_to_num(handicap), level).astype(np.int64)


@dataclass(kw_only=True)
class Conditions:
    """What each race is for; arrays with one entry a race."""

    kind: Ints
    code: Ints
    top: Ints
    top_rating: Floats
    grade: Ints
    pattern: Ints
    young: Ints
    aged: Ints
    fillies: Bools


def _conditions(seed: int, first: Ints, who: Ints, day: Ints, group: Ints, rating: Floats) -> Conditions:
    """Frame the conditions of each race around the horses that will run in it."""
    horses = breed(seed)
    sizes = np.diff(np.append(first, len(who)))
    jumps = np.array([c.jumps for c in CIRCUITS])[horses.circuit[who[first]]]
    age = np.array([date.fromordinal(d).year for d in day[first].tolist()])[np.repeat(np.arange(len(first)), sizes)]
    age -= horses.born[who]
    highest = np.maximum.reduceat(np.nan_to_num(rating, nan=0.0), first)
    rated = np.logical_and.reduceat(~np.isnan(rating), first)
    mean = np.add.reduceat(np.nan_to_num(rating, nan=60.0), first) / sizes - np.where(jumps, JUMPS_LBS, 0)
    u = uniform(seed, "kind", day[first], np.arange(len(first)))
    plain = rated & (u < np.where(mean > 82, 0.4, 0.93))
    kind = np.where(plain, HANDICAP, np.where(rated, CONDITIONS, NOVICE))
    # The best races of all are Listed and Group races.
    pattern = np.where(kind == CONDITIONS, np.searchsorted([82, 86, 90, 93], mean), 0)
    top = np.where(kind == HANDICAP, np.ceil(highest / 5) * 5, 0).astype(np.int64)
    return Conditions(
        kind=kind,
        code=np.where(jumps, np.array([BUMPER, HURDLE, CHASE])[group[first]], FLAT),
        top=top,
        top_rating=highest,
        grade=_grades(np.where(top > 0, top, mean + 8), pattern, jumps),
        pattern=pattern,
        young=np.minimum.reduceat(age, first),
        aged=np.maximum.reduceat(age, first),
        fillies=np.logical_and.reduceat(horses.female[who], first),
    )


def _withdrawals(seed: int, race: Ints, who: Ints, day: Ints, off: Ints) -> Ints:
    """Draw who is withdrawn and when: a third the day before, most in the morning, the rest on the course."""
    out = uniform(seed, "withdrawn", who, day) < 0.06
    left = np.bincount(race, weights=~out)[race]
    v = uniform(seed, "withdrawn at", who, day)
    late = 630 + (v - 0.8) / 0.2 * np.maximum(off - 650, 0)
    at = np.where(v < 0.35, -720 + v / 0.35 * 480, np.where(v < 0.8, 360 + (v - 0.35) / 0.45 * 270, late))
    at = np.where(off < 600, np.minimum(at, -120), at)
    return np.where(out & (left >= 3), at, NEVER).astype(np.int64)


def _abandonments(seed: int, day: Ints, place: Ints, off: Ints, meeting: Ints, wet: Floats) -> Ints:
    """Draw which meetings are abandoned: in the morning as a whole, or the races still to come."""
    chance = np.where(wet > 1.2, 0.02, 0.003) * (wet != 0.0)
    struck = uniform(seed, "abandoned", day, place) < chance
    first = np.zeros(int(meeting.max()) + 1, dtype=np.int64) + NEVER
    np.minimum.at(first, meeting, off)
    morning = uniform(seed, "inspected", day, place) < 0.7
    at = np.where(morning, np.minimum(450, first[meeting] - 120), first[meeting] + 75)
    return np.where(struck & (off > at), at, NEVER)


def frame(seed: int, monday: int) -> Fields:
    """Frame every race of a week around the horses that are declared to run.

    Args:
        seed: The world.
        monday: Ordinal of the first day of seven.
    """
    horses = breed(seed)
    who, day = declared(horses, seed, monday)
    order = np.lexsort((who, day))
    who, day = who[order], day[order]
    kept, meeting, courses = _meetings(seed, who, day)
    who, day = who[kept], day[kept]
    rating = ratings_on(horses, seed, who, day)
    jumps = np.array([c.jumps for c in CIRCUITS])[horses.circuit[who]]
    group = _groups(seed, who, day, meeting, jumps)
    order, race = _cut(seed, who, day, meeting, group, rating)
    who, day, rating, group, meeting = who[order], day[order], rating[order], group[order], meeting[order]
    first = np.flatnonzero(np.append(True, race[1:] != race[:-1]))
    own = _conditions(seed, first, who, day, group, rating)
    at, meets = day[first], meeting[first]
    place = courses[meets]
    off = _offs(seed, at, meets, place)
    wet = _wetness(seed, at, place)
    best = np.add.reduceat(horses.best[who], first) / np.diff(np.append(first, len(who)))
    yards = _yards(seed, place, own.code, best, uniform(seed, "trip", at, np.arange(len(first))))
    lbs = _weights(seed, race, own, rating, horses.female[who], day)
    withdrawn = _withdrawals(seed, race, who, day, off[race])
    abandoned = _abandonments(seed, at, place, off, meets, wet)
    # From here on races stand in the order of day, off and course, and runners in the order of their numbers.
    running = np.lexsort((place, off, at))
    position = np.empty(len(running), dtype=np.int64)
    position[running] = np.arange(len(running))
    race = position[race]
    rows = np.lexsort((uniform(seed, "number", who, day), -lbs, race))
    race, who, day = race[rows], who[rows], day[rows]
    draw = np.empty(len(rows), dtype=np.int64)
    stalls = np.lexsort((uniform(seed, "draw", who, day), race))
    draw[stalls] = ranks(race[stalls]) + 1
    code = own.code[running]
    return Fields(
        monday=monday,
        first=np.append(np.flatnonzero(np.append(True, race[1:] != race[:-1])), len(race)),
        day=at[running],
        number=ranks(at[running]),
        place=place[running],
        off=off[running],
        kind=own.kind[running],
        code=code,
        yards=yards[running],
        top=own.top[running],
        grade=own.grade[running],
        pattern=own.pattern[running],
        young=own.young[running],
        aged=own.aged[running],
        fillies=own.fillies[running],
        wet=wet[running],
        wet_on_card=_wetness(seed, at[running] - 1, place[running]),
        abandoned_at=abandoned[running],
        horse=who,
        race=race,
        lbs=lbs[rows],
        rating=rating[rows],
        draw=np.where(code[race] == FLAT, draw, 0),
        withdrawn_at=withdrawn[rows],
    )
