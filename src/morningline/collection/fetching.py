"""Fetching days page by page until everything the feed speaks of is there, some days ahead of the loading."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from morningline.collection.ledger import Item, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import date
    from typing import Self

    from morningline.sources.feed import Ask, Feed, Payload
    from morningline.sources.feed_settings import FeedSettings

T = TypeVar("T")
R = TypeVar("R")

THREADS = 8
"""Calls in flight: more than any feed's limit times its latency."""
AHEAD = 256
"""Fetches that may wait to be loaded, some 250 MB of bodies."""
NOTHING = 404
"""HTTP status by which a feed says that it has nothing on a day."""
ENOUGH = 64
"""Fetches worth a load of their own: a load costs as much as some twenty fetches before its first row."""
MOST = 128
"""Fetches of one load: the next are read meanwhile."""
TRIES = 3
"""How often a day is fetched whose pages do not agree with each other."""


class Fetches(Protocol):
    """What makes the calls."""

    @property
    def calls(self) -> int:
        """How many calls gave a payload so far; what was in the archive took none."""

    def fetch(self, ask: Ask, /) -> Payload:
        """The payload of an ask, from the archive where it is there already."""


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A day that came, or did not.

    Args:
        planned: The fetch as it was planned.
        outcome: What the ledger will say, before anything is loaded.
        payloads: Its pages, empty where nothing came.
        error: Why it did not come.
        spoiled: Earlier generations whose pages did not agree.
    """

    planned: Item
    outcome: Outcome
    payloads: Sequence[Payload] = ()
    error: Exception | None = None
    spoiled: Sequence[Outcome] = ()


def fetch_day(feed: Feed, settings: FeedSettings, client: Fetches, item: Item, today: date) -> Fetched:
    """Fetch every page of a day; a day whose pages do not agree is fetched anew, in its next generation.

    Raises:
        MorninglineError: A page did not come: the feed refused, or does not answer.
    """
    spoiled: list[Outcome] = []
    planned = item
    while True:
        outcome, payloads = _pages(feed, settings, client, item, today)
        if outcome.status == "complete" or len(spoiled) == TRIES - 1:
            return Fetched(planned=planned, outcome=outcome, payloads=payloads, spoiled=spoiled)
        spoiled.append(replace(outcome, status="failed"))
        item = replace(item, generation=item.generation + 1)


def _pages(
    feed: Feed, settings: FeedSettings, client: Fetches, item: Item, today: date
) -> tuple[Outcome, list[Payload]]:
    payloads: list[Payload] = []
    ids: set[str] = set()
    totals: list[int] = []
    ask = feed.first(item.endpoint, item.day, settings, today=today, generation=item.generation)
    while ask is not None:
        payload = client.fetch(ask)
        payloads.append(payload)
        if payload.status == NOTHING:
            break
        page = feed.page(ask, payload.body)
        ids.update(page.ids)
        if page.total is not None:
            totals.append(page.total)
        ask = page.next
    said = totals[-1] if totals else len(ids)
    agrees = len(ids) == said and len(set(totals)) <= 1
    outcome = Outcome(
        item=item,
        status="complete" if agrees else "partial",
        reason=None if agrees else f"the feed spoke of {_several(totals)} events and gave {len(ids)} different ones",
        said=said,
        events=len(ids),
        pages=len(payloads),
        fetched_at=max((p.fetched_at for p in payloads), default=None),
    )
    return outcome, payloads


def _several(totals: Iterable[int]) -> str:
    return " then ".join(str(total) for total in dict.fromkeys(totals))


class Fetching(Generic[T, R]):
    """Threads that work through items in their order, at most `AHEAD` of them ahead of what was taken.

    Args:
        items: What to fetch.
        fetch: Fetches one; what it raises is raised by `take`.

    Example:
        >>> with Fetching([1, 2, 3], lambda item: item * item) as fetching:
        ...     sum(sum(fetching.take(1.0)) for _ in fetching.rounds())
        14
    """

    def __init__(self, items: Sequence[T], fetch: Callable[[T], R]) -> None:
        self._fetch = fetch
        self._items = iter(items)
        self._left = len(items)
        self._enough = min(ENOUGH, AHEAD)
        self._picking = threading.Lock()
        self._room = threading.Semaphore(AHEAD)
        self._ready: queue.SimpleQueue[R | BaseException] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = [
            threading.Thread(target=self._work, name=f"fetching-{n}", daemon=True)
            for n in range(min(THREADS, len(items)))
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take no further items up; calls in flight end by themselves."""
        self._stopped.set()
        self._room.release(max(len(self._threads), 1))

    def rounds(self) -> Iterator[int]:
        """As long as something is to be taken: how much."""
        while self._left:
            yield self._left

    def ready(self) -> bool:
        """Whether enough is there for a load."""
        return self._ready.qsize() >= self._enough

    def take(self, timeout_seconds: float) -> list[R]:
        """What is ready, once it is worth a load: `ENOUGH`, or all that is left, or whatever came in that time."""
        until = monotonic() + timeout_seconds
        results: list[R] = []
        while len(results) < min(self._left, MOST):
            seconds = max(until - monotonic(), 0.0) if len(results) < self._enough else 0.0
            try:
                result = self._ready.get(timeout=seconds) if seconds else self._ready.get_nowait()
            except queue.Empty:
                break
            if isinstance(result, BaseException):
                # Whoever asks again is told again: its thread is gone, and its item would be waited for in vain.
                self._ready.put(result)
                raise result
            results.append(result)
        if results:
            self._left -= len(results)
            self._room.release(len(results))
        return results

    def _work(self) -> None:
        while True:
            self._room.acquire()
            with self._picking:
                item = next(self._items, None)
            if item is None or self._stopped.is_set():
                return
            try:
                self._ready.put(self._fetch(item))
            except BaseException as error:  # noqa: BLE001 - whatever ends a thread is raised where its work is taken
                self._ready.put(error)
                return
