"""One simulator for the tests that only read, and a fortnight of its cards and results."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from asking import Asker, asking, days

if TYPE_CHECKING:
    from collections.abc import Iterator

WINTER, SUMMER = date(2025, 1, 4), date(2026, 7, 3)


@pytest.fixture(scope="session")
def feed() -> Iterator[Asker]:
    """A simulator whose clock stands at noon of a Saturday in September 2026."""
    with asking() as asker:
        yield asker


@pytest.fixture(scope="session")
def results(feed: Asker) -> list[dict[str, Any]]:
    """The results of ten days of winter and ten of summer."""
    return [race for first in (WINTER, SUMMER) for day in days(first, 10) for race in feed.results(day)]


@pytest.fixture(scope="session")
def cards(feed: Asker) -> list[dict[str, Any]]:
    """The cards of the same days."""
    return [race for first in (WINTER, SUMMER) for day in days(first, 10) for race in feed.cards(day)]
