"""One call over the network: a GET, its status and whole body, within its deadline; or why there is none."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Self

from morningline.kit.clock import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import httpx2

    from morningline.sources.credentials import Credentials
    from morningline.sources.deadline import CallTime
    from morningline.sources.feed import Ask
    from morningline.sources.feed_settings import FeedSettings

LARGEST_BYTES = 256 * 2**20
"""No body of a feed is larger; one that is would fill the memory."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of one call.

    Args:
        at: When it was made (UTC).
        fetched_at: When its last byte had come (UTC), or it failed.
        ms: How long it took in milliseconds.
        status: HTTP status, None where no whole answer came.
        headers: Headers of the answer, names in lower case.
        body: The body, content coding removed.
        failure: Why no whole answer came, in a word: `timeout`, `connection`, `broken_body`; None where one did.
        words: The same for people.
    """

    at: datetime
    fetched_at: datetime
    ms: float
    status: int | None = None
    headers: Mapping[str, str]
    body: bytes = b""
    failure: str | None = None
    words: str = ""

    @property
    def retry_after_seconds(self) -> float:
        """How long the feed asks to be left alone, 0 where it does not say."""
        text = self.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            return float(text[:9])
        try:
            return max((parsedate_to_datetime(text) - utc_now()).total_seconds(), 0.0)
        except (ValueError, TypeError):
            return 0.0


@dataclass(frozen=True)
class Line:
    """A connection to a feed that one call has at a time.

    Args:
        client: Keeps it, and opens another where it broke.
        time: The deadline of the call that has it.
    """

    client: httpx2.Client
    time: CallTime


class Caller:
    """Kept connections to a feed, as many as calls are made at once.

    HTTP/2 could carry them all on one, but then the time-out of one call would break the others off.

    Args:
        settings: Address and time-outs.
        credentials: Sent with every call, None where the feed needs none.
    """

    def __init__(self, settings: FeedSettings, credentials: Credentials | None) -> None:
        import httpx2

        self._settings = settings
        self._credentials = credentials
        self._tls = httpx2.create_ssl_context()
        self._user_agent = _user_agent()
        self._idle: deque[Line] = deque()
        self._lines: deque[Line] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        for line in tuple(self._lines):
            line.client.close()

    def get(self, ask: Ask, left: Callable[[float], None]) -> Answer:
        """Make a call; never raises for what the network or the feed does.

        Args:
            ask: What to ask.
            left: Told when the call leaves, on the monotonic clock.
        """
        try:
            line = self._idle.pop()
        except IndexError:
            line = self._open()
        try:
            return self._call(line, ask, left)
        finally:
            self._idle.append(line)

    def _open(self) -> Line:
        import httpx2

        from morningline.sources.deadline import keep_deadlines

        settings, known = self._settings, self._credentials
        client = httpx2.Client(
            # HTTP/2 where the server offers it while TLS begins, HTTP/1.1 with kept connections elsewhere.
            http2=True,
            verify=self._tls,
            auth=None if known is None else (known.username, known.password),
            headers={"User-Agent": self._user_agent, "Accept": "application/json"},
            # A redirect could lead the credentials to another host.
            follow_redirects=False,
            timeout=httpx2.Timeout(settings.read_seconds, connect=settings.connect_seconds),
            limits=httpx2.Limits(max_connections=1),
        )
        line = Line(client, keep_deadlines(client))
        self._lines.append(line)
        return line

    def _call(self, line: Line, ask: Ask, left: Callable[[float], None]) -> Answer:
        import httpx2

        at, started = utc_now(), time.perf_counter()
        line.time.begin(self._settings.total_seconds, left)
        status, headers, body, failure, words = None, {}, b"", None, ""
        try:
            with line.client.stream("GET", self._settings.url + ask.path, params=ask.params) as response:
                body = _body(response)
                status, headers = response.status_code, {k.lower(): v for k, v in response.headers.items()}
        except httpx2.TimeoutException as error:
            failure, words = "timeout", str(error) or "it took too long"
        except (httpx2.RemoteProtocolError, httpx2.DecodingError, _TooLargeError) as error:
            failure, words = "broken_body", str(error)
        except httpx2.RequestError as error:
            failure, words = "connection", str(error) or type(error).__name__
        return Answer(
            at=at,
            fetched_at=utc_now(),
            ms=1_000 * (time.perf_counter() - started),
            status=status,
            headers=headers,
            body=body,
            failure=failure,
            words=words,
        )


class _TooLargeError(Exception):
    """The body is larger than any body of a feed."""


def _body(response: httpx2.Response) -> bytes:
    parts, size = [], 0
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > LARGEST_BYTES:
            raise _TooLargeError(f"the body is larger than {LARGEST_BYTES} bytes")
    return b"".join(parts)


def _user_agent() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"morningline/{version('morningline')}"
    except PackageNotFoundError:
        return "morningline"
