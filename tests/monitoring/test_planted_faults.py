"""The long proof of anomaly detection: faults planted into a simulated year are caught, a clean year has no alarm.

The seeds are not those the thresholds were chosen on (20 to 22).
"""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from databases import new_database
from monitoring.simulated_year import counts_of
from morningline.domains.racing.simulator import thinned
from morningline.facts.quality_scores import judge
from morningline.monitoring.anomalies import find_anomalies

SEED = 23
FIRST, DAYS = date(2023, 9, 20), 468
YEAR = pl.col("day").is_between(date(2024, 1, 1), date(2024, 12, 31))
LEAST_CAUGHT = 0.95
QUALITY_PREDICT = 0.7

pytestmark = pytest.mark.proof


def test_a_clean_year_raises_no_alarm_and_every_day_of_it_can_be_worked_with(postgres_url: str):
    with new_database(postgres_url) as database:
        counts = counts_of(database, "none", SEED, FIRST, DAYS)
    alarms = find_anomalies(counts).filter(YEAR)
    scores = judge(counts).filter(YEAR).drop_nulls("score")
    days = scores["day"].n_unique()
    print(f"\nclean year: {alarms['day'].n_unique()} false alarms in {days} days with racing, that is")
    print(
        f"{alarms['day'].n_unique() / 12:.2f} a month; the lowest score of a table's day is {scores['score'].min():.2f}"
    )
    assert days > 340
    assert alarms.rows() == []
    assert scores["score"].min() >= QUALITY_PREDICT


def test_planted_faults_are_caught_the_same_day(postgres_url: str):
    with new_database(postgres_url) as database:
        counts = counts_of(database, "thin", SEED, FIRST, DAYS)
    days = counts.filter(YEAR)["day"].unique().sort().to_list()
    planted = {day: kind for day in days if (kind := thinned(day, SEED))}
    alarms = set(find_anomalies(counts).filter(YEAR)["day"])
    caught, false = planted.keys() & alarms, alarms - planted.keys()
    print(f"\nplanted: {len(planted)}, caught: {len(caught)}, false alarms on the other days: {len(false)}")
    for day in sorted(planted.keys() - caught):
        print(f"missed: {planted[day]} on {day}")
    assert len(set(planted.values())) >= 5
    assert len(caught) >= LEAST_CAUGHT * len(planted)
    assert not false
