"""From payloads to the frames of text that the mapping of The Racing API reads."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec
import polars as pl

from morningline.domains.racing.feeds.racing_api import columns, shapes
from morningline.domains.racing.feeds.racing_api.documents import Document, Trouble
from morningline.domains.racing.feeds.racing_api.identities import identify
from morningline.domains.racing.feeds.racing_api.repairing import read_apart
from morningline.domains.racing.feeds.racing_api.shapes import attribute
from morningline.domains.racing.feeds.racing_api.strict import read_whole
from morningline.kit.errors import BrokenBodyError
from morningline.sources.feed import FeedRows
from morningline.sources.reading import BrokenRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morningline.domains.racing.feeds.racing_api.shapes import Record, Shape
    from morningline.domains.racing.feeds.racing_api.strict import Learned
    from morningline.sources.feed import Payload


MISSING = ("", "-", "\N{EN DASH}")
"""How the feed writes that there is nothing, besides null: nothing at all, a hyphen, and an en dash for ratings."""


@dataclass(frozen=True)
class Kind:
    """What the bodies of an endpoint hold.

    Attributes:
        key: The key of their list; empty where the body is the list, None where the body is one record.
        shape: What the records are.
        frames: Shape name to the frame its records go to.
    """

    key: str | None
    shape: Shape
    frames: dict[str, str]


KINDS = {
    "racecards": Kind(
        "racecards",
        shapes.CARD,
        {"race": "card_races", "runner": "card_runners", "quote": "card_odds", "price": "card_history"},
    ),
    "results": Kind("results", shapes.RESULT, {"race": "result_races", "runner": "result_runners"}),
    "courses": Kind("courses", shapes.COURSE, {"course": "courses"}),
    "regions": Kind("", shapes.REGION, {"region": "regions"}),
    "horses": Kind(None, shapes.HORSE, {"horse": "horses"}),
}
"""By endpoint."""


@dataclass
class _Level:
    """All the records of one shape, with where each of them stands."""

    shape: Shape
    records: list[Record] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)

    def add(self, label: str, records: list[Record], parents: list[int]) -> None:
        """Take the records of one body; those that could not be read keep their number."""
        places: Sequence[int] = range(1, len(records) + 1)
        if None in records:
            places = [place for place, record in zip(places, records, strict=True) if record is not None]
            parents = [parent for parent, record in zip(parents, records, strict=True) if record is not None]
            records = [record for record in records if record is not None]
        self.records += records
        self.rows += places
        self.files += [label] * len(records)
        self.parents += parents

    def frame(self) -> pl.DataFrame:
        """The texts of the records, `#parent` the place of the record that holds each, `#file` and `#row`."""
        texts = [_texts(self.records, key) for key in (*self.shape.texts, "extra")]
        flags = [_flags(self.records, key) for key in self.shape.flags]
        stripped = pl.all().str.strip_chars()
        return (
            pl.DataFrame([*texts, *flags])
            .with_columns(pl.when(~stripped.is_in(MISSING)).then(stripped).name.keep())
            .with_columns(
                pl.Series("#parent", self.parents, dtype=pl.UInt32),
                pl.Series("#file", self.files, dtype=pl.String),
                pl.Series("#row", self.rows, dtype=pl.UInt32),
            )
        )


def _texts(records: list[Record], key: str) -> pl.Series:
    return pl.Series(key, list(map(attrgetter(attribute(key)), records)), dtype=pl.String)


def _flags(records: list[Record], key: str) -> pl.Series:
    words = [None if value is None else str(value).lower() for value in map(attrgetter(key), records)]
    return pl.Series(key, words, dtype=pl.String)


def read(payloads: Sequence[Payload]) -> FeedRows:
    """Read payloads into frames; neither their order nor what else is read with them changes a row.

    Args:
        payloads: Usable bodies of any endpoints; one body that was fetched twice counts once.
    """
    frames: dict[str, pl.DataFrame] = {}
    broken: dict[str, list[BrokenRecord]] = {}
    unknown: Counter[str] = Counter()
    distinct = {
        payload.label: payload for payload in sorted(payloads, key=lambda p: (p.label, -p.fetched_at.timestamp()))
    }
    for endpoint, kind in KINDS.items():
        learned: set[Learned] = set()
        documents = {label: _document(p, kind, learned) for label, p in distinct.items() if p.endpoint == endpoint}
        for label, document in documents.items():
            unknown.update({f"{endpoint}: {key}": count for key, count in document.unknown.items()})
            for trouble in document.troubles:
                record = BrokenRecord(
                    label,
                    trouble.place,
                    trouble.reason,
                    trouble.reason.partition(":")[0],
                    trouble.content,
                    "row" if trouble.whole else "value",
                )
                broken.setdefault(kind.frames[trouble.level], []).append(record)
        levels = _levels(documents, kind)
        frames |= columns.FRAMES[endpoint](levels)
    return FeedRows(frames=frames, broken=broken, unknown=dict(sorted(unknown.items())))


def _document(payload: Payload, kind: Kind, learned: set[Learned]) -> Document:
    """The records of a body, with ids for those that have none."""
    body = payload.body if kind.key is not None else b"[" + payload.body + b"]"
    key = kind.key or ""
    try:
        document = read_whole(body, key, kind.shape, learned) or read_apart(body, key, kind.shape, learned)
    except BrokenBodyError as error:
        content = msgspec.json.encode(payload.body[:2_000].decode(errors="replace")).decode()
        reason = f"the body is no document of this endpoint: {error}"
        return Document(troubles=[Trouble(level=kind.shape.name, place=1, reason=reason, content=content, whole=True)])
    if kind.shape.item is not None:
        for race in document.records:
            if race is not None:
                identify(race)
    return document


def _levels(documents: dict[str, Document], kind: Kind) -> dict[str, pl.DataFrame]:
    """A frame for each shape, by its name."""
    shape: Shape | None = kind.shape
    bodies = {label: (document.records, [0] * len(document.records)) for label, document in documents.items()}
    frames = {}
    while shape is not None:
        level = _Level(shape)
        inner: dict[str, tuple[list[Record], list[int]]] = {}
        for label, (records, parents) in bodies.items():
            before = len(level.records)
            level.add(label, records, parents)
            if shape.item is not None:
                inner[label] = _inside(level.records, before, shape.items)
        frames[shape.name] = level.frame()
        bodies, shape = inner, shape.item
    return frames


def _inside(records: list[Record], start: int, key: str) -> tuple[list[Record], list[int]]:
    """The records inside of others, and the places of those."""
    items: list[Record] = []
    parents: list[int] = []
    inside = attrgetter(key)
    for place in range(start, len(records)):
        held = inside(records[place])
        if held:
            items += held
            parents += [place] * len(held)
    return items, parents
