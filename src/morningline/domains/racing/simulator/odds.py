"""Bookmakers' prices on a card: they start at the opening price, move to the starting price and drift in spelling."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np

from morningline.domains.racing.simulator.board import DECIMAL, FRACTIONS, LOGS, rung
from morningline.domains.racing.simulator.chance import Ints, normal, uniform, whole

if TYPE_CHECKING:
    from morningline.domains.racing.simulator.week import Week

EXCHANGE = "Betfair Exchange"
BOOKMAKERS = (
    "Bet365", "William Hill", "Coral", "Betfred", "Boyle Sports", "Ladbrokes", "SportingIndex", "Spreadex", "Unibet",
    "Bet Goodwin", "Bet Victor", "10 Bet", "Betway", "BetMGM", "Grosvenor Sports", "Virgin Bet", "talkSPORT BET",
    "Star Sports", "Dragon Bet", "CopyBet", "PricedUp Bet", "BresBet", "7Bet", "BetTom", "Gentlemen Jim", "Quinn Bet",
    "Midnite", EXCHANGE,
)  # fmt: skip
_OLD_SPELLINGS = {"SportingIndex": "Sporting Index", "Spreadex": "Spread Ex"}
_RESPELT_ON = date(2025, 6, 1).toordinal()
_DASHES_SINCE, _SP_SINCE = date(2025, 1, 1).toordinal(), date(2026, 1, 1).toordinal()
# Codes beside the rungs of the board: no price, and "starting price only".
_NO_PRICE, _SP_ONLY = -1, -2
_OPENING_MINUTES = 600


@dataclass(kw_only=True)
class Quote:
    """When and on what terms a race is quoted.

    Args:
        day: Ordinal of the race's day.
        updated: Seconds from midnight in London to the last update.
        places: How many places an each-way bet pays, "" for none.
        denominator: Which part of the odds they pay, "" for none.
    """

    day: int
    updated: int
    places: str
    denominator: str

    @cached_property
    def text(self) -> str:
        """The time of the update as the feed writes it, without a zone."""
        return str(datetime.combine(date.fromordinal(self.day), datetime.min.time()) + timedelta(seconds=self.updated))


def bookmakers(count: int) -> tuple[str, ...]:
    """The first bookmakers of the list, with the exchange as the last of two or more."""
    return BOOKMAKERS[:count] if count in {0, 1, len(BOOKMAKERS)} else (*BOOKMAKERS[: count - 1], EXCHANGE)


def each_way(runners: int, *, handicap: bool) -> tuple[str, str]:
    """The usual each-way terms of a field."""
    if runners < 5:
        return "", ""
    if runners < 8:
        return "2", "4"
    return ("4", "4") if handicap and runners >= 16 else ("3", "5")


def updated_seconds(day: int, off: int, minute: int) -> int:
    """When a race was last quoted: every three minutes on the day, every fifteen before it, until the off."""
    at = min(minute, off)
    step = 3 if at >= 0 else 15
    return at // step * step * 60 - (day * 7 + off) % 60 - 1


def rungs(seed: int, week: Week, rows: Ints, seconds: Ints, count: int) -> Ints:
    """Find each bookmaker's price of each runner at a time.

    Args:
        seed: The world.
        week: The week.
        rows: Its runners.
        seconds: For each, the time of the quote.
        count: How many bookmakers.

    Returns:
        Rungs of the board, or codes below zero; one row a runner and one column a bookmaker.
    """
    fields = week.fields
    who, race = fields.horse[rows], fields.race[rows]
    day = fields.day[race]
    # Horses that never came under orders have no starting price; they were quoted all the same.
    made_up = LOGS[25 + whole(30, seed, "quoted", who, day)]
    final = np.where(week.starts[rows], LOGS[week.price[rows]], made_up)
    opened = np.where(week.starts[rows], LOGS[week.opened[rows]], made_up)
    left = np.clip((fields.off[race] - seconds / 60) / _OPENING_MINUTES, 0.0, 1.0)
    level = final + (opened - final) * left
    books = np.arange(count)
    wobble = 0.045 * normal(seed, "book", who[:, None], day[:, None], books)
    found = rung(level[:, None] + wobble)
    u = uniform(seed, "unquoted", who[:, None], day[:, None], books)
    return np.where(u < 0.008, _NO_PRICE, np.where(u < 0.014, _SP_ONLY, found))


def spelt(name: str, day: int) -> str:
    """How a bookmaker's name is spelt on a day."""
    return _OLD_SPELLINGS.get(name, name) if day < _RESPELT_ON else name


@cache
def price_texts(name: str, code: int, era: int) -> tuple[str, str]:
    """Write a price as a fraction and as a decimal, in the ways of a bookmaker and an era.

    Args:
        name: The bookmaker.
        code: A rung or a code below zero.
        era: 0 until 2024, 1 in 2025, 2 since 2026.
    """
    if code == _NO_PRICE:
        return "-", "-"
    if code == _SP_ONLY:
        return "SP", "SP" if era == 2 else "0"
    if name == EXCHANGE:
        return DECIMAL[code], DECIMAL[code]
    fraction = FRACTIONS[code]
    # Some sources of the first years left the one out of a price like 4/1.
    return (fraction.removesuffix("/1") if era == 0 and name == "Betfred" else fraction), DECIMAL[code]


@cache
def _table(name: str, spelling: str, era: int, places: str, denominator: str) -> list[str]:
    """Every entry a bookmaker may make, by the rung and, from behind, by the codes below zero, up to its time."""
    found = []
    for code in (*range(len(FRACTIONS)), _SP_ONLY, _NO_PRICE):
        fraction, value = price_texts(name, code, era)
        each_way_bets = code >= 0 and name != EXCHANGE
        found.append(
            f'{{"bookmaker":"{spelling}","fractional":"{fraction}","decimal":"{value}",'
            f'"ew_places":"{places if each_way_bets else ""}","ew_denom":"{denominator if each_way_bets else ""}",'
            '"updated":"'
        )
    return found


def era_of(day: int) -> int:
    """The era of a day for `price_texts`."""
    return 2 if day >= _SP_SINCE else 1 if day >= _DASHES_SINCE else 0


def tables(names: tuple[str, ...], quote: Quote) -> list[list[str]]:
    """The entries of each bookmaker for a race.

    Args:
        names: The bookmakers.
        quote: When and on what terms.
    """
    era = era_of(quote.day)
    return [_table(name, spelt(name, quote.day), era, quote.places, quote.denominator) for name in names]


def odds_json(codes: list[int], entries: list[list[str]], quote: Quote, *, gone: bool, history: bool) -> str:
    """Write the odds of one runner as a JSON list.

    Args:
        codes: A rung or code for each bookmaker.
        entries: What `tables` gives for the race.
        quote: When and on what terms.
        gone: Whether it is a non-runner: since 2025 its prices are dashes, before they stayed.
        history: Whether entries have the key `history`, always an empty list on cards.
    """
    if gone and era_of(quote.day):
        codes = [_NO_PRICE] * len(codes)
    tail = quote.text + ('","history":[]}' if history else '"}')
    return f"[{(tail + ',').join([table[code] for table, code in zip(entries, codes, strict=True)])}{tail}]"
