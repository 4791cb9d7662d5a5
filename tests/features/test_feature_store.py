"""The feature table: what is read is what was written, and a version names one content for ever."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from chance_events import chance_events, differing
from morningline.features.computing import compute_features
from morningline.features.definitions import Expression, History, WithinEvent
from morningline.features.engine import Events, compute
from morningline.features.feature_set import FeatureSet
from morningline.features.store import FeatureStore, content_hash
from morningline.kit.errors import DataError, NotFoundError

SET = FeatureSet(
    name="chance",
    steps=(
        History(name="mean", key=("who",), value="score", description="Mean score."),
        Expression(name="half", sql="said / 2", description="Half of what is said."),
        WithinEvent(name="rank", of="said", how="rank", description="Rank."),
    ),
)


def frame(*values: float | None, day: date = date(2024, 2, 29)) -> pl.DataFrame:
    n = len(values)
    return pl.DataFrame(
        {
            "event_id": [f"é{i // 2}" for i in range(n)],
            "entrant_id": [str(i % 2) for i in range(n)],
            "day": [day if i < 2 else date(2024, 3, 1) for i in range(n)],
            "as_of": [datetime(2024, 2, 29, 0, 0, 0, i, tzinfo=UTC) for i in range(n)],
            **{name: pl.Series(values, dtype=pl.Float32) for name in SET.names},
        },
        schema_overrides={"as_of": pl.Datetime("us", "UTC")},
    )


@pytest.fixture
def store(tmp_path) -> FeatureStore:
    return FeatureStore(tmp_path, SET)


def test_what_was_written_is_read_back_to_the_bit_in_the_same_order(store):
    written = frame(0.1, None, 3e38, 1e-45, -7.25)
    assert store.write(written) == 0
    read = store.read()
    assert read.schema == written.schema
    assert differing(read, written) == []
    assert store.read(names=["rank"]).columns == ["event_id", "entrant_id", "day", "as_of", "rank"]


@given(chance_events())
@settings(
    max_examples=5,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
def test_computed_features_survive_the_table(tmp_path_factory, events):
    computed = compute(events, SET.steps)
    if computed.is_empty():
        return
    store = FeatureStore(tmp_path_factory.mktemp("features"), SET)
    store.write(computed)
    assert differing(store.read(), computed) == []
    assert content_hash(store.read()) == content_hash(computed)


def test_the_same_content_makes_no_new_version_and_another_does(store):
    assert [store.write(frame(1, 2, None)), store.write(frame(1, 2, None)), store.write(frame(1, 2, 3))] == [0, 0, 1]
    assert store.version() == 1
    # Back to an older content is a new version all the same: a version is what was newest then.
    assert store.write(frame(1, 2, None)) == 2


def test_what_lies_in_memory_under_a_null_is_no_content():
    plain = frame(1, 2, None)
    names = SET.names
    hidden = frame(1, 2, 99).with_columns(
        pl.when(pl.int_range(pl.len()) < 2).then(pl.col(name)).alias(name) for name in names
    )
    assert content_hash(plain) == content_hash(hidden)
    assert content_hash(plain) == content_hash(pl.concat([plain[:1], plain[1:]], rechunk=False))
    assert content_hash(plain) == content_hash(frame(1, 2, None, 5)[:3])
    assert content_hash(plain) != content_hash(frame(1, 2, 0))
    assert content_hash(plain) != content_hash(plain[[1, 0, 2]])


def test_an_old_version_is_read_by_its_number_while_a_newer_one_stands(store):
    first, second = frame(1, 2), frame(3, 4, 5)
    store.write(first)
    store.write(second)
    assert differing(store.read(0), first) == []
    assert differing(store.read(1), second) == []
    assert differing(store.read(), second) == []


def test_a_version_that_is_not_there_is_named_with_those_that_are(store):
    store.write(frame(1, 2))
    with pytest.raises(NotFoundError, match="no Delta version 5") as error:
        store.read(5)
    assert error.value.allowed == "0 to 0"


def test_before_anything_was_computed_reading_says_what_to_run(store):
    assert not store.exists()
    for act in (store.read, store.version):
        with pytest.raises(DataError, match="morningline features compute"):
            act()


def test_another_definition_of_the_set_has_a_table_of_its_own(tmp_path, store):
    store.write(frame(1, 2))
    other = FeatureStore(tmp_path, FeatureSet(name="chance", steps=SET.steps[:2]))
    assert other.path != store.path
    assert not other.exists()


def test_a_computation_is_kept_and_reported_and_leaves_out_what_is_not_final(tmp_path):
    entrants = pl.DataFrame(
        {
            "event_id": ["a", "b", "c"],
            "entrant_id": ["1", "1", "1"],
            "day": [date(2024, 1, d) for d in (1, 2, 9)],
            "cutoff": [datetime(2024, 1, d, tzinfo=UTC) for d in (1, 2, 9)],
            "who": ["ann"] * 3,
            "said": [1.0, None, 3.0],
        }
    )
    outcomes = pl.DataFrame(
        {"event_id": ["a"], "entrant_id": ["1"], "usable_at": [datetime(2024, 1, 2, tzinfo=UTC)], "score": [0.5]}
    )
    store = FeatureStore(tmp_path, SET)
    report = compute_features(Events(entrants, outcomes), store, as_of=datetime(2024, 1, 2, tzinfo=UTC))
    assert (report.rows, report.events, report.features, report.delta_version) == (2, 2, 3, 0)
    assert (report.first_day, report.last_day) == ("2024-01-01", "2024-01-02")
    assert report.null_share == {"mean": 0.5, "half": 0.5, "rank": 0.5}
    assert report.feature_version == SET.version
    assert store.read()["mean"].to_list() == [None, 0.5]
    with pytest.raises(DataError, match="no entrants"):
        compute_features(Events(entrants, outcomes), store, as_of=datetime(2023, 1, 1, tzinfo=UTC))
