"""Do intervals of 90 % hold 90 % while the world drifts? Several seeds, a margin of the past beside a rolling one."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from morningline.training.evaluation.regression_metrics import interval_scores
from morningline.training.forecast import Forecast
from morningline.training.models.learner import chosen_parameters
from morningline.training.models.quantile_trees import learner, unwidened
from morningline.training.models.rolling import RollingConformal
from synthetic_rows import FIRST_DAY, FITTING, draw_rows, true_quantile

SEEDS, DAYS, TRAINING_DAYS, MONTH = range(1, 9), 800, 500, 30
DRIFTS = {"no drift": 0.0, "spread grows to twice": 1.0, "spread grows to four times": 3.0, "spread shrinks": -0.7}
NAMES = ("quantiles alone", "split (CQR)", "rolling (ACI)", "the truth")


def forecasts(seed: int, drift: float) -> tuple[dict[str, Forecast], np.ndarray, np.ndarray]:
    """What each says of the last days, with targets and days."""
    rows = draw_rows(seed, DAYS, drift=drift)
    train = rows.take_rows(rows.days < FIRST_DAY + TRAINING_DAYS)
    unseen = rows.take_rows(rows.days >= FIRST_DAY + TRAINING_DAYS)
    chosen = chosen_parameters(learner, {"booster": {"min_data_in_leaf": 100}})
    model = learner.fit(train, chosen, FITTING)
    held_back = train.split_days(chosen.held_back_share)[1]
    state = RollingConformal.start(model.predict(held_back), held_back.target, held_back.days)
    split = model.predict(unseen)
    true = [true_quantile(unseen, level, DAYS, drift) for level in split.levels]
    said = (
        unwidened(model.quantiles, unseen, 0.9),
        split,
        state.walk(split, unseen.target, unseen.days)[0],
        Forecast(true[1], true[0], true[2], 0.9),
    )
    return dict(zip(NAMES, said, strict=True)), unseen.target, unseen.days


def main() -> None:
    print(f"{DAYS} days of 20 rows, trained on {TRAINING_DAYS}; the rest is unseen. Seeds {SEEDS[0]} to {SEEDS[-1]}.")
    print("Coverage of the whole, least and most of a seed, and of the worst 30 days; interval score (less is better).")
    for words, drift in DRIFTS.items():
        print(f"\n{words}")
        began = time.perf_counter()
        found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in NAMES}
        for seed in SEEDS:
            said, target, days = forecasts(seed, drift)
            month = (days - days.min()) // MONTH
            for name, forecast in said.items():
                held = forecast.covers(target)
                worst = max((held[month == each].mean() for each in np.unique(month)), key=lambda c: abs(c - 0.9))
                found[name].append((held.mean(), worst, interval_scores(forecast, target).mean()))
        for name, rows in found.items():
            whole, worst, score = np.array(rows).T
            furthest = worst[np.abs(worst - 0.9).argmax()]
            line = f"{whole.mean():7.1%}  {whole.min():6.1%} to {whole.max():6.1%}  worst month {furthest:6.1%}"
            print(f"  {name:16} {line}  score {score.mean():6.2f}")
        print(f"  {(time.perf_counter() - began) / len(SEEDS):.1f} s a seed")


if __name__ == "__main__":
    main()
