"""The promises of a feed, run on the example of the docs and on The Racing API; a feed that breaks one is found out."""

from __future__ import annotations

import base64
import re
import sys
import urllib.request
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import polars as pl
import pytest

from morningline.domains.racing.feeds.racing_api import Options, RacingApi
from morningline.domains.racing.feeds.racing_api import feed as racing_api
from morningline.domains.racing.simulator import Simulator, SimulatorSettings
from morningline.sources.feed import Page
from morningline.sources.feed_settings import FeedSettings
from morningline.testing import Exchange, FeedConformance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from morningline.sources.feed import Ask, Feed, FeedRows, Payload

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-source.md"
TODAY = date(2026, 3, 2)
SETTINGS = FeedSettings(name="racing_api", url=racing_api.url, options=Options(page=10))

pytest_plugins = ("pytester",)


def example() -> dict[str, str]:
    """The files of the page, by name."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^```(?:python|toml) (\w+\.\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return dict(found)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(SimulatorSettings(today=TODAY)) as running:
        yield running


def got(url: str, ask: Ask) -> Exchange:
    """Ask the simulator as a client would."""
    request = urllib.request.Request(f"{url}{ask.path}?{urlencode(ask.params)}")  # noqa: S310 - loopback
    request.add_header("Authorization", "Basic " + base64.b64encode(b"user:password").decode())
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
        return Exchange(ask=ask, body=answer.read())


class TestTheRacingApi(FeedConformance):
    """The feed that ships, on bodies of the simulator: all endpoints, and a day of results in two pages."""

    @pytest.fixture
    def feed(self) -> Feed:
        return racing_api

    @pytest.fixture
    def feed_settings(self) -> FeedSettings:
        return SETTINGS

    @pytest.fixture
    def exchanges(self, simulator: Simulator) -> Sequence[Exchange]:
        found = []
        for endpoint, day in (
            *(("regions", None), ("courses", None)),
            *(("racecards", TODAY), ("results", date(2026, 3, 1))),
        ):
            ask = racing_api.first(endpoint, day, SETTINGS, today=TODAY, generation=1)
            assert ask is not None
            found.append(got(simulator.url, ask))
        following = racing_api.page(found[-1].ask, found[-1].body).next
        assert following is not None
        return [*found, got(simulator.url, following)]


class Watchful(RacingApi):
    """A feed that reads the clock of the fetch into its rows."""

    def read(self, payloads: Sequence[Payload]) -> FeedRows:
        rows = super().read(payloads)
        seen = pl.lit(payloads[0].fetched_at.isoformat()).alias("seen_at")
        return replace(rows, frames={name: frame.with_columns(seen) for name, frame in rows.frames.items()})


class Trusting(RacingApi):
    """A feed that takes every body for a whole document."""

    def page(self, ask: Ask, body: bytes) -> Page:
        del ask, body
        return Page(total=None, ids=("1",))


def test_a_feed_that_breaks_a_promise_is_found_out(simulator: Simulator) -> None:
    ask = racing_api.first("racecards", TODAY, SETTINGS, today=TODAY, generation=1)
    assert ask is not None
    exchanges, suite = [got(simulator.url, ask)], FeedConformance()
    suite.test_reading_does_not_look_at_the_clock_of_the_fetch(racing_api, exchanges)
    with pytest.raises(AssertionError):
        suite.test_reading_does_not_look_at_the_clock_of_the_fetch(Watchful(), exchanges)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        suite.test_what_is_no_document_is_not_taken_for_one(Trusting(), exchanges)


def test_the_example_of_the_page_keeps_every_promise(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = example()
    assert set(files) == {"club.py", "club.toml", "test_club.py"}
    for name, text in files.items():
        (pytester.path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(pytester.path))
    for name in ("club", "test_club"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    promises = [name for name in vars(FeedConformance) if name.startswith("test_")]
    pytester.inline_run("-p", "no:randomly", "-p", "no:cacheprovider").assertoutcome(passed=len(promises))
