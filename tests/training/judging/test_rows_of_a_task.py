"""A dataset of rows: what is not known is left out and counted, never filled in; equal hashes, equal rows."""

from __future__ import annotations

import polars as pl
import pytest

from morningline.features.matrix import FeatureMatrix
from morningline.kit.errors import DataError, InputError
from morningline.training.row_dataset import make_row_dataset
from row_tasks import amounts, dataset, drawn, features_of, sales, source, task

ROWS = drawn()
AMOUNT, SALE = task("regression"), task("binary", references=("rumour",))


def matrix(features: pl.DataFrame) -> FeatureMatrix:
    return FeatureMatrix.of(features, ROWS.names)


def test_an_unknown_target_is_left_out_and_counted_and_never_becomes_a_zero():
    gaps = pl.int_range(pl.len()) % 7 == 3
    answers = amounts(ROWS).with_columns(pl.when(~gaps).then("amount").alias("amount"))
    found = dataset(AMOUNT, ROWS, answers)
    lost = answers["amount"].null_count()
    assert found.size == ROWS.rows - lost
    assert found.excluded_between(0, 10**7) == {"unknown_target": lost}
    kept = answers.drop_nulls("amount").sort("day", "event_id", "entrant_id")
    assert found.rows.target.tolist() == kept["amount"].to_list()
    assert not (found.rows.target == 0).any()


def test_each_row_left_out_has_one_reason_and_the_answers_own_goes_first():
    answers = sales(ROWS).with_columns(
        pl.when(pl.int_range(pl.len()) < 3).then(pl.lit("withdrawn")).alias("excluded"),
        pl.when(pl.int_range(pl.len()) >= 2).then("sold").alias("sold"),
        pl.when(pl.int_range(pl.len()) != 5).then("rumour").alias("rumour"),
    )
    features = features_of(ROWS).slice(0, ROWS.rows - 4)
    found = make_row_dataset(SALE, matrix(features), answers, source(SALE))
    assert found.excluded_between(0, 10**7) == {"no_features": 4, "no_rumour": 1, "withdrawn": 3}
    assert found.size == ROWS.rows - 8
    day = int(ROWS.days[0])
    assert found.excluded_between(day, day) == {"no_rumour": 1, "withdrawn": 3}


def test_rows_features_and_references_stay_together_in_whatever_order_they_come():
    features, answers = features_of(ROWS), sales(ROWS)
    first = make_row_dataset(SALE, matrix(features), answers, source(SALE))
    shuffled = features.sample(fraction=1.0, shuffle=True, seed=2), answers.sample(fraction=1.0, shuffle=True, seed=3)
    again = make_row_dataset(SALE, matrix(shuffled[0]), shuffled[1], source(SALE))
    assert again.hash == first.hash
    assert again.references["rumour"].tolist() == first.references["rumour"].tolist()
    named = answers.join(features, on=["event_id", "entrant_id"]).sort("day", "event_id", "entrant_id")
    assert first.rows.features[:, 2].tolist() == named["x2"].to_list()
    assert first.references["rumour"].tolist() == named["rumour"].to_list()


def test_another_answer_is_another_dataset_even_where_its_row_is_left_out():
    answers = amounts(ROWS).with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("withdrawn")).alias("excluded")
    )
    other = answers.with_columns(pl.when(pl.int_range(pl.len()) == 0).then(9.0).otherwise("amount").alias("amount"))
    one, two = dataset(AMOUNT, ROWS, answers), dataset(AMOUNT, ROWS, other)
    assert (one.fingerprint, one.labels == two.labels, one.hash == two.hash) == (two.fingerprint, False, False)


def test_a_feature_with_the_name_of_an_answer_is_refused():
    features = features_of(ROWS).rename({"x0": "amount"})
    with pytest.raises(InputError, match="amount is a feature and a column of the answers"):
        make_row_dataset(AMOUNT, FeatureMatrix.of(features, ("amount", "x1")), amounts(ROWS), source(AMOUNT))


def test_a_dataset_without_a_known_target_is_refused():
    nothing = amounts(ROWS).with_columns(pl.lit(None, pl.Float64).alias("amount"))
    with pytest.raises(DataError, match=r"No row of shop\.amount has features and a known target"):
        dataset(AMOUNT, ROWS, nothing)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"kind": "binary", "metrics": ("auc",)}, "first one of log_loss, brier"),
        ({"kind": "regression", "metrics": ("rmse", "mae")}, "first one of pinball, winkler, mae"),
        ({"kind": "regression", "metrics": ("pinball", "r3")}, "of pinball, mae"),
        ({"kind": "regression", "references": ("rumour",)}, "references"),
        ({"kind": "binary", "least": 0.0}, "least"),
        ({"kind": "binary", "interval": "rolling"}, "interval"),
    ],
)
def test_a_task_that_contradicts_its_kind_is_refused(said, message):
    with pytest.raises(InputError, match=message):
        task(**said)


def test_a_task_says_what_is_usual_where_it_says_nothing():
    assert (AMOUNT.metric, AMOUNT.usual.learner, AMOUNT.baselines) == (
        "pinball",
        "quantile_trees",
        ("past_quantiles", "mean", "last_value"),
    )
    assert (SALE.metric, SALE.usual.learner, SALE.baselines) == ("log_loss", "binary_trees", ("base_rate",))
