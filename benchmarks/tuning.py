"""What tuning, and an ensemble of what was tuned, are worth on real races that no trial has seen.

Needs the real data beside the checkout (../shared/data/hk). Trials are judged on folds within training, which ends in
July 2021; calibration and the second stage see 2021-22; the season 2022-23 is scored once for each row of the table.

    python benchmarks/tuning.py [--learner logit_and_trees] [--trials 30] [--members 5]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations import SHARED, real_dataset
from morningline.kit.workspace import Workspace
from morningline.training.backtest import run_backtest
from morningline.training.evaluation.comparison import compare_r2
from morningline.training.models.learner import chosen_parameters, group_learner
from morningline.training.splits import PeriodSplit
from morningline.training.tuning.tuning import Question, Tuning, tune
from morningline.wiring.program import Program
from walk_forward import FITTING

if TYPE_CHECKING:
    from morningline.training.backtest import Backtest
    from morningline.training.dataset import Dataset
    from morningline.training.tuning.tuning import Tuned

SPLIT = PeriodSplit(date(2021, 7, 31), date(2022, 8, 1), date(2023, 7, 31))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--learner", default="logit_and_trees", help="what is tuned")
    arguments.add_argument("--trials", type=int, default=30, help="how many sets of parameters are tried")
    arguments.add_argument("--members", type=int, default=5, help="how many seeds the ensemble has")
    asked = arguments.parse_args()
    if not (SHARED / "hk").is_dir():
        sys.exit(f"{SHARED / 'hk'} is not here, so there is nothing to measure.")
    dataset = real_dataset()
    tuned = tuned_on(dataset, asked.learner, asked.trials)
    print(f"{'':26} {'R2':>8} {'ECE':>8} {'before':>8} {'R2 combined':>12}   delta R2, day-clustered 95 %")
    default = shown("default", dataset, asked.learner, {})
    best = shown("tuned", dataset, asked.learner, tuned.parameters)
    members = {"learner": asked.learner, "parameters": tuned.parameters, "members": asked.members}
    together = shown(f"tuned, {asked.members} seeds", dataset, "ensemble", members)
    test = SPLIT.apply(dataset.sample).test
    for name, ours in (("tuned", best), (f"{asked.members} seeds", together)):
        found = compare_r2(*(of_test(one) for one in (ours, default)), test, seed=FITTING.seed)
        print(f"{name} over default: {found.estimate:+.4f} ({found.low:+.4f} to {found.high:+.4f}), {found.verdict}")


def tuned_on(dataset: Dataset, learner: str, trials: int) -> Tuned:
    """Try parameters on the folds of training, and print what was found."""
    started = time.perf_counter()
    question = Question(
        learner=group_learner(learner),
        name=learner,
        given={},
        train=SPLIT.apply(dataset.sample).train,
        dataset=dataset.hash,
        tuning=Tuning(trials=trials),
        fitting=FITTING,
    )
    with tempfile.TemporaryDirectory(prefix="morningline-tuning-") as folder:
        root = Workspace.create(Path(folder) / "studies").root
        with Program.at(root, {"MORNINGLINE_HOME": str(root)}) as program:
            tuned = tune(program.database, question)
    states = [trial.state for trial in tuned.trials]
    print(
        f"{len(states)} trials, {states.count('pruned')} of them pruned, in {time.perf_counter() - started:.0f} s: "
        f"winner log loss on the folds {tuned.default_loss:.5f} -> {tuned.best_loss:.5f} with {tuned.parameters}",
        flush=True,
    )
    return tuned


def shown(name: str, dataset: Dataset, learner: str, parameters: dict[str, Any]) -> Backtest:
    """Fit, score and print."""
    chosen = chosen_parameters(group_learner(learner), parameters)
    found = run_backtest(dataset, [SPLIT], learner, chosen, FITTING)
    free, both, delta = found.judged.scores["market_free"], found.judged.scores["combined"], found.judged.delta
    interval = f"{delta.estimate:+.4f} ({delta.low:+.4f} to {delta.high:+.4f})"
    before = found.judged.uncalibrated.ece
    print(f"{name:26} {free.r2:8.4f} {free.ece:8.4f} {before:8.4f} {both.r2:12.4f}   {interval}", flush=True)
    return found


def of_test(found: Backtest) -> Any:  # noqa: ANN401 - an array
    """The market-free probabilities of the test."""
    return found.outcomes.filter(found.outcomes["part"] == "test")["market_free"].to_numpy()


if __name__ == "__main__":
    main()
