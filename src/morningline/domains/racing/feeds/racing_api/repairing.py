"""Reads a body that is not as documented, record by record, losing only what cannot be read and saying what it was.

A number where a text belongs is taken as it is written; an unknown key is kept as JSON beside its record and counted;
the rest is set aside with its content.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from morningline.domains.racing.feeds.racing_api.documents import (
    ENVELOPE,
    FAULTS,
    NUL_ESCAPED,
    Document,
    Trouble,
    pieces,
)
from morningline.domains.racing.feeds.racing_api.shapes import attribute
from morningline.domains.racing.feeds.racing_api.strict import gather_news, record_decoder, record_type
from morningline.kit.nul import NUL, show_nul, show_nul_in_json

if TYPE_CHECKING:
    from morningline.domains.racing.feeds.racing_api.shapes import Record, Shape
    from morningline.domains.racing.feeds.racing_api.strict import Learned


def read_apart(body: bytes, key: str, shape: Shape, learned: set[Learned]) -> Document:
    """Read the records of a body one by one.

    Args:
        body: The body of an answer.
        key: The key of their list; empty where the body is the list.
        shape: What they are.
        learned: Keys that were new in bodies read before, so that whole records are read fast.

    Raises:
        BrokenBodyError: The body is no whole document of this kind.
    """
    return _Repair(frozenset(learned)).document(body, key, shape)


class _Repair:
    def __init__(self, learned: frozenset[Learned]) -> None:
        self.learned = learned
        self.found = Document()
        self.places: Counter[str] = Counter()

    def document(self, body: bytes, key: str, shape: Shape) -> Document:
        parts, _ = pieces(body, key)
        if key:
            envelope = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
            self.found.unknown.update(name for name in envelope if name not in (key, *ENVELOPE))
        self.found.records = [self._record(bytes(part), shape, shape.name) for part in parts]
        return self.found

    def _record(self, content: bytes, shape: Shape, path: str) -> Record:
        if NUL_ESCAPED not in content:
            try:
                record = record_decoder(shape, path, self.learned).decode(content)
            except FAULTS:
                pass
            else:
                self._count(record, shape)
                gather_news([record], shape, path, self.learned, self.found.unknown)
                return record
        self.places[shape.name] += 1
        try:
            value = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        except FAULTS as error:
            self._trouble(shape, f"it is no {shape.name}: {error}", content)
            return None
        return self._repaired(value, content, shape, path)

    def _count(self, record: Record, shape: Shape) -> None:
        self.places[shape.name] += 1
        if shape.item is not None:
            for item in getattr(record, shape.items) or ():
                self._count(item, shape.item)

    def _repaired(self, value: dict[str, msgspec.Raw], content: bytes, shape: Shape, path: str) -> Record:
        record: Record = record_type(shape, path, frozenset())(**({shape.items: []} if shape.complete else {}))
        extra = {}
        for key, each in value.items():
            if key in shape.texts or key in shape.flags:
                text, fault = _text(bytes(each))
                setattr(record, attribute(key), text)
                if fault:
                    self._trouble(shape, f"{key} {fault}", content, whole=False)
            elif key not in shape.skipped and key != shape.items:
                extra[key] = each
        if shape.item is not None:
            parts = self._parts(value.get(shape.items, msgspec.Raw(b"null")), content, shape)
            items = [self._record(bytes(part), shape.item, f"{path}.{shape.item.name}") for part in parts]
            setattr(record, shape.items, items)
        if extra:
            self.found.unknown.update(f"{path}.{key}" for key in extra)
            # A query may read it as JSON of the database, which has no NUL.
            record.extra = show_nul_in_json(msgspec.json.encode(extra, order="sorted").decode())
        return record

    def _parts(self, items: msgspec.Raw, content: bytes, shape: Shape) -> list[msgspec.Raw]:
        """The records inside of one, not yet read."""
        try:
            parts = msgspec.json.decode(items, type=list[msgspec.Raw] | None)
        except FAULTS:
            self._trouble(shape, f"{shape.items} is no list: {_shown(bytes(items))}", content, whole=False)
            return []
        if parts is None and shape.complete:
            self._trouble(shape, f"it has no list of {shape.items}", content, whole=False)
        return parts or []

    def _trouble(self, shape: Shape, reason: str, content: bytes, *, whole: bool = True) -> None:
        place, text = self.places[shape.name], _as_json(content)
        self.found.troubles.append(Trouble(level=shape.name, place=place, reason=reason, content=text, whole=whole))


def _text(content: bytes) -> tuple[str | None, str]:
    """A value as text, and what is wrong with it where it is none."""
    try:
        value = msgspec.json.decode(content, type=str | bool | None)
    except msgspec.ValidationError:
        # A number is kept as it was written.
        number = content.decode()
        return (number, "") if number[0] in "-0123456789" else (None, f"is no text: {_shown(content)}")
    except FAULTS:
        return None, f"is no text: {_shown(content)}"
    if isinstance(value, str) and NUL in value:
        return None, f"holds a NUL character, which no text can: {show_nul(value)}"
    return (str(value).lower() if isinstance(value, bool) else value), ""


def _shown(content: bytes) -> str:
    return content[:100].decode(errors="replace")


def _as_json(content: bytes) -> str:
    """Content that may not be whole, as JSON."""
    try:
        msgspec.json.decode(content)
    except FAULTS:
        return msgspec.json.encode(content.decode(errors="replace")).decode()
    return content.decode()
