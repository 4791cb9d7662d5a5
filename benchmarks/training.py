"""A whole training on a synthetic history, beside a bare `lightgbm.train` on the same arrays in the same run.

Each measurement is a process of its own. The features are those of `features.py`, computed and stored first. The bare
rival is given the arrays, LightGBM's own data sets and our objective, in NumPy and in one thread, and grows as many
trees: what the training takes longer is reading, checking, cutting, predicting, calibrating, judging and registering;
what it takes less is that its growings share one search for bins and differentiate on all threads. LightGBM is imported
before either begins.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

import synthetic_history
from features import IDENTITY, fresh, measure_slices, peak_gib, store_of, write
from morningline.features.quality import months_short_of
from morningline.training.backtest import run_backtest
from morningline.training.dataset import Dataset, Source, make_dataset
from morningline.training.grouped import group_log_softmax
from morningline.training.models import win_model
from morningline.training.models.boosting import SoftmaxBooster, softmax_derivatives
from morningline.training.models.growing import library
from morningline.training.models.last_days import tuning_parts
from morningline.training.models.learner import Fitting
from morningline.training.models.tree_parameters import TreeParameters
from morningline.training.splits import PeriodSplit

if TYPE_CHECKING:
    from collections.abc import Callable

    from morningline.features.matrix import FeatureMatrix
    from morningline.training.sample import Sample

COLUMNS = 150
PARAMETERS = TreeParameters()
"""What `morningline train --model softmax_trees` chooses."""
ROUNDS, PATIENCE = PARAMETERS.rounds, PARAMETERS.early_stopping_rounds
SPLIT = PeriodSplit(date(2023, 12, 31), date(2024, 12, 31), date(2025, 12, 31))
THREADS = os.cpu_count() or 1
FITTING = Fitting(seed=1, threads=THREADS, progress=lambda _doing, _done: None)
ASKED = 2_000
"""Races that are predicted one by one."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=synthetic_history.USUAL_ROWS, help="runners of the history")
    parser.add_argument("--repeat", type=int, default=1, help="how often cycle and rival are measured, in turn")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="morningline-bench-") as name:
        folder = Path(name)
        fresh(write, folder, asked.rows, plain=False)
        fresh(measure_slices, "full", folder)
        over = []
        for _ in range(asked.repeat):
            whole = fresh(cycle, folder)
            bare = fresh(rival, folder, whole["trees"])
            over.append(whole["total"] / bare["seconds"] - 1)
            print(f"\nTraining on {whole['rows']:,} rows x {COLUMNS}, {THREADS} cores, {whole['trees']} trees kept")
            for stage in ("read", "check", "split and join", "fit and judge", "register", "total"):
                print(f"  {stage:44} {whole[stage]:8.1f} s")
            print(f"  {'of the total, outside lightgbm.train':44} {whole['total'] - whole['growing']:8.1f} s")
            print(f"  {'peak memory':44} {whole['peak']:8.2f} GiB")
            print(f"  {'bare lightgbm.train, as many trees':44} {bare['seconds']:8.1f} s  {bare['peak']:.2f} GiB")
            print(f"  {'the whole training over it':44} {over[-1]:8.1%}")
            print(f"  {'rows predicted at once':44} {whole['all']:8.1f} s  {whole['rows']:,} rows")
            print(f"  {'one race, median and 99th percentile':44} {whole['median']:8.2f} ms {whole['p99']:.2f} ms")
        print(f"\nThe whole training over a bare one, median of {len(over)}: {np.median(over):.1%}")


def cycle(folder: Path) -> dict[str, Any]:
    """Read, check, cut, fit, judge and keep, as `morningline train` does; then predict with what was kept."""
    lightgbm, told = library(), {"growing": 0.0}
    train = lightgbm.train

    def growing(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever LightGBM is given and gives
        begun = time.perf_counter()
        booster = train(*given, **named)
        told["growing"] += time.perf_counter() - begun
        return booster

    lightgbm.train = growing
    begun = time.perf_counter()
    features = [timed(told, "read", lambda: read(folder))]
    declared = store_of("full", folder).features
    timed(told, "check", lambda: months_short_of(features[0], declared.features[:COLUMNS], 0.5))
    # Given away, as the program gives them away.
    dataset = timed(told, "split and join", lambda: joined(folder, features.pop()))
    result = timed(told, "fit and judge", lambda: run_backtest(dataset, [SPLIT], "softmax_trees", PARAMETERS, FITTING))
    digest = timed(told, "register", lambda: keep(result, folder))
    told["total"] = time.perf_counter() - begun
    told |= {"rows": dataset.sample.rows, "peak": peak_gib(), "trees": result.model.first_stage.booster.trees}
    model = win_model.load(folder / "model", digest, threads=THREADS)
    begun = time.perf_counter()
    model.market_free(dataset.sample)
    told["all"] = time.perf_counter() - begun
    return told | one_by_one(model, SPLIT.apply(dataset.sample).test)


def one_by_one(model: win_model.WinModel, test: Sample) -> dict[str, float]:
    """Milliseconds of a race alone, from its features as an array to its probabilities."""
    alone = win_model.WinModel.from_files(model.files(), threads=1)
    races = [test.take_events(np.arange(test.events) == event) for event in range(min(ASKED, test.events))]
    seconds = []
    for race in races:
        begun = time.perf_counter()
        np.exp(alone.combined(race))
        seconds.append(time.perf_counter() - begun)
    return {"median": float(np.median(seconds)) * 1e3, "p99": float(np.quantile(seconds, 0.99)) * 1e3}


def rival(folder: Path, trees: int) -> dict[str, float]:
    """Grow the trees of the trial and of the model with LightGBM alone, from arrays that are there.

    Its trial grows as long as one that finds `trees` best: bins of its own may find some trees more or fewer, which is
    no part of what is measured.
    """
    import lightgbm

    dataset = joined(folder, read(folder))
    parts = SPLIT.apply(dataset.sample)
    earlier, later = tuning_parts(parts.train)
    fixed = SoftmaxBooster(rounds=ROUNDS, early_stopping_rounds=PATIENCE, threads=THREADS).settings(parts.train)
    begun = time.perf_counter()
    data = lightgbm.Dataset(earlier.features, earlier.won, group=earlier.sizes, params=fixed)
    lightgbm.train(
        {**fixed, "objective": objective(earlier)},
        data,
        min(trees + PATIENCE, ROUNDS),
        valid_sets=[lightgbm.Dataset(later.features, later.won, group=later.sizes, reference=data, params=fixed)],
        feval=winner_log_loss(later),
    )
    whole = lightgbm.Dataset(parts.train.features, parts.train.won, group=parts.train.sizes, params=fixed)
    lightgbm.train({**fixed, "objective": objective(parts.train)}, whole, trees)
    return {"seconds": time.perf_counter() - begun, "peak": peak_gib()}


def objective(sample: Sample) -> Callable[[Any, object], Any]:
    """What our trees are fitted to, bit by bit."""
    return lambda scores, _: softmax_derivatives(scores, sample.starts, sample.won)


def winner_log_loss(sample: Sample) -> Callable[[Any, object], tuple[str, float, bool]]:
    """The same that our trees stop by."""
    winners = sample.winner_rows()
    return lambda scores, _: ("loss", float(-group_log_softmax(scores, sample.starts)[winners].mean()), False)


def read(folder: Path) -> FeatureMatrix:
    store = store_of("full", folder)
    return store.read_matrix(names=store.features.names[:COLUMNS])


def joined(folder: Path, features: FeatureMatrix) -> Dataset:
    entrants = pl.scan_parquet(folder / "entrants.parquet").select(*IDENTITY, "day")
    outcomes = pl.scan_parquet(folder / "outcomes.parquet").filter(pl.col("until").is_null())
    odds = (1 / pl.col("implied")).clip(1.01).alias("odds")
    answers = entrants.join(outcomes.select(*IDENTITY, "won", odds), on=IDENTITY).sort(IDENTITY).collect()
    answers = answers.with_columns(
        pl.when(pl.col("odds").is_null().any().over("event_id") | (pl.col("won").sum().over("event_id") != 1))
        .then(pl.lit("no_market"))
        .alias("excluded")
    )
    source = Source(task="bench", feature_version="", delta_version=0, first=None, last=None, gate=None)
    return make_dataset(features, answers, source)


def keep(result: Any, folder: Path) -> str:  # noqa: ANN401 - a Backtest
    digest = win_model.save(result.model, folder / "model")
    result.outcomes.write_parquet(folder / "model" / "backtest.parquet")
    return digest


def timed(told: dict[str, Any], stage: str, act: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it gives
    begun = time.perf_counter()
    found = act()
    told[stage] = time.perf_counter() - begun
    return found


if __name__ == "__main__":
    main()
