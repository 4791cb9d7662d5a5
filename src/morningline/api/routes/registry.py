"""Routes of the registry: models, who is champion, experiments and their trainings."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response

from morningline.api import bodies
from morningline.api.guard import AskedBy, said
from morningline.api.routes.runs import start
from morningline.api.service import Served
from morningline.api.shapes import Shape, Started, list_of, shape_of
from morningline.api.words import RACING, Domain, HexId, TaskName, Word
from morningline.training.registry import (
    Decision,
    Experiment,
    ExperimentRun,
    Forgotten,
    Promotion,
    RegisteredModel,
)
from morningline.wiring import experiments, registry
from morningline.wiring.experiments import ComparedTrainings
from morningline.wiring.registry import ComparedModels, ListedLearner, ListedModel, ModelVersion

router = APIRouter(tags=["models and experiments"])

WANTED = "Id, alias (champion, challenger, previous) or version (NAME:NUMBER) of a model."
Model = Annotated[Word, Path(description=WANTED)]
ExperimentName = Annotated[Word, Path(description="The name of an experiment.")]


class Step(Shape):
    """A metric as it was recorded at a step of a training."""

    name: str
    step: int
    value: float | None
    logged_at: datetime


class TrainingFile(Shape):
    """A file of a training; its path is relative to the workspace."""

    path: str
    sha256: str
    bytes: int


class Training(Shape):
    """A training with every step it recorded.

    Attributes:
        run: What was asked, its parameters, last metrics, and how it ended.
        steps: Every step of every metric, or of the one that was asked for.
        artefacts: Its files.
        tried: The trials of its tuning, in their order.
    """

    run: shape_of(ExperimentRun)  # type: ignore[valid-type]
    steps: list[Step]
    artefacts: list[TrainingFile]
    tried: list[shape_of(ExperimentRun)]  # type: ignore[valid-type]


@router.get("/models", response_model=list_of(shape_of(ListedModel)), **said("models list", scope="read"))
def list_models(
    program: Served,
    domain: Domain = RACING,
    task: Annotated[Word | None, Query(description="Only of this task; of all if not given.")] = None,
) -> Any:  # noqa: ANN401 - as the shape says
    """List the registered models, newest first, and what each is to its task."""
    return registry.list_models(program, domain, task=task)


@router.get("/learners", response_model=list_of(shape_of(ListedLearner)), **said("models learners", scope="read"))
def list_learners() -> Any:  # noqa: ANN401 - as the shape says
    """List what can be trained, with its parameters, their defaults, and where tuning looks for them."""
    return registry.list_learners()


@router.get("/models/{model}", response_model=shape_of(ModelVersion), **said("models show", scope="read"))
def show_model(program: Served, model: Model, domain: Domain = RACING, task: TaskName = None) -> Any:  # noqa: ANN401
    """Show a model: data, features, code, seed, scores with intervals, who promoted it and why."""
    return registry.show_model(program, domain, model, task=task)


@router.get(
    "/models/{challenger}/comparison", response_model=shape_of(ComparedModels), **said("models compare", scope="read")
)
def compare_models(
    program: Served,
    challenger: Model,
    champion: Annotated[Word | None, Query(description="The same of the other; the champion if not given.")] = None,
    on: Annotated[
        Literal["market_free", "combined"] | None, Query(description="Of who wins, which probabilities.")
    ] = None,
    domain: Domain = RACING,
    task: TaskName = None,
) -> Any:  # noqa: ANN401 - as the shape says
    """Hold a model against another on the same days that neither has seen. Nothing is changed."""
    return registry.compare_models(program, domain, challenger, champion, compared=on, task=task)


@router.post("/models/{model}/promote", response_model=shape_of(Decision), **said("models promote", scope="operate"))
def promote_model(program: Served, model: Model, body: bodies.Promote, asked_by: AskedBy) -> Any:  # noqa: ANN401
    """Make a model the champion, if it is shown to be better on unseen days; or say why it is not."""
    return registry.promote_model(
        program, body.domain, model, who=asked_by, reason=body.reason, force=body.force, task=body.task
    )


@router.post("/champion/rollback", response_model=shape_of(Promotion), **said("models rollback", scope="operate"))
def roll_back_model(program: Served, body: bodies.RollBack, asked_by: AskedBy) -> Any:  # noqa: ANN401
    """Have champion and previous champion change places; who predicts next uses the other."""
    return registry.roll_back_model(program, body.domain, who=asked_by, reason=body.reason, task=body.task)


@router.put("/models/{model}/pin", response_model=shape_of(RegisteredModel), **said("models pin", scope="operate"))
def pin_model(
    program: Served,
    model: Model,
    domain: Domain = RACING,
    task: TaskName = None,
    *,
    off: Annotated[bool, Query(description="Keep it no longer.")] = False,
) -> Any:  # noqa: ANN401 - as the shape says
    """Keep a model however old it gets, or no longer."""
    return registry.pin_model(program, domain, model, pinned=not off, task=task)


@router.delete("/models", response_model=shape_of(Forgotten), **said("models prune", scope="admin"))
def prune_models(
    program: Served, *, dry_run: Annotated[bool, Query(description="Only say what would go.")] = False
) -> Any:  # noqa: ANN401 - as the shape says
    """Delete models that nothing needs and trainings without a model that are older than the settings keep them."""
    return registry.forget_old(program, dry_run=dry_run)


@router.get("/experiments", response_model=list_of(shape_of(Experiment)), **said("experiments list", scope="read"))
def list_experiments(program: Served) -> Any:  # noqa: ANN401 - as the shape says
    """List experiments, the one with the newest training first."""
    return experiments.list_experiments(program)


@router.get(
    "/experiments/{experiment}/trainings",
    response_model=list_of(shape_of(ExperimentRun)),
    **said("experiments list", scope="read"),
)
def list_trainings(
    program: Served,
    experiment: ExperimentName,
    limit: Annotated[int, Query(ge=1, le=10_000, description="Most trainings to list; trials are not counted.")] = 50,
    *,
    trials: Annotated[bool, Query(description="Each training is followed by the trials of its tuning.")] = False,
) -> Any:  # noqa: ANN401 - as the shape says
    """List the trainings of an experiment, the newest first, each with the number of its trials."""
    return experiments.list_trainings(program, experiment, limit=limit, trials=trials)


@router.get("/trainings/{training:hex}", **said("experiments show", scope="read"))
def show_training(
    program: Served,
    training: HexId,
    metric: Annotated[Word | None, Query(description="Only the steps of this metric.")] = None,
) -> Training:
    """Show a training, or a trial of one: configuration, parameters, metrics, files, trials, the model it gave."""
    found = asdict(experiments.show_training(program, training))
    found["steps"] = [step for step in found["steps"] if metric in {None, step["name"]}]
    return Training.model_validate(found)


@router.get(
    "/trainings/comparison", response_model=shape_of(ComparedTrainings), **said("experiments compare", scope="read")
)
def compare_trainings(
    program: Served,
    trainings: Annotated[list[Word], Query(min_length=2, max_length=50, description="Their ids; given for each.")],
) -> Any:  # noqa: ANN401 - as the shape says
    """Put trainings side by side: parameters that differ, and their last metrics."""
    return experiments.compare_trainings(program, trainings)


@router.post("/experiments/exports/start", status_code=202, **said("experiments export", scope="operate"))
def start_export_of_trainings(
    body: bodies.ExportTrainings, program: Served, asked_by: AskedBy, response: Response
) -> Started:
    """Write the trainings of an experiment to a file of the workspace, one row each."""
    return start(program, "export", body, asked_by, response)
