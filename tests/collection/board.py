"""A made-up feed in memory: cards and results of days, in pages, and what makes its calls and runs its months."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from morningline.collection.collecting import Collector
from morningline.collection.loading import Loader
from morningline.collection.planning import Wanted
from morningline.kit.errors import FeedUnavailableError
from morningline.sources.feed import Ask, FeedRows, Page, Payload
from morningline.sources.feed_settings import FeedSettings
from morningline.sources.mapping import read_mapping
from morningline.wiring.program import domain_named

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from morningline.kit.database import Database

FIRST = date(2024, 1, 30)
NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
PAGE = 2

MAPPING = """
mapping = 1
name = "board"
domain = "racing"
time_zone = "Europe/London"
[files.cards]
path = "cards"
[files.results]
path = "results"
"""
for _file, _basis in (("cards", "card"), ("results", "result")):
    for _table, _columns in (
        ("ra_mst_courses", 'id = { constant = "X" }'),
        ("ra_mst_horses", 'id = "horse"\nname = "called"'),
        (
            "ra_races",
            (
                f'id = "race"\ndate = "day"\ncourse_id = {{ constant = "X" }}\nbasis = {{ constant = "{_basis}" }}\n'
                'known_at = "known_at"'
            ),
        ),
        (
            "ra_runners",
            (
                f'race_id = "race"\nhorse_id = "horse"\nweight_lbs = "lbs"\nbasis = {{ constant = "{_basis}" }}\n'
                'known_at = "known_at"'
            ),
        ),
    ):
        MAPPING += f'[[tables]]\nto = "{_table}"\nfrom = "{_file}"\n[tables.columns]\n{_columns}\n'
MAPPING += """
[[tables]]
to = "ra_results"
from = "results"
[tables.columns]
race_id = "race"
horse_id = "horse"
outcome = { column = "pos", read = "outcome" }
position = { column = "pos", read = "placing" }
known_at = "known_at"
"""
COLUMNS = ("race", "day", "horse", "called", "lbs", "pos")


class Board:
    """The feed: `racecards` and `results` of a day, two races a page."""

    name = "board"
    domain = "racing"
    url = ""
    time_zone = "Europe/London"
    limits: ClassVar = {"all": 2.0}
    username_env = password_env = ""
    masters = ()
    days = ("racecards", "results")
    corrections: ClassVar = {"results": (0, 1, 8)}
    details: ClassVar = {}
    options = None
    earliest = date(2024, 1, 1)

    def __init__(self, folder: Path) -> None:
        self.mapping = folder / "board.toml"
        self.mapping.write_text(MAPPING, encoding="utf-8")

    def first(self, endpoint: str, day: date | None, settings: object, *, today: date, generation: int) -> Ask | None:
        del settings, today
        params = (("day", str(day)), ("skip", "0"))
        return Ask(endpoint=endpoint, path=f"/{endpoint}", params=params, limit="all", day=day, generation=generation)

    def why_not(self, endpoint: str, day: date | None, settings: object, today: date) -> str | None:
        del endpoint, settings, today
        return "the board begins in 2024" if day and day < self.earliest else None

    def page(self, ask: Ask, body: bytes) -> Page:
        said = json.loads(body)
        skip = int(dict(ask.params)["skip"]) + PAGE
        ids = tuple(race["race"] for race in said["races"])
        params = (ask.params[0], ("skip", str(skip)))
        return Page(
            total=said["total"], ids=ids, next=replace(ask, params=params) if skip < said["total"] and ids else None
        )

    def refusal(self, status: int, body: bytes) -> None:
        del status, body

    def read(self, payloads: Sequence[Payload]) -> FeedRows:
        frames: dict[str, list[pl.DataFrame]] = {"cards": [], "results": []}
        for payload in payloads:
            rows = [
                [race["race"], race["day"], runner["horse"], runner["called"], runner.get("lbs"), runner.get("pos")]
                for race in json.loads(payload.body)["races"]
                for runner in race["runners"]
            ]
            frame = pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")
            frame = frame.with_columns(pl.lit(payload.label).alias("#file")).with_row_index("#row", 1)
            frames["cards" if payload.endpoint == "racecards" else "results"].append(frame)
        return FeedRows(frames={n: pl.concat(f) for n, f in frames.items() if f}, broken={}, unknown={})


def races(ask: Ask) -> list[dict[str, Any]]:
    """Three races of two on a day; the second result is corrected from the third generation on."""
    day = str(ask.day)
    made = []
    for number in range(3):
        horses = [f"h{(int(day[-2:]) + number) % 7}", f"k{number}"]
        runners: list[dict[str, Any]] = [
            {"horse": h, "called": f"{h} on {day}", "lbs": str(120 + number)} for h in horses
        ]
        if ask.endpoint == "results":
            order = horses[::-1] if number == 1 and ask.generation > 2 else horses
            for runner in runners:
                runner |= {"pos": str(order.index(runner["horse"]) + 1), "lbs": str(110 + number)}
        made.append({"race": f"{day}-{number}", "day": day, "runners": runners})
    return made


@dataclass
class Calls:
    """What makes the calls: an archive in memory, and whatever a test lets go wrong."""

    board: Callable[[Ask], list[dict[str, Any]]] = races
    before: Callable[[Ask], None] = lambda _ask: None
    total: Callable[[Ask, int], int] = lambda _ask, number: number
    now: datetime = NOON
    made: list[Ask] = field(default_factory=list)
    archive: dict[str, Payload] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        return len(self.archive)

    def fetch(self, ask: Ask) -> Payload:
        if ask.request not in self.archive:
            self.made.append(ask)
            self.before(ask)
            items = self.board(ask)
            skip = int(dict(ask.params)["skip"])
            said = {"total": self.total(ask, len(items)), "races": items[skip : skip + PAGE]}
            body = json.dumps(said).encode()
            self.archive[ask.request] = Payload(
                id=len(self.archive) + 1,
                feed="board",
                endpoint=ask.endpoint,
                request=ask.request,
                path=ask.path,
                params=ask.params,
                day=ask.day,
                generation=ask.generation,
                status=200,
                fetched_at=self.now,
                sha256=sha256(body).hexdigest(),
                size=len(body),
                body=body,
            )
        return self.archive[ask.request]

    def of_day(self, endpoint: str, day: date, generation: int) -> list[Payload]:
        found = [p for p in self.archive.values() if (p.endpoint, p.day, p.generation) == (endpoint, day, generation)]
        return sorted(found, key=lambda p: p.id)


@dataclass
class Steps:
    """A run in memory: steps that finished are not done again."""

    id: str = "run-1"
    done: dict[str, Any] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    interrupt: Callable[[int], None] = lambda _times: None

    def step(self, name: str, do: Callable[[], Any]) -> Any:
        if name not in self.done:
            self.done[name] = json.loads(json.dumps(do()))
        return self.done[name]

    def progress(self, doing: str, done: float, **figures: Any) -> None:
        self.told.append({"doing": doing, "done": done, **figures})
        self.interrupt(len(self.told))


SETTINGS = FeedSettings(name="board", url="")


def loader_of(feed: Board, run_id: str | None = "run-1") -> Loader:
    return Loader(feed=feed, mapping=read_mapping(feed.mapping), rules=domain_named("racing"), run_id=run_id)


def wanted(days: int = 4, *, now: datetime = NOON, again: bool = False, first: date = FIRST) -> Wanted:
    last = first + timedelta(days=days - 1)
    return Wanted(endpoints=Board.days, first=first, last=last, again=again, now=now)


def collect(
    database: Database, folder: Path, calls: Calls, what: Wanted | None = None, run: Steps | None = None
) -> dict[str, Any]:
    """Collect from the board."""
    steps: Any = run or Steps(id=f"run-{len(calls.made)}")
    collector = Collector(steps, loader_of(Board(folder), steps.id), SETTINGS, calls, database)
    chosen = what or wanted()
    return collector.collect(chosen, chosen.now.date())


def unavailable(*_: object) -> None:
    raise FeedUnavailableError("The board does not answer.")


NAMES = SimpleNamespace(catalog=domain_named("racing").catalog)
