"""What a training is asked to do: every choice by its name, checked before anything is queued."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - msgspec reads the annotations
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from morningline.kit.errors import InputError
from morningline.training.splits import PeriodSplit, WalkForward
from morningline.training.tuning.tuning import Tuning  # noqa: TC001 - the same

if TYPE_CHECKING:
    from morningline.training.task import Task


class HoldOut(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="hold_out", tag_field="kind"):
    """One test period behind one validation period, as `PeriodSplit` has it."""

    train_until: date
    test_from: date
    test_to: date
    embargo_days: int = 0

    def folds(self, train_from: date | None) -> list[PeriodSplit]:
        """The one split.

        Raises:
            InputError: The days are out of order.
        """
        return [
            PeriodSplit(self.train_until, self.test_from, self.test_to, train_from, self.embargo_days),
        ]


class Walk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="walk_forward", tag_field="kind"):
    """Test period after test period, as `WalkForward` has it."""

    test_from: date
    test_to: date
    test_days: int = 91
    validation_days: int = 91
    train_days: int | None = None
    embargo_days: int = 0

    def folds(self, train_from: date | None) -> list[PeriodSplit]:
        """The splits, in the order of time.

        Raises:
            InputError: A length is impossible, or a part has no days.
        """
        del train_from
        return WalkForward(**msgspec.structs.asdict(self)).folds()


class TrainRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A training, as a person, a schedule or another program asks for it.

    Args:
        task: What is predicted, such as `racing.win`.
        feature_set: Name of the feature set; the task's own where not given.
        delta_version: Version of the stored features; the newest complete one where not given.
        train_from: First local day of the rows; all there are where not given.
        until: Last local day of the rows, for the usual split.
        split: Where training ends and tests begin; the usual hold-out (70, 15 and 15 in 100 days) where not given.
        model: Name of the learner; the usual one of the task's kind where not given.
        parameters: What is chosen of it; its defaults for the rest.
        tuning: How the other parameters are looked for; None takes the defaults.
        seed: Seed of everything random; that of the settings where not given.
        threads: CPU threads; that of the settings where not given.
        engine: Where trials are judged and trees grow: `here`, or `ray` for a cluster.
        memory_gib: The training stops when its process holds more.
        register: Whether the model is kept.
        promote: `if_better` makes it the champion where it proves better than the one there is.
        experiment: Under which name it is recorded; the task's where not given.
        accept_quality: Train although facts or features are below the thresholds; recorded with the model.
    """

    task: str = "racing.win"
    feature_set: str | None = None
    delta_version: int | None = None
    train_from: date | None = None
    until: date | None = None
    split: HoldOut | Walk | None = None
    model: str | None = None
    parameters: dict[str, Any] = {}
    tuning: Tuning | None = None
    seed: int | None = None
    threads: int | None = None
    engine: Literal["here", "ray"] = "here"
    memory_gib: float | None = None
    register: bool = True
    promote: Literal["never", "if_better"] = "never"
    experiment: str | None = None
    accept_quality: bool = False

    def folds(self) -> list[PeriodSplit] | None:
        """The splits that were asked for; None for the usual one, which the days decide.

        Raises:
            InputError: They are impossible.
        """
        return None if self.split is None else self.split.folds(self.train_from)

    def require_possible(self) -> None:
        """Refuse what cannot be done whatever the task and the data are.

        Raises:
            InputError: A number or the periods are impossible.
        """
        numbers = {"seed": self.seed, "threads": self.threads, "memory_gib": self.memory_gib}
        wrong = {name: value for name, value in numbers.items() if value is not None and value < (name != "seed")}
        if wrong:
            raise InputError(f"A training with {wrong}.", allowed="seed 0 and more, threads 1 and more, memory above 1")
        if self.promote != "never" and not self.register:
            raise InputError("A model that is not registered cannot be promoted.", do="Leave out one of both.")
        self.folds()

    def settled(self, task: Task) -> TrainRequest:
        """The same with its learner named, refused where that is not of the task's kind.

        Raises:
            InputError: The learner is of another kind or cannot be fitted by the engine, or the parameters are not the
                learner's.
            NotFoundError: There is no such learner.
        """
        from morningline.training.models.learner import chosen_parameters, learner_of
        from morningline.training.models.machines import require_spreading

        name = self.model or task.usual.learner
        learner = learner_of(name, task.kind)
        chosen = chosen_parameters(learner, self.parameters)
        if self.engine == "ray" and self.tuning is None:
            require_spreading(name, learner, chosen)
        return msgspec.structs.replace(self, model=name)


def train_request(given: dict[str, Any]) -> TrainRequest:
    """A request from plain values, as JSON has them.

    Raises:
        InputError: A field is unknown or has no possible value.
    """
    try:
        found = msgspec.convert(given, TrainRequest)
    except msgspec.ValidationError as error:
        names = ", ".join(TrainRequest.__struct_fields__)
        raise InputError(f"The training cannot be read: {error}.", allowed=f"the fields {names}") from error
    found.require_possible()
    return found
