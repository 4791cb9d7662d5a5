"""The fixture list of the synthetic racing world: which races are run where, when and on what going."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from morningline.domains.racing.world.names import COURSES, YARDS, Course, race_title

# Meetings on Monday, Tuesday, ... Sunday: seven a week.
MEETINGS = (1, 0, 1, 0, 1, 2, 2)
# How soft each going is, in steps from good; the all-weather is neither soft nor firm.
SOFTNESS = {
    "Good To Firm": -1.0,
    "Good": 0.0,
    "Good To Soft": 0.8,
    "Soft": 1.6,
    "Heavy": 2.2,
    "Standard": 0.0,
}
_GOING_ABOVE = ((1.75, "Heavy"), (1.0, "Soft"), (0.4, "Good To Soft"), (-0.5, "Good"))
# The highest rating a handicap of each class admits, and how often the class is staged.
CLASS_TOPS = {2: 105, 3: 92, 4: 82, 5: 72, 6: 60}
_CLASS_SHARES = (0.06, 0.12, 0.24, 0.31, 0.27)
_FIELD_SHARES = (0.07, 0.10, 0.14, 0.15, 0.15, 0.13, 0.11, 0.08, 0.07)


@dataclass(frozen=True, kw_only=True)
class Race:
    """One race as the racecourse announces it.

    Args:
        day: The local day.
        off_minute: Minutes after local midnight (Europe/London) of the off.
        course: Where.
        number: Its place in the meeting, from one.
        kind: "Handicap", "Novice Stakes" or "Conditions Stakes".
        two_year_olds: For two-year-olds only; else for older horses only.
        grade: The number of its class, two to six.
        distance: A key of `YARDS`.
        going: A key of `SOFTNESS`.
        places: How many runners it is framed for.
        title: The first words of its name.
    """

    day: date
    off_minute: int
    course: Course
    number: int
    kind: str
    two_year_olds: bool
    grade: int
    distance: str
    going: str
    places: int
    title: str

    @property
    def race_id(self) -> str:
        """The id, the same on the card and in the results."""
        return f"{self.day:%Y%m%d}-{self.course.code}-{self.number}"

    @property
    def name(self) -> str:
        """The full name, as a racecard prints it."""
        return f"{self.title} {self.kind} ({'2yo' if self.two_year_olds else '3yo+'})"

    @property
    def yards(self) -> int:
        """The distance in yards."""
        return YARDS[self.distance]

    @property
    def softness(self) -> float:
        """Steps of softness from good turf."""
        return SOFTNESS[self.going]


def next_racing_day(day: date) -> date:
    """Find the first day after the given one with a meeting."""
    day += timedelta(days=1)
    while not MEETINGS[day.weekday()]:
        day += timedelta(days=1)
    return day


def _turf_is_open(day: date) -> bool:
    """Turf racing on the flat runs from late March to early November."""
    return (3, 25) <= (day.month, day.day) <= (11, 6)


def _venues(day: date, rng: np.random.Generator) -> list[int]:
    """Draw the courses that race on a day; the all-weather carries the winter alone."""
    turf_weight = 1.0 if _turf_is_open(day) else 0.0
    weight = np.array([turf_weight if c.surface == "Turf" else 0.7 for c in COURSES])
    size = MEETINGS[day.weekday()]
    return [int(i) for i in rng.choice(len(COURSES), size=size, replace=False, p=weight / weight.sum())]


def _going(course: Course, day: date, weather: float) -> str:
    """Name the going from the season, the course's drainage and the weather of the last weeks."""
    if course.surface == "AW":
        return "Standard"
    season = 0.25 + 0.45 * np.cos(2 * np.pi * (day.timetuple().tm_yday - 15) / 365)
    wetness = season + course.drainage * 0.5 + 0.75 * weather
    return next((name for above, name in _GOING_ABOVE if wetness > above), "Good To Firm")


def _meeting(course: Course, day: date, going: str, later: int, rng: np.random.Generator) -> Iterator[Race]:
    """Frame the six or seven races of one meeting; `later` is its place among the day's meetings."""
    evening = day.weekday() < 5 and course.surface == "AW" and rng.random() < 0.5
    first_off = (1050 if evening else 790) + 15 * later + 5 * int(rng.integers(4))
    gap = int(rng.choice([30, 35]))
    # Few races suit long-distance horses, so the shorter half of the distances is staged more often.
    shares = np.linspace(1.5, 0.5, len(course.distances))
    for number in range(1, int(rng.integers(6, 8)) + 1):
        kind = str(rng.choice(["Handicap", "Novice Stakes", "Conditions Stakes"], p=[0.82, 0.13, 0.05]))
        young = bool(rng.random() < (0.2 if day.month in {6, 7, 8, 9, 10, 11, 12} else 0.05))
        # Two-year-olds run from May, over sprints and up to a mile, and seldom before they are rated.
        young = young and day.month >= 5
        distances = [d for d in course.distances if not young or YARDS[d] <= 1760]
        weights = shares[: len(distances)] / shares[: len(distances)].sum()
        if young and day.month < 9:
            kind = "Novice Stakes"
        grade = int(rng.choice(list(CLASS_TOPS), p=_CLASS_SHARES))
        yield Race(
            day=day,
            off_minute=first_off + gap * (number - 1),
            course=course,
            number=number,
            kind=kind,
            two_year_olds=young,
            grade={"Novice Stakes": 4 + number % 2, "Conditions Stakes": 2 + number % 2}.get(kind, grade),
            distance=str(rng.choice(distances, p=weights)),
            going=going,
            places=int(rng.choice(np.arange(6, 15), p=_FIELD_SHARES)),
            title=race_title(rng),
        )


def fixtures(first: date, last: date, rng: np.random.Generator) -> Iterator[list[list[Race]]]:
    """Frame every race from the first to the last day.

    Args:
        first: First day, included.
        last: Last day, included.
        rng: The stream of chance used.

    Yields:
        For each day with racing, its meetings; each meeting is a list of races in the order of the off.
    """
    weather = rng.standard_normal(len(COURSES))
    day, seen = first, first
    while day <= last:
        if MEETINGS[day.weekday()]:
            keep = 0.93 ** (day - seen).days
            weather = keep * weather + np.sqrt(1 - keep**2) * rng.standard_normal(len(COURSES))
            seen = day
            goings = [_going(course, day, float(w)) for course, w in zip(COURSES, weather, strict=True)]
            venues = _venues(day, rng)
            yield [list(_meeting(COURSES[v], day, goings[v], k, rng)) for k, v in enumerate(venues)]
        day += timedelta(days=1)
