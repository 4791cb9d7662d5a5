"""Models by the words a user says: shown, compared, promoted, rolled back, kept or forgotten."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from morningline.kit.errors import InputError
from morningline.wiring.judging import judge_of_workspace
from morningline.wiring.program import domain_named
from morningline.wiring.tasks import domain_of_task, task_meant, task_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from morningline.training.judging import ScoredBy
    from morningline.training.models.learner import Learner
    from morningline.training.registry import (
        Decision,
        Forgotten,
        ModelComparison,
        Promotion,
        RegisteredModel,
    )
    from morningline.training.request import TrainRequest
    from morningline.training.task import Task
    from morningline.wiring.program import Program
    from morningline.wiring.training import Trained


@dataclass(frozen=True, kw_only=True)
class ListedModel:
    """A model and what it is to its task now."""

    model: RegisteredModel
    aliases: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class ModelVersion:
    """Everything the registry knows of a model.

    Attributes:
        model: Its row: data, features, code, seed, parameters, metrics, files.
        aliases: What it is to its task now.
        scores: Each score on its test, with its interval.
        promotions: Decisions about who is champion that concerned it, newest first.
        trainings: Ids of the trainings that gave it.
        predictions: How many locked predictions it made.
    """

    model: RegisteredModel
    aliases: Sequence[str]
    scores: Sequence[ScoredBy]
    promotions: Sequence[Promotion]
    trainings: Sequence[str]
    predictions: int


@dataclass(frozen=True, kw_only=True)
class ComparedModels:
    """Two models side by side.

    Attributes:
        comparison: The first against the second, on events that neither has seen.
        parameters: Parameter to its two values, where they differ.
        scores: Scores of both, each on its own test: no comparison, as the tests may be others.
    """

    comparison: ModelComparison
    parameters: dict[str, tuple[Any, Any]]
    scores: dict[str, Sequence[ScoredBy]]


@dataclass(frozen=True, kw_only=True)
class ListedLearner:
    """What can be trained.

    Attributes:
        name: Its name.
        kind: `group` says who wins an event, `binary` whether something happens, `regression` how much it is.
        parameters: What may be chosen, with its default.
        space: Where tuning looks, lowest and highest, by name.
    """

    name: str
    kind: str
    parameters: dict[str, Any]
    space: dict[str, tuple[float, float]]


def list_learners() -> list[ListedLearner]:
    """Every installed learner, by name."""
    import msgspec

    from morningline.kit.plugins import load_plugins
    from morningline.training.models.learner import LEARNERS

    found: list[ListedLearner] = []
    for name, plugin in load_plugins(LEARNERS).items():
        learner = cast("Learner", plugin)
        space = {one: (bounds.low, bounds.high) for one, bounds in learner.space.items()}
        defaults = msgspec.to_builtins(learner.parameters())
        found.append(ListedLearner(name=name, kind=learner.kind, parameters=defaults, space=space))
    return found


def list_models(program: Program, domain_name: str, *, task: str | None = None) -> list[ListedModel]:
    """The models of a domain with their aliases, newest first; of one task where it is named."""
    from morningline.training.registry import aliases
    from morningline.training.registry import list_models as rows

    named = domain_named(domain_name).tasks if task is None else [task_meant(domain_name, task)]
    found = []
    with program.database.connect(read_only=True) as connection:
        for each in named:
            borne = aliases(connection, each.name)
            models = rows(connection, each.name)
            found += [ListedModel(model=one, aliases=_aliases_of(borne, one.id)) for one in models]
    return sorted(found, key=lambda one: one.model.created_at, reverse=True)


def show_model(program: Program, domain_name: str, wanted: str | None, *, task: str | None = None) -> ModelVersion:
    """Everything the registry knows of a model: by id, alias or version; of the champion where none is named.

    Of a domain with several tasks the usual one is meant, or that of the id, where none is named.
    """
    from morningline.training.registry import find

    with program.database.connect(read_only=True) as connection:
        return _version(program, connection, find(connection, task_meant(domain_name, task, wanted).name, wanted))


def compare_models(
    program: Program,
    domain_name: str,
    challenger: str,
    champion: str | None,
    *,
    compared: str | None = None,
    task: str | None = None,
) -> ComparedModels:
    """Hold a model against another, the champion where none is named, on events that neither has seen.

    Args:
        program: The workspace.
        domain_name: Whose task.
        challenger: Id, alias or version.
        champion: The same.
        compared: Which of their numbers; those that are predicted where none are named.
        task: Which task; that of the challenger's id, or the usual one, where none is named.

    Raises:
        InputError: They are one model.
        DataError: No event was judged by both on a day that neither has seen.
    """
    from morningline.training.registry import find

    meant = task_meant(domain_name, task, challenger)
    with program.database.connect(read_only=True) as connection:
        one, other = (find(connection, meant.name, wanted) for wanted in (challenger, champion))
    if one.id == other.id:
        raise InputError(f"{one.id} would be compared with itself.", allowed="two models", do="Name another one.")
    names = sorted({*one.parameters, *other.parameters})
    return ComparedModels(
        comparison=judge_of_workspace(program, meant, compared)(one, other),
        parameters={
            name: pair
            for name in names
            if (pair := (one.parameters.get(name), other.parameters.get(name))) and pair[0] != pair[1]
        },
        scores={model.id: _scores(program, meant, model) for model in (one, other)},
    )


def promote_model(
    program: Program,
    domain_name: str,
    wanted: str,
    *,
    who: str,
    reason: str | None = None,
    force: bool = False,
    task: str | None = None,
) -> Decision:
    """Make a model the champion if it is shown to be better on unseen days; the decision is written down either way.

    Args:
        program: The workspace.
        domain_name: Whose task.
        wanted: Id, alias or version of the model.
        who: Who asks.
        reason: Why; needed to force it.
        force: Promote it whatever the verdict.
        task: Which task; that of the id, or the usual one, where none is named.

    Raises:
        InputError: It is the champion already, or is forced without a reason.
    """
    from morningline.training.registry import promote

    meant = task_meant(domain_name, task, wanted)
    judge = judge_of_workspace(program, meant, None)
    with program.database.connect() as connection:
        return promote(connection, meant.name, wanted, judge, who=who, reason=reason, force=force)


def promote_if_asked(program: Program, request: TrainRequest, trained: Trained, who: str) -> dict[str, Any]:
    """What a training's summary says of its promotion, where it was asked for: the decision as plain values."""
    from morningline.training.registry import aliases

    if request.promote != "if_better":
        return {}
    with program.database.connect(read_only=True) as connection:
        champion = aliases(connection, request.task).get("champion")
    if trained.registered.id == champion:
        return {"promotion": {"outcome": "champion already"}}
    domain = domain_of_task(request.task).name
    model, reason = trained.registered.id, "asked for with its training"
    decision = promote_model(program, domain, model, who=who, reason=reason, task=request.task)
    return {"promotion": as_plain(decision)["promotion"]}


def roll_back_model(
    program: Program, domain_name: str, *, who: str, reason: str | None = None, task: str | None = None
) -> Promotion:
    """Have champion and previous champion change places.

    Raises:
        InputError: There is no previous champion.
    """
    from morningline.training.registry import roll_back

    with program.database.connect() as connection:
        return roll_back(connection, task_meant(domain_name, task).name, who=who, reason=reason)


def pin_model(
    program: Program, domain_name: str, wanted: str, *, pinned: bool, task: str | None = None
) -> RegisteredModel:
    """Keep a model however old it gets, or no longer."""
    from morningline.training.registry import find, pin

    name = task_meant(domain_name, task, wanted).name
    with program.database.connect() as connection:
        pin(connection, find(connection, name, wanted).id, pinned=pinned)
        return find(connection, name, wanted)


def forget_old(program: Program, *, dry_run: bool = False) -> Forgotten:
    """Delete old models that nothing needs and old trainings without a model, as the settings say."""
    from morningline.training.registry import forget

    settings = program.settings
    with program.database.connect() as connection:
        connection.autocommit = True
        return forget(
            connection,
            model_days=settings.model_retention_days,
            training_days=settings.training_retention_days,
            root=program.workspace.root,
            dry_run=dry_run,
        )


def as_plain(found: ModelVersion | ListedModel | ComparedModels | Decision | Promotion) -> dict[str, Any]:
    """What an act gave, as plain values, ready for JSON."""
    plain: dict[str, Any] = asdict(found)
    if "model" in plain:
        model = plain.pop("model")
        return {"version": f"{model['name']}:{model['number']}", **model, **plain}
    return plain


def _version(program: Program, connection: psycopg.Connection[Any], model: RegisteredModel) -> ModelVersion:
    from morningline.training.registry import aliases, promotions, trainings_of_model

    made = connection.execute("SELECT count(*) FROM predictions WHERE model_id = %s", (model.id,)).fetchone()
    return ModelVersion(
        model=model,
        aliases=_aliases_of(aliases(connection, model.task), model.id),
        scores=_scores(program, task_named(model.task), model),
        promotions=promotions(connection, model.task, model.id),
        trainings=[one.id for one in trainings_of_model(connection, model.id)],
        predictions=int(made[0]) if made else 0,
    )


def _scores(program: Program, task: Task, model: RegisteredModel) -> list[ScoredBy]:
    from morningline.training.judging import judging_of
    from morningline.training.registry import judged_rows

    return judging_of(task.kind).scores(judged_rows(model, program.workspace.root), task.metrics)


def _aliases_of(borne: dict[str, str], model_id: str) -> list[str]:
    return [alias for alias, bearer in borne.items() if bearer == model_id]
