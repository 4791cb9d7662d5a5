"""The words of a race: its name, conditions, distance, going and times, in the two vocabularies of the feed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from morningline.domains.racing.simulator import words
from morningline.domains.racing.simulator.chance import mixed
from morningline.domains.racing.simulator.fields import BUMPER, CHASE, FLAT, HANDICAP, HURDLE, NOVICE, Fields
from morningline.domains.racing.simulator.places import PLACES, Place

if TYPE_CHECKING:
    from morningline.domains.racing.simulator.week import Week

LONDON = ZoneInfo("Europe/London")
TYPES = {FLAT: "Flat", HURDLE: "Hurdle", CHASE: "Chase", BUMPER: "NH Flat"}
PATTERNS = ("", "Listed", "Group 3", "Group 2", "Group 1")
BARE_SINCE = date(2025, 10, 20).toordinal()
NEW_KEYS_SINCE = date(2026, 6, 1).toordinal()
STATUS_SINCE = date(2026, 1, 1).toordinal()
_LONG_IDS_SINCE = date(2026, 1, 1).toordinal()
_IDS_FROM = date(2004, 1, 1).toordinal()
_ID_BASE, _LONG_ID_BASE, _A_DAY = 10_000_000, 32_297_000_000, 200
_PRIZES = {1: 56_710.0, 2: 25_770.0, 3: 10_308.0, 4: 5_234.0, 5: 3_664.0, 6: 3_140.4, 7: 2_722.0}
_SPONSORS = (
    "",
    "",
    "",
    "Every Race Live ",
    "Bet The Wright Way ",
    "Download The App ",
    "£1Million Bonus ",
    "Members' ",
)


@cache
def london_offset(day: int) -> timedelta:
    """How far London's clocks are ahead of UTC at noon of a day."""
    offset = datetime.combine(date.fromordinal(day), time(12), LONDON).utcoffset()
    return offset or timedelta(0)


def utc_minutes(day: int, minute: int) -> int:
    """Minutes from ordinal 0 to a minute of London's day, in UTC."""
    return day * 1440 + minute - london_offset(day) // timedelta(minutes=1)


def race_id(day: int, number: int) -> str:
    """The id of a race: eight digits, and eleven from 2026 on."""
    base = _LONG_ID_BASE if day >= _LONG_IDS_SINCE else _ID_BASE
    return f"rac_{base + (day - _IDS_FROM) * _A_DAY + number}"


def race_of(identity: str) -> tuple[int, int] | None:
    """Find the day and the number of a race from its id, or None if no race could have it."""
    digits = identity.removeprefix("rac_")
    if digits == identity or not (digits.isascii() and digits.isdigit()) or len(digits) not in {8, 11}:
        return None
    day, number = divmod(int(digits) - (_LONG_ID_BASE if len(digits) == 11 else _ID_BASE), _A_DAY)
    day += _IDS_FROM
    plausible = 0 <= day - _IDS_FROM < 10_000 and race_id(day, number) == identity
    return (day, number) if plausible else None


def clock_text(minute: int) -> str:
    """Write a time as the feed does: twelve hours without am or pm, "8:30"."""
    hour = minute // 60 % 12 or 12
    return f"{hour}:{minute % 60:02d}"


def instant_text(day: int, minute: int) -> str:
    """Write an off as ISO 8601 with London's offset, wherever the race is run."""
    hours = london_offset(day) // timedelta(hours=1)
    return f"{date.fromordinal(day)}T{minute // 60:02d}:{minute % 60:02d}:00+{hours:02d}:00"


def prize_money(grade: int, pattern: int, day: int, number: int) -> float:
    """What the winner earns, in whole units and cents of the local currency."""
    spread = 1 + mixed(day * 211 + number, 4) % 400 / 400
    return round(_PRIZES[grade] * spread * (1 + pattern * pattern / 3), 2)


@cache
def half_furlongs(yards: int) -> tuple[str, str]:
    """Write a distance in halves of a furlong, as "2m½f" and "16.5"."""
    halves = round(yards / 110)
    miles, rest = divmod(halves, 16)
    furlongs = (str(rest // 2) if rest // 2 else "") + ("½" if rest % 2 else "")
    return (f"{miles}m" if miles else "") + (f"{furlongs}f" if furlongs else ""), f"{halves / 2:g}"


@cache
def exact(yards: int) -> str:
    """Write a distance to the yard, "2m6f31y"."""
    miles, rest = divmod(yards, 1760)
    furlongs, odd = divmod(rest, 220)
    parts = [f"{n}{unit}" for n, unit in ((miles, "m"), (furlongs, "f"), (odd, "y")) if n]
    return "".join(parts)


def metres(yards: int, region: str) -> str:
    """Write a distance in metres; where they are the original it has a decimal, "2400.0"."""
    return f"{round(yards * 0.9144 / 100) * 100:.1f}" if region in {"FR", "AUS"} else str(round(yards * 0.9144))


_TURF = ((1.75, "Heavy"), (1.0, "Soft"), (0.4, "Good To Soft"), (-0.5, "Good"), (-9.0, "Good To Firm"))
_IRISH = (
    (1.9, "Heavy"),
    (1.6, "Soft To Heavy"),
    (1.1, "Soft"),
    (0.8, "Yielding To Soft"),
    (0.5, "Yielding"),
    (0.2, "Good To Yielding"),
    (-0.5, "Good"),
    (-9.0, "Good To Firm"),
)
_FRENCH = ((1.7, "Heavy"), (1.1, "Very Soft"), (0.6, "Soft"), (0.2, "Good To Soft"), (-9.0, "Good"))


def going_text(place: Place, wet: float, day: int) -> str:
    """Name the going in the words of the country."""
    if place.sand:
        return "Standard To Slow" if mixed(day, len(place.name)) % 6 == 0 else "Standard"
    table = {"IRE": _IRISH, "FR": _FRENCH}.get(place.region, _TURF)
    return next(name for above, name in table if wet > above)


def age_band(young: int, aged: int) -> str:
    """Name the ages a race is for."""
    return f"{young}yo" if young == aged and young < 4 else f"{min(young, 5)}yo+"


@dataclass(frozen=True, kw_only=True)
class RaceWords:
    """The words of one race that both vocabularies share; `index` is its index in the week."""

    index: int
    race_id: str
    day: str
    place: Place
    off: str
    off_dt: str
    name: str
    type: str
    race_class: str
    pattern: str
    band: str
    ages: str
    sexes: str
    jumps: str
    surface: str
    prize: float


def _name(fields: Fields, race: int, place: Place, ages: str) -> str:
    day, number, kind = int(fields.day[race]), int(fields.number[race]), int(fields.kind[race])
    draw = mixed(day * 211 + number, 5)
    code, pattern = int(fields.code[race]), int(fields.pattern[race])
    title = _SPONSORS[draw % len(_SPONSORS)] + words.race_title(draw // 8)
    if place.region == "FR":
        title = f"Prix {words.race_title(draw // 8)}"
    kinds = {HANDICAP: "Handicap", NOVICE: "Novice Stakes" if code == FLAT else "Novices'"}
    what = kinds.get(kind, "Stakes" if code == FLAT else "")
    if code == BUMPER:
        what = '"National Hunt" Flat Race'
    elif code != FLAT:
        what = f"{what} {TYPES[code]}".strip()
    sexes = ("Fillies' " if code == FLAT else "Mares' ") if fields.fillies[race] else ""
    group = f" ({PATTERNS[pattern]})" if pattern else " ()" if kind not in {HANDICAP, NOVICE} and draw % 5 == 0 else ""
    abroad = f" ({ages}) (Turf)" if place.region in {"FR", "AUS"} else ""
    return f"{title} {sexes}{what}{group}{abroad}"


def race_words(week: Week, race: int) -> RaceWords:
    """Put a race into words, once.

    Args:
        week: The week.
        race: Index of the race in it.
    """
    found = week.worded.get(race)
    if not isinstance(found, RaceWords):
        found = week.worded[race] = _words(week.fields, race)
    return found


def _words(fields: Fields, race: int) -> RaceWords:
    day, number, off = int(fields.day[race]), int(fields.number[race]), int(fields.off[race])
    place, code, top = PLACES[int(fields.place[race])], int(fields.code[race]), int(fields.top[race])
    ages = age_band(int(fields.young[race]), int(fields.aged[race]))
    yards, pattern = int(fields.yards[race]), int(fields.pattern[race])
    obstacles = {HURDLE: f"{yards // 440} hurdles", CHASE: f"{yards // 330} fences"}
    return RaceWords(
        index=race,
        race_id=race_id(day, number),
        day=str(date.fromordinal(day)),
        place=place,
        off=clock_text(off),
        off_dt=instant_text(day, off),
        name=_name(fields, race, place, ages),
        type=TYPES[code],
        race_class=f"Class {fields.grade[race]}" if place.region == "GB" or pattern else "",
        pattern=PATTERNS[pattern],
        band=f"0-{top}" if top and place.region in {"GB", "IRE"} else "",
        ages=ages,
        sexes=("F" if int(fields.aged[race]) < 4 else "F&M" if code == FLAT else "M") if fields.fillies[race] else "",
        jumps=obstacles.get(code, ""),
        surface="AW" if place.sand else "Turf",
        prize=prize_money(int(fields.grade[race]), pattern, day, number),
    )
