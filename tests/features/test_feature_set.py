"""A feature set: its version follows its definitions and its code, and its catalog says what each feature is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from morningline.domains.racing import features as racing_features
from morningline.domains.racing.features import FEATURES
from morningline.features import definitions, feature_set
from morningline.features.cutoffs import BeforeOff
from morningline.features.definitions import Derived, Expression, History, Rating, WithinEvent
from morningline.features.feature_set import FeatureSet
from morningline.features.rating import Elo
from morningline.features.set_catalog import CatalogRow, catalog
from morningline.features.windows import Days, Decay, Last, Near, Rivals
from morningline.kit.errors import InputError

RUNS = History(name="runs", key=("who",), aggregate="count", unit="runs", description="Runs so far.")


def test_the_version_changes_with_any_word_of_a_definition_and_not_otherwise():
    version = FeatureSet("x", (RUNS,)).version
    assert version == FeatureSet("x", (replace(RUNS),)).version == FeatureSet("y", (RUNS,)).version
    others = (
        replace(RUNS, name="rides"),
        replace(RUNS, key=("where",)),
        replace(RUNS, window=Last(3)),
        replace(RUNS, window=Days(3)),
        replace(RUNS, aggregate="days_since"),
        replace(RUNS, kept=False),
    )
    versions = {FeatureSet("x", (other,)).version for other in others}
    assert len(versions | {version}) == len(others) + 1
    assert FeatureSet("x", (RUNS,), cutoff=BeforeOff(10)).version not in versions | {version}
    assert FeatureSet("x", (RUNS, others[0])).version != FeatureSet("x", (others[0], RUNS)).version


def test_the_version_changes_with_the_code_that_decides_a_value(tmp_path, monkeypatch):
    code = tmp_path / "events.py"
    code.write_text("one")
    one = FeatureSet("x", (RUNS,), (code,)).version
    assert one == FeatureSet("x", (RUNS,), (code,)).version
    code.write_text("two")
    assert one != FeatureSet("x", (RUNS,), (code,)).version
    engine = FeatureSet("x", (RUNS,)).version
    monkeypatch.setattr(feature_set, "ENGINE", feature_set.ENGINE[1:])
    assert engine != FeatureSet("x", (RUNS,)).version


def test_every_file_that_the_engine_and_the_racing_features_are_made_of_is_in_the_version():
    # What keeps, compares, judges or carries values, and makes none of them.
    decided_elsewhere = {
        *("__init__.py", "comparing.py", "computing.py", "feature_set.py", "keeping.py", "matrix.py"),
        *("monthly_table.py", "on_ray.py", "own_sets.py", "quality.py", "records.py", "set_catalog.py", "store.py"),
    }
    there = {path.name for path in Path(definitions.__file__).parent.glob("*.py")}
    assert there == decided_elsewhere | set(feature_set.ENGINE)
    names = {path.name for path in FEATURES.code}
    definitions_of = Path(racing_features.__file__).parent
    assert {path.name for path in definitions_of.glob("*.py")} <= names
    assert {"cards.py", "events.py", "outcomes.py", "prices.py", "vocabulary.py"} <= names


def test_two_definitions_of_one_name_are_refused():
    with pytest.raises(InputError, match="defines runs twice"):
        FeatureSet("x", (RUNS, Derived(name="runs", sql="1", description="")))


def test_the_catalog_says_whose_history_over_which_window():
    steps = (
        RUNS,
        replace(RUNS, name="step", kept=False),
        History(name="form", key=("who", "where"), value="v", window=Last(3), unit="s", description="Form."),
        History(name="once", key=("who",), value="v", window=Last(1), description="Once."),
        History(name="year", key=("who",), value="v", window=Days(365), aggregate="max", description="Year."),
        History(name="fade", key=("who",), value="v", window=Decay(60), description="Fade."),
        History(
            name="near", key=("who",), value="v", where=(Near("m", share=0.1),), description="Near.", low=0, high=1
        ),
        History(name="met", key=Rivals(("who",)), value="v", description="Met.", low=0),
        Rating(name="elo", key=("who",), result="v", system=Elo(), description="Elo."),
        Derived(name="w", sql="v", description="No feature."),
        Expression(name="said", sql="v", unit="lb", description="Said."),
        WithinEvent(name="rank", of="said", how="rank", description="Rank."),
    )
    rows = catalog(FeatureSet("x", steps))
    assert rows[0] == CatalogRow(
        name="runs",
        unit="runs",
        key="who",
        window="who, all rows so far",
        aggregate="count",
        of="",
        range="",
        nulls="allowed",
        description="Runs so far.",
    )
    assert [(r.name, r.key, r.window, r.aggregate) for r in rows[1:]] == [
        ("form", "who and where", "who and where, last 3 rows", "mean"),
        ("once", "who", "who, last row", "mean"),
        ("year", "who", "who, last 365 days", "max"),
        ("fade", "who", "who, all rows so far, half-life 60 days", "mean"),
        ("near", "who", "who, m within 10%, all rows so far", "mean"),
        ("met", "who against today's rivals", "who against today's rivals, all rows so far", "mean"),
        ("elo", "who", "who, all events so far", "Elo mean"),
        ("said", "card", "card", "expression"),
        ("rank", "event", "event", "rank"),
    ]
    assert [row.range for row in rows if row.range] == ["0 to 1", "from 0"]
