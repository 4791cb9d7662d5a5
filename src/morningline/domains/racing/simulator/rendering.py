"""One race as bytes, with what a filter may ask of it; pages are put together from such pieces without parsing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from morningline.domains.racing.simulator.fragments import encode

if TYPE_CHECKING:
    from collections.abc import Collection

    from morningline.domains.racing.simulator.fields import Fields
    from morningline.domains.racing.simulator.race_words import RaceWords


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One race of a page.

    Args:
        race_id: Its id.
        body: The race as JSON.
        region: Region code as in queries.
        course_id: Its course.
        words: Type, going, class, age band and sex restriction as in queries, by the name of the filter.
        yards: Its distance.
    """

    race_id: str
    body: bytes
    region: str
    course_id: str
    words: dict[str, str]
    yards: int


@dataclass(frozen=True, kw_only=True)
class Lacks:
    """The keys that a level does not tell.

    Args:
        race: Keys of a race.
        runner: Keys of a runner.
    """

    race: Collection[str] = ()
    runner: Collection[str] = ()


def _slug(text: str) -> str:
    return text.lower().replace(" ", "_")


def _without(body: bytes, lacks: Lacks) -> bytes:
    race = msgspec.json.decode(body)
    kept = {key: value for key, value in race.items() if key not in lacks.race}
    kept["runners"] = [{k: v for k, v in runner.items() if k not in lacks.runner} for runner in race["runners"]]
    return encode(kept)


def piece(own: RaceWords, race: dict[str, object], runners: list[str], fields: Fields, lacks: Lacks | None) -> Piece:
    """Render a race.

    Args:
        own: Its words.
        race: The race but for its runners.
        runners: The runners as JSON.
        fields: The week.
        lacks: What the level does not tell, None for a level that tells all.
    """
    body = encode(race)[:-1] + b',"runners":[' + ",".join(runners).encode() + b"]}"
    return Piece(
        race_id=own.race_id,
        body=_without(body, lacks) if lacks else body,
        region=own.place.region.lower(),
        course_id=own.place.course_id,
        words={
            "type": _slug(own.type),
            "going": _slug(str(race["going"])),
            "race_class": _slug(own.race_class),
            "age_band": own.ages,
            "sex_restriction": own.sexes.lower(),
        },
        yards=int(fields.yards[own.index]),
    )
