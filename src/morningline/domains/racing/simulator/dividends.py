"""Pool dividends made up from the starting prices of the placed horses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from morningline.domains.racing.simulator.race_words import RaceWords

_POOLS = ("tote_win", "tote_pl", "tote_ex", "tote_csf", "tote_tricast", "tote_trifecta")


def _money(value: float, sign: str) -> str:
    """Write an amount as results do: "£5.50", "£5"."""
    return sign + f"{value:.2f}".removesuffix(".00")


def dividends(race: RaceWords, prices: list[float], *, handicap: bool) -> dict[str, str]:
    """Write the dividends of a race; there are none in far countries.

    Args:
        race: The race.
        prices: Decimal starting prices in finishing order.
        handicap: Whether it is one; only then there is a tricast.
    """
    if not race.place.home or len(prices) < 2:
        return dict.fromkeys(_POOLS, "")
    sign = "€" if race.place.region == "IRE" else "£"
    placed = prices[: 2 if len(prices) < 8 else 3]
    first, second = prices[0], prices[1]
    third = first * second * prices[2] if len(prices) > 2 else 0.0
    texts = (
        _money(round(first * 1.04, 1), sign),
        " ".join(f"{sign}{1 + (p - 1) / 4:.2f}" for p in placed),
        _money(round(first * second * 0.8, 1), sign),
        _money(round(first * second * 0.85, 2), sign),
        _money(round(third * 0.6, 2), sign) if handicap and len(prices) >= 8 else "",
        _money(round(third * 0.7, 1), sign) if third else "",
    )
    return dict(zip(_POOLS, texts, strict=True))
