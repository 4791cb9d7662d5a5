"""Computing a feature set: from the first day whose facts are others than they were, and keeping it month by month."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from secrets import token_hex
from time import perf_counter
from typing import TYPE_CHECKING, Any

import polars as pl

from morningline.facts.states import first_change, first_known, mark
from morningline.features.asking import here
from morningline.features.engine import compute_all
from morningline.features.keeping import DAY, Period, keep, pending
from morningline.kit.clock import utc_now
from morningline.kit.errors import DataError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date, datetime

    import psycopg

    from morningline.facts.table import Catalog
    from morningline.features.asking import Answerer
    from morningline.features.state import Events
    from morningline.features.store import FeatureStore, StoreState

ROWS_AT_ONCE = 400_000
"""Entrants that are computed together at most, in whole months; the past that they ask for comes on top."""


@dataclass(frozen=True, kw_only=True)
class ComputeReport:
    """What a computation of features did.

    Attributes:
        rows: Entrants that were computed, of so many `events`; none where everything was up to date.
        first_day: The first local day of these, empty where there are none.
        null_share: Share of these without a value, by feature.
    """

    feature_set: str
    feature_version: str
    delta_version: int
    features: int
    rows: int
    events: int
    first_day: str
    last_day: str
    null_share: dict[str, float]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Computation:
    """One act of computing features, as it is written down.

    Attributes:
        id: When it began and what it read; the rows it wrote name it.
        mark: The newest change of facts before they were read.
        as_of: UTC instant; features of a later cut-off are not final yet and are left out.
    """

    id: str
    mark: int
    as_of: datetime


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a set's events come from.

    Attributes:
        catalog: The tables of facts.
        events: Entrants and outcomes of local days, first to last, both ends included and None open.
        note: Writes a computation down, before anything of it is stored.
    """

    catalog: Catalog
    events: Callable[[date | None, date | None], Events]
    note: Callable[[Computation], None]


def compute_features(
    connection: psycopg.Connection[Any],
    store: FeatureStore,
    source: Source,
    *,
    as_of: datetime,
    first: date | None = None,
    last: date | None = None,
    force: bool = False,
    answer: Answerer = here,
) -> ComputeReport:
    """Compute what is missing or stale of a set, and keep it.

    A feature looks back and never ahead, so everything from the first day that changed is computed, and nothing before
    it. Long histories are taken in whole months, each part stored before the next begins: what is killed goes on
    where it was.

    Args:
        connection: An open connection.
        store: Where the set is kept.
        source: Where its events come from.
        as_of: UTC instant; what became known later does not exist.
        first: Compute from this local day on, even where nothing changed.
        last: Compute up to this local day only; what is stored of later days counts as stale until it is computed too.
        force: Compute every day, even where nothing changed.
        answer: Where histories are answered: in this process if not given.

    Raises:
        InputError: The first day is after the last.
        DataError: There are no entrants.
        ConflictError: Somebody else computed the set meanwhile.
    """
    started = perf_counter()
    if first is not None and last is not None and first > last:
        raise InputError(f"There are no days from {first} to {last}.", allowed="a first day that is not after the last")
    # Before the facts are read: what changes meanwhile makes the features stale, not wrong.
    noted = mark(connection)
    state = store.state() if store.exists() else None
    begin, known = None, as_of
    if state is not None:
        stale = first_stale(connection, source.catalog, state, now=as_of, until=last)
        begin = min((day for day in (first, stale) if day is not None), default=None)
        if begin is None and not force:
            return _report(store, [], perf_counter() - started)
        begin = None if force else begin
        # Where nothing became known since, what is computed anew is of the instant it was; the same makes no commit.
        known = state.as_of if stale is None else as_of
    computation = Computation(id=f"{utc_now():%Y%m%dT%H%M%SZ}-{noted}-{token_hex(4)}", mark=noted, as_of=as_of)
    source.note(computation)
    summaries = []
    for period in _slices(connection, source.catalog, begin, last):
        past = None if state is None or period.first is None else store.past(state.history, last=period.first - DAY)
        found = compute_all(source.events(period.first, period.last), store.features.steps, past, answer)
        final = found.features.filter(pl.col("as_of") <= as_of)
        if final.is_empty() and state is None:
            raise DataError("There are no entrants to compute features for.", do="Import or collect facts first.")
        said = {
            "mark": noted,
            "as_of": known.isoformat(),
            "until": period.last and period.last.isoformat(),
            "pending": pending(found.features, state, period, as_of),
            "computation": computation.id,
        }
        keep(store, state, found, final, period, said)
        summaries.append(_summary(final, store.features.names))
        state = store.state()
    return _report(store, summaries, perf_counter() - started)


def first_stale(
    connection: psycopg.Connection[Any],
    catalog: Catalog,
    state: StoreState,
    *,
    now: datetime,
    until: date | None = None,
) -> date | None:
    """The first local day whose stored features may be others now, or that is missing; None where there is none.

    Args:
        connection: An open connection.
        catalog: The tables of facts.
        state: What is stored.
        now: UTC instant; what became known and whose cut-off has passed since is missing.
        until: Only days up to this one.
    """
    found = [
        first_change(connection, catalog, after=state.mark, until=until),
        first_known(connection, catalog, after=state.as_of, by=now, until=until),
    ]
    if state.until is not None:
        found.append(first_change(connection, catalog, after=0, since=state.until + DAY, until=until))
    if state.pending is not None and state.pending[1] <= now and (until is None or state.pending[0] <= until):
        found.append(state.pending[0])
    return min((day for day in found if day is not None), default=None)


def _slices(
    connection: psycopg.Connection[Any], catalog: Catalog, first: date | None, last: date | None
) -> Iterator[Period]:
    """Whole months with not too many entrants."""
    entrants = next(t for t in catalog.tables if t.stage == "pre" and catalog.events.day in t.columns)
    day = catalog.events.day
    months = connection.execute(
        f"SELECT (date_trunc('month', {day}) + interval '1 month - 1 day')::date, count(*) FROM {entrants.name} "  # noqa: S608 - our own names
        f"WHERE {day} BETWEEN COALESCE(%s::date, '-infinity') AND COALESCE(%s::date, 'infinity') "
        "GROUP BY 1 ORDER BY 1".encode(),
        (first, last),
    ).fetchall()
    low, rows = first, 0
    for (end, count), (_, following) in pairwise(months):
        rows += count
        if rows + following > ROWS_AT_ONCE:
            yield Period(low, end)
            low, rows = end + DAY, 0
    yield Period(low, last)


def _summary(final: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """A period in one row, for the report: ten years of entrants would not fit beside each other."""
    day, counts = pl.col("day"), pl.col(names).null_count()
    rows, events = pl.len().alias("#rows"), pl.col("event_id").n_unique().alias("#events")
    return final.select(rows, events, day.min().alias("#first"), day.max().alias("#last"), counts)


def _report(store: FeatureStore, summaries: Sequence[pl.DataFrame], seconds: float) -> ComputeReport:
    names = store.features.names
    rows, events, first, last, nulls = 0, 0, None, None, {}
    if summaries:
        counted = pl.concat(summaries)
        rows, events = counted.select(pl.col("#rows", "#events").sum()).row(0)
        first, last = counted.select(pl.col("#first").min(), pl.col("#last").max()).row(0)
        nulls = counted.select(pl.col(names).sum()).row(0, named=True)
    return ComputeReport(
        feature_set=store.features.name,
        feature_version=store.features.version,
        delta_version=store.version(),
        features=len(names),
        rows=rows,
        events=events,
        first_day=str(first or ""),
        last_day=str(last or ""),
        null_share={name: round(count / rows, 4) for name, count in nulls.items() if rows},
        seconds=round(seconds, 3),
    )
