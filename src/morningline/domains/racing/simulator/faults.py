"""What goes wrong on purpose: lost and broken answers, storms of refusals, and bodies that are not as documented."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec

from morningline.domains.racing.simulator.chance import hash_text, uniform

# The share of calls that meet each transport fault. A call of a kind that failed three times in a row passes.
PROFILES: dict[str, dict[str, float]] = {
    "none": {},
    "flaky": {
        "no answer": 0.003,
        "reset": 0.01,
        "truncated": 0.01,
        "gateway": 0.01,
        "too many": 0.005,
        "drip": 0.004,
    },
    "dirty": {"shrunk": 0.25},
    "storm": {"too many": 0.02, "gateway": 0.01, "drip": 0.01},
    "thin": {},
}
IN_A_ROW = 3
_STORM_EVERY, _STORM_LENGTH, _STORM_SHARE = 60, 12, 0.35
_DIRTY_RACES = 0.03
GATEWAY_PAGE = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)


class Faults:
    """Decides which call meets which fault: by the world's seed, what is asked and how often it was asked before.

    Args:
        profile: A key of `PROFILES`.
        seed: The world.
    """

    def __init__(self, profile: str, seed: int) -> None:
        self._profile, self._rates, self._seed = profile, PROFILES[profile], seed
        self._asked: dict[str, int] = defaultdict(int)
        self._failed: dict[str, int] = defaultdict(int)
        self._calls = 0

    def meet(self, target: str) -> str:
        """Name the fault that a call meets, or "" for none.

        Args:
            target: Path and query of the call.
        """
        if not self._rates:
            return ""
        self._calls += 1
        self._asked[target] += 1
        fault = self._draw(target, self._asked[target])
        if fault and self._failed[target] >= IN_A_ROW:
            fault = ""
        self._failed[target] = self._failed[target] + 1 if fault else 0
        return fault

    def _draw(self, target: str, times: int) -> str:
        if self._profile == "storm":
            block, place = divmod(self._calls, _STORM_EVERY)
            if place < _STORM_LENGTH and float(uniform(self._seed, "storm", block)[0]) < _STORM_SHARE:
                return "too many"
        u = float(uniform(self._seed, "fault", hash_text(target), times)[0])
        for fault, share in self._rates.items():
            if u < share:
                return fault
            u -= share
        return ""

    @property
    def thin(self) -> bool:
        """Whether some days lack something."""
        return self._profile == "thin"

    @property
    def dirty(self) -> bool:
        """Whether bodies are soiled."""
        return self._profile == "dirty"

    def soiled(self, race_id: str, body: bytes) -> bytes:
        """Break a race as a feed would: the same one always in the same way, most of them not at all.

        Args:
            race_id: The race.
            body: The race as JSON.
        """
        u = float(uniform(self._seed, "dirt", hash_text(race_id))[0]) / _DIRTY_RACES
        if u >= 1:
            return body
        race = msgspec.json.decode(body)
        _DIRT[int(u * len(_DIRT))](race)
        return msgspec.json.encode(race)


def _unknown_keys(race: dict[str, Any]) -> None:
    race["sectionals_available"] = True
    for runner in race["runners"]:
        runner["stride_length"] = {"value": 7.4, "unit": "m"}


def _missing_keys(race: dict[str, Any]) -> None:
    race.pop("off_dt", None)


def _runner_without_id(race: dict[str, Any]) -> None:
    if race["runners"]:
        race["runners"][0].pop("horse_id", None)


def _numbers_for_text(race: dict[str, Any]) -> None:
    for runner in race["runners"]:
        runner["age"] = int(runner["age"])


def _text_for_number(race: dict[str, Any]) -> None:
    for runner in race["runners"][:1]:
        runner["lbs" if "lbs" in runner else "weight_lbs"] = "heavy"


def _list_for_text(race: dict[str, Any]) -> None:
    race["race_name"] = [race["race_name"]]


def _null_runners(race: dict[str, Any]) -> None:
    race["runners"] = None


_DIRT = (
    _unknown_keys,
    _missing_keys,
    _runner_without_id,
    _numbers_for_text,
    _text_for_number,
    _list_for_text,
    _null_runners,
)
