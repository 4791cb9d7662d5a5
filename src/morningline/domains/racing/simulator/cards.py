"""Racecards as the feed writes them: bare names, weights before the claim, and non-runners that stay on the card."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from morningline.domains.racing.simulator import words
from morningline.domains.racing.simulator.board import FRACTIONS
from morningline.domains.racing.simulator.card_runners import Moment, write_runners
from morningline.domains.racing.simulator.fields import HANDICAP
from morningline.domains.racing.simulator.odds import (
    Quote,
    bookmakers,
    each_way,
    odds_json,
    rungs,
    tables,
    updated_seconds,
)
from morningline.domains.racing.simulator.places import PLACES
from morningline.domains.racing.simulator.race_words import (
    STATUS_SINCE,
    RaceWords,
    exact,
    going_text,
    half_furlongs,
    race_words,
)
from morningline.domains.racing.simulator.rendering import Lacks, Piece, piece

if TYPE_CHECKING:
    from morningline.domains.racing.simulator.chance import Bools, Ints
    from morningline.domains.racing.simulator.fragments import HorseFragments
    from morningline.domains.racing.simulator.history import Library
    from morningline.domains.racing.simulator.week import Week

_AT_HOME = np.array([place.home for place in PLACES])
_LEVELS = {
    "pro": None,
    "standard": None,
    "basic": Lacks(race={"jumps", "tip", "verdict", "betting_forecast"}, runner={"odds"}),
    "free": Lacks(
        race={
            "course_id", "distance_round", "distance", "going_detailed", "rail_movements", "stalls", "weather", "jumps",
            "big_race", "is_abandoned", "tip", "verdict", "betting_forecast",
        },
        runner={
            "dob", "breeder", "dam_region", "sire_region", "damsire_region", "trainer_location", "trainer_14_days",
            "prev_trainers", "prev_owners", "comment", "spotlight", "quotes", "stable_tour", "medical", "headgear_run",
            "wind_surgery", "wind_surgery_run", "past_results_flags", "rpr", "ts", "silk_url", "trainer_rtf", "odds",
        },
    ),
}  # fmt: skip


class CardWriter:
    """Writes the cards of a day.

    Args:
        seed: The world.
        library: Its form books.
        horses: Who its horses are.
        books: How many bookmakers quote.
    """

    def __init__(self, seed: int, library: Library, horses: HorseFragments, books: int) -> None:
        self._seed, self._library, self._horses = seed, library, horses
        self._books = bookmakers(books)

    def races(self, week: Week, day: int, moment: Moment, level: str) -> list[Piece]:
        """Render the cards of one day, the earliest race first.

        Args:
            week: The week of the day.
            day: Its ordinal.
            moment: When they are looked at.
            level: "free", "basic", "standard" or "pro".
        """
        shown = week.races(day)
        if not shown:
            return []
        first = week.fields.first
        rows = np.arange(first[shown[0]], first[shown[-1] + 1])
        gone = week.fields.withdrawn_at[rows] <= moment.minute
        runners = write_runners(week, rows, moment, self._library, self._horses)
        odds = self._odds(week, moment, rows, gone, history=level != "standard")
        runners = [f'{runner}"odds":{quoted}}}' for runner, quoted in zip(runners, odds, strict=True)]
        pieces, base = [], int(rows[0])
        for race in shown:
            mine = slice(int(first[race]) - base, int(first[race + 1]) - base)
            own = race_words(week, race)
            body = self._race(week, race, moment, own, left=int((~gone[mine]).sum()))
            pieces.append(piece(own, body, runners[mine], week.fields, _LEVELS[level]))
        return pieces

    def _race(self, week: Week, race: int, moment: Moment, own: RaceWords, left: int) -> dict[str, object]:
        """Write a race but for its runners; `left` of them are still to run."""
        fields, yards = week.fields, int(week.fields.yards[race])
        day = int(fields.day[race])
        round_text, furlongs = half_furlongs(yards)
        body: dict[str, object] = {
            "race_id": own.race_id,
            "course": own.place.on_card(),
            "course_id": own.place.course_id,
            "date": own.day,
            "off_time": own.off,
            "off_dt": own.off_dt,
            "race_name": own.name,
            "distance_round": round_text,
            "distance": exact(yards),
            "distance_f": f"{float(furlongs):.1f}",
            "region": own.place.region,
            "pattern": own.pattern,
            "sex_restriction": own.sexes,
            "race_class": own.race_class,
            "type": own.type,
            "age_band": own.ages,
            "rating_band": own.band,
            "prize": "" if own.place.region == "AUS" else f"£{int(own.prize):,}",
            "field_size": str(left) if moment.declared else "0",
            "going_detailed": "",
            "rail_movements": "",
            "stalls": "",
            "weather": "",
            "going": going_text(own.place, float(fields.wet_on_card[race]), day) if moment.declared else "",
            "surface": own.surface,
            "jumps": own.jumps,
            "big_race": bool(fields.pattern[race] >= 3),
            "is_abandoned": bool(fields.abandoned_at[race] <= moment.minute),
            **self._opinions(week, race, own),
        }
        if day >= STATUS_SINCE:
            body["race_status"] = "result" if moment.minute > fields.off[race] + 20 else "Racecard"
        return body

    def _opinions(self, week: Week, race: int, own: RaceWords) -> dict[str, str]:
        """Tip, verdict and betting forecast, for the home countries; equal prices are written once."""
        day = int(week.fields.day[race])
        first, end = week.fields.first[race : race + 2].tolist()
        if not own.place.home or day % 9 == 0:
            return {"tip": "", "verdict": "", "betting_forecast": ""}
        opened, horses = week.opened[first:end].tolist(), week.fields.horse[first:end].tolist()
        ranked = sorted((o, h) for o, h in zip(opened, horses, strict=True) if o)
        names, before = [], -1
        for price, horse in ranked:
            names.append(f"{FRACTIONS[price] if price != before else ''} {words.horse(horse)}")
            before = price
        tip = words.horse(ranked[0][1]) if ranked else ""
        verdict = f"{tip.upper()} has the best recent form in this." if tip else ""
        return {"tip": tip, "verdict": verdict, "betting_forecast": ", ".join(names)}

    def _odds(self, week: Week, moment: Moment, rows: Ints, gone: Bools, *, history: bool) -> list[str]:
        """Write the odds of each runner; there are none abroad and none before the day's eve."""
        race = week.fields.race[rows]
        if not moment.priced or not self._books:
            return ["[]"] * len(rows)
        quotes = {r: _quote(week, r, moment.minute) for r in range(int(race[0]), int(race[-1]) + 1)}
        entries = {r: tables(self._books, quote) for r, quote in quotes.items()}
        seconds = np.array([quotes[r].updated for r in race.tolist()])
        codes = rungs(self._seed, week, rows, seconds, len(self._books)).tolist()
        home = _AT_HOME[week.fields.place[race]].tolist()
        return [
            odds_json(own, entries[r], quotes[r], gone=out, history=history) if here else "[]"
            for own, r, out, here in zip(codes, race.tolist(), gone.tolist(), home, strict=True)
        ]


def _quote(week: Week, race: int, minute: int) -> Quote:
    """When a race was last quoted before a time, and on what terms."""
    fields = week.fields
    day, off = int(fields.day[race]), int(fields.off[race])
    size = int(fields.first[race + 1] - fields.first[race])
    places, denominator = each_way(size, handicap=bool(fields.kind[race] == HANDICAP))
    return Quote(day=day, updated=updated_seconds(day, off, minute), places=places, denominator=denominator)
