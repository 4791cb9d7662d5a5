"""What fifteen years of Hong Kong racing are worth, season by season, each judged by a model of its own past.

Needs the real data beside the checkout (../shared/data/hk). For a test season, from August to July, the season before
it is the validation, and all days before that are training: calibration and the second stage see the validation, the
learner does not. Every season is scored by the same settings; none was chosen by looking at 2022-23.

    python benchmarks/walk_forward.py [--from 2016] [--to 2022]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from ablations import SHARED, joined, real_dataset
from morningline.training.evaluation.chance import ece_by_chance
from morningline.training.evaluation.comparison import compare_r2
from morningline.training.evaluation.metrics import score
from morningline.training.models import win_model
from morningline.training.models.calibration import calibration_to_json
from morningline.training.models.learner import Fitting
from morningline.training.models.logit_and_trees import Parameters
from morningline.training.models.win_model import UNCALIBRATED
from morningline.training.splits import PeriodSplit

if TYPE_CHECKING:
    from morningline.training.grouped import Floats
    from morningline.training.sample import Sample

FITTING = Fitting(seed=1, threads=min(os.cpu_count() or 1, 2), progress=lambda _doing, _done: None)
SHOWN = ("market", "market_power", "market_free", "combined")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--from", dest="first", type=int, default=2016, help="year in which the first season begins")
    arguments.add_argument("--to", dest="last", type=int, default=2022, help="year in which the last one begins")
    asked = arguments.parse_args()
    if not (SHARED / "hk").is_dir():
        sys.exit(f"{SHARED / 'hk'} is not here, so there is nothing to measure.")
    walk(real_dataset().sample, range(asked.first, asked.last + 1))


def walk(sample: Sample, years: range) -> None:
    """Print every season, and all of them together."""
    print(f"{'season':9} {'races':>5} " + " ".join(f"{name:>12}" for name in SHOWN) + "   delta R2, day-clustered 95 %")
    seasons: list[Sample] = []
    said: dict[str, list[Floats]] = defaultdict(list)
    for year in years:
        started = time.perf_counter()
        season, probabilities, calibration = judged(sample, year)
        seasons.append(replace(season, features=np.zeros((season.rows, 0)), names=()))
        for name, p in probabilities.items():
            said[name].append(p)
        show(f"{year}-{(year + 1) % 100:02}", season, probabilities)
        print(f"  calibration {calibration}, {time.perf_counter() - started:.0f} s", flush=True)
    show("all", joined(seasons), {name: np.concatenate(parts) for name, parts in said.items()})


def judged(sample: Sample, year: int) -> tuple[Sample, dict[str, Floats], str]:
    """A season, what a model of the days before it says, and how that was calibrated."""
    split = PeriodSplit(date(year - 1, 7, 31), date(year, 8, 1), date(year + 1, 7, 31))
    parts = split.apply(sample)
    model = win_model.fit(parts.train, parts.validation, "logit_and_trees", Parameters(), FITTING)
    return parts.test, model.probabilities(parts.test), calibration_to_json(model.calibration)[:60]


def show(label: str, season: Sample, probabilities: dict[str, Floats]) -> None:
    """Print R2 of each model, what the combination adds, and calibration beside what chance gives."""
    scores = {name: score(p, season) for name, p in probabilities.items()}
    delta = compare_r2(probabilities["combined"], probabilities["market_power"], season)
    interval = f"{delta.estimate:+.4f} ({delta.low:+.4f} to {delta.high:+.4f})"
    print(f"{label:9} {season.events:5} " + " ".join(f"{scores[name].r2:12.4f}" for name in SHOWN) + f"   {interval}")
    for name in ("market_power", UNCALIBRATED, "market_free", "combined"):
        level = ece_by_chance(probabilities[name], season.starts)
        by_chance = f"by chance {level.mean:.4f} ({level.low:.4f} to {level.high:.4f})"
        print(f"  ECE {name:13} {scores[name].ece:.4f}   {by_chance}   R2 {scores[name].r2:.4f}")


if __name__ == "__main__":
    main()
