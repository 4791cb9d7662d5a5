"""What can learn: a learner fits the past, and its model says what it makes of what it has not seen.

A learner is a plug-in under the entry-point group `morningline.models`; those that ship come through the same door.
Each is of one kind: `group` says who wins an event, `binary` whether something happens, `regression` how much it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, cast, runtime_checkable

from morningline.kit.errors import InputError
from morningline.training.models.steps import Step, unrecorded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import msgspec

    from morningline.training.forecast import Forecast
    from morningline.training.grouped import Floats
    from morningline.training.models.calibration import Said
    from morningline.training.models.machines import Machines
    from morningline.training.observations import Observations
    from morningline.training.sample import Sample

Kind: TypeAlias = Literal["group", "binary", "regression"]

LEARNERS = "morningline.models"
"""Entry-point group of the learners."""


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """How a fit is done, whatever is fitted.

    Args:
        seed: Seed of everything random.
        threads: CPU threads; the same number gives the same bits.
        progress: Told what is being done and the share done.
        step: Told what is known after a step: `training_loss` or `validation_loss`, how many trees there are (or which
            step it is), and the loss. Only what is calculated anyway is told, and what is told changes no bit.
        machines: Where else trees grow, for learners that can; None grows them in this process.
    """

    seed: int
    threads: int
    progress: Callable[[str, float], None]
    step: Step = unrecorded
    machines: Machines | None = None

    def part(self, low: float, high: float, name: str = "") -> Fitting:
        """The same for a part of the work, whose progress runs from `low` to `high` of the whole.

        Args:
            low: Share of the whole that is done when the part begins.
            high: The same when it ends.
            name: What its steps are named under, such as `rehearsal_1`.
        """
        part = self.under(name) if name else self
        return replace(part, progress=lambda doing, done: self.progress(doing, low + done * (high - low)))

    def under(self, name: str) -> Fitting:
        """The same, whose steps are told as `name/...`, so that those of two parts do not meet."""
        return replace(self, step=lambda what, step, value: self.step(f"{name}/{what}", step, value))


@dataclass(frozen=True, kw_only=True)
class Range:
    """Where a parameter is looked for when a model is tuned.

    Args:
        low: The smallest value.
        high: The largest.
        log: Whether factors count, not differences.
        whole: Whether it is a whole number.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise InputError(f"{self} has no values.", allowed="low < high, and above zero where factors count")


class Model(Protocol):
    """What every fitted model can say of itself."""

    def importance(self) -> dict[str, float]:
        """Each feature's share of what the model draws from them, largest first; empty where it cannot say."""

    def files(self) -> dict[str, str]:
        """The model as texts by file name; the learner's `read` gives a model of the same bits."""


class GroupModel(Model, Protocol):
    """A fitted model of who wins within a group, which sees no price."""

    def log_scores(self, sample: Sample) -> Floats:
        """Ln p of each row, shape (rows,), normalised within its event.

        Raises:
            InputError: The features are not those of the fit.
        """


@runtime_checkable
class Rehearsed(Protocol):
    """A fitted model that was rehearsed: on parts of training, each predicted from the days before it alone.

    A `GroupModel` may be one. What it said then shows how often its probabilities come true, on more events than the
    validation period has; without it calibration has that period only.
    """

    @property
    def rehearsed(self) -> Said | None:
        """What was said of the last parts of training, and what came; null in a model that was read again."""


class BinaryModel(Model, Protocol):
    """A fitted model of whether something happens."""

    def probability(self, rows: Observations) -> Floats:
        """The probability of each row, shape (rows,), within [0, 1].

        Raises:
            InputError: The features are not those of the fit.
        """


class RegressionModel(Model, Protocol):
    """A fitted model of how much something is."""

    def predict(self, rows: Observations) -> Forecast:
        """The point and the interval of each row, in the unit of the target.

        Raises:
            InputError: The features are not those of the fit.
        """


class Learner(Protocol):
    """What every learner says of itself.

    Attributes:
        kind: What its models say.
        parameters: What may be chosen, each with a default: a `msgspec.Struct`.
        space: Where tuning looks for parameters, by name; `booster.num_leaves` is a key of the parameter `booster`.
    """

    @property
    def kind(self) -> Kind: ...  # noqa: D102 - said above

    @property
    def parameters(self) -> type[msgspec.Struct]: ...  # noqa: D102 - said above

    @property
    def space(self) -> Mapping[str, Range]: ...  # noqa: D102 - said above


class GroupLearner(Learner, Protocol):
    """How a model of who wins is fitted and read again."""

    def fit(self, train: Sample, parameters: Any, fitting: Fitting) -> GroupModel:  # noqa: ANN401 - of its own class
        """Fit to the past. What has to be tuned on unseen events is tuned on the last part of them.

        Args:
            train: Events that are over.
            parameters: What was chosen, of the class `parameters`.
            fitting: How.

        Raises:
            DataError: The events cannot be learnt from.
        """

    def read(self, files: Mapping[str, str], *, threads: int) -> GroupModel:
        """Read what the model's `files` wrote, which is known to be unchanged.

        Raises:
            InputError: The files are not a model's.
        """


class BinaryLearner(Learner, Protocol):
    """How a model of whether something happens is fitted and read again; arguments and errors as `GroupLearner`."""

    def fit(self, train: Observations, parameters: Any, fitting: Fitting) -> BinaryModel:  # noqa: ANN401 - of its own class
        """Fit to rows whose targets are 1.0 or 0.0."""

    def read(self, files: Mapping[str, str], *, threads: int) -> BinaryModel:
        """Read what the model's `files` wrote."""


class RegressionLearner(Learner, Protocol):
    """How a model of how much something is is fitted and read again; arguments and errors as `GroupLearner`."""

    def fit(self, train: Observations, parameters: Any, fitting: Fitting) -> RegressionModel:  # noqa: ANN401 - of its own class
        """Fit to rows whose targets are known. The interval is fitted on the last days, unseen by the rest."""

    def read(self, files: Mapping[str, str], *, threads: int) -> RegressionModel:
        """Read what the model's `files` wrote."""


def group_learner(name: str) -> GroupLearner:
    """The learner of that name.

    Raises:
        NotFoundError: No installed package brings it.
        InputError: It is of another kind.
    """
    return cast("GroupLearner", learner_of(name, "group"))


def binary_learner(name: str) -> BinaryLearner:
    """The learner of that name; errors as `group_learner`."""
    return cast("BinaryLearner", learner_of(name, "binary"))


def regression_learner(name: str) -> RegressionLearner:
    """The learner of that name; errors as `group_learner`."""
    return cast("RegressionLearner", learner_of(name, "regression"))


def learner_names(kind: Kind) -> list[str]:
    """The names of all installed learners of a kind, sorted; imports every one, but not what they fit with."""
    from morningline.kit.plugins import load_plugins

    return [name for name, learner in load_plugins(LEARNERS).items() if cast("Learner", learner).kind == kind]


def learner_of(name: str, kind: Kind) -> Learner:
    """The learner of that name and kind; errors as `group_learner`."""
    from morningline.kit.plugins import load_plugin

    learner = cast("Learner", load_plugin(LEARNERS, name))
    if learner.kind != kind:
        raise InputError(
            f"The model {name!r} is of kind {learner.kind!r}, the task needs {kind!r}.",
            allowed=", ".join(learner_names(kind)) or "none is installed",
            do="Choose a model of the task's kind.",
        )
    return learner


def chosen_parameters(learner: Learner, given: Mapping[str, Any]) -> msgspec.Struct:
    """Parameters as the learner's own class, with its defaults for those that are not given.

    Raises:
        InputError: One is unknown or impossible.
    """
    import msgspec

    try:
        return msgspec.convert(dict(given), learner.parameters)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        names = ", ".join(learner.parameters.__struct_fields__)
        raise InputError(f"The parameters are not right: {error}.", allowed=names) from error


def file_of(files: Mapping[str, str], name: str) -> str:
    """One of a model's files.

    Raises:
        InputError: It is not there.
    """
    if name not in files:
        raise InputError(
            f"The model has no file {name!r}; it has {sorted(files)}.",
            allowed="all files that the model wrote, under their names",
            do="Read the model with the learner that made it.",
        )
    return files[name]
