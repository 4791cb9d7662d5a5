"""Races as the feature engine sees them: entrants with their cards at the cut-off, and what came of earlier ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from morningline.domains.racing.cards import cards, entrants, without
from morningline.domains.racing.outcomes import outcomes
from morningline.domains.racing.prices import prices_of_histories
from morningline.domains.racing.schema import CATALOG
from morningline.facts.store import read
from morningline.features.cutoffs import MORNING, BeforeOff, Cutoff, at_cutoff, with_cutoffs
from morningline.features.state import Events
from morningline.kit.errors import DataError

if TYPE_CHECKING:
    from datetime import date, datetime

    import psycopg

# What takes a declared runner out of the field.
WITHDRAWALS = ("non_runner", "abandoned")


def no_rows(name: str) -> pl.DataFrame:
    """A table of the catalog without rows."""
    return pl.DataFrame(schema=CATALOG[name].dtypes)


@dataclass(frozen=True, kw_only=True)
class RaceFacts:
    """Rows of the racing tables, where a row was corrected what it said before as well.

    Attributes:
        races: Of `ra_races`.
        runners: Of `ra_runners`.
        results: Of `ra_results`.
        odds: Of `ra_odds`: prices at the off, and the first before it.
        withdrawn: Of `ra_changes`, withdrawals only. Who was known at the cut-off to have been withdrawn is no
            entrant; who was withdrawn later was one.
        sectionals: Of `ra_sectionals`.
    """

    races: pl.DataFrame
    runners: pl.DataFrame
    results: pl.DataFrame
    odds: pl.DataFrame
    withdrawn: pl.DataFrame = field(default_factory=lambda: no_rows("ra_changes"))
    sectionals: pl.DataFrame = field(default_factory=lambda: no_rows("ra_sectionals"))


def racing_events(
    connection: psycopg.Connection[Any],
    *,
    as_of: datetime,
    cutoff: Cutoff,
    first: date | None = None,
    last: date | None = None,
) -> Events:
    """Everything known at an instant, as entrants and outcomes.

    Args:
        connection: An open connection.
        as_of: UTC instant; what became known later does not exist.
        cutoff: Until when facts count for a race.
        first: The first local day of races that is read, with its outcomes; null: the first there is.
        last: The last one; null: the last there is.

    Returns:
        Entrants with the `cutoff` of their race, null where it has none or the card came too late, and the outcomes
        of races that are over.

    Raises:
        DataError: The cut-off is told by the off, and no race of these days has an off time.
    """
    bounds = (("date >= '{}'", first), ("date <= '{}'", last))
    days = [bound.format(day) for bound, day in bounds if day]

    def rows(name: str, where: str = "TRUE") -> pl.DataFrame:
        table = CATALOG[name]
        condition = " AND ".join([*days, f"({where})"])
        return read(connection, table, as_of=as_of, where=condition, versions=table.superseded is not None)

    facts = RaceFacts(
        races=rows("ra_races"),
        runners=rows("ra_runners"),
        results=rows("ra_results"),
        odds=rows("ra_odds", prices_of_histories(days)),
        withdrawn=rows("ra_changes", f"change IN {WITHDRAWALS}"),
        sectionals=rows("ra_sectionals"),
    )
    return events_of(facts, cutoff)


def events_of(facts: RaceFacts, cutoff: Cutoff = MORNING) -> Events:
    """Entrants and outcomes from the facts of races.

    Args:
        facts: Rows of the racing tables.
        cutoff: Until when facts count for a race.

    Raises:
        DataError: The cut-off is told by the off, and no race has an off time.
    """
    require_offs(facts.races, cutoff)
    declared = cards(facts.races, facts.runners, cutoff)
    late = declared.select("race_id", "horse_id", "#card_known_at")
    results = facts.results.join(late, on=["race_id", "horse_id"], how="inner")
    return Events(entrants(without(declared, facts.withdrawn)), outcomes(results, facts.odds, facts.sectionals))


def day_cutoffs(connection: psycopg.Connection[Any], *, day: date, as_of: datetime, cutoff: Cutoff) -> list[datetime]:
    """The distinct cut-offs of a local day's races known at an instant, UTC, in order.

    Args:
        connection: An open connection.
        day: The local day.
        as_of: UTC instant; what became known later does not exist.
        cutoff: Until when facts count for a race.

    Raises:
        DataError: The cut-off is told by the off, and no race of the day has an off time.
    """
    races = read(connection, CATALOG["ra_races"], as_of=as_of, where=f"date = '{day.isoformat()}'", versions=True)
    require_offs(races, cutoff)
    at_last = at_cutoff(with_cutoffs(races, CATALOG["ra_races"], cutoff), "id")
    return at_last["cutoff"].drop_nulls().unique().sort().to_list()


def require_offs(races: pl.DataFrame, cutoff: Cutoff) -> None:
    """Refuse a cut-off that none of the races has.

    Raises:
        DataError: It is told by the off, and no race has an off time.
    """
    if isinstance(cutoff, BeforeOff) and races.height and races["off_at"].null_count() == races.height:
        raise DataError(
            f"None of the {races['id'].n_unique():,} races has an off time, so `{cutoff}` is no instant.",
            allowed="races with an off time",
            do="Use a feature set whose cut-off is the morning, or import the off times of these races.",
        )
