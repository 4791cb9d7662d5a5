"""The feature tables: what is read is what was written, and a version names one content for ever."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from chance_events import chance_events, differing
from morningline.features import monthly_table
from morningline.features.definitions import Expression, History, WithinEvent
from morningline.features.engine import compute_all
from morningline.features.feature_set import FeatureSet
from morningline.features.matrix import FeatureMatrix
from morningline.features.monthly_table import ConflictError
from morningline.features.state import ORDER
from morningline.features.store import FeatureStore, content_hash, in_order
from morningline.kit.errors import DataError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

SET = FeatureSet(
    name="chance",
    steps=(
        History(name="mean", key=("who",), value="score", description="Mean score."),
        Expression(name="half", sql="said / 2", description="Half of what is said."),
        WithinEvent(name="rank", of="said", how="rank", description="Rank."),
    ),
)
JANUARY, FEBRUARY = date(2024, 1, 31), date(2024, 2, 29)


def frame(*values: float | None, day: date = FEBRUARY, by: str = "c1") -> pl.DataFrame:
    """Two rows of a day, and the rest of the next day."""
    n = len(values)
    return pl.DataFrame(
        {
            "event_id": [f"é{i // 2}" for i in range(n)],
            "entrant_id": [str(i % 2) for i in range(n)],
            "day": [day if i < 2 else day + timedelta(days=1) for i in range(n)],
            "as_of": [datetime(2024, 2, 29, 0, 0, 0, i, tzinfo=UTC) for i in range(n)],
            **{name: pl.Series(values, dtype=pl.Float32) for name in SET.names},
            "computation": by,
        },
        schema_overrides={"as_of": pl.Datetime("us", "UTC")},
    )


def rows(*scores: float, day: date = FEBRUARY, by: str = "c1") -> pl.DataFrame:
    """History rows of a day."""
    n = len(scores)
    at = datetime(day.year, day.month, day.day, 23, tzinfo=UTC)
    return pl.DataFrame(
        {
            "usable_at": [at] * n,
            "until": [None] * n,
            "day": [day] * n,
            "place": list(range(n)),
            "score": list(scores),
            "computation": by,
        },
        schema_overrides={
            "usable_at": pl.Datetime("us", "UTC"),
            "until": pl.Datetime("us", "UTC"),
            "place": pl.Int32,
        },
    )


def said(by: str = "c1", **others: Any) -> dict[str, Any]:
    plain = {"mark": 7, "as_of": "2024-03-01T00:00:00+00:00", "until": None, "pending": None, "computation": by}
    return plain | others


def put(store: FeatureStore, features: pl.DataFrame, history: pl.DataFrame | None = None, **others: Any) -> int:
    """Write all there is."""
    base = store.state().version if store.exists() else None
    return store.write(features, rows(1.0) if history is None else history, (None, None), said(**others), base)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path, SET)


def test_what_was_written_is_read_back_to_the_bit_in_the_same_order(store):
    written = frame(0.1, None, 3e38, 1e-45, -7.25)
    assert put(store, written) == 0
    plain = written.drop("computation")
    read = store.read()
    assert read.schema == plain.schema
    assert differing(read, plain) == []
    assert store.read(names=["rank"]).columns == ["event_id", "entrant_id", "day", "as_of", "rank"]
    assert store.read(lineage=True)["computation"].to_list() == ["c1"] * 5


def test_rows_stand_in_the_order_of_day_event_and_entrant_however_they_came(store):
    written = frame(1, 2, 3, 4, 5)
    put(store, written.sample(fraction=1, shuffle=True, seed=3), rows(1, 2, 3)[[2, 0, 1]])
    assert differing(store.read(), written.drop("computation")) == []
    assert store.past(0).collect()["score"].to_list() == [1, 2, 3]
    assert in_order(written[[4, 3, 2, 1, 0]]).equals(written)


@pytest.mark.parametrize("part_bytes", [1, 2500, 1 << 25])
def test_a_matrix_is_what_is_read_however_many_parts_it_is_read_in(store, monkeypatch, part_bytes):
    monkeypatch.setattr(monthly_table, "PART_BYTES", part_bytes)
    months = [frame(n, None, -n, day=date(2024, n, 27)) for n in range(1, 6)]
    put(store, pl.concat(months).sample(fraction=1, shuffle=True, seed=3))
    periods = [
        (None, None),
        (date(2024, 2, 28), date(2024, 4, 27)),
        (date(2024, 5, 28), None),
        (date(2025, 1, 1), None),
    ]
    for first, last in periods:
        for names in (SET.names, ["rank", "mean"], []):
            read = store.read(names=names, first=first, last=last)
            matrix = store.read_matrix(names=names, first=first, last=last)
            assert matrix.names == tuple(names)
            assert matrix.values.dtype == np.float32
            assert matrix.values.shape == (read.height, len(names))
            assert matrix.rows.equals(read.select("day", "event_id", "entrant_id"))
            np.testing.assert_array_equal(matrix.values, FeatureMatrix.of(read, names).values)


def test_a_month_in_several_files_is_read_in_order_all_the_same(store):
    from deltalake import write_deltalake

    days = [FEBRUARY - timedelta(days=2 * n) for n in range(6)]
    put(store, frame(0, 1, day=days[0]))
    for n, day in enumerate(days[1:], 1):
        more = frame(n, n + 1, day=day).with_columns(month=pl.lit("2024-02"))
        write_deltalake(store.table.path, more, mode="append", partition_by=["month"])
    assert len(list(store_files(store))) > len(days)
    for found in (store.read(), store.read_matrix().rows):
        assert found["day"].to_list() == sorted(days * 2)
    assert store.read_matrix(names=["half"]).values[::2, 0].tolist() == [5, 4, 3, 2, 1, 0]


@given(chance_events())
@settings(
    max_examples=5,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
def test_computed_features_and_history_rows_survive_the_tables(tmp_path_factory, events):
    computed = compute_all(events, SET.steps)
    if computed.features.is_empty():
        return
    store, by = FeatureStore(tmp_path_factory.mktemp("features"), SET), pl.lit("c").alias("computation")
    put(store, computed.features.with_columns(by), computed.history.with_columns(by))
    features, history = computed.features.sort(*ORDER[1:2], "event_id", "entrant_id"), computed.history.sort(*ORDER)
    assert content_hash(store.read()) == content_hash(features)
    assert content_hash(store.past(0).drop("computation").collect().sort(*ORDER)) == content_hash(history)


def test_the_same_content_makes_no_new_version_and_another_does(store):
    contents = [frame(1, 2, None), frame(1, 2, None, by="c2"), frame(1, 2, 3)]
    assert [put(store, features, by=f"c{n}") for n, features in enumerate(contents)] == [0, 0, 1]
    assert store.version() == 1
    # Back to an older content is a new version all the same: a version is what was newest then.
    assert put(store, frame(1, 2, None)) == 2
    # What it was computed from is part of it, and so are the history rows.
    assert [put(store, frame(1, 2, None), mark=8) for _ in "ab"] == [3, 3]
    assert [put(store, frame(1, 2, None), rows(2.0), mark=8) for _ in "ab"] == [4, 4]


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
    put(store, first)
    put(store, second)
    for version, features in ((0, first), (1, second), (None, second)):
        assert differing(store.read(version), features.drop("computation")) == []


def test_only_the_months_that_are_named_are_replaced(store):
    put(store, pl.concat([frame(1, 2, day=JANUARY - timedelta(days=9)), frame(3, 4)]), rows(1.0, day=JANUARY))
    february = frame(5, 6, by="c2")
    store.write(february, rows(2.0), (["2024-02"], ["2024-02"]), said("c2"), 0)
    found = store.read(lineage=True)
    assert found["half"].to_list() == [1, 2, 5, 6]
    assert found["computation"].to_list() == ["c1", "c1", "c2", "c2"]
    assert store.read(first=date(2024, 2, 1))["half"].to_list() == [5, 6]
    assert store.read(last=date(2024, 2, 1))["half"].to_list() == [1, 2]
    assert store.read(first=date(2025, 1, 1)).is_empty()
    state = store.state()
    assert (state.version, list(state.months)) == (1, ["2024-01", "2024-02"])
    assert store.past(state.history).collect()["score"].to_list() == [1.0, 2.0]
    assert store.past(state.history, last=JANUARY).collect()["score"].to_list() == [1.0]
    # A month without rows is gone.
    store.write(february.clear(), rows().cast(rows(1.0).schema), (["2024-02"], ["2024-02"]), said("c3"), 1)
    assert list(store.state().months) == ["2024-01"]


def test_the_state_says_what_the_newest_version_was_computed_from(store):
    put(store, frame(1, 2), until="2024-02-29", pending=["2024-03-01", "2024-03-01T05:00:00+00:00"])
    state = store.state()
    assert (state.version, state.mark, state.history) == (0, 7, 0)
    assert state.until == FEBRUARY
    assert state.as_of == datetime(2024, 3, 1, tzinfo=UTC)
    assert state.pending == (date(2024, 3, 1), datetime(2024, 3, 1, 5, tzinfo=UTC))
    assert state.computed_at.tzinfo == UTC


def test_of_two_who_read_the_same_version_the_second_changes_nothing(store):
    months = (["2024-02"], ["2024-02"])
    put(store, frame(1, 2))
    store.write(frame(3, 4), rows(3.0), months, said("winner"), 0)
    with pytest.raises(ConflictError, match="somebody else meanwhile") as error:
        store.write(frame(5, 6), rows(5.0), months, said("loser"), 0)
    assert error.value.transient
    assert store.read()["half"].to_list() == [3, 4]
    assert store.past(store.state().history).collect()["score"].to_list() == [3.0]


def test_a_commit_that_comes_between_the_look_and_the_write_is_a_conflict(store, monkeypatch):
    put(store, frame(1, 2))
    # Whoever looked before the winner's commit sees nothing yet; the number of the commit tells.
    store.write(frame(3, 4), rows(3.0), (None, None), said("winner"), 0)
    monkeypatch.setattr(store.table, "newest", lambda: None)
    with pytest.raises(ConflictError):
        store.table.replace(frame(5, 6), None, said("loser"), 0)
    monkeypatch.undo()
    assert store.read()["half"].to_list() == [3, 4]


def test_of_two_who_begin_a_table_the_second_changes_nothing(tmp_path):
    one, other = FeatureStore(tmp_path, SET), FeatureStore(tmp_path, SET)
    one.write(frame(1, 2), rows(1.0), (None, None), said("winner"), None)
    with pytest.raises(ConflictError):
        other.write(frame(3, 4), rows(3.0), (None, None), said("loser"), None)
    assert one.read()["half"].to_list() == [1, 2]


def test_history_rows_of_who_was_killed_before_the_features_count_for_nothing(store):
    both = (["2024-02"], ["2024-02"])
    put(store, frame(1, 2), pl.concat([rows(1.0, day=JANUARY), rows(2.0)]))
    # Killed between the two commits: it had other history rows of January.
    store.history.replace(rows(9.0, day=JANUARY), ["2024-01"], {"computation": "killed"}, 0)
    assert store.past(store.state().history).collect()["score"].to_list() == [1.0, 2.0]
    store.write(frame(3, 4), rows(3.0), both, said("c2"), 0)
    assert store.past(store.state().history).collect().sort("day")["score"].to_list() == [1.0, 3.0]
    # The same before anything was ever complete.
    fresh = FeatureStore(store.path, SET)
    fresh.history.replace(rows(9.0, day=JANUARY), None, {"computation": "killed"}, None)
    assert not fresh.exists()
    put(fresh, frame(1, 2), rows(2.0))
    assert fresh.past(fresh.state().history).collect()["score"].to_list() == [2.0]


def test_a_version_that_is_not_there_is_named_with_those_that_are(store):
    put(store, frame(1, 2))
    with pytest.raises(NotFoundError, match="no Delta version 5") as error:
        store.read(5)
    assert error.value.allowed == "0 to 0"


def test_vacuum_spares_what_is_kept_and_the_newest_and_says_what_became_of_the_rest(store):
    for n in range(4):
        put(store, frame(n, 2), rows(n))
    orphan = next(store_files(store)).with_name("part-killed.parquet")
    orphan.write_bytes(b"half a file")
    before = set(store_files(store))
    assert store.vacuum([1, 3], 30, dry_run=False) == []
    planned = store.vacuum([1, 3], 0, dry_run=True)
    assert set(store_files(store)) == before
    assert len(planned) == 6
    assert sorted(store.vacuum([1, 3], 0, dry_run=False)) == sorted(planned)
    assert not orphan.exists()
    assert [store.read(version)["half"][0] for version in (1, 3)] == [1, 3]
    assert store.past(store.state().history).collect()["score"].to_list() == [3.0]
    for version, read in product((0, 2), (store.read, store.read_matrix)):
        with pytest.raises(NotFoundError, match=f"Delta version {version} were removed") as error:
            read(version)
        assert "a model points to" in error.value.do
    # What comes after stands on what is left.
    put(store, frame(8, 9))
    assert store.read()["half"].to_list() == [8, 9]


def store_files(store: FeatureStore):
    from pathlib import Path

    return Path(store.path).rglob("*.parquet")


def test_before_anything_was_computed_reading_says_what_to_run(store):
    assert not store.exists()
    for act in (store.read, store.read_matrix, store.version, store.state):
        with pytest.raises(DataError, match="morningline features compute"):
            act()


def test_another_definition_of_the_set_has_a_table_of_its_own(tmp_path, store):
    put(store, frame(1, 2))
    other = FeatureStore(tmp_path, FeatureSet(name="chance", steps=SET.steps[:2]))
    assert other.path != store.path
    assert not other.exists()
