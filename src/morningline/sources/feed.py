"""What a feed is: a plug-in that says what to ask, and reads what came; it opens no connection of its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    import polars as pl

    from morningline.sources.feed_settings import FeedSettings
    from morningline.sources.reading import BrokenRecord

FEEDS = "morningline.feeds"
"""The entry-point group of feeds."""

Params = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One GET to make of a feed.

    Args:
        endpoint: The ledger's word for what is asked, such as `results`.
        path: Path of the URL, from its first slash.
        params: Names and values of the query, in order; a name may come again.
        limit: Its limit class, one of the feed's `limits`.
        day: The feed's local day it is about, None where it is about none.
        generation: 1 for the first complete fetch of the day, more for each later one.

    Example:
        >>> Ask(endpoint="results", path="/v1/results", params=(("skip", "0"),), limit="other").request[:12]
        'ed1b16f76bd0'
    """

    endpoint: str
    path: str
    params: Params = ()
    limit: str
    day: date | None = None
    generation: int = 1

    @cached_property
    def request(self) -> str:
        """The identity of the call: SHA-256 of what is asked, for which day, in which generation; in hex."""
        import msgspec

        parts = (self.endpoint, self.path, self.params, self.day, self.generation)
        return sha256(msgspec.json.encode(parts)).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a usable body says of itself.

    Args:
        total: Number of items the feed says there are in all pages, None if it does not say.
        ids: Ids of the items on this page, in its order.
        next: The ask of the next page, None on the last.
    """

    total: int | None
    ids: tuple[str, ...]
    next: Ask | None = None


class Refusal(StrEnum):
    """Why a feed refuses an ask for good."""

    CREDENTIALS = "credentials"
    PLAN = "plan"
    NOTHING = "nothing"
    INVALID = "invalid"


@dataclass(frozen=True, kw_only=True)
class PayloadRow:
    """What the database knows of a body.

    Args:
        id: Its number in the archive, in the order of fetching.
        feed: The feed it came from.
        endpoint: The ask's endpoint.
        request: The ask's identity.
        path: The ask's path.
        params: The ask's query.
        day: The ask's day.
        generation: The ask's generation.
        status: HTTP status.
        fetched_at: When its last byte had come (UTC).
        sha256: Hash of the body, in hex.
        size: Length of the body in bytes.
    """

    id: int
    feed: str
    endpoint: str
    request: str
    path: str
    params: Params
    day: date | None
    generation: int
    status: int
    fetched_at: datetime
    sha256: str
    size: int

    def with_body(self, body: bytes) -> Payload:
        """The payload whole."""
        return Payload(**vars(self), body=body)


@dataclass(frozen=True, kw_only=True)
class Payload(PayloadRow):
    """One body as it came.

    Args:
        body: The body, content coding removed.
    """

    body: bytes

    @property
    def label(self) -> str:
        """A short name for reports: feed, endpoint, day and the beginning of the hash."""
        return f"{self.feed}/{self.endpoint}/{self.day or '-'}/{self.sha256[:12]}"


@dataclass(frozen=True, kw_only=True)
class FeedRows:
    """What a feed read out of payloads: frames of text for its mapping.

    Args:
        frames: By file name of the mapping: text columns, with `#file` (the payload's label) and `#row` (UInt32,
            from 1 within payload and frame).
        broken: By file name of the mapping: records that could not be rows.
        unknown: Keys the feed does not know, and how often each was seen.
    """

    frames: Mapping[str, pl.DataFrame]
    broken: Mapping[str, list[BrokenRecord]]
    unknown: Mapping[str, int]


class Feed(Protocol):
    """A feed, installed under the entry-point group `morningline.feeds`."""

    @property
    def name(self) -> str:
        """Its name, as in `[feeds.<name>]` of the settings file."""

    @property
    def domain(self) -> str:
        """The domain its facts belong to."""

    @property
    def url(self) -> str:
        """Address the paths of its asks are appended to, unless the settings name another."""

    @property
    def mapping(self) -> Path:
        """The mapping from the frames of `read` to the domain's tables."""

    @property
    def time_zone(self) -> str:
        """IANA zone whose days its asks and its quota mean."""

    @property
    def limits(self) -> Mapping[str, float]:
        """Calls a second by limit class; 0 means no limit."""

    @property
    def username_env(self) -> str:
        """Name of the variable that holds the username, unless the settings name another; empty: none needed."""

    @property
    def password_env(self) -> str:
        """Name of the variable that holds the password, unless the settings name another; empty: none needed."""

    @property
    def masters(self) -> tuple[str, ...]:
        """Endpoints of entities."""

    @property
    def days(self) -> tuple[str, ...]:
        """Endpoints of days, what comes before an event before what comes after it."""

    @property
    def corrections(self) -> Mapping[str, tuple[int, ...]]:
        """Endpoints whose days the feed corrects: how many days after a day's end it is fetched again."""

    @property
    def details(self) -> Mapping[str, tuple[str, str]]:
        """Endpoints about one entity: its table, and the column that is missing where nothing was fetched yet."""

    @property
    def options(self) -> type | None:
        """A dataclass of what `[feeds.<name>]` may say beyond what every feed's may, each field with a default.

        `FeedSettings.options` is an object of it.
        """

    def first(
        self, endpoint: str, day: date | None, settings: FeedSettings, *, today: date, generation: int
    ) -> Ask | None:
        """The ask of an endpoint's first page, or None where this plan or day cannot be asked: see `why_not`."""

    def why_not(self, endpoint: str, day: date | None, settings: FeedSettings, today: date) -> str | None:
        """Why an endpoint cannot be asked for a day, in words; None where it can."""

    def detail(self, endpoint: str, entity_id: str) -> Ask:
        """The ask for one entity, of one of `details`."""

    def page(self, ask: Ask, body: bytes) -> Page:
        """Say what a body says of itself, cheaply.

        Raises:
            BrokenBodyError: The body is no whole document of this feed: HTML, truncated JSON, another shape.
        """

    def refusal(self, status: int, body: bytes) -> tuple[Refusal, str] | None:
        """Tell why the feed refused, with its words; None where the status is no refusal of this feed's."""

    def read(self, payloads: Sequence[Payload]) -> FeedRows:
        """Read the payloads of one domain unit, such as a window, into frames of text."""
