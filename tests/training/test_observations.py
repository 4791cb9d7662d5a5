import dataclasses
from datetime import date

import numpy as np
import pytest

from morningline.kit.errors import DataError, InputError
from morningline.training import PeriodSplit
from morningline.training.forecast import Forecast
from morningline.training.observations import Observations
from synthetic_rows import FIRST_DAY, draw_rows

GOOD = {
    "features": [[1.0, 2.0], [np.nan, 0.0], [3.0, 1.0]],
    "names": ("balance", "age"),
    "target": [0.0, -2.5, 1.0],
    "days": [738000, 738000, 738001],
    "entities": ("a", "b", "a"),
    "row_ids": ("1", "2", "3"),
}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"features": [1.0, 2.0]}, InputError, "features have shape"),
        ({"features": np.zeros((0, 2))}, InputError, "no rows"),
        ({"names": ("balance",)}, InputError, "2 features have 1 names"),
        ({"names": ("age", "age")}, InputError, "1 different"),
        ({"target": [0.0]}, InputError, "`target` has shape"),
        ({"days": [738000]}, InputError, "`days` has shape"),
        ({"days": [738000.0, 738000.0, 738001.0]}, InputError, "`days` has dtype float64"),
        ({"entities": ("a",)}, InputError, "`entities` has shape"),
        ({"row_ids": ("1", "2", "2")}, InputError, "2 different ids"),
        ({"features": [[1.0, 2.0], [np.inf, 0.0], [3.0, 1.0]]}, DataError, "'balance' holds an infinite"),
        ({"target": [0.0, np.nan, 1.0]}, DataError, "target of row 2 is nan"),
        ({"target": [np.inf, 0.0, 1.0]}, DataError, "target of row 1 is inf"),
    ],
)
def test_a_contradiction_is_refused_with_what_to_do(change, error, words):
    with pytest.raises(error, match=words) as caught:
        Observations(**{**GOOD, **change})
    assert caught.value.allowed
    assert caught.value.do


def test_taking_rows_keeps_what_belongs_together():
    rows = draw_rows(1, 30, missing=0.1)
    mask = np.arange(rows.rows) % 3 == 0
    taken = rows.take_rows(mask)
    for place, row in enumerate(np.flatnonzero(mask)):
        for field in ("features", "target", "days"):
            np.testing.assert_array_equal(getattr(taken, field)[place], getattr(rows, field)[row])
        assert (taken.entities[place], taken.row_ids[place]) == (rows.entities[row], rows.row_ids[row])
    assert not np.shares_memory(taken.features, rows.features)


@pytest.mark.parametrize("mask", [np.ones(2, dtype=bool), np.array([0, 1, 1]), np.zeros(3, dtype=bool)])
def test_a_mask_that_does_not_choose_rows_is_refused(mask):
    with pytest.raises(InputError, match="mask of rows"):
        Observations(**GOOD).take_rows(mask)


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.99])
@pytest.mark.parametrize("days", [2, 3, 40])
def test_days_are_split_whole_and_nothing_is_lost(share, days):
    rows = draw_rows(2, days, entities=3)
    earlier, later = rows.split_days(share)
    assert earlier.days.max() < later.days.min()
    assert set(earlier.row_ids) | set(later.row_ids) == set(rows.row_ids)
    assert abs(len(np.unique(later.days)) - share * days) <= 1


def test_one_day_cannot_be_split():
    with pytest.raises(DataError, match="on 1 days cannot be cut"):
        draw_rows(1, 1).split_days(0.5)
    with pytest.raises(DataError, match="cannot be cut"):
        draw_rows(1, 10).split_days(1.0)


def test_a_period_split_cuts_rows_as_it_cuts_events():
    rows = draw_rows(3, 60)
    first, last = 738_020, 738_040
    masks = PeriodSplit(*map(date.fromordinal, (first, last, 738_100))).masks(rows.days)
    parts = [rows.take_rows(mask) for mask in masks]
    assert [part.days.min() for part in parts] == [FIRST_DAY, first + 1, last]
    assert sum(part.rows for part in parts) == rows.rows


def test_other_features_than_the_models_are_refused():
    rows = Observations(**GOOD)
    rows.require_names(("balance", "age"))
    with pytest.raises(InputError, match="order differs"):
        rows.require_names(("age", "balance"))


def test_unknown_targets_can_be_predicted_but_not_learnt_from():
    rows = Observations(**{**GOOD, "target": [np.nan] * 3})
    assert not rows.known
    with pytest.raises(DataError, match="targets of 3 rows are unknown"):
        rows.require_target()
    with pytest.raises(DataError, match=r"target of row 2 is -2\.5"):
        Observations(**GOOD).require_target(binary=True)


def test_the_fingerprint_sees_every_bit():
    rows = Observations(**GOOD)
    assert rows.fingerprint() == Observations(**GOOD).fingerprint()
    changes = [
        {"target": [0.0, -2.5, np.nextafter(1.0, 2.0)]},
        {"days": [738000, 738000, 738002]},
        {"entities": ("a", "b", "b")},
        {"row_ids": ("1", "2", "4")},
        {"names": ("balance", "years")},
    ]
    prints = {Observations(**{**GOOD, **change}).fingerprint() for change in changes} | {rows.fingerprint()}
    assert len(prints) == len(changes) + 1


def test_observations_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Observations(**GOOD).names = ("other",)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (([1.0], [0.0], [2.0, 3.0], 0.9), "A forecast has shapes"),
        (([np.nan], [0.0], [2.0], 0.9), "A forecast has shapes"),
        (([1.0], [0.0], [2.0], 1.0), "level 1.0"),
        (([3.0], [0.0], [2.0], 0.9), "low 0.0, point 3.0 and high 2.0"),
    ],
)
def test_a_forecast_that_contradicts_itself_is_refused(parts, words):
    with pytest.raises(InputError, match=words):
        Forecast(*parts)


def test_an_interval_holds_its_ends_and_never_loses_its_point():
    forecast = Forecast([0.0, 0.0], [-1.0, 0.0], [1.0, 4.0], 0.8)
    assert forecast.covers(np.array([1.0, -0.1])).tolist() == [True, False]
    assert forecast.levels == (0.1, 0.5, 0.9)
    narrowed = forecast.widened(-2.0)
    assert (narrowed.low.tolist(), narrowed.high.tolist()) == ([0.0, 0.0], [0.0, 2.0])
    assert forecast.widened(np.array([0.0, 1.0])).high.tolist() == [1.0, 5.0]
