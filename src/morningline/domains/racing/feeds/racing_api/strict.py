"""Reads a body that is as documented, as a whole and fast; keys that are new do not slow it down."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from morningline.domains.racing.feeds.racing_api.documents import ENVELOPE, FAULTS, NUL_ESCAPED, Document
from morningline.domains.racing.feeds.racing_api.shapes import struct

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable

    from morningline.domains.racing.feeds.racing_api.shapes import Record, Shape

MOST_LEARNED = 100
"""Keys that may be new in the bodies of one reading before bodies are read record by record."""

_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`(?: - at `(.*)`)?", re.DOTALL)


class Learned(NamedTuple):
    """An unknown key: the path of its record, such as `race.runner`, empty for the page itself; and the key."""

    path: str
    key: str


def read_whole(body: bytes, key: str, shape: Shape, learned: set[Learned]) -> Document | None:
    """Read the records of a body that is as documented, but perhaps for new keys.

    Args:
        body: The body of an answer.
        key: The key of their list; empty where the body is the list.
        shape: What they are.
        learned: Keys that were new in bodies read before; those of this one are added. They make reading faster and
            no difference to what is read.

    Returns:
        The records; None where the body holds something else, and must be read record by record.
    """
    if NUL_ESCAPED in body:
        return None
    while True:
        try:
            page = _page_decoder(key, shape, frozenset(learned)).decode(body)
        except FAULTS as error:
            news = _unknown(error, shape)
            if news is None or len(learned) == MOST_LEARNED:
                return None
            learned.add(news)
        else:
            return _with_news(page, key, shape, frozenset(learned))


def _unknown(error: Exception, shape: Shape) -> Learned | None:
    """The unknown key that an error is about."""
    found = _UNKNOWN.fullmatch(str(error))
    if found is None:
        return None
    depth = (found[2] or "").count("[")
    return Learned(_paths(shape)[depth - 1] if depth else "", found[1])


def _paths(shape: Shape) -> list[str]:
    """The paths of a shape and of those inside of it: `race`, `race.runner`, ..."""
    paths = [shape.name]
    while shape.item is not None:
        shape = shape.item
        paths.append(f"{paths[-1]}.{shape.name}")
    return paths


def _more_keys(path: str, learned: frozenset[Learned]) -> list[str]:
    return sorted(each.key for each in learned if each.path == path)


@lru_cache(maxsize=64)
def record_type(shape: Shape, path: str, learned: frozenset[Learned]) -> type[msgspec.Struct]:
    """What a record is decoded to, with room for the keys that were new."""
    item = record_type(shape.item, f"{path}.{shape.item.name}", learned) if shape.item is not None else None
    return struct(shape, item, _more_keys(path, learned))


@lru_cache(maxsize=64)
def record_decoder(shape: Shape, path: str, learned: frozenset[Learned]) -> msgspec.json.Decoder[Any]:
    """Reads one record."""
    return msgspec.json.Decoder(record_type(shape, path, learned))


@lru_cache(maxsize=64)
def _page_decoder(key: str, shape: Shape, learned: frozenset[Learned]) -> msgspec.json.Decoder[Any]:
    record = record_type(shape, shape.name, learned)
    if not key:
        return msgspec.json.Decoder(list[record])  # type: ignore[valid-type]
    others = {f"other_{index}": name for index, name in enumerate((*ENVELOPE, *_more_keys("", learned)))}
    fields: list[Any] = [
        ("records", list[record]),  # type: ignore[valid-type]
        *((name, msgspec.Raw, msgspec.Raw(b"")) for name in others),
    ]
    page = msgspec.defstruct("Page", fields, rename={"records": key, **others}, forbid_unknown_fields=True)
    return msgspec.json.Decoder(page)


def _with_news(page: Record, key: str, shape: Shape, learned: frozenset[Learned]) -> Document:
    document = Document(page.records if key else page)
    for index, name in enumerate(_more_keys("", learned) if key else (), start=len(ENVELOPE)):
        document.unknown[name] += len(getattr(page, f"other_{index}")) > 0
    gather_news(document.records, shape, shape.name, learned, document.unknown)
    return document


def gather_news(
    records: Iterable[Record], shape: Shape, path: str, learned: frozenset[Learned], unknown: Counter[str]
) -> None:
    """Put the new keys of records into their `extra`, as JSON, and count them."""
    keys = _more_keys(path, learned)
    below = shape.item if any(each.path.startswith(f"{path}.") for each in learned) else None
    if not keys and below is None:
        return
    names = {key: f"more_{index}" for index, key in enumerate(keys)}
    for record in records:
        extra = {key: value for key, name in names.items() if len(value := getattr(record, name))}
        if extra:
            record.extra = msgspec.json.encode(extra).decode()
            unknown.update(f"{path}.{key}" for key in extra)
        if below is not None:
            gather_news(getattr(record, shape.items) or (), below, f"{path}.{below.name}", learned, unknown)
