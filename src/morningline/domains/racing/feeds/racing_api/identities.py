"""Ids for cards that have none: those of the Free plan until 2025, and courses of the Free plan until today.

Such a race is named by its course and its off, and all of its people and horses by their names. Ids that the feed
gives are taken as they are.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from morningline.domains.racing.feeds.racing_api.shapes import Record

# Three letters, or one of the codes of two: "(AW)" is no country but another course.
_COUNTRY = re.compile(r"\s*\(([A-Z]{3}|FR|GB|GR|HK|NZ|PR|QA)\)$")
_CLAIM = re.compile(r"\s*\(\d+\)$")
_PEOPLE = ("trainer", "owner", "sire", "dam", "damsire")


def name_id(*parts: str | None) -> str | None:
    """An id made of names, None where one of them is missing.

    Example:
        >>> name_id("Dundalk (AW)")
        'dundalk-aw'
    """
    if not all(parts):
        return None
    letters = unicodedata.normalize("NFC", " ".join(part for part in parts if part)).lower()
    return re.sub(r"[\W_]+", "-", letters).strip("-") or None


def without_country(name: str | None) -> str | None:
    """A name without the country behind it: "Dundalk (AW) (IRE)" is "Dundalk (AW)"."""
    return _COUNTRY.sub("", name) if name else name


def identify(race: Record) -> None:
    """Give a race and its runners the ids that the feed does not give them.

    Args:
        race: A race of a card or a result, changed in place.
    """
    course = name_id(without_country(race.course))
    if not race.race_id:
        # The off in the UK's local time, to the minute: two races of a course never start together.
        race.race_id = name_id(course, race.off_dt[:16] if race.off_dt else None)
    if not race.course_id:
        race.course_id = course
    for runner in race.runners:
        if runner is not None and not runner.horse_id and runner.horse:
            _identify_runner(runner)


def _identify_runner(runner: Record) -> None:
    suffix = _COUNTRY.search(runner.horse)
    country = getattr(runner, "region", None) or (suffix[1] if suffix else None)
    runner.horse_id = name_id(without_country(runner.horse), country or "unknown")
    runner.jockey_id = runner.jockey_id or name_id(_CLAIM.sub("", runner.jockey or ""))
    for role in _PEOPLE:
        if not getattr(runner, f"{role}_id"):
            setattr(runner, f"{role}_id", name_id(without_country(getattr(runner, role))))
