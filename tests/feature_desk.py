"""A small racing history whose facts come in day by day, and features computed from it as they do."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from chance_events import bits
from morningline.domains.racing.events import racing_events
from morningline.domains.racing.schema import CATALOG
from morningline.domains.racing.world import World, simulate
from morningline.facts import migrate
from morningline.facts.store import load
from morningline.features.computing import ComputeReport, Source, compute_features, first_stale
from morningline.features.cutoffs import MORNING
from morningline.features.definitions import Centred, Derived, Expression, History, Rating, WithinEvent
from morningline.features.feature_set import FeatureSet
from morningline.features.rating import Elo, PlackettLuce
from morningline.features.state import IDENTITY, ORDER
from morningline.features.store import FeatureStore
from morningline.features.windows import AtLeast, Days, Decay, Last, Near, Rivals, Same
from morningline.kit import clock
from morningline.kit.workspace import Workspace
from morningline.wiring import acts, featuring, training
from morningline.wiring.program import Program, domain_named, migration_folders
from racing_facts import facts_of
from test_parity import new_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psycopg

    from morningline.domains.contract import Domain
    from morningline.kit.database import Database
    from racing_facts import Facts

HORSE, JOCKEY = ("horse_id",), ("jockey_id",)
FIRST, LAST = date(2023, 3, 20), date(2023, 5, 1)
DAY = timedelta(days=1)


def _history(name: str, key: Any, **others: Any) -> History:
    return History(name=name, key=key, description="", **others)


SET = FeatureSet(
    name="every_step",
    steps=(
        _history("runs", HORSE, aggregate="count"),
        _history("since", HORSE, aggregate="days_since"),
        _history("wins", JOCKEY, value="won", aggregate="rate", prior=0.1, prior_rows=5, window=Days(20)),
        _history("form", HORSE, value="finish_fraction", window=Last(3)),
        _history("fading", ("trainer_id",), value="won", window=Decay(10)),
        _history(
            "like_this",
            HORSE,
            value="finish_fraction",
            aggregate="quantile",
            where=(Same("course_id"), Near("distance_m", share=0.2)),
        ),
        _history("met", Rivals(HORSE), aggregate="count"),
        _history("ahead", Rivals(HORSE, "ahead"), value="won", aggregate="sum"),
        Rating(name="elo", key=HORSE, result="position", system=Elo(half_life_days=30), description=""),
        Rating(name="skill", key=JOCKEY, result="position", system=PlackettLuce(), description=""),
        Expression(name="above", sql="elo - 1500 + COALESCE(weight_lbs, 0)", description=""),
        Derived(name="beyond", sql="finish_fraction - 0.001 * COALESCE(above, 0)", description=""),
        Centred(name="centred", of="beyond", by=("course_id",), description=""),
        _history("par", HORSE, value="centred", window=Last(2)),
        _history("trend", HORSE, value="elo", aggregate="slope", where=(AtLeast("elo"),)),
        WithinEvent(name="place", of="elo", how="rank", description=""),
    ),
)
"""A step of every kind on the events of racing."""


@cache
def world() -> Facts:
    """Six weeks of racing over the change of the clocks and of two months, about 1,500 runners."""
    facts = facts_of(simulate(World(seed=3, horses=600, last_day=LAST)).runs)
    races = facts["ra_races"].filter(pl.col("date") >= FIRST, pl.col("race_number") <= 3)
    of_race = {"ra_races": "id", **dict.fromkeys(("ra_runners", "ra_results", "ra_odds"), "race_id")}
    return facts | {name: facts[name].filter(pl.col(key).is_in(races["id"].to_list())) for name, key in of_race.items()}


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


END = noon(LAST) + DAY


def racing() -> Domain:
    """The racing domain with the small set for its task."""
    return replace(domain_named("racing"), feature_set=SET, further_sets=())


def use_small_set(patch: Any) -> None:
    """Have the acts of this process compute the small set."""
    for module in (featuring, acts):
        patch.setattr(module, "domain_named", lambda _name: racing())
    patch.setattr(training, "domain_of_task", lambda _name: racing())


@dataclass
class Desk:
    """A database with the racing tables, and the stores beside it."""

    database: Database
    folder: Path

    def __post_init__(self) -> None:
        migrate.upgrade(self.database, migration_folders())
        self.store = FeatureStore(self.folder / "features", SET)
        self.noted: list[str] = []

    def put(self, facts: Facts) -> None:
        """Take facts in, as they come in."""
        with self.database.connect() as connection:
            for table in CATALOG.tables:
                if table.name in facts:
                    load(connection, table, facts[table.name])

    def known(self, after: datetime | None, by: datetime, *, but: tuple[date, ...] = ()) -> None:
        """Take in what became known between two instants, but for some days."""
        chosen = (pl.col("known_at") <= by) & (pl.lit(value=True) if after is None else pl.col("known_at") > after)
        found = {name: frame.filter(chosen) for name, frame in world().items()}
        self.put({n: f.filter(~pl.col("date").is_in(but)) if "date" in f.columns else f for n, f in found.items()})

    def by_hand(self, sql: str, *values: Any) -> int:
        with self.database.connect() as connection:
            return connection.execute(sql.encode(), values).rowcount

    def compute(self, as_of: datetime, store: FeatureStore | None = None, **asked: Any) -> ComputeReport:
        with self.database.connect(read_only=True) as connection:
            return compute_features(
                connection, store or self.store, self.source(connection, as_of), as_of=as_of, **asked
            )

    def source(self, connection: psycopg.Connection, as_of: datetime) -> Source:
        events = partial(racing_events, connection, as_of=as_of, cutoff=MORNING)
        return Source(
            catalog=CATALOG,
            events=lambda first, last: events(first=first, last=last),
            note=lambda computation: self.noted.append(computation.id),
        )

    def stale(self, now: datetime, until: date | None = None) -> date | None:
        with self.database.connect(read_only=True) as connection:
            return first_stale(connection, CATALOG, self.store.state(), now=now, until=until)

    def at_once(self, as_of: datetime) -> FeatureStore:
        """All days computed at once, in a store of their own."""
        store = FeatureStore(self.folder / uuid.uuid4().hex, SET)
        self.compute(as_of, store)
        return store


def differences(one: FeatureStore, other: FeatureStore) -> list[str]:
    """Columns of features and of history rows whose bits are not the same, whoever computed them."""
    return _differing(one.read(), other.read(), IDENTITY) + _differing(_past(one), _past(other), ORDER)


def _past(store: FeatureStore) -> pl.DataFrame:
    return store.past(store.state().history).drop("computation").collect().sort(*ORDER)


def _differing(one: pl.DataFrame, other: pl.DataFrame, key: tuple[str, ...]) -> list[str]:
    one, other = one.sort(*key), other.sort(*key)
    if one.schema != other.schema or not one.select(key).equals(other.select(key)):
        return [f"rows: {one.height} and {other.height}"]
    return [name for name in one.columns if bits(one[name]) != bits(other[name])]


def correct(desk: Desk, day: date, known_at: datetime) -> None:
    """The stewards exchange first and second of a day's races."""
    results = world()["ra_results"].filter((pl.col("date") == day) & (pl.col("position") <= 2))
    exchanged = (3 - pl.col("position")).cast(pl.Int16).alias("position")
    desk.put({"ra_results": results.with_columns(exchanged, known_at=pl.lit(known_at))})


@pytest.fixture(scope="module")
def database(postgres_url: str) -> Iterator[Database]:
    with new_database(postgres_url) as found:
        yield found


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    """The desk before any fact came in."""
    emptied(database)
    return Desk(database, tmp_path)


def emptied(database: Database) -> None:
    """Take all facts away."""
    with database.connect() as connection:
        connection.execute(f"TRUNCATE {', '.join([*CATALOG.names, 'fact_days'])}".encode())
        was = [table.superseded for table in CATALOG.tables if table.superseded]
        connection.execute(f"TRUNCATE {', '.join(was)}".encode())


@pytest.fixture
def full(desk: Desk) -> Desk:
    """The desk with all facts, and features of all days."""
    desk.known(None, END)
    desk.compute(END)
    return desk


@pytest.fixture
def program(full: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """A workspace over the same facts, whose clock stands after the last day."""
    use_small_set(monkeypatch)
    workspace = Workspace.create(tmp_path / "workspace")
    with (
        clock.rehearsal() as turn_to,
        Program.at(workspace.root, {"MORNINGLINE_DATABASE_URL": full.database.url}) as found,
    ):
        turn_to(END)
        featuring.compute_features(found, "racing", featuring.Extent(accept_quality=True))
        yield found
