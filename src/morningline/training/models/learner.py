"""What can learn: a learner fits events of the past, and its model says what it makes of events it has not seen.

A learner is a plug-in under the entry-point group `morningline.models`; those that ship come through the same door.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import msgspec

    from morningline.training.grouped import Floats
    from morningline.training.models.calibration import Said
    from morningline.training.sample import Sample

LEARNERS = "morningline.models"
"""Entry-point group of the learners."""


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """How a fit is done, whatever is fitted.

    Args:
        seed: Seed of everything random.
        threads: CPU threads; the same number gives the same bits.
        progress: Told what is being done and the share done.
    """

    seed: int
    threads: int
    progress: Callable[[str, float], None]

    def part(self, low: float, high: float) -> Fitting:
        """The same for a part of the work, whose progress runs from `low` to `high` of the whole."""
        return Fitting(
            seed=self.seed,
            threads=self.threads,
            progress=lambda doing, done: self.progress(doing, low + done * (high - low)),
        )


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


class GroupModel(Protocol):
    """A fitted model of who wins within a group, which sees no price."""

    def log_scores(self, sample: Sample) -> Floats:
        """Ln p of each row, shape (rows,), normalised within its event.

        Raises:
            InputError: The features are not those of the fit.
        """

    def importance(self) -> dict[str, float]:
        """Each feature's share of what the model draws from them, largest first; empty where it cannot say."""

    def files(self) -> dict[str, str]:
        """The model as texts by file name; `GroupLearner.read` gives a model of the same bits."""


@runtime_checkable
class Rehearsed(Protocol):
    """A fitted model that was rehearsed: on parts of training, each predicted from the days before it alone.

    A `GroupModel` may be one. What it said then shows how often its probabilities come true, on more events than the
    validation period has; without it calibration has that period only.
    """

    @property
    def rehearsed(self) -> Said | None:
        """What was said of the last parts of training, and what came; null in a model that was read again."""


class GroupLearner(Protocol):
    """How a model of who wins is fitted and read again.

    Attributes:
        parameters: What may be chosen, each with a default: a `msgspec.Struct`.
        space: Where tuning looks for parameters, by name; `booster.num_leaves` is a key of the parameter `booster`.
    """

    @property
    def parameters(self) -> type[msgspec.Struct]: ...  # noqa: D102 - said above

    @property
    def space(self) -> Mapping[str, Range]: ...  # noqa: D102 - said above

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


def group_learner(name: str) -> GroupLearner:
    """The learner of that name.

    Raises:
        NotFoundError: No installed package brings it.
    """
    from morningline.kit.plugins import load_plugin

    learner: GroupLearner = load_plugin(LEARNERS, name)  # type: ignore[assignment]
    return learner


def chosen_parameters(learner: GroupLearner, given: Mapping[str, Any]) -> msgspec.Struct:
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
