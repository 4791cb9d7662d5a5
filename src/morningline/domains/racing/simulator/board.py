"""The prices a board can show, as fractions and as decimals rounded half to even, and what bookmakers make of them."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from morningline.domains.racing.simulator.chance import Floats, Ints

FRACTIONS = (
    "1/33", "1/25", "1/20", "1/16", "1/14", "1/12", "1/10", "1/9", "1/8", "1/7", "2/13", "1/6", "2/11", "1/5", "2/9",
    "1/4", "2/7", "3/10", "1/3", "4/11", "2/5", "4/9", "1/2", "8/15", "4/7", "8/13", "4/6", "8/11", "4/5", "5/6",
    "10/11", "1/1", "11/10", "6/5", "5/4", "11/8", "6/4", "13/8", "7/4", "15/8", "2/1", "85/40", "9/4", "5/2", "11/4",
    "3/1", "100/30", "7/2", "4/1", "9/2", "5/1", "11/2", "6/1", "13/2", "7/1", "15/2", "8/1", "17/2", "9/1", "10/1",
    "11/1", "12/1", "14/1", "16/1", "18/1", "20/1", "22/1", "25/1", "28/1", "33/1", "40/1", "50/1", "66/1", "80/1",
    "100/1", "125/1", "150/1", "200/1", "250/1", "300/1", "500/1",
)  # fmt: skip


def _decimal(fraction: str) -> Decimal:
    over, under = fraction.split("/")
    return 1 + Decimal(over) / Decimal(under)


def _short(value: Decimal) -> str:
    """Write a decimal price as bookmakers' pages do: "4.5", "126"."""
    text = str(value.quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN))
    return text.rstrip("0").rstrip(".")


STARTING = tuple("Evens" if f == "1/1" else f for f in FRACTIONS)
STARTING_DECIMAL = tuple(str(_decimal(f).quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN)) for f in FRACTIONS)
DECIMAL = tuple(_short(_decimal(f)) for f in FRACTIONS)
LOGS: Floats = np.log([float(_decimal(f)) for f in FRACTIONS])
_MIDDLES = (LOGS[1:] + LOGS[:-1]) / 2


def rung(log_price: Floats) -> Ints:
    """Find the price of the board nearest to a price, on the scale of logarithms."""
    return np.searchsorted(_MIDDLES, log_price).astype(np.int64)
