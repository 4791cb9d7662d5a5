"""The same learner fitted with several seeds, and one opinion out of all: what chance put into a fit averages out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec
import numpy as np

from morningline.kit.errors import InputError
from morningline.training.grouped import group_log_softmax
from morningline.training.models.learner import chosen_parameters, group_learner
from morningline.training.models.machines import spreads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.training.grouped import Floats
    from morningline.training.models.learner import Fitting, GroupModel, Range
    from morningline.training.sample import Sample

Pooling: TypeAlias = Literal["logarithms", "probabilities"]

CONTENTS = "ensemble.json"
"""The file that says what the others are."""


class EnsembleParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be chosen of an ensemble; stored with it.

    Args:
        learner: Name of the learner of its members.
        parameters: What is chosen of that; its defaults otherwise.
        members: How many.
        pooling: Whether logarithms or probabilities are averaged.
    """

    learner: str = "logit_and_trees"
    parameters: dict[str, Any] = {}
    members: int = 5
    pooling: Pooling = "logarithms"

    def __post_init__(self) -> None:
        if self.members < 1:
            raise ValueError(f"an ensemble of {self.members} members was asked for; 1 or more are possible")


class Contents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an ensemble's files are: of which learner, of how many members, and how these are averaged."""

    learner: str
    members: int
    pooling: Pooling


@dataclass(frozen=True)
class Ensemble:
    """Fitted members and how they are averaged.

    Attributes:
        learner: Name of their learner.
        members: They themselves, one for each seed.
        pooling: Whether logarithms or probabilities are averaged.
    """

    learner: str
    members: tuple[GroupModel, ...]
    pooling: Pooling

    def log_scores(self, sample: Sample) -> Floats:
        """Ln p of each row, shape (rows,)."""
        if len(self.members) == 1:
            return self.members[0].log_scores(sample)
        table = np.stack([member.log_scores(sample) for member in self.members])
        if self.pooling == "logarithms":
            return group_log_softmax(_mean(table), sample.starts)
        return np.asarray(np.log(_mean(np.exp(table))))

    def importance(self) -> dict[str, float]:
        """Each feature's mean share over the members, largest first."""
        each = [member.importance() for member in self.members]
        names = dict.fromkeys(name for shares in each for name in shares)
        means = {name: sum(shares.get(name, 0.0) for shares in each) / len(each) for name in names}
        return dict(sorted(means.items(), key=lambda pair: -pair[1]))

    def files(self) -> dict[str, str]:
        """The model as texts, by file name: a folder for each member."""
        contents = Contents(self.learner, len(self.members), self.pooling)
        files = {CONTENTS: msgspec.json.encode(contents).decode()}
        for number, member in enumerate(self.members):
            files |= {f"{_folder(number)}{name}": text for name, text in member.files().items()}
        return files


class EnsembleLearner:
    """Fits the members one after another: the first with the seed that is given, each further one with the next.

    Breiman (1996), "Bagging predictors", Machine Learning 24, of what is random in a fit: which rows and features a
    tree sees. Members are tuned by themselves, and more of them are never worse, only slower: so nothing is looked for.
    """

    kind: Literal["group"] = "group"
    parameters = EnsembleParameters
    space: Mapping[str, Range] = {}

    def fit(self, train: Sample, parameters: EnsembleParameters, fitting: Fitting) -> Ensemble:
        """Fit the members.

        Raises:
            NotFoundError: There is no such learner.
            InputError: A parameter of the members is unknown or impossible.
        """
        learner = group_learner(parameters.learner)
        chosen = chosen_parameters(learner, parameters.parameters)
        members = []
        for number in range(parameters.members):
            part = fitting.part(number / parameters.members, (number + 1) / parameters.members, f"member_{number + 1}")
            members.append(learner.fit(train, chosen, replace(part, seed=fitting.seed + number)))
        return Ensemble(parameters.learner, tuple(members), parameters.pooling)

    def spreads(self, parameters: EnsembleParameters) -> bool:
        """Whether the members' trees can grow on many machines."""
        learner = group_learner(parameters.learner)
        return spreads(learner, chosen_parameters(learner, parameters.parameters))

    def read(self, files: Mapping[str, str], *, threads: int) -> Ensemble:
        """Read what `files` wrote."""
        try:
            contents = msgspec.json.decode(files[CONTENTS], type=Contents)
        except (KeyError, msgspec.MsgspecError) as error:
            raise InputError(
                f"The files are not an ensemble's: {error!r}.", allowed=f"{CONTENTS} and a folder for each member"
            ) from error
        learner = group_learner(contents.learner)
        members = []
        for number in range(contents.members):
            folder = _folder(number)
            own = {name.removeprefix(folder): text for name, text in files.items() if name.startswith(folder)}
            members.append(learner.read(own, threads=threads))
        return Ensemble(contents.learner, tuple(members), contents.pooling)


learner = EnsembleLearner()


def _folder(number: int) -> str:
    return f"members/{number + 1}/"


def _mean(table: Floats) -> Floats:
    """The mean over members, added in their order: NumPy's order may depend on how many rows there are."""
    total = np.zeros_like(table[0])
    for member in table:
        total += member
    return np.asarray(total / len(table))
