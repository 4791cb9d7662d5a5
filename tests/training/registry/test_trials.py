"""Every trial of a tuning is a training beneath the one that asked for it: whoever tried it, once, and never lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import pytest

from morningline.kit.errors import DataError
from morningline.runs.run import RunReleased
from morningline.training.models.conditional_logit import ConditionalLogit
from morningline.training.models.learner import Fitting, Range
from morningline.training.registry import (
    MlflowMirror,
    TrainingStart,
    forget,
    list_experiments,
    list_trainings,
    recording,
    step_metrics,
    trainings,
    trial_id,
    trials_of,
)
from morningline.training.tuning import study
from morningline.training.tuning.study import Trial
from morningline.training.tuning.tuning import Question, Tuning, tune
from registered_models import TASK
from synthetic_events import draw_sample

if TYPE_CHECKING:
    from morningline.kit.database import Database
    from morningline.training.registry import ExperimentRun, Recorder


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """A worker that was not heard of for two seconds is taken for dead."""
    monkeypatch.setattr(study, "BEAT_SECONDS", 1)
    monkeypatch.setattr(study, "STALE_SECONDS", 2)


class Ridge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    l2: float = 1e6


class RidgeLearner:
    """A conditional logit of which only the penalty is chosen; `before` may break a fit off."""

    kind = "group"
    parameters = Ridge
    space: ClassVar = {"l2": Range(low=0.1, high=1e6, log=True)}

    def __init__(self, before: Any = lambda _parameters: None) -> None:
        self.before = before

    def fit(self, train, parameters, fitting):
        fitting.progress("Fitting", 0.5)
        self.before(parameters)
        return ConditionalLogit(parameters.l2).fit(train)


SAMPLE = draw_sample(3, 160, [1.0, -0.5])


def question(recorder: Recorder | None, learner: Any = None, trials: int = 8) -> Question:
    return Question(
        learner=learner or RidgeLearner(),
        name="ridge",
        given={},
        train=SAMPLE,
        dataset="of a test",
        tuning=Tuning(trials=trials, folds=3),
        fitting=Fitting(seed=1, threads=1, progress=lambda _doing, _done: None),
        **({"tried": recorder.tried} if recorder else {}),
    )


def start(run_id: str = "r1") -> TrainingStart:
    return TrainingStart(run_id=run_id, experiment="first", task=TASK, configuration={}, asked_by="ann", seed=7)


def tuned(database: Database, root: Path, learner: Any = None, mirror: MlflowMirror | None = None, **how: Any) -> Any:
    run_id, trials = how.get("run_id", "r1"), how.get("trials", 8)
    with recording(database, start(run_id), root=root, mirror=mirror) as recorder:
        recorder.dataset(dataset_hash="d1", feature_set="form", feature_version="v1", delta_version=3)
        return tune(database, question(recorder, learner, trials))


def children(database: Database, run_id: str = "r1") -> list[ExperimentRun]:
    with database.connect(read_only=True) as connection:
        return trials_of(connection, [run_id])[run_id]


def curve(database: Database, run_id: str) -> list[float]:
    with database.connect(read_only=True) as connection:
        return [value for _, _, value, _ in step_metrics(connection, run_id)]


def agree(database: Database, found: list[Trial], run_id: str = "r1") -> None:
    """Hold that the children of a training are these trials."""
    recorded = children(database, run_id)
    words = {"complete": "succeeded", "pruned": "pruned"}
    assert [one.id for one in recorded] == [trial_id(run_id, trial.number) for trial in found]
    assert [one.status for one in recorded] == [words[trial.state] for trial in found]
    assert [float(one.parameters["l2"]) for one in recorded] == [trial.parameters["l2"] for trial in found]
    assert [tuple(curve(database, one.id)) for one in recorded] == [trial.losses for trial in found]


def test_every_trial_is_a_child_with_its_parameters_its_loss_after_each_fold_and_its_end(database, tmp_path):
    found = tuned(database, tmp_path)
    agree(database, found.trials)
    assert {trial.state for trial in found.trials} == {"complete", "pruned"}
    assert {len(trial.losses) for trial in found.trials if trial.state == "complete"} == {3}
    first = children(database)[0]
    assert (first.parent, first.asked_by, first.seed, first.dataset_hash, first.delta_version) == (
        "r1",
        "ann",
        7,
        "d1",
        3,
    )
    assert first.ended_at is not None
    assert first.started_at <= first.ended_at
    assert first.configuration == {"trial": 0}


def test_trials_are_seen_while_they_go_on(database, tmp_path):
    seen: list[tuple[str, int]] = []

    def look(parameters):
        if parameters.l2 < 1e6:
            recorder.flush()
            seen.append((children(database)[-1].status, len(curve(database, children(database)[-1].id))))

    with recording(database, start(), root=tmp_path) as recorder:
        tune(database, question(recorder, RidgeLearner(look), trials=1))
    # Nothing, the first and the second fold were known when the first, the second and the third were fitted.
    assert seen == [("running", 0), ("running", 1), ("running", 2)]


VICTIM = """
import os, signal, sys
sys.path[:0] = sys.argv[2:]
from morningline.kit.database import Database
from test_trials import RidgeLearner, question
from morningline.training.tuning.tuning import tune
fits = []
def kill(_parameters):
    fits.append(1)
    if len(fits) == 3 + 3 * 2 + 2:
        os.kill(os.getpid(), signal.SIGKILL)
tune(Database(sys.argv[1]), question(None, RidgeLearner(kill)))
"""


def test_trials_of_another_worker_that_was_killed_are_neither_lost_nor_told_twice(database, tmp_path):
    here = Path(__file__).parent
    folders = [str(here), str(here.parents[1])]
    victim = subprocess.run([sys.executable, "-c", VICTIM, database.url, *folders], check=False)
    assert victim.returncode == -signal.SIGKILL
    found = tuned(database, tmp_path)
    assert len(found.trials) == 8
    assert max(trial.tries for trial in found.trials) == 2
    agree(database, found.trials)
    again = next(one for one, trial in zip(children(database), found.trials, strict=True) if trial.tries == 2)
    assert again.attempt == 2


def test_two_trainings_that_share_a_study_have_its_trials_each(database, tmp_path):
    found = tuned(database, tmp_path, trials=4)
    more = tuned(database, tmp_path, run_id="r2", trials=6)
    agree(database, found.trials)
    agree(database, more.trials, "r2")
    assert len(children(database, "r2")) == 6


def test_a_trial_that_fails_is_recorded_and_ends_the_training_with_its_error(database, tmp_path):
    def fail(parameters):
        if parameters.l2 < 1e6:
            raise DataError("No finite weights are best.")

    with pytest.raises(DataError, match="No finite weights"):
        tuned(database, tmp_path, RidgeLearner(fail))
    assert [one.status for one in children(database)] == ["failed"]


def test_what_another_worker_still_tries_when_the_training_ends_is_closed(database, tmp_path):
    with recording(database, start(), root=tmp_path) as recorder:
        recorder.tried([Trial(number=0, state="running", value=None, parameters={"l2": 1.0}, seconds=None)])
    (child,) = children(database)
    assert (child.status, child.ended_at is not None) == ("cancelled", True)


def test_an_attempt_that_was_taken_over_can_tell_of_no_trial(database, tmp_path):
    trial = Trial(number=0, state="complete", value=1.0, parameters={"l2": 1.0}, seconds=1.0, losses=(1.0,))
    with recording(database, start(), root=tmp_path) as zombie, recording(database, start(), root=tmp_path):
        zombie.tried([trial])
        zombie.flush()
    assert children(database) == []


def test_trials_are_folded_under_their_training_until_they_are_asked_for_and_go_with_it(database, tmp_path):
    tuned(database, tmp_path, trials=3)
    with database.connect() as connection:
        connection.autocommit = True
        (experiment,) = list_experiments(connection)
        assert (experiment.runs, experiment.succeeded, experiment.trials) == (1, 1, 3)
        assert [(one.id, one.trials) for one in list_trainings(connection, "first", limit=1)] == [("r1", 3)]
        ids = [one.id for one in list_trainings(connection, "first", limit=1, trials=True)]
        assert ids == ["r1", *(trial_id("r1", number) for number in range(3))]
        (child,) = trainings(connection, ids[1:2])
        assert child.metrics == {"loss": curve(database, child.id)[-1]}
        connection.execute("UPDATE experiment_runs SET ended_at = ended_at - interval '9 days' WHERE id = 'r1'")
        gone = forget(connection, model_days=0, training_days=5, root=tmp_path)
        left = connection.execute("SELECT count(*) FROM experiment_runs").fetchone()
    assert (gone.trainings, left) == (["r1"], (0,))


@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")
def test_a_training_that_is_taken_over_goes_on_with_the_same_trials_in_mlflow_too(database, tmp_path):
    from mlflow.tracking import MlflowClient

    uri, fits = f"sqlite:///{tmp_path / 'mlflow.db'}", []

    def stop(_parameters):
        fits.append(1)
        if len(fits) == 11:
            raise RunReleased("r1")

    with pytest.raises(RunReleased):
        tuned(database, tmp_path, RidgeLearner(stop), MlflowMirror(uri), trials=5)
    before = {one.id: one.status for one in children(database)}
    assert list(before.values()) == ["succeeded", "succeeded", "running"]
    found = tuned(database, tmp_path, None, MlflowMirror(uri), trials=5)
    agree(database, found.trials)
    assert [one.id for one in children(database)][:3] == list(before)
    client = MlflowClient(tracking_uri=uri)
    runs = client.search_runs([client.get_experiment_by_name("first").experiment_id])
    (parent,) = [r for r in runs if r.data.tags["morningline.run_id"] == "r1" and r.info.status == "FINISHED"]
    nested = {r.data.tags["morningline.trial"]: r for r in runs if "morningline.trial" in r.data.tags}
    assert len(nested) == len(found.trials) == sum("morningline.trial" in r.data.tags for r in runs)
    for trial in found.trials:
        run = nested[str(trial.number)]
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert float(run.data.params["l2"]) == trial.parameters["l2"]
        history = client.get_metric_history(run.info.run_id, "loss")
        assert [one.value for one in sorted(history, key=lambda one: one.step)] == list(trial.losses)
        assert run.info.status == {"complete": "FINISHED", "pruned": "KILLED"}[trial.state]
