"""Results as the feed writes them: finishing order, weights after the claim, and four ways of missing."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from morningline.domains.racing.simulator import fragments
from morningline.domains.racing.simulator.board import LOGS, STARTING
from morningline.domains.racing.simulator.chance import hashes, mixed, uniform
from morningline.domains.racing.simulator.dividends import dividends
from morningline.domains.racing.simulator.fields import CONDITIONS, HANDICAP, NEVER
from morningline.domains.racing.simulator.history import headgear, owners, sex_codes, trainers
from morningline.domains.racing.simulator.race_words import (
    BARE_SINCE,
    NEW_KEYS_SINCE,
    RaceWords,
    going_text,
    half_furlongs,
    metres,
    race_words,
    utc_minutes,
)
from morningline.domains.racing.simulator.rendering import Lacks, Piece, piece
from morningline.domains.racing.simulator.week import CODES, DISQUALIFIED, Week, ages, standard_seconds

if TYPE_CHECKING:
    from morningline.domains.racing.simulator.chance import Ints
    from morningline.domains.racing.simulator.corrections import Verdict

EN_DASH = "\u2013"
# How the prize money is shared, as British races do.
_SHARES = (0.5405, 0.2536, 0.1267, 0.0634, 0.0316)
_REASONS = (
    "unsuitable ground", "self certificate, off feed", "withdrawn, vet's advice", "travel problems",
    "self certificate, abscess", "going", "reserve",
)  # fmt: skip
_RUNNING = (
    "Led - headed 2f out - weakened", "Held up in rear - headway from over 2f out - kept on",
    "Midfield - no impression", "Prominent - ridden over 1f out - one pace",
    "Slowly away - towards rear - some late headway", "Tracked leaders - led over 1f out - ridden clear",
)  # fmt: skip
_LEVELS = {
    "standard": None,
    "basic": Lacks(runner={"bsp"}),
    "free": Lacks(
        race={
            "course_id", "dist", "dist_y", "dist_m", "jumps", "winning_time_detail", "comments", "non_runners",
            "tote_win", "tote_pl", "tote_ex", "tote_csf", "tote_tricast", "tote_trifecta",
        },
        runner={
            "sp", "sp_dec", "bsp", "btn", "ovr_btn", "time", "rpr", "tsr", "prize", "jockey_claim_lbs", "comment",
            "silk_url",
        },
    ),
}  # fmt: skip


def ready_minute(day: int, off: int, number: int) -> int:
    """The UTC minute at which the result of a race appears, seven to twenty minutes after the off."""
    return utc_minutes(day, off) + 7 + mixed(day * 211 + number, 6) % 14


def _spoken(seconds: float) -> str:
    minutes, rest = divmod(round(seconds * 100), 6000)
    tail = f"{rest // 100}.{rest % 100:02d}s"
    return f"{minutes}m {tail}" if minutes else tail


def _times(seconds: list[float]) -> list[str]:
    """Write times without padding their seconds: "1:14.19", "3:2.36"."""
    hundredths = [round(s * 100) for s in seconds]
    return [f"{h // 6000}:{h % 6000 // 100}.{h % 100:02d}" for h in hundredths]


def _favourites(price: Ints, race: Ints) -> list[str]:
    """Mark the favourite F, joint favourites J and three or more C."""
    lowest = np.full(int(race.max()) + 1, 10_000)
    np.minimum.at(lowest, race, price)
    first = price == lowest[race]
    count = np.bincount(race, weights=first)[race].astype(np.int64)
    return [("", "F", "J", "C")[n] for n in np.where(first, np.minimum(count, 3), 0).tolist()]


def _prizes(race: RaceWords) -> list[str]:
    """The prizes by place, from the first."""
    if race.place.region == "AUS":
        return []
    amounts = [race.prize * share / _SHARES[0] for share in _SHARES]
    return [f"€{round(a)}" if race.place.region == "IRE" else f"{a:.2f}" for a in amounts]


@cache
def _comment(draw: int, opened: int, start: int) -> str:
    if draw % 20 == 0:
        return ""
    before, at_last = STARTING[opened], STARTING[start]
    moved = "" if opened == start else f"(op {before})" if draw % 3 else f"(op {before} tchd {at_last})"
    return _RUNNING[draw % len(_RUNNING)] + moved


def _order(verdict: Verdict, race: Ints, rows: Ints) -> Ints:
    """The finishing order inside each race, those without a place last."""
    outcome = verdict.outcome[rows]
    last = np.where(outcome > 0, outcome, 1000 - outcome)
    # Of horses that dead-heat, the one whose margin is to the horse in front of both comes first.
    return rows[np.lexsort((-verdict.margin[rows], verdict.behind[rows], last, race))]


class ResultWriter:
    """Writes the results of a day.

    Args:
        seed: The world.
        horses: Who its horses are.
    """

    def __init__(self, seed: int, horses: fragments.HorseFragments) -> None:
        self._seed, self._horses = seed, horses

    def races(self, week: Week, day: int, verdict: Verdict, shown: list[int], level: str) -> list[Piece]:
        """Render races of one day, the latest first.

        Args:
            week: The week of the day.
            day: Its ordinal.
            verdict: The results as they stand.
            shown: Indices of the races to render; those that were abandoned are left out.
            level: "standard", "basic" or "free".
        """
        fields = week.fields
        shown = sorted((r for r in shown if fields.abandoned_at[r] == NEVER), reverse=True)
        if not shown:
            return []
        rows = np.concatenate([np.arange(fields.first[r], fields.first[r + 1]) for r in shown])
        rows = rows[week.starts[rows]]
        rows = _order(verdict, -fields.race[rows], rows)
        texts = {r: race_words(week, r) for r in shown}
        runners = self._runners(week, day, verdict, rows, texts)
        ends = np.searchsorted(-fields.race[rows], [-r for r in shown], side="right").tolist()
        standard = standard_seconds(self._seed, fields)
        pieces = []
        for race, start, end in zip(shown, [0, *ends[:-1]], ends, strict=True):
            body = self._race(week, race, texts[race], rows[start:end], float(standard[race]))
            pieces.append(piece(texts[race], body, runners[start:end], fields, _LEVELS[level]))
        return pieces

    def _race(self, week: Week, race: int, own: RaceWords, rows: Ints, standard: float) -> dict[str, object]:
        """Write a race but for its runners."""
        fields, day = week.fields, int(week.fields.day[race])
        yards, seconds = int(fields.yards[race]), float(week.seconds[race])
        distance, furlongs = half_furlongs(yards)
        slow = seconds - standard
        prices = np.exp(LOGS[week.price[rows]]).tolist()
        return {
            "race_id": own.race_id,
            "date": own.day,
            "region": own.place.region,
            "course": own.place.in_results(bare=day >= BARE_SINCE),
            "course_id": own.place.course_id,
            "off": own.off,
            "off_dt": own.off_dt,
            "race_name": own.name,
            "type": own.type,
            "class": own.race_class,
            "pattern": own.pattern,
            "rating_band": own.band,
            "age_band": own.ages,
            "sex_rest": own.sexes,
            "dist": distance,
            "dist_y": str(yards),
            "dist_m": metres(yards, own.place.region),
            "dist_f": f"{furlongs}f",
            "going": going_text(own.place, float(fields.wet[race]), day),
            "surface": own.surface,
            "jumps": own.jumps,
            "winning_time_detail": f"{_spoken(seconds)} ({'slow' if slow > 0 else 'fast'} by {_spoken(abs(slow))})",
            "comments": "New course record" if slow < -2.5 and fields.kind[race] == CONDITIONS else "",
            "non_runners": self._absent(week, race),
            **dividends(own, prices, handicap=bool(fields.kind[race] == HANDICAP)),
        }

    def _absent(self, week: Week, race: int) -> str:
        """Name who did not run, and mostly why."""
        fields = week.fields
        first, end = int(fields.first[race]), int(fields.first[race + 1])
        names = []
        for row in (np.flatnonzero(fields.withdrawn_at[first:end] != NEVER) + first).tolist():
            name = self._horses.name(int(fields.horse[row]), int(fields.day[race]))
            names.append(name if row % 9 == 0 else f"{name} ({_REASONS[(row * 31) % len(_REASONS)]})")
        return ", ".join(names)

    def _runners(self, week: Week, day: int, verdict: Verdict, rows: Ints, texts: dict[int, RaceWords]) -> list[str]:
        """Write the runners of a day, race by race in finishing order."""
        finishes = self._finishes(week, day, verdict, rows, texts)
        prices = self._prices(week, day, rows, texts)
        riders, fields = week.riders, week.fields
        stable, owned = trainers(self._seed, week, rows).tolist(), owners(self._seed, week, rows).tolist()
        gear = headgear(self._seed, fields.horse[rows], day)
        sexes, age = sex_codes(self._seed, week, rows).tolist(), ages(self._seed, fields, rows).tolist()
        numbers = (rows - fields.first[fields.race[rows]] + 1).tolist()
        stalls = [str(d) if d else "" for d in fields.draw[rows].tolist()]
        columns = zip(
            fields.horse[rows].tolist(), stable, owned, riders.jockey[rows].tolist(), riders.claim[rows].tolist(),
            fields.lbs[rows].tolist(), numbers, stalls, age, sexes, gear, prices, finishes, strict=True,
        )  # fmt: skip
        trainer, owner, rider, weight = fragments.trainer, fragments.owner, fragments.rider, fragments.weight
        return [
            f"{{{self._horses.in_results(h, day)}{trainer(t)}{owner(o)}{rider(j, c)}{weight(lbs - c)}{price}"
            f'"number":"{n}","draw":"{d}","age":"{a}","sex":"{s}","headgear":"{g}",{finish}}}'
            for h, t, o, j, c, lbs, n, d, a, s, g, price, finish in columns
        ]

    def _prices(self, week: Week, day: int, rows: Ints, texts: dict[int, RaceWords]) -> list[str]:
        """Write starting prices, the exchange's too, and the comments that end with the moves of the market."""
        fields = week.fields
        who, race, price = fields.horse[rows], fields.race[rows], week.price[rows]
        foreign = np.array([texts[r].place.region in {"FR", "AUS"} for r in race.tolist()])
        tenths = np.maximum(1, np.rint((np.exp(LOGS[price]) - 1) * 10) + price * 7 % 5)
        abroad = np.where(foreign, tenths, 0).astype(np.int64).tolist()
        exchange = (np.exp(LOGS[price]) * (1.02 + 0.25 * uniform(self._seed, "bsp", who, day))).tolist()
        draws = (hashes(self._seed, "comment", who, day) % np.uint64(60)).astype(np.int64).tolist()
        columns = zip(
            price.tolist(), _favourites(price, race), abroad, exchange, draws, week.opened[rows].tolist(), strict=True
        )
        write = fragments.starting_price
        return [
            f'{write(p, mark, tenth)}"bsp":"{"" if tenth else f"{bsp:.2f}"}","comment":"{_comment(draw, o, p)}",'
            for p, mark, tenth, bsp, draw, o in columns
        ]

    def _finishes(self, week: Week, day: int, verdict: Verdict, rows: Ints, texts: dict[int, RaceWords]) -> list[str]:
        """Write what became of the runners: place, lengths, time, ratings and prize."""
        fields = week.fields
        race, late = fields.race[rows], day >= NEW_KEYS_SINCE
        pace = (0.19 + 0.012 * np.maximum(fields.wet[race], 0)) * (fields.yards[race] / 1760) ** 0.1
        times = _times((week.seconds[race] + verdict.behind[rows] * pace).tolist())
        outcome = verdict.outcome[rows]
        lost = (outcome < 0) & (outcome != DISQUALIFIED)
        figured = (uniform(self._seed, "figured", fields.horse[rows], day) > 0.06) & ~lost
        rating = [EN_DASH if r != r else str(int(r)) for r in fields.rating[rows].tolist()]  # noqa: PLR0124 - NaN
        prizes = {r: _prizes(own) for r, own in texts.items()}
        money = [
            prizes[r][o - 1] if 1 <= o <= len(prizes[r]) else ""
            for r, o in zip(race.tolist(), outcome.tolist(), strict=True)
        ]
        columns = zip(
            outcome.tolist(), lost.tolist(), np.round(verdict.margin[rows], 2).tolist(),
            np.round(verdict.behind[rows], 2).tolist(), times, rating, week.rpr[rows].tolist(),
            week.speed[rows].tolist(), figured.tolist(), money, strict=True,
        )  # fmt: skip
        far, figures = fragments.lengths, _late_figures if late else _figures
        return [
            (
                f'"position":"{CODES[o]}","btn":"-","ovr_btn":"-","time":"-",'
                if out
                else f'"position":"{o if o > 0 else CODES[o]}","btn":"{far(m)}","ovr_btn":"{far(b)}","time":"{t}",'
            )
            + f'"or":"{official}",{figures(r if ok else 0, s if ok else 0)},"prize":"{prize}"'
            for o, out, m, b, t, official, r, s, ok, prize in columns
        ]


@cache
def _figures(performance: int, speed: int) -> str:
    return f'"rpr":"{performance or EN_DASH}","tsr":"{speed or EN_DASH}"'


@cache
def _late_figures(performance: int, speed: int) -> str:
    """Since 2026 the old ratings are empty, and two others on another scale stand beside them."""
    new = f'"performance_rating":"{performance + 40 if performance else ""}",'
    return f'"rpr":"","tsr":"",{new}"speed_rating":"{speed + 30 if speed else ""}"'
