"""Days on which the feed looks well and gives less: half the runners, half the races, or a column that is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from morningline.domains.racing.simulator.chance import hash_text, uniform
from morningline.domains.racing.simulator.race_words import race_of

if TYPE_CHECKING:
    from datetime import date

_DAYS = 0.08
_COLUMNS = {
    "jockey": ("jockey", "jockey_id"),
    "trainer": ("trainer", "trainer_id"),
    "weight": ("lbs", "weight_lbs", "weight"),
    "age": ("age", "dob"),
    "draw": ("draw",),
    "rating": ("ofr", "or"),
    "price": ("sp", "sp_dec", "bsp"),
}
RUNNERS, RACES = "half the runners", "half the races"
_KINDS = (RUNNERS, RACES, *(f"no {column}" for column in _COLUMNS))


def thinned(day: date | int, seed: int) -> str:
    """What the feed does not give of a day, cards and results alike; empty where it gives all.

    Args:
        day: The day, or its ordinal.
        seed: The world.

    Returns:
        "half the runners", "half the races" or "no jockey" and the like, one day in twelve.
    """
    ordinal = day if isinstance(day, int) else day.toordinal()
    u = float(uniform(seed, "thin", ordinal)[0]) / _DAYS
    return _KINDS[int(u * len(_KINDS))] if u < 1 else ""


def is_given(race_id: str) -> bool:
    """Whether a race is in the half that is given: every second one of its day."""
    _, number = race_of(race_id) or (0, 0)
    return number % 2 == 0


def thin(kind: str, body: bytes) -> bytes:
    """Take out of a race what its day lacks.

    Args:
        kind: Of `thinned`.
        body: The race as JSON.
    """
    if kind in {"", RACES}:
        return body
    race = msgspec.json.decode(body)
    if kind == RUNNERS:
        race["runners"] = [runner for runner in race["runners"] if hash_text(runner["horse_id"]) % 2]
    else:
        for runner in race["runners"]:
            runner.update({key: "" for key in _COLUMNS[kind.removeprefix("no ")] if key in runner})
    return msgspec.json.encode(race)
