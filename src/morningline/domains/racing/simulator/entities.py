"""Single horses and single prices, as the feed tells them on their own paths."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from morningline.domains.racing.simulator import words
from morningline.domains.racing.simulator.chance import hash_text
from morningline.domains.racing.simulator.fragments import SEX_WORDS
from morningline.domains.racing.simulator.odds import (
    Quote,
    bookmakers,
    each_way,
    era_of,
    price_texts,
    rungs,
    spelt,
    updated_seconds,
)
from morningline.domains.racing.simulator.places import PLACES
from morningline.domains.racing.simulator.population import breed, new_year
from morningline.domains.racing.simulator.race_words import race_of

if TYPE_CHECKING:
    from morningline.domains.racing.simulator.pages import Pages
    from morningline.domains.racing.simulator.settings import SimulatorSettings

_HISTORY_SINCE = date(2025, 3, 17).toordinal()
_STEPS = (600, 420, 300, 180, 120, 60, 30, 15, 6, 0)


class Entities:
    """Tells of single horses and prices.

    Args:
        settings: The world.
        pages: Its days.
    """

    def __init__(self, settings: SimulatorSettings, pages: Pages) -> None:
        self._settings, self._pages = settings, pages

    def horse(self, identity: str, level: str) -> dict[str, Any] | None:
        """Tell who a horse is, or None if there is none; on the pro path a few are missing.

        Args:
            identity: Its id.
            level: "standard" or "pro".
        """
        horses = breed(self._settings.seed)
        index = words.horse_of(identity, len(horses.born))
        today = self._pages.today()
        if index is None or horses.first_day[index] > today.toordinal() + 7:
            return None
        dam, sire = int(horses.dam[index]), int(horses.sire[index])
        by = words.damsire_of(dam)
        name = self._pages.horses.name(index, today.toordinal())
        body = {
            "id": identity,
            "name": f"{name} ({words.COUNTRIES[int(horses.country[index])]})",
            "sire": words.with_country("sire", sire),
            "sire_id": words.stallion_id("sir", sire),
            "dam": words.with_country("dam", dam),
            "dam_id": words.dam_id(dam),
            "damsire": words.stallion(by),
            "damsire_id": words.stallion_id("dsi", by),
        }
        if level == "standard":
            return body
        if hash_text(identity) % 50 == 0:
            return None
        adult = new_year(np.array([today.year]))[0] - new_year(horses.born[[index]])[0] >= 5 * 365
        male = "G" if horses.gelded[index] else "H" if adult else "C"
        sex = ("M" if adult else "F") if horses.female[index] else male
        colour = self._pages.horses.colour(index)
        return {
            **body,
            "breeder": words.breeder(dam),
            "colour": colour,
            "colour_code": colour.upper(),
            "damsire": words.with_country("damsire", by),
            "dob": str(date.fromordinal(int(horses.birthday[index]))),
            "sex": SEX_WORDS[sex],
            "sex_code": sex,
        }

    def odds(self, race: str, horse: str) -> dict[str, Any] | None:
        """Tell what bookmakers offer for a runner, and since March 2025 what they offered before.

        Args:
            race: Id of the race.
            horse: Id of the horse.
        """
        found = race_of(race)
        runner = words.horse_of(horse, len(breed(self._settings.seed).born))
        if found is None or runner is None or found[0] < self._settings.first_day.toordinal():
            return None
        day, number = found
        moment, week = self._pages.moment(day), self._pages.library.week(day)
        fields, races = week.fields, week.races(day)
        if number >= len(races) or not moment.priced:
            return None
        index = races[number]
        rows = np.arange(fields.first[index], fields.first[index + 1])
        row = rows[fields.horse[rows] == runner]
        if not len(row):
            return None
        off, names = int(fields.off[index]), bookmakers(self._settings.bookmakers)
        latest = updated_seconds(day, off, moment.minute)
        # Earlier prices are seen at fixed times before the off, up to the latest update.
        times = [s for s in (min((off - before) * 60, latest) for before in _STEPS) if s <= latest]
        times = sorted({*times, latest})
        seconds = np.array(times)
        codes = rungs(self._settings.seed, week, np.repeat(row, len(times)), seconds, len(names))
        places, denominator = each_way(len(rows), handicap=bool(fields.kind[index] == 0))
        quotes = [Quote(day=day, updated=s, places=places, denominator=denominator) for s in times]
        entries = [self._entry(name, codes[:, b].tolist(), quotes) for b, name in enumerate(names)]
        home = PLACES[int(fields.place[index])].home
        return {
            "race_id": race,
            "horse_id": horse,
            "horse": self._pages.horses.name(runner, day),
            "odds": entries if home else [],
        }

    def _entry(self, name: str, codes: list[int], quotes: list[Quote]) -> dict[str, Any]:
        last = quotes[-1]
        era = era_of(last.day)
        fraction, value = price_texts(name, codes[-1], era)
        history, before = [], None
        for code, quote in zip(codes, quotes, strict=True):
            if code != before and last.day >= _HISTORY_SINCE:
                past, price = price_texts(name, code, era)
                history.append({"changed_at": quote.text, "fractional": past, "decimal": price})
            before = code
        return {
            "bookmaker": spelt(name, last.day),
            "fractional": fraction,
            "decimal": value,
            "ew_places": last.places if fraction not in {"-", "SP"} else "",
            "ew_denom": last.denominator if fraction not in {"-", "SP"} else "",
            "updated": last.text,
            "history": history,
        }
