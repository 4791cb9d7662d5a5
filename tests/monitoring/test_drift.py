"""Feature drift: figures as textbooks have them, alarms as seldom as promised, and planted shifts found."""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from scipy.spatial.distance import jensenshannon
from typer.testing import CliRunner

from morningline.kit.errors import DataError, InputError
from morningline.kit.workspace import Workspace
from morningline.monitoring.drift import LEVEL, drift
from morningline.monitoring.drift_chance import Blocks, Counts, coarsened
from morningline.monitoring.drift_measures import (
    binned,
    jensen_shannon,
    kolmogorov_smirnov,
    present,
    psi,
    quantile_edges,
)
from morningline.wiring.drifting import Period, feature_drift
from morningline.wiring.program import Program, domain_named

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from morningline.monitoring.drift_verdict import FeatureDrift

    Values = np.ndarray
    Make = Callable[[np.random.Generator, int, int], Values]

FIRST = date(2015, 1, 1)


def period(days: int, rows: int, start: int = 0, **columns: Values) -> pl.DataFrame:
    """So many days of so many rows each."""
    day = pl.Series([FIRST + timedelta(start + number) for number in range(days)], dtype=pl.Date)
    return pl.DataFrame({"day": day.gather(np.repeat(np.arange(days), rows)), **columns})


def compare(before: Values, now: Values, *, rows: int, **options: float) -> FeatureDrift:
    """The drift of one column between two periods of days with so many rows each."""
    reference = period(len(before) // rows, rows, x=before)
    current = period(len(now) // rows, rows, start=10_000, x=now)
    (found,) = drift(reference, current, ["x"], **options).features
    return found


# --- the figures ---------------------------------------------------------------------------------------------

few = st.sampled_from([-1.5, 0.0, 0.25, 3.0, 1e6, float("nan")])
columns = arrays.arrays(np.float32, st.integers(1, 60), elements=few | st.floats(-100, 100, width=32))


# The oracle warns that it has no p-value of so few rows; only its statistic is looked at.
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@given(columns, columns)
def test_kolmogorov_smirnov_is_scipys_with_ties_and_nulls(before: Values, now: Values) -> None:
    before, now = (column[~np.isnan(column)] for column in (before, now))
    if len(before) and len(now):
        found = kolmogorov_smirnov(present(before), present(now))
        assert found == pytest.approx(stats.ks_2samp(before, now, method="asymp").statistic, abs=1e-12)


@given(columns, columns)
def test_bins_are_those_of_the_references_quantiles(before: Values, now: Values) -> None:
    edges = quantile_edges(present(before))
    values = sorted(float(x) for x in before if not math.isnan(x))
    plain = sorted({values[k * len(values) // 10] for k in range(1, 10)} - {values[-1]}) if values else []
    assert edges.tolist() == plain
    expected = [len(plain) + 1 if math.isnan(x) else bisect_left(plain, x) for x in now.tolist()]
    assert binned(now, edges).tolist() == expected


rows_by_bin = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=8).filter(
    lambda rows: all(map(any, zip(*rows, strict=True)))
)


@given(rows_by_bin, st.floats(1, 100))
def test_psi_is_the_sum_of_the_textbook(rows: list[tuple[int, int]], effect: float) -> None:
    before, now = zip(*rows, strict=True)
    total = 0.0
    for a, b in rows:
        # Half an effective row is added to each bin: half a row where every row counts fully.
        p = (a / effect + 0.5) / (sum(before) / effect + 0.5 * len(rows))
        q = (b / effect + 0.5) / (sum(now) / effect + 0.5 * len(rows))
        total += (p - q) * math.log(p / q)
    assert psi(np.array(before), np.array(now), rows_per_effective=effect) == pytest.approx(total, abs=1e-12)


@given(rows_by_bin)
def test_the_jensen_shannon_distance_is_scipys(rows: list[tuple[int, int]]) -> None:
    before, now = (np.array(column) for column in zip(*rows, strict=True))
    # The root of a rounding error is greater than the error.
    assert jensen_shannon(before, now) == pytest.approx(jensenshannon(before, now, base=2), abs=1e-7)


def test_a_report_gives_these_figures_of_all_rows() -> None:
    random = np.random.default_rng(1)
    before, now = random.standard_normal(40_000), random.standard_normal(20_000) + 0.1
    before[::7] = np.nan
    found = compare(before, now, rows=100)
    assert (found.kind, found.reference_nulls, found.current_nulls, found.bins) == ("continuous", 5715, 0, 11)
    assert found.distance is not None
    assert found.distance.value == pytest.approx(stats.ks_2samp(before, now, nan_policy="omit").statistic)
    assert found.nulls.value == pytest.approx(-5715 / 40_000)
    assert found.nulls_low < found.nulls.value < found.nulls_high < 0  # type: ignore[operator]
    edges = quantile_edges(present(before))
    counts = [np.bincount(binned(column, edges), minlength=11) for column in (before, now)]
    assert found.psi is not None
    effect = len(before) / found.reference_effective_rows  # type: ignore[operator]
    assert found.psi.value == pytest.approx(psi(*counts, rows_per_effective=effect))
    assert found.psi.value == pytest.approx(psi(*counts), rel=0.01)


# --- what chance does ----------------------------------------------------------------------------------------


def independent(random: np.random.Generator, days: int, rows: int) -> Values:
    return random.standard_normal(days * rows)


def alike_within_days(random: np.random.Generator, days: int, rows: int) -> Values:
    return independent(random, days, rows) * 0.8 + np.repeat(random.standard_normal(days), rows) * 0.6


def one_value_a_day(random: np.random.Generator, days: int, rows: int) -> Values:
    return np.repeat(random.standard_normal(days), rows)


def category(random: np.random.Generator, days: int, rows: int) -> Values:
    return random.choice([0.0, 1.0, 2.0, 3.0], days * rows, p=[0.5, 0.3, 0.15, 0.05])


def category_of_the_day(random: np.random.Generator, days: int, rows: int) -> Values:
    return np.repeat(random.choice([0.0, 1.0], days, p=[0.6, 0.4]), rows)


def often_null(random: np.random.Generator, days: int, rows: int) -> Values:
    values = alike_within_days(random, days, rows)
    values[np.repeat(random.random(days) * 0.3, rows) > random.random(days * rows)] = np.nan
    return values


KINDS = [independent, alike_within_days, one_value_a_day, category, category_of_the_day, often_null]
SIZES = [(40, 40, 30), (250, 28, 30), (280, 280, 10)]
PAIRS = 100


def most(level: float, tried: int) -> float:
    """A count that so many trials at a level exceed about once in thirty thousand times."""
    return level * tried + 4 * math.sqrt(level * (1 - level) * tried)


@pytest.mark.parametrize("make", KINDS)
def test_without_drift_a_figure_exceeds_chance_as_seldom_as_the_level_says(make: Make) -> None:
    level, random = 0.05, np.random.default_rng(2)
    over = {"psi": 0, "ks": 0, "js": 0, "nulls": 0}
    alarms = 0
    for days, days_now, rows in SIZES:
        for _ in range(PAIRS):
            before, now = make(random, days, rows), make(random, days_now, rows)
            for figure in compare(before, now, rows=rows, level=3 * level).figures:
                over[figure.name] += abs(figure.value) > figure.by_chance  # type: ignore[operator]
            alarms += compare(before, now, rows=rows).verdict in {"drift", "watch"}
    tried = PAIRS * len(SIZES)
    print(make.__name__, {name: count / tried for name, count in over.items()}, alarms)
    assert max(over.values()) <= most(level, tried)
    assert max(over.values()) >= 2, "what never alarms at a level of 5 % could not find anything either"
    assert alarms <= most(LEVEL, tried)


def test_of_many_features_none_alarms_more_often_than_the_level_says() -> None:
    random = np.random.default_rng(3)
    names = [f"x{number}" for number in range(30)]
    alarmed = 0
    for _ in range(40):
        frames = [
            period(days, 20, start, **{name: alike_within_days(random, days, 20) for name in names})
            for days, start in ((100, 0), (50, 500))
        ]
        report = drift(*frames, names, level=0.2)
        figures = [figure for feature in report.features for figure in feature.figures]
        alarmed += any(abs(figure.value) > figure.by_chance for figure in figures)  # type: ignore[operator]
    assert 0 < alarmed <= most(0.2, 40)


def test_independent_rows_give_the_chi_square_and_the_kolmogorov_of_the_books() -> None:
    random = np.random.default_rng(4)
    found = compare(independent(random, 600, 50), independent(random, 600, 50), rows=50, level=0.03)
    alone = 2 / 30_000
    assert found.psi is not None
    assert found.distance is not None
    assert found.psi.by_chance == pytest.approx(stats.chi2.isf(0.01, 9) * alone, rel=0.25)
    assert found.distance.by_chance == pytest.approx(stats.kstwobign.isf(0.01) * math.sqrt(alone), rel=0.25)


def test_rows_that_repeat_each_other_count_once() -> None:
    random = np.random.default_rng(5)
    found = compare(one_value_a_day(random, 600, 50), one_value_a_day(random, 600, 50), rows=50)
    assert found.reference_effective_rows == pytest.approx(600, rel=0.25)
    alone = compare(independent(random, 600, 50), independent(random, 600, 50), rows=50)
    assert alone.reference_effective_rows == pytest.approx(30_000, rel=0.25)


def test_blocks_are_as_wide_as_enough_of_them_allow() -> None:
    for days, days_now, width in ((900, 200, 28), (900, 60, 7), (200, 14, 1), (3, 2, 1)):
        blocks = Blocks.of_days(period(days, 2)["day"], period(days_now, 2)["day"])
        assert blocks.width == width
        assert len(np.unique(blocks.reference)) == math.ceil(days / width)


def test_rare_bins_are_joined_until_each_period_expects_enough() -> None:
    random = np.random.default_rng(6)
    rows = random.multinomial(100, [0.4, 0.001, 0.001, 0.25, 0.348], size=80)
    joined = coarsened(Counts(rows, rows[:20]))
    assert joined.bins == 3
    assert joined.totals[0].sum() == rows.sum()
    assert coarsened(joined).bins == 3


# --- what drift does -----------------------------------------------------------------------------------------


def moved(values: Values) -> Values:
    return values + 0.6


def spread_out(values: Values) -> Values:
    return values * 2


def half_missing(values: Values) -> Values:
    return np.where(np.arange(len(values)) % 2, values, np.nan)


def gone(values: Values) -> Values:
    return np.full_like(values, np.nan)


def other_mix(values: Values) -> Values:
    return np.where(values == 0, 2.0, values)


@pytest.mark.parametrize(
    ("make", "change", "figure"),
    [
        (independent, moved, "ks"),
        (alike_within_days, moved, "psi"),
        (independent, spread_out, "psi"),
        (alike_within_days, half_missing, "nulls"),
        (independent, gone, "nulls"),
        (category, other_mix, "js"),
        (category, half_missing, "nulls"),
    ],
)
def test_a_planted_shift_is_found_and_its_figure_named(make: Make, change: Callable, figure: str) -> None:
    random = np.random.default_rng(7)
    found = compare(make(random, 400, 50), change(make(random, 120, 50)), rows=50)
    assert found.verdict == "drift"
    assert figure in {one.name for one in found.figures if one.verdict == "drift"}
    assert "chance alone reaches" in found.reason
    assert ("Change of nulls" in found.reason) == (figure == "nulls")
    back = compare(change(make(random, 120, 50)), make(random, 400, 50), rows=50)
    assert back.verdict == "drift"


def test_a_small_shift_of_many_rows_is_no_drift_and_a_middling_one_is_watched() -> None:
    random = np.random.default_rng(8)
    before, now = independent(random, 1000, 100), independent(random, 1000, 100)
    small = compare(before, now + 0.1, rows=100)
    assert small.distance is not None
    assert small.distance.value > 2 * small.distance.by_chance  # type: ignore[operator]
    assert small.verdict == "none"
    assert compare(before, now + 0.4, rows=100).verdict == "watch"


def test_a_constant_is_a_constant_until_it_is_another() -> None:
    ones = np.ones(4000)
    same = compare(ones, ones, rows=20)
    assert (same.kind, same.verdict, same.psi, same.distance) == ("constant", "none", None, None)
    other = compare(ones, 2 * ones, rows=20)
    assert (other.kind, other.verdict) == ("discrete", "drift")
    empty = compare(gone(ones), gone(ones), rows=20)
    assert (empty.kind, empty.verdict, empty.reference_nulls, empty.nulls.value) == ("constant", "none", 4000, 0)
    back = compare(gone(ones), ones, rows=20)
    assert (back.kind, back.verdict, back.nulls.value) == ("constant", "drift", -1)


@pytest.mark.parametrize("sign", [1, -1])
def test_what_was_nearly_always_one_value_is_compared_by_that_value(sign: int) -> None:
    random = np.random.default_rng(14)
    rare = np.where(random.random((2, 4000)) < 0.04, sign * random.random((2, 4000)), 0)
    same = compare(rare[0], rare[1], rows=20)
    assert (same.kind, same.verdict, same.bins) == ("continuous", "none", 2)
    often = compare(np.zeros(4000), sign * random.random(4000), rows=20)
    assert (often.kind, often.verdict, often.bins) == ("continuous", "drift", 2)


def test_a_column_that_died_only_now_has_no_distance_and_drifts_by_its_nulls() -> None:
    values = independent(np.random.default_rng(9), 200, 20)
    found = compare(values, gone(values), rows=20)
    assert (found.kind, found.distance, found.verdict) == ("continuous", None, "drift")
    assert found.nulls_p is not None
    assert found.nulls_p < 1e-9


@pytest.mark.parametrize(("days", "days_now"), [(1, 1), (10, 10), (400, 4), (400, 1)])
def test_too_few_days_decide_nothing(days: int, days_now: int) -> None:
    random = np.random.default_rng(10)
    found = compare(independent(random, days, 5), independent(random, days_now, 5) + 9, rows=5)
    assert found.verdict == "not_decided"
    assert "Too few days" in found.reason


def test_where_chance_could_hide_a_drift_its_absence_is_not_claimed() -> None:
    random = np.random.default_rng(11)
    found = compare(one_value_a_day(random, 40, 30), one_value_a_day(random, 40, 30), rows=30)
    assert found.verdict == "not_decided"
    assert "chance alone reaches" in found.reason


def test_nulls_and_nan_are_the_same_and_dtypes_do_not_matter() -> None:
    random = np.random.default_rng(12)
    whole = random.integers(0, 6, 2000)
    flags = period(100, 20, floats=whole.astype(np.float32), integers=whole, small=whole.astype(np.uint8)).with_columns(
        nulls=pl.when(pl.col("integers") > 0).then("integers"),
        nan=pl.when(pl.col("integers") > 0).then(pl.col("floats")).otherwise(float("nan")),
        flag=pl.col("integers") > 2,
    )
    report = drift(flags, flags, ["floats", "integers", "small", "nulls", "nan", "flag"])
    by_name = {feature.name: feature for feature in report.features}
    assert by_name["nulls"].reference_nulls == by_name["nan"].reference_nulls == np.count_nonzero(whole == 0)
    assert by_name["floats"].psi == by_name["integers"].psi == by_name["small"].psi
    assert {feature.kind for feature in report.features} == {"discrete"}
    assert report.count("none") == 6


def test_texts_and_empty_periods_are_refused() -> None:
    frame = period(50, 2, x=np.zeros(100)).with_columns(word=pl.lit("good"))
    with pytest.raises(InputError, match="'word' is String"):
        drift(frame, frame, ["x", "word"])
    with pytest.raises(InputError, match="current period has no rows"):
        drift(frame, frame.clear(), ["x"])


@given(st.integers(0, 10**6), st.sampled_from(KINDS), st.integers(1, 60), st.integers(1, 60))
@settings(max_examples=40)
def test_the_order_of_rows_and_the_threads_do_not_matter(seed: int, make: Make, days: int, days_now: int) -> None:
    random = np.random.default_rng(seed)
    before = period(days, 7, x=make(random, days, 7), y=independent(random, days, 7))
    now = period(days_now, 7, start=100, x=make(random, days_now, 7), y=independent(random, days_now, 7))
    report = drift(before, now, ["x", "y"])
    shuffled = [frame.sample(fraction=1, shuffle=True, seed=seed) for frame in (before, now)]
    assert drift(*shuffled, ["y", "x"], threads=2) == report


# --- the command ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stored features of 200 days, one of which moves on the 150th."""
    root = Workspace.create(tmp_path_factory.mktemp("drift")).root
    features = domain_named("racing").feature_set.names
    random = np.random.default_rng(13)
    frame = period(200, 20, **{name: random.standard_normal(4000) for name in features}).with_columns(
        pl.col(features).cast(pl.Float32),
        event_id=pl.int_range(4000).cast(pl.String).str.zfill(4),
        entrant_id=pl.lit("1"),
        as_of=pl.col("day").cast(pl.Datetime("us", "UTC")),
    )
    late = pl.col("day") >= FIRST + timedelta(150)
    frame = frame.with_columns(pl.when(late).then(pl.col(features[3]) + 1).otherwise(features[3]).alias(features[3]))
    with Program.at(root, {}) as program:
        program.features(domain_named("racing")).table.replace(frame, None, {}, None)
    return root


def ask(workspace: Path, *words: str) -> tuple[int, str]:
    from morningline.cli.main import app

    done = CliRunner().invoke(app, ["features", "drift", *words], env={"MORNINGLINE_HOME": str(workspace)})
    return done.exit_code, done.stdout


BEFORE = ("--reference-from", "2015-01-01", "--reference-to", "2015-05-30")
SINCE = ("--from", "2015-05-31", "--to", "2015-07-19")


def test_the_command_shows_the_worst_first_and_exits_with_1(workspace: Path) -> None:
    code, said = ask(workspace, *BEFORE, *SINCE, "--top", "3")
    worst = domain_named("racing").feature_set.names[3]
    lines = said.splitlines()
    assert code == 1
    assert lines[1].startswith(worst[:10])
    assert "drift" in lines[1]
    assert f"1 of {len(domain_named('racing').feature_set.names)} features drifted" in lines[-1]
    assert sum("continuous" in line for line in lines) == 3


def test_the_command_exits_with_0_where_nothing_drifted_and_tells_programs_everything(workspace: Path) -> None:
    code, said = ask(workspace, *BEFORE[:3], "2015-03-16", "--from", "2015-03-17", "--to", "2015-05-30", "--json")
    report = json.loads(said)
    assert code == 0
    assert len(report["features"]) == len(domain_named("racing").feature_set.names)
    assert report["features"][0]["psi"]["value"] >= 0
    assert {"name", "verdict", "reason", "kind", "nulls_p"} <= report["features"][0].keys()


def test_periods_that_cannot_be_compared_are_refused(workspace: Path) -> None:
    days = {name: date(2015, *day) for name, day in {"a": (1, 1), "b": (3, 1), "c": (3, 2), "d": (5, 1)}.items()}
    with Program.at(workspace, {}) as program:
        with pytest.raises(InputError, match="share days"):
            feature_drift(program, "racing", Period(days["a"], days["c"]), Period(days["c"], days["d"]))
        with pytest.raises(InputError, match="ends before it begins"):
            Period(days["b"], days["a"])
        with pytest.raises(DataError, match="No features are stored of 2019"):
            feature_drift(program, "racing", Period(days["a"], days["b"]), Period(date(2019, 1, 1), date(2019, 2, 1)))
