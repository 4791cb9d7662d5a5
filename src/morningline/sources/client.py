"""The feed client: calls a feed within its limits, keeps what came before anybody reads it, asks nothing twice."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Self

from morningline.kit.clock import utc_now
from morningline.kit.errors import (
    BrokenBodyError,
    CredentialsError,
    FeedError,
    FeedUnavailableError,
    PlanError,
    RefusedError,
    WorkspaceError,
)
from morningline.kit.retries import attempts
from morningline.sources.archive import known
from morningline.sources.breaker import Breaker, OpenBreakerError
from morningline.sources.connections import Connections
from morningline.sources.credentials import read_credentials
from morningline.sources.feed import Refusal
from morningline.sources.limits import Limiter
from morningline.sources.usage import Body, Books, Call, claim_call
from morningline.sources.waiting import ClosedClientError, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from morningline.kit.database import Database
    from morningline.sources.archive import Archive
    from morningline.sources.calling import Answer, Caller
    from morningline.sources.credentials import Credentials
    from morningline.sources.feed import Ask, Feed, Payload
    from morningline.sources.feed_settings import FeedSettings

FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 3.0
JITTER_SECONDS = 0.5
PASSING = (408, 429)
"""Statuses below 500 after which another attempt may go better."""
UNWELL = ("timeout", "connection", "broken_body", "server")
"""Faults that count for the breaker; a feed that refuses is well."""
REFUSALS: dict[Refusal, tuple[type[FeedError], str]] = {
    Refusal.CREDENTIALS: (CredentialsError, "Check the username and password it is given."),
    Refusal.PLAN: (PlanError, "Ask for less, or for a larger plan; set the plan you have in [feeds.{feed}]."),
    Refusal.INVALID: (RefusedError, "The feed may have changed: report it with this message."),
}


class Fault(NamedTuple):
    """Why an answer is not usable: in a word for the books, and as what the caller is told."""

    word: str
    error: FeedError


class FeedClient:
    """Fetches what a feed is asked for; threads may share one.

    Args:
        feed: What to ask, and what its answers mean.
        settings: Address, credentials by name, limits, quota, time-outs.
        database: Where limits, breaker, calls and payloads are shared.
        archive: Where bodies are kept.
        run_id: The run on whose behalf calls are made.
        urgent: Whether the reserve of the quota may be used.
        patience_seconds: How long a call waits while the feed's breaker is open.
        check: Called at least twice a second by whoever waits; what it raises ends the wait.

    Attributes:
        calls: How many calls gave a usable payload so far.

    Example:
        >>> with FeedClient(feed, settings, database, archive) as client:  # doctest: +SKIP
        ...     payload = client.fetch(feed.first("results", day, settings, today=today, generation=1))
    """

    def __init__(
        self,
        feed: Feed,
        settings: FeedSettings,
        database: Database,
        archive: Archive,
        *,
        run_id: str | None = None,
        urgent: bool = False,
        patience_seconds: float = 0.0,
        check: Callable[[], None] | None = None,
    ) -> None:
        self.feed = feed
        self.settings = settings
        self.calls = 0
        self._archive = archive
        self._run_id = run_id
        self._urgent = urgent
        self._waiting = Waiting(check)
        self._connections = Connections(database)
        self._books = Books(self._connections)
        self._breaker = Breaker(self._connections, settings, self._waiting, patience_seconds)
        self._limiters = {name: self._limiter(name, limit) for name, limit in settings.limits.items()}
        self._opening = threading.Lock()
        self._caller: Caller | None = None
        self._credentials: Credentials | None = None
        archive.sweep()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every wait, write down what came, and close every connection."""
        self._waiting.close()
        self._books.close()
        if self._caller is not None:
            self._caller.close()
        self._connections.close()

    def fetch(self, ask: Ask, /) -> Payload:
        """Give what a feed answers, from the archive where it answered before, else by a call.

        Args:
            ask: What to ask.

        Returns:
            The usable payload. Its status is 404 where the feed has nothing under what was asked.

        Raises:
            CredentialsError: They are missing or not accepted.
            PlanError: The account's plan does not include it.
            RefusedError: The feed does not understand it.
            QuotaError: The day's calls are used up.
            FeedUnavailableError: The feed does not answer after all attempts, or its breaker is open.
            BrokenBodyError: After all attempts its body was no document of it.
            WorkspaceError: The archive cannot be written.
            DatabaseError: The database went away; trying later can help.
        """
        there = self._connections.run(lambda connection: known(connection, self.feed.name, [ask.request]))
        if there:
            return self._archive.read(there[ask.request])
        for attempt in attempts(
            on=_may_pass,
            attempts=self.settings.attempts,
            timeout=None,
            wait_initial=FIRST_WAIT_SECONDS,
            wait_max=LONGEST_WAIT_SECONDS,
            wait_jitter=JITTER_SECONDS,
        ):
            with attempt:
                return self._attempt(ask, attempt.num)
        raise AssertionError  # the last attempt returns or raises

    def _attempt(self, ask: Ask, number: int) -> Payload:
        caller = self._open()
        probe = self._breaker.enter()
        told = False
        try:
            call, slot = self._admit(ask, number)
            answer = caller.get(ask, lambda at: self._limiters[ask.limit].sent(slot, at))
            body, name = self._keep(call, answer)
            fault = self._fault(ask, answer, body)
            self._tell(ask, answer, fault, probe=probe)
            told = True
        finally:
            if not told:
                self._breaker.abandoned(probe=probe)
        kept = None if name is None else self._described(ask, answer, name, usable=fault is None)
        row = self._books.record(_done(call, answer, fault.word if fault else None), kept)
        if fault is not None:
            raise fault.error
        self.calls += 1
        if row is None:
            raise FeedUnavailableError(f"The answer to GET {ask.path} was not written down.")
        # Another worker may have been quicker; then its answer is the one that counts.
        return row.with_body(body) if row.sha256 == name else self._archive.read(row)

    def _admit(self, ask: Ask, number: int) -> tuple[Call, float | None]:
        call = Call(
            feed=self.feed.name,
            account=self.settings.account,
            endpoint=ask.endpoint,
            limit_class=ask.limit,
            at=utc_now(),
            attempt=number,
            run_id=self._run_id,
        )
        slot = self._limiters[ask.limit].wait()
        if self.settings.quota:
            call = claim_call(self._connections, self.settings, call, self.feed.time_zone, urgent=self._urgent)
        return call, slot

    def _keep(self, call: Call, answer: Answer) -> tuple[bytes, str | None]:
        """Archive the body before anybody looks at it; a feed that refuses might send credentials back."""
        body = answer.body
        if answer.status is None:
            return body, None
        if self._credentials is not None and answer.status >= 300:
            body = self._credentials.hide_bytes(body)
        try:
            return body, self._archive.keep(body)
        except WorkspaceError:
            self._books.record(_done(call, answer, "archive"), None)
            raise

    def _fault(self, ask: Ask, answer: Answer, body: bytes) -> Fault | None:
        asked = f"GET {ask.path} of the feed {self.feed.name}"
        if answer.failure is not None or answer.status is None:
            kind = BrokenBodyError if answer.failure == "broken_body" else FeedUnavailableError
            return Fault(answer.failure or "connection", kind(f"{asked} failed: {self._hide(answer.words)}."))
        if 200 <= answer.status < 300:
            try:
                self.feed.page(ask, body)
            except BrokenBodyError as error:
                return Fault("broken_body", error.with_traceback(None))
            return None
        if answer.status in PASSING or answer.status >= 500:
            word = "too_many" if answer.status == 429 else "server"
            return Fault(word, FeedUnavailableError(f"{asked} was answered with the status {answer.status}."))
        return self._refusal(asked, answer.status, body)

    def _refusal(self, asked: str, status: int, body: bytes) -> Fault | None:
        refusal, words = self.feed.refusal(status, body) or (Refusal.INVALID, f"the status {status}")
        if refusal is Refusal.NOTHING:
            return None
        kind, do = REFUSALS[refusal]
        message = f"{asked} was refused with the status {status}: {self._hide(words)}."
        return Fault(refusal.value, kind(message, do=do.format(feed=self.feed.name)))

    def _tell(self, ask: Ask, answer: Answer, fault: Fault | None, *, probe: bool) -> None:
        """Let limits and breaker, and so all workers, know how the feed is."""
        limiter = self._limiters[ask.limit]
        if answer.status == 429:
            limiter.slow(answer.retry_after_seconds, too_many=True)
        elif answer.status is not None and answer.status >= 500 and answer.retry_after_seconds:
            limiter.slow(answer.retry_after_seconds, too_many=False)
        if fault is not None and fault.word in UNWELL:
            self._breaker.failed(str(fault.error.args[0]), probe=probe)
        else:
            self._breaker.succeeded(probe=probe)

    def _described(self, ask: Ask, answer: Answer, name: str, *, usable: bool) -> Body:
        return Body(
            feed=self.feed.name,
            endpoint=ask.endpoint,
            request=ask.request,
            url=self.settings.url,
            path=ask.path,
            params=ask.params,
            day=ask.day,
            generation=ask.generation,
            status=answer.status or 0,
            usable=usable,
            fetched_at=answer.fetched_at,
            sha256=name,
            size=len(answer.body),
            run_id=self._run_id,
        )

    def _open(self) -> Caller:
        with self._opening:
            if self._caller is None:
                from morningline.sources.calling import Caller

                self._credentials = read_credentials(self.settings)
                self._caller = Caller(self.settings, self._credentials)
            return self._caller

    def _limiter(self, limit_class: str, limit: float) -> Limiter:
        key = {"feed": self.feed.name, "account": self.settings.account, "limit_class": limit_class}
        return Limiter(self._connections, key, limit, self._waiting)

    def _hide(self, text: str) -> str:
        return text if self._credentials is None else self._credentials.hide(text)


def _may_pass(error: Exception) -> bool:
    """Whether another attempt may go better: not where nobody calls the feed, nor where nobody waits any more."""
    return isinstance(error, FeedUnavailableError | BrokenBodyError) and not isinstance(
        error, OpenBreakerError | ClosedClientError
    )


def _done(call: Call, answer: Answer, error: str | None) -> Call:
    return replace(
        call, at=answer.at, status=answer.status, error=error, ms=round(answer.ms, 3), bytes=len(answer.body)
    )
