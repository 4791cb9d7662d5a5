"""A month of features is judged by what its features declare and by what they usually have, entrant by entrant."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningline.features import quality
from morningline.features.matrix import FeatureMatrix
from morningline.features.quality import (
    IN_BOUNDS,
    ROW_AN_ENTRANT,
    count_features,
    months_short_of,
    partition_quality,
)


@dataclass(frozen=True)
class Told:
    """A feature as its definition tells it."""

    name: str
    low: float | None = None
    high: float | None = None
    nulls: str = "allowed"


SHARE = Told("share", low=0.0, high=0.1)
COUNT = Told("count", low=0.0, nulls="never")
FIGURE = Told("figure")
FEATURES = (SHARE, COUNT, FIGURE)
FIRST = date(2024, 1, 1)


def month(days: int = 40, runners: int = 30, first: date = FIRST) -> pl.DataFrame:
    """A sound part: bounds held to the last bit, two of three figures there."""
    rows = [
        (
            f"e{day}",
            f"h{runner}",
            first + timedelta(days=day),
            0.1 if runner % 2 else 0.0,
            runner,
            runner if runner % 3 else None,
        )
        for day in range(days)
        for runner in range(runners)
    ]
    return pl.DataFrame(
        rows,
        schema={
            "event_id": pl.String,
            "entrant_id": pl.String,
            "day": pl.Date,
            **dict.fromkeys(("share", "count", "figure"), pl.Float32),
        },
        orient="row",
    )


def spoiled(frame: pl.DataFrame, day: date, column: str, value: float | None) -> pl.DataFrame:
    return frame.with_columns(
        pl.when(pl.col("day") == day).then(pl.lit(value, pl.Float32)).otherwise(column).alias(column)
    )


def test_a_sound_month_is_perfect() -> None:
    found = partition_quality(month(), FEATURES)
    assert (found.rows, found.score, found.validity, found.uniqueness) == (1200, 1.0, 1.0, 1.0)
    assert found.completeness == 1.0
    assert found.days["score"].to_list() == [1.0] * 40


@pytest.mark.parametrize(
    ("column", "value", "part", "why"),
    [
        ("share", 0.2, "validity", IN_BOUNDS.format("share")),
        ("share", -0.1, "validity", IN_BOUNDS.format("share")),
        ("figure", float("nan"), "validity", IN_BOUNDS.format("figure")),
        ("figure", float("inf"), "validity", IN_BOUNDS.format("figure")),
        ("count", None, "validity", IN_BOUNDS.format("count")),
        ("share", None, "completeness", "share filled: 0 of 30"),
    ],
)
def test_a_day_that_breaks_what_a_feature_declares_or_usually_has_scores_nothing(
    column: str, value: float | None, part: str, why: str
) -> None:
    day = FIRST + timedelta(days=35)
    found = partition_quality(spoiled(month(), day, column, value), FEATURES)
    broken = found.days.row(by_predicate=pl.col("day") == day, named=True)
    assert broken[part] == broken["score"] == 0.0
    assert why in broken["why"]
    assert found.days.filter(pl.col("day") != day)["score"].min() == 1.0
    judged = 40 if part == "validity" else 20
    assert getattr(found, part) == pytest.approx(1 - 1 / judged)
    assert found.score == min(found.completeness, found.validity)


def test_an_entrant_is_there_once_a_day() -> None:
    twice = pl.concat([month(days=2), month(days=1, runners=10)])
    found = partition_quality(twice, FEATURES)
    assert found.days["uniqueness"].to_list() == [30 / 40, 1.0]
    assert ROW_AN_ENTRANT in found.days["why"][0]


def test_a_month_is_judged_by_the_months_before_it() -> None:
    january, february = month(days=31), month(days=29, first=date(2024, 2, 1)).with_columns(figure=None)
    february = february.with_columns(pl.col("figure").cast(pl.Float32), share=None).cast({"share": pl.Float32})
    alone = partition_quality(february, FEATURES)
    assert alone.completeness is None or alone.completeness == 1.0
    after = partition_quality(february, FEATURES, before=partition_quality(january, FEATURES).counts)
    assert after.completeness < 0.9
    assert after.days["day"].min() == date(2024, 2, 1)
    together = partition_quality(pl.concat([january, february]), FEATURES)
    assert together.days.tail(29).equals(after.days)


def test_an_empty_part_has_no_score() -> None:
    found = partition_quality(month().clear(), FEATURES)
    assert (found.rows, found.score, found.days.height) == (0, None, 0)


SINGLE = st.floats(width=32, allow_nan=False)


@given(st.lists(st.tuples(st.integers(0, 70), st.none() | st.sampled_from([0.0, 0.1, 0.25]) | SINGLE)), st.floats(0, 1))
def test_months_fall_short_as_plain_python_counts_them(values: list[tuple[int, float | None]], least: float) -> None:
    values = sorted(values, key=lambda row: row[0])
    columns = {feature.name: [value for _, value in values] for feature in FEATURES}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Float32))
    days = [FIRST + timedelta(days=day) for day, _ in values]
    matrix = FeatureMatrix.of(frame.with_columns(pl.Series("day", days, pl.Date)), list(columns))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quality, "ROWS_AT_ONCE", 4)
        found = months_short_of(matrix, FEATURES, least)
    tenth = struct.unpack("f", struct.pack("f", 0.1))[0]
    declared = {
        "share": lambda value: value is None or 0 <= value <= tenth,
        "count": lambda value: value is not None and 0 <= value < math.inf,
        "figure": lambda value: value is None or math.isfinite(value),
    }
    shares = {}
    for name, month in product(declared, sorted({f"{day:%Y-%m}" for day in days})):
        mine = [value for value, day in zip(frame[name], days, strict=True) if f"{day:%Y-%m}" == month]
        shares[month, name] = sum(map(declared[name], mine)) / len(mine)
    wanted = sorted((share, month, name) for (month, name), share in shares.items() if share < least)
    assert found.select("share", "month", "feature").rows() == wanted


@given(st.lists(st.tuples(st.integers(0, 2), st.one_of(st.none(), st.floats(-1, 1, width=32)))))
def test_counts_are_what_plain_python_counts(values: list[tuple[int, float | None]]) -> None:
    frame = pl.DataFrame(
        [(f"e{n}", "h", FIRST + timedelta(days=day), value) for n, (day, value) in enumerate(values)],
        schema={"event_id": pl.String, "entrant_id": pl.String, "day": pl.Date, "share": pl.Float32},
        orient="row",
    )
    feature = Told("share", low=-0.5, high=0.5, nulls="never")
    counts = count_features(frame, [feature])
    for day in range(3):
        mine = [value for on, value in values if on == day]
        found = counts.filter(pl.col("day") == FIRST + timedelta(days=day))
        if not mine:
            assert found.is_empty()
            continue
        good = dict(zip(found["name"], found["good"], strict=True))
        assert good["share"] == sum(value is not None for value in mine)
        assert good[IN_BOUNDS.format("share")] == sum(value is not None and -0.5 <= value <= 0.5 for value in mine)
        assert set(found["of"]) == {len(mine)}
