"""A Ray cluster trains as this process does: trials to the last bit, trees as well, whoever of it dies meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
import psutil
import pytest

from clusters import NODE, living, lose, needs_ray, two_nodes, wait_until
from morningline.kit.database import Database
from morningline.kit.errors import ClusterError, DataError, InputError
from morningline.training import on_ray
from morningline.training.evaluation.metrics import score
from morningline.training.models.boosting import SoftmaxBooster
from morningline.training.models.learner import Fitting, group_learner
from morningline.training.models.ranking_trees import RankingBooster
from morningline.training.on_ray import ray_cluster
from morningline.training.trees_on_ray import RayMachines
from morningline.training.trials_on_ray import RayJudges
from morningline.training.tuning.tuning import Question, Tuning, fold_loss, folds_of, tune
from synthetic_events import draw_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from morningline.kit.ray_cluster import Cluster

pytestmark = needs_ray
FEW = draw_sample(5, 400, [0.8, -0.5, 0.3], missing=0.1)


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of one processor each, on loopback."""
    with two_nodes(__name__) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def there(cluster) -> Iterator[Cluster]:
    with ray_cluster(cluster.address) as there:
        yield there


@pytest.fixture
def database(fresh_database: str) -> Iterator[Database]:
    with Database(fresh_database) as opened:
        yield opened


class Undisturbed(NamedTuple):
    """Trees that grew in peace, by how many machines, and what was told of them."""

    booster: SoftmaxBooster
    record: str
    steps: list[tuple[str, int, float]]


def cut(sample):
    """The earlier three quarters of the days, and the rest."""
    first = np.quantile(sample.days, 0.75)
    return sample.take_events(sample.days < first), sample.take_events(sample.days >= first)


def grow(there, *, told=lambda _trees: None, kind=SoftmaxBooster, rounds=60, patience=None, step=lambda *_: None):
    """Trees of the cluster, and by how many machines."""
    team = RayMachines(there)
    booster = kind({"min_data_in_leaf": 20}, rounds=rounds, early_stopping_rounds=patience, threads=1, machines=team)
    return booster.fit(*cut(FEW), told, step=step), team.record


def at(trees: int, act: Callable[[], object]) -> Callable[[int], None]:
    """Told of trees, does something once there are so many."""
    done = []

    def told(grown: int) -> None:
        if grown == trees and not done:
            done.append(act())

    return told


def machines() -> list[psutil.Process]:
    """The processes that hold events."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            found += [process] if "_Machine" in "".join(process.cmdline()) else []
    return found


def kill_a_machine() -> None:
    """The others wait for it in a socket, and hear nobody."""
    machines()[0].kill()


@pytest.fixture(scope="module")
def undisturbed(there) -> Undisturbed:
    steps: list[tuple[str, int, float]] = []
    booster, record = grow(there, rounds=300, patience=5, step=lambda *step: steps.append(step))
    return Undisturbed(booster, record, steps)


def test_a_killed_machine_changes_no_bit(there, undisturbed):
    disturbed, record = grow(there, rounds=300, patience=5, told=at(20, kill_a_machine))
    assert record == undisturbed.record
    assert record.startswith("2 x ")
    assert disturbed.to_text() == undisturbed.booster.to_text()
    assert disturbed.validation_losses == undisturbed.booster.validation_losses


@pytest.mark.proof
def test_two_growings_of_ranking_trees_are_equal_to_the_bit(there):
    (first, _), (second, _) = (grow(there, kind=RankingBooster, rounds=30) for _ in range(2))
    assert second.to_text() == first.to_text()


def test_when_a_node_is_lost_growing_goes_on_with_those_that_are_left(cluster, there):
    lost = cluster.add_node(**NODE)
    wait_until(lambda: there.room() == 3)
    booster, by = grow(there, told=at(20, lambda: lose(cluster, lost)))
    assert by == "3 x 1, 2 x 2"
    assert booster.trees == 60
    alone = SoftmaxBooster({"min_data_in_leaf": 20}, rounds=60, early_stopping_rounds=None, threads=1).fit(*cut(FEW))
    assert booster.validation_losses[-1] == pytest.approx(alone.validation_losses[-1], abs=0.03)


def test_losses_are_those_of_all_events_and_decide_when_to_stop(undisturbed):
    booster, steps = undisturbed.booster, undisturbed.steps
    train, validation = cut(FEW)
    assert booster.trees == int(np.argmin(booster.validation_losses)) + 1 < 200
    kept = score(np.exp(booster.log_scores(validation)), validation).winner_log_loss
    assert kept == pytest.approx(min(booster.validation_losses), rel=1e-12)
    assert [value for name, _, value in steps if name == "validation_loss"] == list(booster.validation_losses)
    of_training = [(trees, value) for name, trees, value in steps if name == "training_loss"]
    assert [trees for trees, _ in of_training] == list(range(len(of_training)))
    # Before the first tree all entrants of an event are equal.
    assert of_training[0][1] == pytest.approx(np.log(train.sizes).mean())


def test_who_is_told_may_end_the_growing_and_no_machine_stays(there):
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grow(there, told=at(20, stop))
    wait_until(lambda: not machines())


def test_more_threads_than_any_machine_has_are_refused(there):
    booster = SoftmaxBooster(rounds=5, early_stopping_rounds=None, threads=64, machines=RayMachines(there))
    with pytest.raises(ClusterError, match="64 processors"):
        booster.fit(*cut(FEW))


@pytest.mark.proof
def test_r2_is_that_of_one_process_within_two_thousandths(there):
    def twist(features):
        return 0.5 * np.sin(2 * features[:, 3]) * features[:, 4]

    sample = draw_sample(5, 20_000, [0.5, -0.4, 0.3, 0.2, *[0.0] * 8], missing=0.1, twist=twist)
    learning, test = cut(sample)
    train, validation = cut(learning)
    for parameters in ({}, {"bagging_freq": 0, "feature_fraction": 1.0}):
        found = []
        for where in (None, RayMachines(there)):
            booster = SoftmaxBooster(parameters, rounds=300, early_stopping_rounds=30, threads=1, machines=where)
            found.append(score(np.exp(booster.fit(train, validation).log_scores(test)), test).r2)
        print(f"R² {found} with {parameters}")
        assert found[1] == pytest.approx(found[0], abs=0.002)


@pytest.mark.proof
@pytest.mark.parametrize("name", ["softmax_trees", "logit_and_trees", "ensemble"])
def test_every_learner_that_can_grow_there_gives_a_model_of_there(there, name):
    learner, team = group_learner(name), RayMachines(there)
    given = {"rounds": 5, "early_stopping_rounds": 5}
    chosen = {"learner": "softmax_trees", "parameters": given, "members": 2} if name == "ensemble" else given
    fitting = Fitting(seed=1, threads=1, progress=lambda _doing, _done: None, machines=team)
    model = learner.fit(FEW, msgspec.convert(chosen, learner.parameters), fitting)
    assert team.record.startswith("2 x ")
    again = learner.read(model.files(), threads=1)
    np.testing.assert_array_equal(again.log_scores(FEW), model.log_scores(FEW))


def asked(learner=None, **tuning) -> Question:
    return Question(
        learner=learner or group_learner("softmax_trees"),
        name="softmax_trees",
        given={"rounds": 8, "early_stopping_rounds": 4},
        train=FEW,
        dataset="of a test",
        tuning=Tuning(**{"trials": 4, "folds": 2, **tuning}),
        fitting=Fitting(seed=1, threads=1, progress=lambda _doing, _done: None),
    )


class Patient:
    """A learner that notes who fits, and whose first fit of many rounds takes until somebody else does it."""

    kind = "group"

    def __init__(self, word: Path, *, patient: bool = True) -> None:
        self.word, self.patient = word, patient
        self.trees = group_learner("softmax_trees")
        self.parameters, self.space = self.trees.parameters, self.trees.space

    def fit(self, train, parameters, fitting):
        import ray

        with self.word.open("a") as word:
            word.write(f"{os.getpid()} {ray.get_runtime_context().get_node_id()}\n")
        model = self.trees.fit(train, parameters, fitting)
        time.sleep(60 if self.patient and len(self.noted()) <= 2 else 0)
        return model

    def noted(self) -> list[list[str]]:
        return [line.split() for line in self.word.read_text().splitlines()] if self.word.exists() else []


class Deadly(Patient):
    """A learner whose every fit ends its process."""

    def fit(self, train, parameters, fitting):
        del train, parameters, fitting
        os.kill(os.getpid(), signal.SIGKILL)


class Hopeless(Patient):
    """A learner that can learn nothing."""

    def fit(self, train, parameters, fitting):
        del train, parameters, fitting
        raise DataError("No finite weights are best.")


def test_a_fold_is_worth_the_same_there_to_the_bit(there):
    question, chosen = asked(), {"booster.num_leaves": 7, "booster.learning_rate": 0.07}
    judges = RayJudges(there, question)
    tickets = [judges.begin(chosen, fold) for fold in range(2)]
    while len(judges.decided(tickets)) < 2:
        pass
    here = [fold_loss(question, parts, chosen, question.fitting) for parts in folds_of(question)]
    assert [judges.verdict(ticket) for ticket in tickets] == here


def test_a_node_that_is_lost_loses_no_trial(cluster, there, database, tmp_path):
    lost = cluster.add_node(**NODE)
    wait_until(lambda: there.room() == 3)
    learner = Patient(tmp_path / "word")
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(lambda: tune(database, replace(asked(learner), judges=partial(RayJudges, there))))
        wait_until(lambda: len(learner.noted()) == 2)
        lose(cluster, lost)
        for process, node in learner.noted():
            if node != lost.node_id:
                os.kill(int(process), signal.SIGKILL)
        tuned = found.result()
    assert len(tuned.trials) == 4
    assert {trial.state for trial in tuned.trials} <= {"complete", "pruned"}
    here = fold_loss(asked(), folds_of(asked())[0], tuned.trials[0].parameters, asked().fitting)
    assert tuned.trials[0].losses[0] == here[0] / here[1]


@pytest.mark.proof
def test_a_cluster_that_loses_every_worker_is_named_and_the_study_goes_on_later(there, database, tmp_path):
    question = asked(trials=2)
    with pytest.raises(ClusterError, match="lost a task"):
        tune(database, replace(question, learner=Deadly(tmp_path / "word"), judges=partial(RayJudges, there)))
    tuned = tune(database, replace(question, judges=partial(RayJudges, there)))
    assert [trial.state for trial in tuned.trials] == ["complete"] * 2


def test_an_error_of_ours_is_raised_here_as_it_was_there(there, database, tmp_path):
    with pytest.raises(DataError, match="No finite weights"):
        tune(database, replace(asked(Hopeless(tmp_path / "word")), judges=partial(RayJudges, there)))


LEAVING = """
import sys, time
from morningline.training.on_ray import ray_cluster
with ray_cluster(sys.argv[1]) as there:
    there.ray.remote(num_cpus=2)(lambda: time.sleep(600)).remote()
    while there.ray.available_resources()["CPU"] > 2:
        time.sleep(0.05)
"""


@pytest.mark.proof
def test_what_nobody_waits_for_any_more_ends_with_who_asked_for_it(cluster, there):
    """A trial is not cancelled: it ends because its training leaves the cluster."""
    lonely = cluster.add_node(**{**NODE, "num_cpus": 2})
    wait_until(lambda: there.room() == 4)
    before = there.ray.available_resources()["CPU"]
    subprocess.run([sys.executable, "-c", LEAVING, cluster.address], check=True, timeout=60)
    wait_until(lambda: there.ray.available_resources()["CPU"] == before)
    lose(cluster, lonely)


def test_a_node_with_other_code_is_refused(cluster, there, monkeypatch):
    monkeypatch.setattr(on_ray, "code", lambda: "morningline 0.0.9")
    with pytest.raises(InputError, match="would compute with other code"), ray_cluster(cluster.address):
        pass
    monkeypatch.setattr("morningline.training.trees_on_ray.code", on_ray.code)
    with pytest.raises(InputError, match="would compute with other code"):
        grow(there)
    assert len(living()) == 2
