"""The runners of a card: what is known of each before the race, and the signs by which a non-runner shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from morningline.domains.racing.simulator import fragments, words
from morningline.domains.racing.simulator.chance import hashes
from morningline.domains.racing.simulator.fields import FLAT
from morningline.domains.racing.simulator.fragments import SEX_WORDS, members
from morningline.domains.racing.simulator.history import (
    FormBook,
    Library,
    form_texts,
    headgear,
    owners,
    sex_codes,
    trainers,
)
from morningline.domains.racing.simulator.race_words import race_id
from morningline.domains.racing.simulator.week import Week, ages

if TYPE_CHECKING:
    from morningline.domains.racing.simulator.chance import Ints

# Minutes from midnight of the day: runners and riders are declared two days before, prices come the day before.
_DECLARED, _PRICED = -2 * 1440 + 600, -1440 + 900
_VARIETY = 2760  # Draws repeat after so many runners; it is a multiple of what the draws are divided by.


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When a card is looked at.

    Args:
        minute: Minutes from midnight in London of the card's day, at most those of a day once it is over.
    """

    minute: int

    @property
    def declared(self) -> bool:
        """Whether riders and stalls are known."""
        return self.minute >= _DECLARED

    @property
    def priced(self) -> bool:
        """Whether bookmakers quote."""
        return self.minute >= _PRICED


def write_runners(
    week: Week, rows: Ints, moment: Moment, library: Library, horses: fragments.HorseFragments
) -> list[str]:
    """Write the runners of one day as JSON objects that are still open, a comma behind their last member.

    Args:
        week: The week.
        rows: Its runners of the day.
        moment: When the card is looked at.
        library: The form books.
        horses: Who the horses are.
    """
    seed, fields = library.seed, week.fields
    who, race = fields.horse[rows], fields.race[rows]
    day = int(fields.day[race[0]])
    draws = (hashes(seed, "card", who, day) % np.uint64(_VARIETY)).astype(np.int64).tolist()
    stable, owned = trainers(seed, week, rows).tolist(), owners(seed, week, rows).tolist()
    stalls = np.where(moment.declared, fields.draw[rows], 0).tolist()
    rating = ["-" if r != r else str(int(r)) for r in fields.rating[rows].tolist()]  # noqa: PLR0124 - NaN
    columns = zip(
        who.tolist(), stable, owned, draws, stalls, fields.lbs[rows].tolist(), rating,
        _signs(week, rows, moment, draws), _bodies(seed, week, rows, draws), _books(library, week, rows, draws),
        _moves(horses, who, day), strict=True,
    )  # fmt: skip
    on_card, trainer, owner, remarks = horses.on_card, fragments.trainer_on_card, fragments.owner, _remarks
    return [
        f'{{{on_card(h, day)}{trainer(t)}{owner(o)}{remarks(draw)}{_quotes(h, day, draw)}{signs}"draw":"{stall}",{body}'
        f'"lbs":"{lbs}","ofr":"{official}",{book}{moves}'
        for h, t, o, draw, stall, lbs, official, signs, body, book, moves in columns
    ]


@cache
def _remarks(draw: int) -> str:
    """What is written about a horse, and its visits to the vet."""
    surgery = draw % 40 == 7
    comment = None if draw % 15 == 0 else "" if draw % 3 else "Kept on well last time; respected"
    return members(
        {
            "comment": comment,
            "spotlight": "" if draw % 4 else "Has shown more at this level than most of these, and the trip suits.",
            "stable_tour": [{"quote": "He has wintered well and will start soon."}] if draw % 46 == 0 else [],
            "medical": [{"date": "2014-11-03", "type": "Wind Surgery"}] if surgery else [],
            "wind_surgery": "w" if surgery else "",
            "wind_surgery_run": "1" if surgery else "",
        }
    )


def _quotes(horse: int, day: int, draw: int) -> str:
    """What was said after an earlier race, for a few."""
    if draw % 30:
        return '"quotes":[],'
    said = {
        "date": str(date.fromordinal(day - 30)),
        "horse": words.horse(horse),
        "horse_id": words.horse_id(horse),
        "race": "Novice Stakes",
        "race_id": race_id(day - 30, 1),
        "course": "Wexmoor",
        "course_id": "crs_52",
        "distance_f": "8.5",
        "distance_y": "1870",
        "quote": '"He is honest, and we think a lot of him" - trainer.',
    }
    return members({"quotes": [said]})


@cache
def _named(jockey: int, claim: int) -> str:
    return f"{words.jockey(jockey)}({claim})" if claim else words.jockey(jockey)


def _signs(week: Week, rows: Ints, moment: Moment, draws: list[int]) -> list[str]:
    """Number and rider; a non-runner shows in either or both of them, and its rider's claim may stay."""
    fields, riders = week.fields, week.riders
    numbers = (rows - fields.first[fields.race[rows]] + 1).tolist()
    if not moment.declared:
        return [f'"number":"{number}","jockey":"","jockey_id":"",' for number in numbers]
    final = riders.changed_at[rows] <= moment.minute
    jockeys = np.where(final, riders.jockey[rows], riders.declared[rows])
    claims = np.where(jockeys == riders.jockey[rows], riders.claim[rows], 0)
    gone = fields.withdrawn_at[rows] <= moment.minute
    found = []
    for number, jockey, claim, out, draw in zip(
        numbers, jockeys.tolist(), claims.tolist(), gone.tolist(), draws, strict=True
    ):
        name, identity, shown = _named(jockey, claim), words.jockey_id(jockey), str(number)
        if out and draw % 10 != 1:
            shown = "NR"
        if out and draw % 10 != 2:
            # On some cards the withdrawn rider's id is still there.
            name, identity = f"NON-RUNNER({claim})" if claim else "NON-RUNNER", identity if draw % 7 == 0 else ""
        found.append(f'"number":"{shown}","jockey":"{name}","jockey_id":"{identity}",')
    return found


@cache
def _body(age: int, sex: str, worn: str, first_time: str) -> str:
    return members(
        {"age": str(age), "sex": SEX_WORDS[sex], "sex_code": sex, "headgear": worn, "headgear_run": first_time}
    )


def _bodies(seed: int, week: Week, rows: Ints, draws: list[int]) -> list[str]:
    """Age, sex and what it wears."""
    fields = week.fields
    who, day = fields.horse[rows], int(fields.day[fields.race[rows[0]]])
    sexes, age = sex_codes(seed, week, rows).tolist(), ages(seed, fields, rows).tolist()
    worn, before = headgear(seed, who, day), headgear(seed, who, day - 91)
    return [
        _body(a, s, now, "1" if now and now != then and draw % 3 == 0 else "")
        for a, s, now, then, draw in zip(age, sexes, worn, before, draws, strict=True)
    ]


@cache
def _stable(runs: int, wins: int, placed: int) -> str:
    """How the stable has fared in a fortnight; nothing for one without runners."""
    percent = {"runs": str(runs), "wins": str(wins), "percent": str(round(100 * wins / runs))} if runs else {}
    return members({"trainer_14_days": percent, "trainer_rtf": str(round(100 * placed / runs)) if runs > 2 else ""})


def _last_runs(book: FormBook, rows: Ints, day: int, draws: list[int], jumps: list[bool]) -> list[str]:
    """Days since the last run; a few jumpers also ran on the flat, which follows in brackets."""
    texts = [str(day - last) if last else "" for last in book.days[rows][:, 0].tolist()]
    for i, (draw, over) in enumerate(zip(draws, jumps, strict=True)):
        if over and draw % 40 == 0:
            texts[i] = f"{texts[i]} ({9 + draw % 60}F)".strip()
    return texts


def _books(library: Library, week: Week, rows: Ints, draws: list[int]) -> list[str]:
    """What the form book says of each runner and its stable."""
    fields = week.fields
    book, race = library.book(fields.monday), fields.race[rows]
    forms = form_texts(book.days[rows], book.outcomes[rows], fields.day[race])
    lasts = _last_runs(book, rows, int(fields.day[race[0]]), draws, (fields.code[race] != FLAT).tolist())
    columns = zip(
        forms, lasts, draws, book.best[rows].tolist(), book.best_speed[rows].tolist(), book.stable_runs[rows].tolist(),
        book.stable_wins[rows].tolist(), book.stable_placed[rows].tolist(), strict=True,
    )  # fmt: skip
    return [
        f'"form":"{form}","last_run":"{last}","rpr":"{best or "-"}","ts":"{speed or "-"}",{_flags("1" in form, draw)}'
        f"{_stable(runs, wins, placed)}"
        for form, last, draw, best, speed, runs, wins, placed in columns
    ]


def _flags(won: bool, draw: int) -> str:  # noqa: FBT001
    """Has it won over the course or the distance, or been a beaten favourite?"""
    if not won:
        return '"past_results_flags":["BF"],' if draw % 24 == 5 else '"past_results_flags":[],'
    return '"past_results_flags":["C","D"],' if draw % 5 == 0 else '"past_results_flags":["D"],'


def _moves(horses: fragments.HorseFragments, who: Ints, day: int) -> list[str]:
    """Who trained and owned each horse before it moved on, if it has."""
    moved = (horses.moves_on[who] <= day).tolist()
    return [
        horses.before(h) if m else '"prev_trainers":[],"prev_owners":[],'
        for h, m in zip(who.tolist(), moved, strict=True)
    ]
