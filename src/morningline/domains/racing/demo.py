"""The made-up world as the demo needs it: the simulator at a fixed evening, with the days that split its history."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from morningline.domains.contract import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

EVENING = datetime(2024, 11, 30, 22, tzinfo=UTC)
NAME, WORD = "DEMO_FEED_USERNAME", "DEMO_FEED_PASSWORD"


@contextmanager
def make_world(seed: int) -> Iterator[World]:
    """Serve two seasons of Irish racing and the day after them from a simulator in this process.

    Args:
        seed: Which world.
    """
    from morningline.domains.racing.simulator import Account, Simulator, SimulatorSettings

    account = Account()
    with Simulator(SimulatorSettings(seed=seed, accounts=(account,), today=EVENING)) as simulator:
        yield World(
            feed="racing_api",
            table={
                "url": simulator.url,
                "account": "demo",
                "username_env": NAME,
                "password_env": WORD,
                "limits": {"free": 0.0, "racecards": 0.0, "other": 0.0},
                "history": True,
                "regions": ["ire"],
            },
            credentials={NAME: account.username, WORD: account.password},
            first=date(2023, 3, 1),
            train_until=date(2024, 4, 30),
            test_from=date(2024, 8, 1),
            # Of the day that is just over the cards were not collected, so nobody could have predicted it.
            test_to=EVENING.date() - timedelta(days=1),
            tomorrow=EVENING.date() + timedelta(days=1),
            evening=EVENING,
            night=EVENING + timedelta(days=1),
            turn_to=simulator.set_clock,
            truth=lambda first, last: _truth(first, last, seed),
        )


def _truth(first: date, last: date, seed: int) -> pl.DataFrame:
    import polars as pl

    from morningline.domains.racing.simulator import true_probabilities

    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    found = pl.concat([true_probabilities(day, seed) for day in days])
    return found.rename({"race_id": "event_id", "horse_id": "entrant_id", "true_probability": "truth"})
