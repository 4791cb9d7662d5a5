"""The promises of a feed plug-in, as a class of tests: what it asks, what it takes for whole, and how it reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import polars as pl
import pytest

from morningline.kit.errors import BrokenBodyError
from morningline.sources.feed import Payload
from morningline.sources.mapping import read_mapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morningline.sources.feed import Ask, Feed, FeedRows
    from morningline.sources.feed_settings import FeedSettings

NOT_DOCUMENTS = (b"", b"<html><body>502 Bad Gateway</body></html>", b'{"', b"[]]", b"null")
"""Bodies that a feed in trouble may send with status 200."""
FETCHED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """What was asked, and a real body that came.

    Args:
        ask: One that the feed made.
        body: What came.
        status: HTTP status it came with.
    """

    ask: Ask
    body: bytes
    status: int = 200

    def payload(self, feed: Feed, number: int) -> Payload:
        """The exchange as the archive keeps it."""
        return Payload(
            id=number,
            feed=feed.name,
            endpoint=self.ask.endpoint,
            request=self.ask.request,
            path=self.ask.path,
            params=self.ask.params,
            day=self.ask.day,
            generation=self.ask.generation,
            status=self.status,
            fetched_at=FETCHED_AT,
            sha256=sha256(self.body).hexdigest(),
            size=len(self.body),
            body=self.body,
        )


class FeedConformance:
    """Tests that every feed must pass; a subclass gives the fixtures.

    Example:
        >>> class TestMyFeed(FeedConformance):
        ...     @pytest.fixture
        ...     def feed(self): ...  # the plug-in
        ...     @pytest.fixture
        ...     def feed_settings(self): ...  # a FeedSettings for it
        ...     @pytest.fixture
        ...     def exchanges(self): ...  # two or more Exchange, each with a whole body and at least one event
    """

    @pytest.fixture
    def feed(self) -> Feed:
        """The plug-in."""
        raise NotImplementedError

    @pytest.fixture
    def feed_settings(self) -> FeedSettings:
        """What is in force for it."""
        raise NotImplementedError

    @pytest.fixture
    def exchanges(self) -> Sequence[Exchange]:
        """Two or more real exchanges, each with a whole body and at least one event."""
        raise NotImplementedError

    def test_its_mapping_can_be_read_and_is_for_its_domain(self, feed: Feed) -> None:
        """The mapping stands in the plug-in's own package and parses."""
        assert read_mapping(feed.mapping).domain == feed.domain

    def test_a_day_is_either_asked_for_or_refused_with_a_reason(self, feed: Feed, feed_settings: FeedSettings) -> None:
        """`first` gives an ask exactly where `why_not` gives no reason."""
        today = date(2026, 3, 10)
        for endpoint in (*feed.masters, *feed.days):
            for offset in (-9_000, -400, -1, 0, 1, 30):
                day = today + timedelta(days=offset)
                ask = feed.first(endpoint, day, feed_settings, today=today, generation=1)
                why = feed.why_not(endpoint, day, feed_settings, today)
                assert (ask is None) is (why is not None), f"{endpoint} of {day}: {ask} and {why!r}"

    def test_an_ask_says_what_it_is_and_has_a_limit(self, feed: Feed, feed_settings: FeedSettings) -> None:
        """Every ask carries its endpoint, day and generation, and a class the feed has a limit for."""
        today = date(2026, 3, 10)
        for endpoint in (*feed.masters, *feed.days):
            ask = feed.first(endpoint, today, feed_settings, today=today, generation=3)
            if ask is not None:
                assert (ask.endpoint, ask.day, ask.generation) == (endpoint, today, 3)
                assert ask.limit in feed.limits
                assert ask.path.startswith("/")
                earlier = feed.first(endpoint, today, feed_settings, today=today, generation=2)
                assert earlier is not None
                assert earlier.request != ask.request, "another generation must be another request"

    def test_what_is_no_document_is_not_taken_for_one(self, feed: Feed, exchanges: Sequence[Exchange]) -> None:
        """HTML, nothing, and a body cut anywhere are broken, so that the client tries again."""
        for exchange in exchanges:
            cuts = [exchange.body[: len(exchange.body) * part // 7] for part in range(1, 7)]
            for body in (*NOT_DOCUMENTS, *cuts):
                with pytest.raises(BrokenBodyError):
                    feed.page(exchange.ask, body)

    def test_a_page_names_its_events_once(self, feed: Feed, exchanges: Sequence[Exchange]) -> None:
        """Ids are there and differ, and the next page is another request of the same day."""
        for exchange in exchanges:
            page = feed.page(exchange.ask, exchange.body)
            assert page.ids
            assert len(set(page.ids)) == len(page.ids)
            if page.next is not None:
                assert page.next.request != exchange.ask.request
                same = (exchange.ask.endpoint, exchange.ask.day, exchange.ask.generation)
                assert (page.next.endpoint, page.next.day, page.next.generation) == same

    def test_rows_are_text_and_say_where_they_stand(self, feed: Feed, exchanges: Sequence[Exchange]) -> None:
        """Frames are those the mapping reads; each row names its payload and its number there."""
        payloads = _payloads(feed, exchanges)
        rows = feed.read(payloads)
        assert set(rows.frames) <= set(read_mapping(feed.mapping).files)
        assert any(frame.height for frame in rows.frames.values())
        for name, frame in rows.frames.items():
            others = {dtype for column, dtype in frame.schema.items() if column != "#row"}
            assert others == {pl.String()}, f"{name} has columns of {others}"
            assert frame.schema["#row"] == pl.UInt32()
            assert set(frame["#file"]) <= {p.label for p in payloads}
            assert not frame.select("#file", "#row").is_duplicated().any()

    def test_no_payload_is_passed_over(self, feed: Feed, exchanges: Sequence[Exchange]) -> None:
        """A body with events gives rows, or records that are broken and say so."""
        for payload in _payloads(feed, exchanges):
            rows = feed.read([payload])
            found = sum(frame.height for frame in rows.frames.values()) + sum(map(len, rows.broken.values()))
            assert found, f"nothing was read out of {payload.label}"

    def test_reading_depends_neither_on_order_nor_on_company(self, feed: Feed, exchanges: Sequence[Exchange]) -> None:
        """Payloads read together, backwards or one by one give the same rows."""
        payloads = _payloads(feed, exchanges)
        together = _content(feed.read(payloads))
        assert _content(feed.read(payloads[::-1])) == together
        parts = [_content(feed.read([payload])) for payload in payloads]
        assert sorted(row for part in parts for row in part) == together

    def test_reading_does_not_look_at_the_clock_of_the_fetch(self, feed: Feed, exchanges: Sequence[Exchange]) -> None:
        """A fact's known instant is the collection's business; the archive must give the same rows for ever."""
        payloads = _payloads(feed, exchanges)
        later = [replace(p, fetched_at=p.fetched_at + timedelta(days=900), id=p.id + 1_000) for p in payloads]
        assert _content(feed.read(later)) == _content(feed.read(payloads))


def _payloads(feed: Feed, exchanges: Sequence[Exchange]) -> list[Payload]:
    return [exchange.payload(feed, number) for number, exchange in enumerate(exchanges, 1)]


def _content(rows: FeedRows) -> list[str]:
    """Every row with the names of its values, in one order; a value that is missing and one that is not there agree."""
    return sorted(
        f"{name} {sorted((column, value) for column, value in row.items() if value is not None)}"
        for name, frame in rows.frames.items()
        for row in frame.iter_rows(named=True)
    )
