"""A dataset gives each entrant its own features, in whatever order both came."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningline.features.matrix import FeatureMatrix
from morningline.training import dataset as dataset_module
from morningline.training.dataset import Source, make_dataset

SOURCE = Source(task="t", feature_version="v", delta_version=0, first=None, last=None, gate=None)
NAMES = ["place", "double"]


def facts(events: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Answers and features of events of two to four entrants, whose features say which entrant it is."""
    rows = [
        {"event_id": f"e{event:03}", "entrant_id": f"{event}-{one}", "day": date(2026, 1, 1) + timedelta(event // 3)}
        | {"won": float(one == 0), "odds": 2.0 + one, "excluded": None, "place": float(100 * event + one)}
        for event in range(events)
        for one in range(2 + event % 3)
    ]
    table = pl.DataFrame(rows, schema_overrides={"excluded": pl.String, "place": pl.Float32})
    table = table.with_columns(double=2 * pl.col("place"))
    return table.drop(NAMES), table.select("event_id", "entrant_id", "day", *NAMES)


@pytest.mark.parametrize("ordered", [True, False])
@given(events=st.integers(4, 12), seed=st.integers(0, 99), void=st.integers(0, 3), bare=st.integers(0, 3))
def test_each_entrant_has_its_own_features(ordered, events, seed, void, bare):
    answers, features = facts(events)
    answers = answers.with_columns(
        excluded=pl.when(pl.col("event_id") == f"e{void:03}").then(pl.lit("void")).otherwise(None)
    )
    features = features.filter(pl.col("entrant_id") != f"{bare}-1")
    if not ordered:
        answers, features = (one.sample(fraction=1.0, shuffle=True, seed=seed) for one in (answers, features))
    given_features = features.clone()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset_module, "ROWS_AT_ONCE", 3)
        dataset = make_dataset(FeatureMatrix.of(features, NAMES), answers, SOURCE)

    assert dataset.excluded == {f"e{void:03}": "void"} | ({f"e{bare:03}": "no_features"} if bare != void else {})
    sample = dataset.sample
    assert list(sample.event_ids) == [f"e{n:03}" for n in range(events) if n not in {void, bare}]
    event_of = [int(entrant.split("-")[0]) for entrant in dataset.entrants]
    place_of = [int(entrant.split("-")[1]) for entrant in dataset.entrants]
    assert [sample.event_ids[number] for number in sample.group_of_rows()] == [f"e{event:03}" for event in event_of]
    own = 100.0 * np.array(event_of) + np.array(place_of)
    np.testing.assert_array_equal(sample.features, np.column_stack([own, 2 * own]))
    np.testing.assert_array_equal(sample.odds, 2.0 + np.array(place_of))
    assert features.equals(given_features)


@pytest.mark.parametrize("dtype", [pl.Float32, pl.Float64, pl.Int64])
@pytest.mark.parametrize("names", [["a"], ["b", "a"]])
def test_a_missing_value_is_nan_and_zero_is_not_missing(dtype, names):
    features = pl.DataFrame({"a": [1, None, 0], "b": [None, None, 4]}, schema={"a": dtype, "b": dtype})
    table = FeatureMatrix.of(features, names).values
    assert table.dtype == (np.float32 if dtype == pl.Float32 else np.float64)
    told = {"a": [1.0, np.nan, 0.0], "b": [np.nan, np.nan, 4.0]}
    np.testing.assert_array_equal(table, np.column_stack([told[name] for name in names]))
