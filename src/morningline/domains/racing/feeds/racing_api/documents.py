"""What is found in a body of The Racing API: its records, what could not be read, and which keys are new."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from morningline.kit.errors import BrokenBodyError

if TYPE_CHECKING:
    from morningline.domains.racing.feeds.racing_api.shapes import Record

FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises where content is no JSON, or none of the kind that is wanted."""

ENVELOPE = ("total", "limit", "skip", "query")
"""The keys of a page beside its list."""

NUL_ESCAPED = b"\\u0000"
"""How JSON writes the character that no text of the database can hold."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A record, or a value of one, that could not be read.

    Attributes:
        level: Name of the record's shape.
        place: Its number among the body's records of that shape, from 1.
        reason: What is wrong with it.
        content: The record as JSON.
        whole: Whether the whole record is lost, and not one value of it.
    """

    level: str
    place: int
    reason: str
    content: str
    whole: bool


@dataclass
class Document:
    """The records of one body.

    Attributes:
        records: In the body's order, None where one could not be read; so are the lists inside of them.
        troubles: What could not be read.
        unknown: Unknown keys, such as `race.runner.speed`, and how often each was seen.
    """

    records: list[Record] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)


def pieces(body: bytes, key: str) -> tuple[list[msgspec.Raw], int | None]:
    """The records of a body, not yet read, and how many it says there are in all.

    Args:
        body: The body of an answer.
        key: The key of the list; empty where the body is a list.

    Raises:
        BrokenBodyError: The body is no whole document of this kind.
    """
    try:
        page: Any = _envelope(key).decode(body)
    except FAULTS as error:
        raise BrokenBodyError(
            f"A body of {len(body)} bytes is no document of The Racing API: {error}. It begins with {body[:60]!r}.",
            allowed=f"a JSON object with a list under {key!r}" if key else "a JSON list",
            do="It is asked for again by itself. If it stays so, look at the body in the raw archive.",
        ) from error
    if not key:
        return page, None
    return page.records, page.total if isinstance(page.total, int) else None


@cache
def _envelope(key: str) -> msgspec.json.Decoder[Any]:
    if not key:
        return msgspec.json.Decoder(list[msgspec.Raw])
    fields: list[Any] = [("records", list[msgspec.Raw]), ("total", Any, None)]
    return msgspec.json.Decoder(msgspec.defstruct("Envelope", fields, rename={"records": key}))
