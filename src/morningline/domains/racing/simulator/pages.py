"""The days of the simulated feed as pieces of pages, kept while they are asked for again."""

from __future__ import annotations

from collections import OrderedDict
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from morningline.domains.racing.simulator.card_runners import Moment
from morningline.domains.racing.simulator.cards import CardWriter
from morningline.domains.racing.simulator.corrections import corrected_at, judged
from morningline.domains.racing.simulator.fragments import HorseFragments
from morningline.domains.racing.simulator.history import library_of
from morningline.domains.racing.simulator.race_words import utc_minutes
from morningline.domains.racing.simulator.results import ResultWriter, ready_minute

if TYPE_CHECKING:
    from collections.abc import Hashable

    from morningline.domains.racing.simulator.rendering import Piece
    from morningline.domains.racing.simulator.settings import Clock, SimulatorSettings

_DAYS_KEPT = 64
# A card older than a day, and a result older than a fortnight, do not change any more.
_CARD_SETTLED, _RESULT_SETTLED = 1440, 14 * 1440


class Pages:
    """Makes and keeps the pieces of days.

    Args:
        settings: The world.
        clock: The time at which they are seen.
    """

    def __init__(self, settings: SimulatorSettings, clock: Clock) -> None:
        self.library = library_of(settings.seed)
        self._settings, self._clock = settings, clock
        self.horses = HorseFragments(settings.seed)
        self._cards = CardWriter(settings.seed, self.library, self.horses, settings.bookmakers)
        self._results = ResultWriter(settings.seed, self.horses)
        self._kept: OrderedDict[Hashable, list[Piece]] = OrderedDict()

    def today(self) -> date:
        """London's day."""
        ordinal = self._clock.now().toordinal()
        later = self._clock.minute() >= utc_minutes(ordinal + 1, 0)
        return date.fromordinal(ordinal + 1 if later else ordinal)

    def moment(self, day: int) -> Moment:
        """How far a day's cards have come: every three minutes on the day, every quarter of an hour before."""
        minute = self._clock.minute() - utc_minutes(day, 0)
        step = 3 if minute >= 0 else 15
        return Moment(minute=min(minute // step * step, _CARD_SETTLED))

    def _remembered(self, key: Hashable) -> list[Piece] | None:
        pieces = self._kept.get(key)
        if pieces is not None:
            self._kept.move_to_end(key)
        return pieces

    def _remember(self, key: Hashable, pieces: list[Piece]) -> list[Piece]:
        self._kept[key] = pieces
        while len(self._kept) > _DAYS_KEPT:
            self._kept.popitem(last=False)
        return pieces

    def cards(self, day: int, level: str) -> tuple[Hashable, list[Piece]]:
        """Give the cards of a day, the earliest race first, and a key that changes when they do.

        Args:
            day: Its ordinal.
            level: "free", "basic", "standard" or "pro".
        """
        moment = self.moment(day)
        key = ("cards", level, day, moment.minute)
        found = self._remembered(key)
        if found is None:
            found = self._remember(key, self._cards.races(self.library.week(day), day, moment, level))
        return key, found

    def results(self, day: int, level: str) -> tuple[Hashable, list[Piece]]:
        """Give the results of a day that are out, the latest race first, and a key that changes when they do.

        Args:
            day: Its ordinal.
            level: "free", "basic" or "standard".
        """
        minute = self._clock.minute() - utc_minutes(day, 0)
        if minute >= _RESULT_SETTLED:
            key: Hashable = ("results", level, day)
            found = self._remembered(key)
            if found is not None:
                return key, found
        week = self.library.week(day)
        fields, now = week.fields, self._clock.minute()
        shown = [r for r in week.races(day) if ready_minute(day, int(fields.off[r]), int(fields.number[r])) <= now]
        minutes = minute - (fields.day - day) * 1440
        if minute < _RESULT_SETTLED:
            what, at = corrected_at(self._settings.seed, week)
            due = tuple(r for r in shown if what[r] and minutes[r] >= at[r])
            key = ("results", level, day, len(shown), due)
            found = self._remembered(key)
            if found is not None:
                return key, found
        verdict = judged(self._settings.seed, week, np.asarray(minutes))
        return key, self._remember(key, self._results.races(week, day, verdict, shown, level))
