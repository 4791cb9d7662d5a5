"""Who quotes the prices of The Racing API: one id a house, however its name is spelled this year."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import NamedTuple


class House(NamedTuple):
    """A bookmaker, exchange or pool.

    Args:
        id: Letters and digits of its name, in small letters.
        name: Its name.
        price_kind: What kind of price it quotes before the off.
    """

    id: str
    name: str
    price_kind: str


# Houses seen from 2023 to 2025. One name stands for all spellings, so that it does not matter which is seen last.
_BOOKMAKERS = (
    "Bet365, William Hill, Coral, Betfred, Boyle Sports, Ladbrokes, Unibet, Bet Goodwin, Bet Victor, 10 Bet, Betway,"
    " BetMGM, Grosvenor Sports, Virgin Bet, talkSPORT BET, Star Sports, Dragon Bet, CopyBet, PricedUp Bet, Spreadex,"
    " BresBet, 7Bet, BetTom, Gentlemen Jim, Quinn Bet, Midnite, Sporting Index, Sky Bet, Paddy Power, 888 Sport,"
    " Betfair Sportsbook, Bet UK, Livescore Bet, Pari Match, V Bet"
)
_EXCHANGES = "Betfair Exchange, Matchbook"
_POOLS = "Tote"

LEAST_EXCHANGE_BOOK = "0.95"
"""An exchange takes no margin, so a complete book of its prices sums to about 1, and not seldom to less."""
STARTING_PRICE = House("SP", "Starting price", "sp")
"""The industry starting price, which no single house quotes."""


def _known(names: str, price_kind: str) -> dict[str, House]:
    return {_id(name): House(_id(name), name, price_kind) for name in names.split(", ")}


def _id(name: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFC", name).lower())


_HOUSES = _known(_BOOKMAKERS, "bookmaker") | _known(_EXCHANGES, "exchange") | _known(_POOLS, "tote")
BETFAIR = _HOUSES["betfairexchange"]


@cache
def house(name: str) -> House:
    """The house of a name; one that is not known is called by its id, whichever way it is spelled.

    Example:
        >>> house("Spread Ex")
        House(id='spreadex', name='Spreadex', price_kind='bookmaker')
    """
    key = _id(name)
    return _HOUSES.get(key, House(key, key, "bookmaker"))
