"""Training: from stored features and answers to a judged and registered model, without a call to any feed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from morningline.kit.clock import utc_now
from morningline.kit.errors import DataError, NotFoundError, ResourceError
from morningline.kit.memory import held_gib
from morningline.kit.ray_cluster import require_installed
from morningline.training.dataset import Source
from morningline.training.judging import judging_of
from morningline.training.models.learner import Fitting, chosen_parameters, learner_of
from morningline.training.registry import Provenance, register
from morningline.training.request import train_request
from morningline.training.splits import hold_out
from morningline.training.tuning.tuning import Question, Tuning, tune
from morningline.wiring.engines import engine_of
from morningline.wiring.featuring import require_declared_values, stale_from
from morningline.wiring.quality import require_sound_facts
from morningline.wiring.tasks import domain_of_task, task_named

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    import polars as pl

    from morningline.domains.contract import Domain
    from morningline.features.store import FeatureStore
    from morningline.training.dataset import Dataset
    from morningline.training.judging import Judging, Result
    from morningline.training.models.learner import Learner
    from morningline.training.registry import Recorder, RegisteredModel
    from morningline.training.request import TrainRequest
    from morningline.training.row_dataset import RowDataset
    from morningline.training.splits import PeriodSplit
    from morningline.training.task import Task
    from morningline.wiring.engines import Engine
    from morningline.wiring.program import Program

STAGES = {"check": 0.0, "load": 0.02, "split": 0.08, "tune": 0.1, "fit": 0.1, "evaluate": 0.95, "register": 0.99}
"""The stages of a training, and the share that is done when each begins."""


class Told(Protocol):
    """Whom a training tells how far it is; a run is one."""

    @property
    def asked_by(self) -> str:
        """Who asked for the training."""

    def progress(self, doing: str, done: float, **figures: Any) -> None:  # noqa: ANN401 - any JSON
        """What is done now, the share that is done, and figures such as the stage."""

    def log(self, message: str, level: str = "info") -> None:
        """A line of the log."""


@dataclass(frozen=True)
class Quietly:
    """Tells somebody who watches what is done and how far it is, and keeps no log."""

    watch: Callable[[str, float], None] = lambda _doing, _done: None
    asked_by: str = "somebody"

    def progress(self, doing: str, done: float, **_figures: object) -> None:
        """Pass it on."""
        self.watch(doing, done)

    def log(self, message: str, level: str = "info") -> None:
        """Let it be."""


@dataclass(frozen=True)
class Trained:
    """What a training gave.

    Attributes:
        model: The row of the registry; None where the model was not to be kept.
        summary: The result as plain values, ready for JSON.
    """

    model: RegisteredModel | None
    summary: dict[str, Any]

    @property
    def registered(self) -> RegisteredModel:
        """The row of the registry.

        Raises:
            NotFoundError: The model was not to be kept.
        """
        if self.model is None:
            raise NotFoundError("The model was not kept.", do="Train it with register = true.")
        return self.model


def checked(given: dict[str, Any]) -> TrainRequest:
    """What is asked of a training, refused where it cannot be, before it waits in a queue.

    Raises:
        InputError: A field is unknown or has no possible value, or the learner is not of the task's kind.
        NotFoundError: There is no such task or learner.
    """
    request = train_request(given)
    if request.engine == "ray":
        require_installed()
    return request.settled(task_named(request.task))


def train(program: Program, request: TrainRequest, told: Told, recorder: Recorder | None = None) -> Trained:
    """Train, judge and register a model.

    Args:
        program: The workspace.
        request: What is asked.
        told: Whom to tell.
        recorder: Takes down what is read and which parameters are used, as soon as they are known.

    Raises:
        DataError: Features are stale, incomplete or too poor, or cannot be learnt from.
        InputError: A period has no events.
        ResourceError: It takes more memory than it may.
    """
    request = request.settled(task_named(request.task))
    with engine_of(program, request) as engine:
        return _train(program, request, told, recorder, engine)


def _train(program: Program, request: TrainRequest, told: Told, recorder: Recorder | None, engine: Engine) -> Trained:
    stages = _Stages(told)
    given = _prepared(program, request, stages)
    if recorder is not None:
        _record_data(recorder, given)
        given = replace(given, fitting=replace(given.fitting, step=recorder.metric))
    tuned, parameters = None, request.parameters
    if request.tuning is not None:
        stages.enter("tune", f"Looking for parameters of {given.learner_name}")
        question = engine.tuning(_question(request, given, given.fitting.part(*_share("tune"))))
        if recorder is not None:
            question = replace(question, tried=recorder.tried)
        tuned = tune(program.database, question)
        parameters = tuned.parameters
    stages.enter("fit", f"Fitting {given.learner_name}")
    chosen = chosen_parameters(given.learner, parameters)
    if recorder is not None:
        recorder.parameters(
            {"learner": given.learner_name, **msgspec.to_builtins(chosen), "threads": given.fitting.threads}
        )
    given = replace(given, fitting=engine.growing(given.fitting, given.learner, chosen))
    result = _backtest(given, chosen, given.fitting.part(*_share("fit"), "fit"))
    stages.enter("evaluate", f"Comparing with {given.judging.against}")
    summary = {"dataset": given.dataset.hash, **result.summary(f"{given.domain.event_noun}s")}
    machines = engine.record
    if machines is not None:
        summary["machines"] = machines
    if tuned is not None:
        summary["tuning"] = tuned.plain() | _worth(request, given, result)
    stages.enter("register", "Registering the model")
    found = (result, summary, told.asked_by)
    row = _register(program, request, given, chosen, found) if request.register else None
    summary["seconds"] = stages.seconds()
    told.log(f"Trained in {summary['seconds']['total']:.1f} s.")
    return Trained(row, {"model": row and row.id, **summary})


def help_to_tune(program: Program, request: TrainRequest, told: Told) -> int:
    """Try parameters for a training that another worker does; returns how many trials the study has then.

    Arguments and errors as `train`.
    """
    request, stages = request.settled(task_named(request.task)), _Stages(told)
    given = _prepared(program, request, stages)
    stages.enter("tune", f"Looking for parameters of {given.learner_name}")
    with engine_of(program, request) as engine:
        return len(tune(program.database, engine.tuning(_question(request, given, given.fitting))).trials)


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    """What a training is done with, checked and loaded."""

    domain: Domain
    task: Task
    learner_name: str
    store: FeatureStore
    dataset: Dataset | RowDataset
    folds: Sequence[PeriodSplit]
    fitting: Fitting

    @property
    def judging(self) -> Judging:
        """What the kind of the task is judged by."""
        return judging_of(self.task.kind)

    @property
    def learner(self) -> Learner:
        """What is fitted."""
        return learner_of(self.learner_name, self.task.kind)


def _prepared(program: Program, request: TrainRequest, stages: _Stages) -> _Prepared:
    domain, task = domain_of_task(request.task), task_named(request.task)
    store = program.features(domain, request.feature_set)
    stages.enter("check", "Checking facts and features")
    version = _sound_version(program, domain, store, request)
    stages.enter("load", f"Reading the features of version {version}")
    dataset = _dataset(program, task, store, version, request)
    stages.enter("split", f"Cutting {dataset.size:,} rows into periods")
    return _Prepared(
        domain=domain,
        task=task,
        learner_name=request.model or task.usual.learner,
        store=store,
        dataset=dataset,
        folds=request.folds() or [hold_out(dataset.days)],
        fitting=Fitting(
            seed=program.settings.seed if request.seed is None else request.seed,
            threads=request.threads or program.threads,
            progress=_within(request.memory_gib, stages.progress),
        ),
    )


def _record_data(recorder: Recorder, given: _Prepared) -> None:
    recorder.dataset(
        dataset_hash=given.dataset.hash,
        feature_set=given.store.features.name,
        feature_version=given.store.features.version,
        delta_version=given.dataset.source.delta_version,
    )


def _question(request: TrainRequest, given: _Prepared, fitting: Fitting) -> Question:
    """What is tuned: on the training part of the first fold, so that all tests are unseen."""
    return Question(
        learner=given.learner,
        name=given.learner_name,
        given=request.parameters,
        train=given.judging.trained_on(given.dataset, given.folds[0]),
        dataset=given.dataset.hash,
        tuning=request.tuning or Tuning(),
        fitting=fitting,
        judging=given.judging,
        metric=given.task.metric,
    )


def _backtest(given: _Prepared, chosen: msgspec.Struct, fitting: Fitting) -> Result:
    return given.judging.backtest(given.task, given.dataset, given.folds, (given.learner_name, chosen), fitting)


def _worth(request: TrainRequest, given: _Prepared, tuned: Result) -> dict[str, Any]:
    """What tuning was worth on the test, which no trial has seen: how much better than the default."""
    chosen = chosen_parameters(given.learner, request.parameters)
    default = _backtest(given, chosen, given.fitting.part(*_share("evaluate"), "default"))
    ours, theirs = (_tested(one, given.judging.predicted) for one in (tuned, default))
    pairs = ours.rename({given.judging.predicted: "p"}).with_columns(theirs[given.judging.predicted].alias("p_other"))
    found = given.judging.compare(pairs, given.task.metric, seed=given.fitting.seed)
    keys = ("estimate", "low", "high", "mde", "verdict")
    return {"over_default": {key: getattr(found, key) for key in keys}}


def _tested(result: Result, predicted: str) -> pl.DataFrame:
    """What a model said of its tests, in the order of time."""
    test = result.outcomes.filter(result.outcomes["part"] == "test")
    came = [name for name in ("won", "target") if name in test.columns]
    return test.select("event_id", "entrant_id", "day", *came, predicted)


def _share(stage: str) -> tuple[float, float]:
    """The share that is done when a stage begins, and when the next does."""
    shares = [*STAGES.values(), 1.0]
    return STAGES[stage], shares[list(STAGES).index(stage) + 1]


def _sound_version(program: Program, domain: Domain, store: FeatureStore, request: TrainRequest) -> int:
    """The Delta version to train on, checked: neither stale nor made of facts that are too poor.

    A version that is named is taken as it is: what became of the facts since does not change it.
    """
    until = _until(request)
    if request.delta_version is None:
        stale = stale_from(program, domain, store, until=until)
        if stale is not None:
            raise DataError(
                f"The stored features are stale: facts of {stale} are not what they were computed from.",
                do="Run `morningline features compute`, then this again.",
            )
    require_sound_facts(program, domain, "train", last=until, accept=request.accept_quality)
    return store.version() if request.delta_version is None else store.table.commit(request.delta_version).version


def _until(request: TrainRequest) -> date | None:
    return request.split.test_to if request.split is not None else request.until


def _dataset(
    program: Program, task: Task, store: FeatureStore, version: int, request: TrainRequest
) -> Dataset | RowDataset:
    period = request.train_from, _until(request)
    with program.database.connect(read_only=True) as connection:
        answers = task.answers(connection, as_of=utc_now())
    features = store.read_matrix(version, first=period[0], last=period[1])
    if not request.accept_quality:
        require_declared_values(features, store.features, program.settings.quality_train)
    source = Source(
        task=task.name,
        feature_version=store.features.version,
        delta_version=version,
        first=period[0],
        last=period[1],
        gate=None if request.accept_quality else program.settings.quality_train,
    )
    return judging_of(task.kind).gather(task, features, answers, source)


def _register(
    program: Program,
    request: TrainRequest,
    given: _Prepared,
    chosen: msgspec.Struct,
    found: tuple[Result, dict[str, Any], str],
) -> RegisteredModel:
    result, summary, asked_by = found
    provenance = Provenance(
        task=request.task,
        feature_set=given.store.features.name,
        feature_version=given.store.features.version,
        delta_version=given.dataset.source.delta_version,
        learner=given.learner_name,
        parameters=chosen,
        seed=given.fitting.seed,
        threads=given.fitting.threads,
        machines=summary.get("machines"),
        summary={key: value for key, value in summary.items() if key != "seconds"},
        registered_by=asked_by,
    )
    with program.database.connect() as connection:
        return register(connection, result, given.dataset, provenance, program.workspace.root)


def _within(memory_gib: float | None, progress: Callable[[str, float], None]) -> Callable[[str, float], None]:
    """Progress that stops a training which holds more memory than it may."""

    def told(doing: str, done: float) -> None:
        if memory_gib is not None and (held := held_gib()) > memory_gib:
            raise ResourceError(
                f"The training holds {held:.1f} GiB while {doing[:1].lower()}{doing[1:]}.",
                allowed=f"{memory_gib:g} GiB (memory_gib)",
                do="Allow more, or train on a shorter period or fewer features.",
            )
        progress(doing, done)

    return told


class _Stages:
    """The stages of a training as they are told, and how long each took."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._began: dict[str, float] = {}
        self._stage = ""

    def enter(self, stage: str, doing: str) -> None:
        """Begin a stage."""
        self._began[stage] = perf_counter()
        self._stage = stage
        self.progress(doing, STAGES[stage])
        self._told.log(f"{doing}.")

    def progress(self, doing: str, done: float) -> None:
        """Tell how far the stage is."""
        self._told.progress(doing, done, stage=self._stage)

    def seconds(self) -> dict[str, float]:
        """Stage to seconds, up to now, and `total`."""
        instants = [*self._began.values(), perf_counter()]
        found = {
            stage: round(end - begin, 2) for stage, begin, end in zip(self._began, instants, instants[1:], strict=False)
        }
        return {**found, "total": round(instants[-1] - instants[0], 2)}
