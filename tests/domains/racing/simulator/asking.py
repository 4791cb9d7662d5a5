"""Ask a simulator over HTTP, as its tests do."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import httpx2

from morningline.domains.racing.simulator import Account, Simulator, SimulatorSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

TODAY = date(2026, 9, 12)
ACCOUNT = ("user", "password")


class Asker:
    """Asks one simulator as one account."""

    def __init__(self, simulator: Simulator, account: tuple[str, str] | None = ACCOUNT) -> None:
        self.simulator = simulator
        self.client = httpx2.Client(base_url=simulator.url, auth=account, timeout=20.0)

    def get(self, path: str, *params: tuple[str, str]) -> httpx2.Response:
        return self.client.get(path, params=list(params) or None)

    def json(self, path: str, *params: tuple[str, str]) -> Any:
        answer = self.get(path, *params)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:200])
        return answer.json()

    def results(self, day: date, *params: tuple[str, str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self.json(
                "/v1/results",
                ("start_date", str(day)),
                ("end_date", str(day)),
                ("limit", "100"),
                ("skip", str(len(found))),
                *params,
            )
            found += page["results"]
            if len(found) >= page["total"]:
                return found

    def cards(self, day: date, *params: tuple[str, str]) -> list[dict[str, Any]]:
        return self.json("/v1/racecards/pro", ("date", str(day)), *params)["racecards"]


@contextmanager
def asking(**settings: Any) -> Iterator[Asker]:
    """A simulator of a set day, and somebody who asks it."""
    with Simulator(SimulatorSettings(**{"today": TODAY, **settings})) as simulator:
        asker = Asker(simulator)
        with asker.client:
            yield asker


def plans(*names: str) -> tuple[Account, ...]:
    """An account for each plan, named like it."""
    return tuple(Account(username=name, password=name, plan=name) for name in names)


def days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=n) for n in range(count)]
