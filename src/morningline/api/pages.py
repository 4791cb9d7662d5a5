"""Cursors: where a page of a list ended, as a word that a client hands back and need not read."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

import msgspec
from fastapi import Query

from morningline.kit.errors import InputError

Cursor = Annotated[
    str | None,
    Query(max_length=500, description="Where to go on: `next` of the page before, with the same filters and order."),
]
Limit = Annotated[int, Query(ge=1, le=500, description="How many a page has at most.")]


def encode(*parts: str) -> str:
    """A place in a list as a cursor.

    Example:
        >>> decode(encode("a", "b"), 2)
        ('a', 'b')
    """
    return urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def decode(cursor: str, parts: int) -> tuple[str, ...]:
    """The place that a cursor says.

    Args:
        cursor: What `encode` made.
        parts: Of how many texts.

    Raises:
        InputError: It is none of ours.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        found = msgspec.json.decode(urlsafe_b64decode(padded), type=tuple[str, ...])
    except (ValueError, msgspec.DecodeError, msgspec.ValidationError):
        found = ()
    if len(found) != parts:
        raise InputError(
            f"The cursor {cursor[:60]!r} is none of this list.",
            allowed="`next` of a page, with the same filters and order",
            do="Begin without a cursor.",
        )
    return found
