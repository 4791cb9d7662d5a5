"""Days unlike those before them: what was planted is found, what varies by nature is not, and nothing looks ahead."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from morningline.facts.quality_measures import MEASURE, ROWS_AN_EVENT
from morningline.facts.quality_scores import LEAST_DAYS
from morningline.monitoring.anomalies import ANOMALY, CONTEXT_DAYS, find_anomalies

FIRST = date(2023, 1, 1)
DAYS = 420
PLANTED = FIRST + timedelta(days=360)
# Of seven days from Sunday on: a big Saturday, a quiet Sunday.
EVENTS_OF_WEEKDAY = (18, 24, 26, 30, 32, 36, 52)


def history(seed: int = 1, **planted: float) -> pl.DataFrame:
    """Counts of a made-up source: a full column, a patchy one, one that many days lack, another abroad on Saturdays.

    Args:
        seed: Of everything random.
        planted: On `PLANTED`: `events`, `rows` and columns are multiplied by it.
    """
    rng, rows = np.random.default_rng(seed), []
    for n in range(DAYS):
        day = FIRST + timedelta(days=n)
        of = planted if day == PLANTED else {}
        events = int(EVENTS_OF_WEEKDAY[n % 7] * rng.lognormal(0, 0.12) * of.get("events", 1))
        size = int(rng.poisson(10 * events) * of.get("rows", 1))
        foreign = 0.85 if n % 7 == 6 else 1.0
        wild = rng.uniform(0.2, 0.95)
        chances = {"full": 1.0, "wild": wild, "patchy": 0.6, "seldom": 0.4 * (n % 8 > 0), "home": foreign}
        shares = [("completeness", name, rng.binomial(size, p) * of.get(name, 1), size) for name, p in chances.items()]
        counts = [*shares, ("completeness", ROWS_AN_EVENT, size, events), ("consistency", "agree", size, size)]
        rows.append(("events", day, events, "validity", "rows taken whole", events, events, "all"))
        kinds = ["share"] * 5 + ["size", "share"]
        rows += [
            ("t", day, size, part, name, int(good), count, kind)
            for (part, name, good, count), kind in zip(counts, kinds, strict=True)
        ]
    return pl.DataFrame(rows, schema=MEASURE, orient="row")


@pytest.mark.parametrize("seed", range(6))
def test_a_source_that_varies_by_weekday_and_by_chance_is_no_anomaly(seed: int) -> None:
    assert find_anomalies(history(seed)).rows() == []


@pytest.mark.parametrize(
    ("planted", "name", "words"),
    [
        ({"events": 0.3}, "rows", "expected about"),
        ({"rows": 0.5}, ROWS_AN_EVENT, "rows an event: "),
        ({"rows": 2.0}, ROWS_AN_EVENT, "rows an event: "),
        ({"full": 0.0}, "full", "full filled: 0 of "),
        ({"full": 0.8}, "full", "expected about 100 %"),
        ({"patchy": 0.5}, "patchy", "patchy filled"),
        ({"wild": 0.0}, "wild", "wild filled: 0 of "),
        ({"home": 0.7}, "home", "home filled"),
    ],
)
def test_what_is_planted_is_found_on_its_day_and_nothing_else_is(
    planted: dict[str, float], name: str, words: str
) -> None:
    found = find_anomalies(history(**planted))
    assert set(found["day"]) == {PLANTED}
    mine = found.filter(pl.col("name") == name).row(0, named=True)
    assert words in mine["words"]
    assert set(found["name"]) == {name}


def test_a_column_that_many_days_lack_may_be_lacking() -> None:
    assert find_anomalies(history(seldom=0.0)).is_empty()


def test_a_table_without_any_row_is_an_anomaly_though_nothing_can_be_filled() -> None:
    whole = history()
    gone = (pl.col("day") == PLANTED) & (pl.col("table") == "t")
    none = whole.with_columns(
        *(pl.when(gone).then(0).otherwise(pl.col(name)).alias(name) for name in ("rows", "good")),
        pl.when(gone & (pl.col("kind") != "size")).then(0).otherwise("of").alias("of"),
    )
    assert set(find_anomalies(none)["name"]) == {ROWS_AN_EVENT}


def test_nothing_depends_on_later_days_nor_on_the_order_of_rows() -> None:
    whole = history(full=0.7)
    found = find_anomalies(whole)
    assert found.height
    assert find_anomalies(whole.filter(pl.col("day") <= PLANTED)).equals(found)
    assert find_anomalies(whole.sample(fraction=1.0, shuffle=True, seed=3)).equals(found)


def test_the_context_is_all_that_matters_of_the_days_before() -> None:
    for seed in range(4):
        whole = history(seed, patchy=0.72)
        late = pl.col("day") >= PLANTED - timedelta(days=CONTEXT_DAYS)
        since = pl.col("day") >= PLANTED
        assert find_anomalies(whole.filter(late)).filter(since).equals(find_anomalies(whole).filter(since))


@pytest.mark.parametrize("known", [2 * LEAST_DAYS, 2 * LEAST_DAYS - 1])
def test_a_day_is_judged_once_enough_days_before_it_are_known_and_never_by_itself(known: int) -> None:
    since = history(rows=0.4).filter(pl.col("day") >= PLANTED - timedelta(days=known))
    found = find_anomalies(since.filter(pl.col("day") <= PLANTED))
    assert found["name"].to_list() == ([ROWS_AN_EVENT] if known == 2 * LEAST_DAYS else [])


def test_too_few_days_judge_nothing() -> None:
    assert find_anomalies(history(full=0.0).filter(pl.col("day") > PLANTED - timedelta(days=20))).is_empty()
    empty = find_anomalies(pl.DataFrame(schema=MEASURE))
    assert (empty.height, list(empty.schema)) == (0, list(ANOMALY))
