"""Tuning: what is tried is kept, shared and never lost, and nothing of the test is looked at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, ClassVar

import msgspec
import numpy as np
import pytest

from morningline.kit.database import Database
from morningline.kit.errors import DataError, InputError
from morningline.training.models.conditional_logit import ConditionalLogit
from morningline.training.models.learner import Fitting, Range
from morningline.training.tuning.study import Study
from morningline.training.tuning.tuning import Question, Tuning, applied, tune
from synthetic_events import draw_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SPACE = {"x": Range(low=-3.0, high=3.0), "n": Range(low=1, high=9, log=True, whole=True)}


@pytest.fixture
def studies(database) -> Iterator[Callable[..., Study]]:
    """Opens studies, which are closed after the test."""
    with ExitStack() as opened:
        yield lambda name, space=SPACE, seed=1: opened.enter_context(Study(database, name, space, seed=seed))


@pytest.fixture
def database(fresh_database: str) -> Iterator[Database]:
    with Database(fresh_database) as opened:
        yield opened


def bowl(chosen: dict[str, float]) -> Iterator[float]:
    """Smallest at x = 1 and n = 3; each fold says the same."""
    for fold in range(3):
        yield (chosen["x"] - 1) ** 2 + (np.log(chosen["n"]) - np.log(3)) ** 2 + 0.001 * fold


def search(study: Study, trials: int, judge=bowl) -> None:
    study.search(judge, trials=trials, seconds=None, told=lambda _ended: None)


def test_the_search_comes_near_the_best_and_stays_in_the_space(studies):
    study = studies("bowl", seed=1)
    search(study, 40)
    trials = study.trials()
    assert len(trials) == 40
    assert all(-3 <= t.parameters["x"] <= 3 and t.parameters["n"] in range(1, 10) for t in trials)
    best = study.best()
    assert best.value < 0.2
    assert abs(best.parameters["x"] - 1) < 0.6
    assert sum(study.importance().values()) == pytest.approx(1)
    assert study.importance()["x"] > study.importance()["n"]


def test_bad_trials_are_given_up_before_their_last_fold(studies):
    folds = []

    def judge(chosen):
        for fold, value in enumerate(bowl(chosen)):
            folds.append(fold)
            yield value

    study = studies("pruned", seed=1)
    search(study, 30, judge)
    assert sum(t.state == "pruned" for t in study.trials()) > 3
    assert len(folds) < 3 * 30


def test_a_search_that_was_interrupted_anywhere_finds_what_an_undisturbed_one_finds(studies):
    whole, parts = studies("whole", seed=7), "in parts"
    search(whole, 12)
    for trials in (1, 5, 6, 12):
        search(studies(parts, seed=7), trials)
    again = studies(parts, seed=7)
    assert [t.parameters for t in again.trials()] == [t.parameters for t in whole.trials()]
    search(again, 12)
    assert len(again.trials()) == 12


def test_a_trial_that_fails_ends_the_search_with_its_error(studies):
    def judge(_chosen):
        raise DataError("No finite weights are best.")
        yield

    with pytest.raises(DataError, match="No finite weights"):
        search(studies("broken", seed=1), 3, judge)


VICTIM = """
import os, signal, sys, time
from morningline.kit.database import Database
from morningline.training.models.learner import Range
from morningline.training.tuning.study import Study
study = Study(Database(sys.argv[1]), "shared", {"x": Range(low=-3.0, high=3.0)}, seed=3)
def judge(chosen):
    if len(study.trials()) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    yield (chosen["x"] - 1) ** 2
study.search(judge, trials=6, seconds=None, told=lambda ended: None)
"""


def test_the_trial_of_a_worker_that_was_killed_is_tried_again(database, studies):
    victim = subprocess.run([sys.executable, "-c", VICTIM, database.url], check=False, env={**os.environ})
    assert victim.returncode == -signal.SIGKILL
    study = studies("shared", {"x": Range(low=-3.0, high=3.0)}, 3)
    tried = {t.number: t.parameters for t in study.trials()}
    assert len(tried) == 3
    study.search(lambda chosen: iter([(chosen["x"] - 1) ** 2]), trials=6, seconds=None, told=lambda _ended: None)
    trials = study.trials()
    assert len(trials) == 6
    # The one that was under way was tried with the same parameters, and all of the dead worker's are there.
    assert [p for _, p in sorted(tried.items())] == [p for p in (t.parameters for t in trials) if p in tried.values()]
    assert {t.state for t in trials} <= {"complete", "pruned"}


class Ridge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    l2: float = 1e6


class RidgeLearner:
    """A conditional logit of which only the penalty is chosen, and a default that is far too large."""

    kind = "group"
    parameters = Ridge
    space: ClassVar = {"l2": Range(low=0.1, high=1e6, log=True)}

    def fit(self, train, parameters, fitting):
        fitting.progress("Fitting", 0.5)
        return ConditionalLogit(parameters.l2).fit(train)


def question(sample, told=lambda _doing, _done: None, **tuning) -> Question:
    return Question(
        learner=RidgeLearner(),
        name="ridge",
        given={},
        train=sample,
        dataset="of a test",
        tuning=Tuning(**{"trials": 12, "folds": 2, **tuning}),
        fitting=Fitting(seed=1, threads=1, progress=told),
    )


def test_tuning_repairs_a_bad_default_and_tells_the_trials_alone(database):
    said = []
    tuned = tune(database, question(draw_sample(3, 400, [1.0, -0.5]), lambda doing, done: said.append((doing, done))))
    assert tuned.best_loss < tuned.default_loss - 0.01
    assert tuned.parameters["l2"] < 1e4
    assert {doing.split()[0] for doing, _ in said} == {"Judging", "Trial"}
    assert said[-1][1] == 1.0
    assert len(tuned.plain()["trials"]) == 12


def test_who_asks_the_same_shares_the_trials_and_who_asks_of_other_events_does_not(database):
    sample = draw_sample(3, 200, [1.0])
    first = tune(database, question(sample, trials=3))
    again = tune(database, question(sample, trials=5))
    assert [t.parameters for t in again.trials[:3]] == [t.parameters for t in first.trials]
    assert len(again.trials) == 5
    fewer = sample.take_events(sample.days < sample.days.max())
    assert question(fewer).study != question(sample).study


def test_folds_follow_each_other_and_each_is_judged_by_earlier_days(database):
    seen = []

    class Watching(RidgeLearner):
        def fit(self, train, parameters, fitting):
            model = super().fit(train, parameters, fitting)

            class Model:
                def log_scores(self, sample):
                    seen.append((train.days.max(), sample.days.min(), sample.days.max()))
                    return model.log_scores(sample)

            return Model()

    sample = draw_sample(3, 400, [1.0], events_per_day=10)
    asked = question(sample, trials=1, folds=3)
    tune(database, Question(**{**vars(asked), "learner": Watching()}))
    folds = seen[:3]
    assert all(before < first for before, first, _ in folds)
    assert [last + 1 for _, _, last in folds[:-1]] == [first for _, first, _ in folds[1:]]
    assert folds[-1][2] == sample.days.max()


def test_parameters_within_a_mapping_are_put_into_it():
    given = {"l2": 2.0, "booster": {"max_bin": 63}}
    assert applied(given, {"booster.num_leaves": 7}) == {"l2": 2.0, "booster": {"max_bin": 63, "num_leaves": 7}}
    assert given["booster"] == {"max_bin": 63}


def test_what_was_given_is_not_tuned(database):
    asked = question(draw_sample(3, 200, [1.0]))
    fixed = Question(**{**vars(asked), "given": {"l2": 3.0}})
    with pytest.raises(InputError, match="nothing to tune"):
        tune(database, fixed)


@pytest.mark.parametrize("wrong", [{"trials": 0}, {"folds": 0}, {"workers": 0}, {"seconds": 0.0}])
def test_a_tuning_that_tries_nothing_is_refused(wrong):
    with pytest.raises(InputError, match="tries nothing"):
        Tuning(**wrong)
