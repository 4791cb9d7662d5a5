"""What the form book says before a race: the last runs of each horse, and how its stable has fared of late."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

import numpy as np
import numpy.typing as npt

from morningline.domains.racing.simulator.chance import Ints, uniform
from morningline.domains.racing.simulator.population import breed
from morningline.domains.racing.simulator.week import CODES, Week, ages, monday_of, race_week

RUNS = 6
_WEEKS_BACK = 60
_HEADGEAR = (
    ("",) * 62 + ("p",) * 11 + ("t",) * 8 + ("b",) * 6 + ("h",) * 5 + ("v",) * 3 + ("tp", "tb", "tv", "hp", "ht")
)
Letters = npt.NDArray[np.str_]
_LETTERS = {code: text[0] for code, text in CODES.items()}


@dataclass(frozen=True, kw_only=True)
class _Trace:
    """What is kept of a week: one entry a starter, ordered by horse."""

    horse: Ints
    day: Ints
    outcome: Ints
    rpr: Ints
    speed: Ints
    trainer: Ints


@dataclass(frozen=True, kw_only=True)
class FormBook:
    """What is known of each runner of a week before its race; one entry a runner.

    Args:
        days: Days of its last runs, the latest first, zero where there is none; `RUNS` columns.
        outcomes: What became of it then.
        best: The best figure for performance in those runs, zero without one.
        best_speed: The same for speed.
        stable_runs: Starters of its stable in the fortnight before.
        stable_wins: Winners among them.
        stable_placed: Those in the first three.
    """

    days: Ints
    outcomes: Ints
    best: Ints
    best_speed: Ints
    stable_runs: Ints
    stable_wins: Ints
    stable_placed: Ints


class Library:
    """The form books of one world; the traces of all weeks raced so far are kept, some thirty bytes a starter.

    Args:
        seed: The world.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._traces: dict[int, _Trace] = {}
        self._books: OrderedDict[int, FormBook] = OrderedDict()
        self._lock = Lock()

    def week(self, day: int) -> Week:
        """Race the week of a day."""
        return race_week(self.seed, monday_of(day))

    def book(self, monday: int) -> FormBook:
        """Open the form book for the runners of a week."""
        with self._lock:
            if monday not in self._books:
                self._books[monday] = self._write(race_week(self.seed, monday))
                while len(self._books) > 16:
                    self._books.popitem(last=False)
            return self._books[monday]

    def _trace(self, monday: int) -> _Trace:
        if monday not in self._traces:
            self._traces[monday] = trace(self.seed, race_week.__wrapped__(self.seed, monday))
        return self._traces[monday]

    def _write(self, week: Week) -> FormBook:
        monday, horses = week.fields.monday, breed(self.seed)
        wanted = np.zeros(len(horses.born), dtype=bool)
        wanted[week.fields.horse] = True
        self._traces.setdefault(monday, trace(self.seed, week))
        traces = [self._trace(monday - 7 * back) for back in range(_WEEKS_BACK, -1, -1)]
        mine = np.flatnonzero(wanted[np.concatenate([t.horse for t in traces])])

        def gather(name: str) -> Ints:
            return np.concatenate([getattr(t, name) for t in traces])[mine]

        horse, day = gather("horse"), gather("day")
        order = np.lexsort((day, horse))
        key = horse[order].astype(np.int64) * 10_000_000 + day[order]
        own = week.fields.day[week.fields.race]
        at = np.searchsorted(key, week.fields.horse * 10_000_000 + own)
        index = at[:, None] - 1 - np.arange(RUNS)
        there = (index >= 0) & (horse[order][np.maximum(index, 0)] == week.fields.horse[:, None])
        pick = order[np.maximum(index, 0)]

        def column(name: str) -> Ints:
            return np.where(there, gather(name)[pick], 0).astype(np.int64)

        stable = self._stables(week, traces[-3:])
        return FormBook(
            days=column("day"),
            outcomes=column("outcome"),
            best=column("rpr").max(axis=1),
            best_speed=column("speed").max(axis=1),
            stable_runs=stable[0],
            stable_wins=stable[1],
            stable_placed=stable[2],
        )

    def _stables(self, week: Week, traces: list[_Trace]) -> tuple[Ints, Ints, Ints]:
        """Count starters, winners and placed horses of each stable in the fourteen days before each day."""
        day = np.concatenate([t.day for t in traces]) - week.fields.monday + 21
        trainer = np.concatenate([t.trainer for t in traces])
        outcome = np.concatenate([t.outcome for t in traces])
        own_trainer = trainers(self.seed, week, np.arange(len(week.fields.horse)))
        own_day = week.fields.day[week.fields.race] - week.fields.monday + 21
        size = int(max(trainer.max(initial=0), own_trainer.max(initial=0))) + 1
        found = []
        for which in (outcome != 0, outcome == 1, (outcome > 0) & (outcome <= 3)):
            cells = trainer[which].astype(np.int64) * 30 + day[which] + 1
            sums = np.bincount(cells, minlength=size * 30).reshape(size, 30).cumsum(axis=1)
            found.append(sums[own_trainer, own_day] - sums[own_trainer, own_day - 14])
        return found[0], found[1], found[2]


@lru_cache(maxsize=4)
def library_of(seed: int) -> Library:
    """The library of a world, shared by all simulators of this process."""
    return Library(seed)


def trainers(seed: int, week: Week, rows: Ints) -> Ints:
    """Who trains some runners of a week, on their day."""
    horses, who = breed(seed), week.fields.horse[rows]
    moved = week.fields.day[week.fields.race[rows]] >= horses.moves_on[who]
    return np.where(moved, horses.next_trainer[who], horses.trainer[who])


def owners(seed: int, week: Week, rows: Ints) -> Ints:
    """Who owns some runners of a week, on their day."""
    horses, who = breed(seed), week.fields.horse[rows]
    moved = week.fields.day[week.fields.race[rows]] >= horses.moves_on[who]
    return np.where(moved, horses.next_owner[who], horses.owner[who])


def sex_codes(seed: int, week: Week, rows: Ints) -> Letters:
    """The sex letter of some runners of a week: C and F turn H and M at five."""
    horses, who = breed(seed), week.fields.horse[rows]
    adult = ages(seed, week.fields, rows) >= 5
    male = np.where(horses.gelded[who], "G", np.where(adult, "H", "C"))
    return np.where(horses.female[who], np.where(adult, "M", "F"), male)


def headgear(seed: int, who: Ints, day: int) -> list[str]:
    """What horses wear: each keeps to it for a quarter of a year."""
    drawn = (uniform(seed, "headgear", who, day // 91) * len(_HEADGEAR)).astype(np.int64)
    return [_HEADGEAR[i] for i in drawn.tolist()]


def trace(seed: int, week: Week) -> _Trace:
    """Keep of a week what later form books need."""
    ran = week.starts
    return _Trace(
        horse=week.fields.horse[ran].astype(np.int32),
        day=week.fields.day[week.fields.race][ran].astype(np.int32),
        outcome=week.outcome[ran].astype(np.int8),
        rpr=week.rpr[ran].astype(np.int16),
        speed=week.speed[ran].astype(np.int16),
        trainer=trainers(seed, week, np.flatnonzero(ran)).astype(np.int16),
    )


def form_texts(days: Ints, outcomes: Ints, today: Ints) -> list[str]:
    """Write form figures, oldest first: "542-", "1/44-2"; a dash for a turn of the year, a slash for a longer gap.

    Args:
        days: Days of the last runs, latest first, zero where there is none; one row a runner.
        outcomes: What became of them.
        today: The day of the race of each runner.
    """
    years = np.where(days > 0, (days - 1) * 400 // 146097, 0)
    now = (today - 1) * 400 // 146097
    texts = []
    for row, whens, year in zip(outcomes.tolist(), years.tolist(), now.tolist(), strict=True):
        text, later = "", year
        for outcome, when in zip(row, whens, strict=True):
            if when == 0:
                break
            mark = "" if when == later else "-" if when == later - 1 else "/"
            figure = _LETTERS[outcome] if outcome < 0 else str(outcome) if outcome < 10 else "0"
            text, later = figure + mark + text, when
        texts.append(text)
    return texts
