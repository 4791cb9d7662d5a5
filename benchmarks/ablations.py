"""What each family of racing features is worth: the market-free model with every family left out in turn.

Needs the real data beside the checkout (../shared/data/hk; with ../shared/data/hk_zh the sectionals as well). A family
is judged on seasons that no fit has seen, paired race by race, with a day-clustered interval. The test period is
scored once, by the whole set, and decides nothing.

    python benchmarks/ablations.py [--seasons 5] [--linear] [--only FAMILY ...]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from morningline.domains.racing.features import FAMILIES, FEATURES
from morningline.features.definitions import Expression, WithinEvent
from morningline.features.engine import compute
from morningline.features.matrix import FeatureMatrix
from morningline.features.planning import roots
from morningline.kit.workspace import Workspace
from morningline.training.backtest import run_backtest
from morningline.training.dataset import Dataset, Source, make_dataset
from morningline.training.evaluation.comparison import compare_r2
from morningline.training.evaluation.metrics import score
from morningline.training.models.boosting import SoftmaxBooster
from morningline.training.models.conditional_logit import ConditionalLogit
from morningline.training.models.learner import Fitting
from morningline.training.models.logit_and_trees import Parameters, learner
from morningline.training.models.pool import LogPool
from morningline.training.splits import PeriodSplit
from morningline.wiring import acts
from morningline.wiring.program import Program, domain_named, shipped_mappings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morningline.training.grouped import Floats
    from morningline.training.sample import Sample

SHARED = Path(__file__).parents[2] / "shared" / "data"
FIRST_VALIDATED = 2021
TEST = PeriodSplit.parse("2021-07-31", "2022-09-01", "2023-07-31")
SEED, THREADS = 1, os.cpu_count() or 1
FITTING = Fitting(seed=SEED, threads=THREADS, progress=lambda _doing, _done: None)


class Fold(NamedTuple):
    """The events before a season, the season, how many trees are grown, and how logit and trees are pooled."""

    train: Sample
    season: Sample
    trees: int
    pool: LogPool


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seasons", type=int, default=1, help="how many seasons are validated, 2021-22 the last")
    arguments.add_argument("--linear", action="store_true", help="the conditional logit alone: seconds, not minutes")
    arguments.add_argument("--only", nargs="*", default=[], help="families to leave out; all where not given")
    asked = arguments.parse_args()
    if not (SHARED / "hk").is_dir():
        sys.exit(f"{SHARED / 'hk'} is not here, so there is nothing to measure.")
    dataset = real_dataset()
    families = asked.only or [name for name in FAMILIES if columns_of(name)]
    years = range(FIRST_VALIDATED - asked.seasons + 1, FIRST_VALIDATED + 1)
    judge_families([fold_of(dataset.sample, year, linear=asked.linear) for year in years], families)
    test(dataset)


def real_dataset() -> Dataset:
    """Features and answers of Hong Kong, computed from a new workspace."""
    with tempfile.TemporaryDirectory(prefix="morningline-ablations-") as folder:
        root = Workspace.create(Path(folder) / "hk").root
        with Program.at(root, {"MORNINGLINE_HOME": str(root)}) as program:
            for mapping in ("hk", "hk_zh"):
                if mapping in shipped_mappings() and (SHARED / mapping).is_dir():
                    acts.import_folder(program, mapping, SHARED / mapping, lambda _doing, _done: None)
            task, now = domain_named("racing").task, datetime.now(UTC)
            with program.database.connect(read_only=True) as connection:
                events = task.events(connection, as_of=now, cutoff=FEATURES.cutoff)
                answers = task.answers(connection, as_of=now)
    started = time.perf_counter()
    features = compute(events, FEATURES.steps)
    seconds = time.perf_counter() - started
    print(f"{len(FEATURES.names)} features of {features.height:,} runners in {seconds:.1f} s")
    source = Source(
        task=task.name, feature_version=FEATURES.version, delta_version=0, first=None, last=TEST.test_to, gate=None
    )
    return make_dataset(FeatureMatrix.of(features, FEATURES.names), answers, source)


def columns_of(family: str) -> set[str]:
    """The features of a family, and those that are made of them within the race."""
    gone = {step.name for step in FAMILIES[family] if getattr(step, "kept", False)}
    for step in FEATURES.steps:
        sources = [step.of] if isinstance(step, WithinEvent) else roots(step) if isinstance(step, Expression) else []
        if gone.intersection(sources):
            gone.add(step.name)
    return gone.intersection(FEATURES.names)


def without(sample: Sample, gone: set[str]) -> Sample:
    """The same events with fewer features."""
    kept = [place for place, name in enumerate(sample.names) if name not in gone]
    return replace(sample, features=sample.features[:, kept], names=tuple(sample.names[place] for place in kept))


def judge_families(folds: Sequence[Fold], families: Sequence[str]) -> None:
    """Print what is lost without each family, in McFadden's R2 of the market-free model."""
    judged = joined([fold.season for fold in folds])
    whole = np.concatenate([market_free(fold, set()) for fold in folds])
    found = score(whole, judged)
    print(f"whole set on {judged.events} races: R2 {found.r2:.5f}, calibration error {found.ece:.5f}")
    print(f"{'without':16} {'features':>8} {'worth':>9}   day-clustered 95 %")
    for family in families:
        gone = columns_of(family)
        lesser = np.concatenate([market_free(fold, gone) for fold in folds])
        worth = compare_r2(whole, lesser, judged, seed=SEED)
        print(f"{family:16} {len(gone):8} {worth.estimate:+9.5f}   {worth.low:+.5f} to {worth.high:+.5f}", flush=True)


def fold_of(sample: Sample, year: int, *, linear: bool) -> Fold:
    """The season that starts in a year's September, and what the days before it say of trees and pool."""
    start, end = date(year, 8, 1).toordinal(), date(year + 1, 7, 31).toordinal()
    train = sample.take_events(sample.days < start)
    season = sample.take_events((sample.days >= start) & (sample.days <= end))
    if linear:
        return Fold(train, season, 0, LogPool((1.0,)))
    model = learner.fit(train, Parameters(), FITTING)
    return Fold(train, season, model.booster.trees, model.pool)


def market_free(fold: Fold, gone: set[str]) -> Floats:
    """Probabilities of a season by a model that lacks some features, of as many trees, pooled in the same way."""
    train, season = without(fold.train, gone), without(fold.season, gone)
    members = [ConditionalLogit(Parameters().l2).fit(train).log_scores(season)]
    if fold.trees:
        booster = SoftmaxBooster(rounds=fold.trees, early_stopping_rounds=None, seed=SEED, threads=THREADS)
        members.append(booster.fit(train).log_scores(season))
    return np.exp(fold.pool.log_scores(members, season.starts))


def joined(samples: Sequence[Sample]) -> Sample:
    """Winners and prices of several seasons in a row."""
    rows = np.cumsum([0, *(sample.rows for sample in samples)])
    starts = [sample.starts[1:] + row for sample, row in zip(samples, rows, strict=False)]
    return replace(
        samples[0],
        features=np.zeros((rows[-1], 0)),
        names=(),
        starts=np.concatenate([[0], *starts]),
        won=np.concatenate([sample.won for sample in samples]),
        odds=np.concatenate([sample.odds for sample in samples]),
        days=np.concatenate([sample.days for sample in samples]),
        event_ids=tuple(event for sample in samples for event in sample.event_ids),
    )


def test(dataset: Dataset) -> None:
    """Score the whole set on the test period."""
    started = time.perf_counter()
    found = run_backtest(dataset, [TEST], "logit_and_trees", Parameters(), FITTING)
    print(f"test period, {found.judged.delta.events} races, {time.perf_counter() - started:.0f} s")
    for name, scores in found.judged.scores.items():
        print(f"  {name:14} R2 {scores.r2:.4f}  calibration error {scores.ece:.4f}")
    delta = found.judged.delta
    print(f"  delta R2 {delta.estimate:+.5f} ({delta.low:+.5f} to {delta.high:+.5f}), {delta.verdict}")


if __name__ == "__main__":
    os.environ.pop("MORNINGLINE_DATABASE_URL", None)
    main()
