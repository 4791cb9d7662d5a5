"""Two models of rows are held against each other on the same unseen rows, by the metric that the task declares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from morningline.kit.errors import DataError
from morningline.training.forecast import Forecast
from morningline.training.judging.amounts import AMOUNTS, series_of
from morningline.training.judging.chances import CHANCES
from morningline.training.registry.gate import Terms, compare_unseen
from morningline.training.registry.unseen import Unseen

if TYPE_CHECKING:
    from morningline.training.registry import ModelComparison

FIRST = date(2024, 1, 1)
DAYS, EACH = 60, 12
BY_LOG_LOSS = Terms(judging=CHANCES, metric="log_loss")


@dataclass(frozen=True)
class Named:
    id: str
    test_from: date = FIRST


def rows(**columns: Any) -> pl.DataFrame:
    count = DAYS * EACH
    return pl.DataFrame(
        {
            "event_id": [f"e{row // 4}" for row in range(count)],
            "entrant_id": [f"r{row % 4}" for row in range(count)],
            "day": [FIRST + timedelta(row // EACH) for row in range(count)],
            **columns,
        }
    )


def unseen(name: str, frame: pl.DataFrame) -> Unseen:
    model: Any = Named(name)
    return Unseen(model=model, rows=frame, last_day=FIRST + timedelta(DAYS - 1))


def held(one: pl.DataFrame, other: pl.DataFrame, terms: Terms) -> ModelComparison:
    return compare_unseen(unseen("one", one), unseen("other", other), terms=terms)


def chances(noise: float, seed: int = 1) -> pl.DataFrame:
    random = np.random.default_rng(7)
    logit = random.normal(size=DAYS * EACH)
    came = (random.random(DAYS * EACH) < 1 / (1 + np.exp(-logit))).astype(float)
    wild = logit + noise * np.random.default_rng(seed).normal(size=DAYS * EACH)
    return rows(target=came, model=1 / (1 + np.exp(-wild)))


def amounts(noise: float, level: float = 0.9) -> pl.DataFrame:
    random = np.random.default_rng(7)
    truth = random.normal(size=DAYS * EACH)
    point = truth + noise * random.normal(size=DAYS * EACH)
    target = truth + 0.5 * random.normal(size=DAYS * EACH)
    said = series_of(Forecast(point, point - 1, point + 1, level))
    return rows(target=target, model=said)


def test_the_better_model_is_adopted_and_the_worse_one_refused_on_the_same_rows():
    sharp, blurred = chances(0.0), chances(2.0)
    found = held(sharp, blurred, BY_LOG_LOSS)
    assert (found.compared, found.metric, found.result.verdict) == ("model", "log_loss", "adopt")
    assert (found.result.events, found.result.days) == (DAYS * EACH, DAYS)
    y = sharp["target"].to_numpy()
    losses = [-np.log(np.where(y == 1, p, 1 - p)) for p in (sharp["model"].to_numpy(), blurred["model"].to_numpy())]
    assert found.result.estimate == pytest.approx((losses[1] - losses[0]).mean())
    back = held(blurred, sharp, BY_LOG_LOSS)
    assert (back.result.verdict, back.result.estimate) == ("reject", pytest.approx(-found.result.estimate))


def test_a_difference_that_chance_explains_is_not_decided_and_says_what_could_be_seen():
    found = held(chances(0.3, seed=1), chances(0.3, seed=2), BY_LOG_LOSS)
    assert found.result.verdict == "not_decided"
    assert found.result.mde > abs(found.result.estimate)


def test_the_tasks_metric_decides_and_not_another():
    by = {
        metric: held(amounts(0.1), amounts(0.4), Terms(judging=AMOUNTS, metric=metric)) for metric in ("mae", "winkler")
    }
    assert [found.metric for found in by.values()] == ["mae", "winkler"]
    assert by["mae"].result.estimate != by["winkler"].result.estimate
    assert all(found.result.verdict == "adopt" for found in by.values())


def test_a_row_counts_only_where_both_were_judged_on_it_with_the_same_target():
    one = chances(0.0)
    place = pl.int_range(pl.len())
    other = one.with_columns(pl.when(place % 10 == 0).then(1 - pl.col("target")).otherwise("target").alias("target"))
    other = other.filter(place % 10 != 5)
    found = held(one, other, BY_LOG_LOSS)
    tenth = DAYS * EACH // 10
    assert found.left_out == {"corrected": tenth, "judged_once": tenth}
    assert found.result.events == DAYS * EACH - 2 * tenth


def test_intervals_of_two_levels_are_not_compared():
    with pytest.raises(DataError, match=r"should hold in 0\.9 of rows, the other in 0\.5"):
        held(amounts(0.1), amounts(0.1, level=0.5), Terms(judging=AMOUNTS, metric="pinball"))


def test_days_that_one_of_them_has_seen_do_not_count():
    later: Any = Named("later", FIRST + timedelta(20))
    half = Unseen(
        model=later, rows=chances(1.0).filter(pl.col("day") >= later.test_from), last_day=FIRST + timedelta(59)
    )
    found = compare_unseen(unseen("one", chances(0.0)), half, terms=BY_LOG_LOSS)
    assert (found.first_day, found.result.days, found.left_out) == (later.test_from, 40, {})
