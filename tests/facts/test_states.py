"""A day's state changes with every fact of the day that is added, corrected or removed, and with nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from morningline.facts.states import daily_states, first_difference
from morningline.facts.store import load
from morningline.wiring.program import domain_named
from sources.folder_imports import Facts, facts, racing_template

__all__ = ["facts", "racing_template"]

CATALOG = domain_named("racing").catalog


def take_in(facts: Facts, table: str, at: datetime, **columns: object) -> None:
    frame = pl.DataFrame({name: [value] for name, value in columns.items()})
    with facts.database.connect() as connection:
        load(connection, CATALOG[table], frame.with_columns(pl.lit(at).alias("event_at"), pl.lit(at).alias("known_at")))


def race(facts: Facts, number: int, day: date, **columns: object) -> None:
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(days=int(bool(columns)))
    take_in(facts, "ra_races", at, id=f"r{number}", date=day, time_zone="UTC", course_id="X", **columns)


def states(facts: Facts) -> dict[str, str]:
    with facts.database.connect(read_only=True) as connection:
        return daily_states(connection, CATALOG)


@pytest.fixture
def raced(facts: Facts) -> Facts:
    take_in(facts, "ra_mst_courses", datetime(2024, 1, 1, tzinfo=UTC), id="X")
    for number, day in enumerate((date(2024, 1, 31), date(2024, 2, 1), date(2024, 4, 30))):
        race(facts, number, day)
    return facts


def test_a_day_without_facts_has_no_state(raced: Facts):
    assert list(states(raced)) == ["2024-01-31", "2024-02-01", "2024-04-30"]


@pytest.mark.parametrize(
    ("change", "day"),
    [
        (lambda facts: race(facts, 9, date(2024, 2, 29)), "2024-02-29"),
        (lambda facts: race(facts, 9, date(2024, 3, 1)), "2024-03-01"),
        (lambda facts: race(facts, 1, date(2024, 2, 1), name="Derby"), "2024-02-01"),
        (lambda facts: facts.rows("DELETE FROM ra_races WHERE id = 'r2' RETURNING id"), "2024-04-30"),
        (lambda facts: race(facts, 1, date(2024, 2, 1)), None),
        (lambda facts: take_in(facts, "ra_mst_courses", datetime(2024, 1, 1, tzinfo=UTC), id="Y"), None),
    ],
    ids=["an event", "a first event", "a correction", "a removal", "nothing new", "an entity"],
)
def test_only_the_day_of_a_change_has_another_state(raced: Facts, change, day: str | None):
    before = states(raced)
    change(raced)
    after = states(raced)
    assert first_difference(before, after) == day
    assert {d for d in before.keys() & after.keys() if before[d] != after[d]} <= {day}
