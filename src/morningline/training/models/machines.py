"""Many machines that grow the same trees: what they have to be told, and which learners they can help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import lightgbm
    import msgspec

    from morningline.training.models.steps import Step
    from morningline.training.sample import Sample


class Recipe(Protocol):
    """Trees that are not grown yet, as `SoftmaxBooster` has them."""

    rounds: int
    early_stopping_rounds: int | None
    seed: int
    threads: int

    def dataset(self, sample: Sample, settings: dict[str, Any], reference: Any = None) -> lightgbm.Dataset: ...  # noqa: ANN401, D102
    def goal(self, train: Sample, step: Step) -> dict[str, Any]: ...  # noqa: D102 - what they are fitted to
    def stopping_loss(self, validation: Sample) -> Any: ...  # noqa: ANN401, D102 - what decides when to stop


class Plan(NamedTuple):
    """What every machine has to know before it grows.

    Attributes:
        recipe: What is grown.
        settings: LightGBM's parameters.
        bins: Where values are cut on every machine, as `Bins.boundaries` gives them.
    """

    recipe: Recipe
    settings: dict[str, Any]
    bins: bytes


class Grown(NamedTuple):
    """What was grown.

    Attributes:
        trees: Those that are kept, in LightGBM's text.
        losses: Of the validation after each round.
    """

    trees: str
    losses: tuple[float, ...]


class Machines(Protocol):
    """Where trees grow on the events of many machines."""

    def grow(
        self, plan: Plan, train: Sample, validation: Sample | None, told: Callable[[int], None], step: Step
    ) -> Grown:
        """Grow trees on all events together; the same machines give the same bits.

        Raises:
            ClusterError: The machines were lost again and again.
        """


@runtime_checkable
class Spreading(Protocol):
    """A learner whose trees can grow on many machines."""

    def spreads(self, parameters: Any) -> bool:  # noqa: ANN401 - of its own class
        """Whether they can with these parameters."""


def spreads(learner: object, parameters: msgspec.Struct) -> bool:
    """Whether the learner's trees can grow on many machines."""
    return isinstance(learner, Spreading) and learner.spreads(parameters)


def require_spreading(name: str, learner: object, parameters: msgspec.Struct) -> None:
    """Refuse a learner whose trees cannot grow on many machines.

    Args:
        name: Its name.
        learner: It.
        parameters: What was chosen of it.

    Raises:
        InputError: They cannot.
    """
    if not spreads(learner, parameters):
        from morningline.kit.plugins import load_plugins

        able = [
            other for other, one in sorted(load_plugins("morningline.models").items()) if isinstance(one, Spreading)
        ]
        raise InputError(
            f"`{name}` with these parameters cannot grow on many machines.",
            allowed=f"with the engine `ray`: {', '.join(able)}, without linear_tree; any learner that is tuned",
            do="Train it here, or let its trials be judged there with --trials.",
        )


def grows_apart(booster: Mapping[str, Any]) -> bool:
    """Whether trees with these parameters of LightGBM can grow on many machines."""
    # LightGBM fits the leaves of such trees on the rows of one machine alone.
    return not booster.get("linear_tree", False)
