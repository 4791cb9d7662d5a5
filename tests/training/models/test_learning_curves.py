"""What a fit says of itself while it goes on: the losses it has anyway, each once, and without changing a bit."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np
import pytest

from morningline.kit.plugins import load_plugin
from morningline.training import group_log_softmax
from morningline.training.evaluation.regression_metrics import pinball_losses
from morningline.training.models.boosting import SoftmaxBooster
from morningline.training.models.conditional_logit import ConditionalLogit
from morningline.training.models.gradient_trees import LOGISTIC, SQUARED, Growth, grow, huber, pinball
from morningline.training.models.learner import LEARNERS, Fitting, chosen_parameters
from morningline.training.models.sealed import unseal
from synthetic_events import draw_sample
from synthetic_rows import draw_rows

SMALL = {"learning_rate": 0.2, "min_data_in_leaf": 30, "num_leaves": 7}
TREES = {"rounds": 12, "early_stopping_rounds": 4, "booster": SMALL}
CHOSEN: dict[str, dict[str, Any]] = {
    "conditional_logit": {},
    "softmax_trees": TREES,
    "ranking_trees": TREES,
    "catboost": {"rounds": 12, "early_stopping_rounds": 4, "depth": 3},
    "logit_and_trees": TREES,
    "ensemble": {"learner": "softmax_trees", "members": 2, "parameters": TREES},
    "binary_trees": TREES,
    "quantile_trees": TREES,
    "two_part": {**TREES, "point": "mean"},
}
PARTS = {
    "conditional_logit": {"logit"},
    "logit_and_trees": {
        *(f"rehearsal_{number}/{part}" for number in (1, 2, 3) for part in ("logit", "trees")),
        *("whole/logit", "whole/trees"),
    },
    "ensemble": {f"member_{number}/{part}" for number in (1, 2) for part in ("rehearsal", "whole")},
    "quantile_trees": {f"quantile_{level}/rehearsal" for level in ("0.05", "0.5", "0.95")},
}


class Heard:
    """Takes down every step."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int, float]] = []
        self.fitting = Fitting(seed=1, threads=1, progress=lambda _doing, _done: None, step=self)

    def __call__(self, name: str, step: int, value: float) -> None:
        self.steps.append((name, step, value))

    def curve(self, name: str) -> dict[int, float]:
        return {step: value for what, step, value in self.steps if what == name}


def sample_for(kind: str) -> Any:
    if kind == "group":
        return draw_sample(1, 400, [0.8, -0.4, 0.0])
    rows = draw_rows(1, 60, zeros=0.4)
    return replace(rows, target=(rows.target > 0).astype(np.float64)) if kind == "binary" else rows


@pytest.mark.parametrize("name", CHOSEN)
def test_each_part_of_a_fit_says_each_step_once_and_the_model_is_the_same_unheard(name: str):
    learner: Any = load_plugin(LEARNERS, name)
    train, chosen, heard = sample_for(learner.kind), chosen_parameters(learner, CHOSEN[name]), Heard()
    told = learner.fit(train, chosen, heard.fitting).files()
    silent = Fitting(seed=1, threads=1, progress=lambda _doing, _done: None)
    assert told == learner.fit(train, chosen, silent).files()
    assert heard.steps
    assert max(Counter((what, step) for what, step, _ in heard.steps).values()) == 1
    assert all(np.isfinite(value) for _, _, value in heard.steps)
    assert {what.rpartition("/")[2] for what, _, _ in heard.steps} <= {"training_loss", "validation_loss"}
    parts = {what.rpartition("/")[0] for what, _, _ in heard.steps}
    assert parts == PARTS.get(name, parts)
    assert "" not in parts


def test_the_losses_of_softmax_trees_are_those_of_as_many_trees():
    train, later, heard = draw_sample(1, 300, [0.8, -0.4]), draw_sample(2, 200, [0.8, -0.4]), Heard()
    grown = SoftmaxBooster({**SMALL, "bagging_fraction": 1.0}, rounds=8, early_stopping_rounds=None, threads=1)
    grown.fit(train, later, step=heard)
    booster = lightgbm.Booster(model_str=unseal(grown.to_text()))
    for name, sample, steps in (("training_loss", train, range(8)), ("validation_loss", later, range(1, 9))):
        said = heard.curve(name)
        assert list(said) == list(steps)
        for trees, loss in said.items():
            scores = booster.predict(sample.features, raw_score=True, num_iteration=trees) if trees else 0.0
            log_p = group_log_softmax(np.zeros(sample.rows) + scores, sample.starts)
            assert loss == pytest.approx(-log_p[sample.winner_rows()].mean(), abs=1e-6)


def test_a_winner_that_was_thought_impossible_still_has_a_loss():
    train, heard = draw_sample(1, 40, [9.0]), Heard()
    steep = {"learning_rate": 50.0, "min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0.0, "lambda_l2": 0.0}
    SoftmaxBooster(steep, rounds=20, early_stopping_rounds=None, threads=1).fit(train, step=heard)
    assert all(np.isfinite(value) for _, _, value in heard.steps)


def squared_error(values, target):
    return (values - target) ** 2


def logistic_error(values, target):
    return np.log1p(np.exp(-np.where(target == 1.0, values, -values)))


@pytest.mark.parametrize(
    ("loss", "measure"),
    [
        (SQUARED, squared_error),
        (pinball(0.9), lambda values, target: pinball_losses(values, target, 0.9)),
        (LOGISTIC, logistic_error),
    ],
)
def test_the_loss_of_later_rows_is_told_in_the_unit_of_the_target(loss, measure):
    rows = draw_rows(3, 60)
    target = (rows.target > 0).astype(np.float64) if loss is LOGISTIC else 1000 + 50 * rows.target
    earlier, later = replace(rows, target=target).split_days(0.3)
    heard = Heard()
    growth = Growth(booster=SMALL, rounds=5, early_stopping_rounds=5, seed=1, threads=1)
    trees = grow(earlier, loss, growth, later, step=heard)
    said = heard.curve("validation_loss")
    assert list(said) == [1, 2, 3, 4, 5]
    assert trees.trees == 5
    assert said[5] == pytest.approx(measure(trees.values(later), later.target).mean(), rel=1e-4)


def test_a_robust_loss_grows_with_the_square_of_the_unit():
    rows, told = draw_rows(3, 60), []
    for unit in (1.0, 10.0):
        earlier, later = replace(rows, target=unit * rows.target).split_days(0.3)
        heard = Heard()
        grow(
            earlier,
            huber(1.0),
            Growth(booster=SMALL, rounds=3, early_stopping_rounds=3, seed=1, threads=1),
            later,
            step=heard,
        )
        told.append(heard.curve("validation_loss")[3])
    assert told[1] == pytest.approx(100 * told[0], rel=1e-4)


def test_the_logit_says_the_log_loss_without_its_penalty_and_it_falls():
    train, heard = draw_sample(1, 300, [0.8, -0.4]), Heard()
    model = ConditionalLogit(500.0).fit(train, heard)
    losses = list(heard.curve("training_loss").values())
    assert losses[0] == pytest.approx(np.log(train.sizes).mean())
    assert losses[-1] == pytest.approx(-model.log_scores(train)[train.winner_rows()].mean(), abs=1e-6)
    assert len(losses) == model.iterations


def test_parts_within_parts_have_all_their_names():
    heard = Heard()
    heard.fitting.part(0.0, 0.5, "fold_2").part(0.0, 1.0).under("rehearsal").step("training_loss", 3, 0.5)
    assert heard.steps == [("fold_2/rehearsal/training_loss", 3, 0.5)]
