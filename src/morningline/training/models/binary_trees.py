"""Whether something happens: trees for its probability, and the share of the past as what they have to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from morningline.kit.errors import DataError, InputError
from morningline.training.models.gradient_trees import LOGISTIC, GradientTrees, grow_tuned
from morningline.training.models.learner import file_of
from morningline.training.models.scaled_trees import BOOSTER_SPACE
from morningline.training.models.tree_parameters import TreeParameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.training.grouped import Floats
    from morningline.training.models.learner import Fitting, Range
    from morningline.training.observations import Observations


@dataclass(frozen=True, eq=False)
class BinaryTreesModel:
    """Fitted trees.

    Attributes:
        trees: Their number is the logit.
    """

    trees: GradientTrees

    def probability(self, rows: Observations) -> Floats:
        """The probability of each row, shape (rows,)."""
        return logistic(self.trees.values(rows))

    def importance(self) -> dict[str, float]:
        """Each feature's share of the gain, largest first."""
        return self.trees.importance()

    def files(self) -> dict[str, str]:
        """The model as texts, by file name."""
        return {"trees.txt": self.trees.text}


class BinaryTreesLearner:
    """Fits to all days; the number of trees comes from the last ones, unseen by a first try."""

    kind: Literal["binary"] = "binary"
    parameters = TreeParameters
    space: Mapping[str, Range] = BOOSTER_SPACE

    def fit(self, train: Observations, parameters: TreeParameters, fitting: Fitting) -> BinaryTreesModel:
        """Fit the trees."""
        require_both(train)
        return BinaryTreesModel(grow_tuned(train, LOGISTIC, parameters.growth(fitting), fitting))

    def read(self, files: Mapping[str, str], *, threads: int) -> BinaryTreesModel:
        """Read what `files` wrote."""
        return BinaryTreesModel(GradientTrees.from_text(file_of(files, "trees.txt"), threads=threads))


class BaseRate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same probability for every row: how often it happened.

    Args:
        share: Within (0, 1).
        names: The features of the fit, which it does not look at.
    """

    share: float
    names: tuple[str, ...]

    def probability(self, rows: Observations) -> Floats:
        """The probability of each row, shape (rows,)."""
        rows.require_names(self.names)
        return np.full(rows.rows, self.share)

    def importance(self) -> dict[str, float]:
        """Nothing: it looks at no feature."""
        return {}

    def files(self) -> dict[str, str]:
        """The model as text, by file name."""
        return {"base_rate.json": msgspec.json.encode(self).decode()}


class NoParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There is nothing to choose."""


class BaseRateLearner:
    """Counts."""

    kind: Literal["binary"] = "binary"
    parameters = NoParameters
    space: Mapping[str, Range] = {}

    def fit(self, train: Observations, parameters: NoParameters, fitting: Fitting) -> BaseRate:  # noqa: ARG002 - the Protocol's
        """Count how often it happened."""
        require_both(train)
        return BaseRate(float(train.target.mean()), train.names)

    def read(self, files: Mapping[str, str], *, threads: int) -> BaseRate:  # noqa: ARG002 - the Protocol's
        """Read what `files` wrote."""
        try:
            return msgspec.json.decode(file_of(files, "base_rate.json"), type=BaseRate)
        except msgspec.MsgspecError as error:
            raise InputError(f"The file is not a stored share: {error}.") from error


def logistic(logit: Floats) -> Floats:
    """1 / (1 + e^-logit) without overflow."""
    small = np.exp(-np.abs(logit))
    return np.where(logit >= 0, 1.0, small) / (1.0 + small)


def require_both(train: Observations) -> None:
    """Make sure that it happened and did not; raises `DataError`."""
    train.require_target(binary=True)
    if len(np.unique(train.target)) == 1:
        raise DataError(
            f"The target of all {train.rows} rows is {train.target[0]}.",
            allowed="rows where it happened and rows where it did not",
            do="Train over a longer period.",
        )


learner = BinaryTreesLearner()
base_rate = BaseRateLearner()
