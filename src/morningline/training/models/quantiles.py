"""Several quantiles of one target, grown one by one and kept from crossing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from morningline.training.models.gradient_trees import GradientTrees, grow_tuned, pinball
from morningline.training.models.learner import file_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from morningline.training.grouped import Floats
    from morningline.training.models.gradient_trees import Growth
    from morningline.training.models.learner import Fitting
    from morningline.training.observations import Observations


def rearranged(values: Floats) -> Floats:
    """Sort the quantiles of each row, which brings them nearer to the true ones wherever they crossed.

    Chernozhukov, Fernández-Val & Galichon (2010), "Quantile and probability curves without crossing",
    Econometrica 78: on a grid the monotone rearrangement is sorting.

    Args:
        values: Shape (rows, levels), the levels rising.

    Returns:
        Shape (rows, levels), not falling along each row.
    """
    return np.sort(values, axis=1)


@dataclass(frozen=True, eq=False)
class QuantileTrees:
    """Grown quantiles.

    Attributes:
        levels: Their levels, rising, each within (0, 1).
        members: The trees of each.
    """

    levels: tuple[float, ...]
    members: tuple[GradientTrees, ...]

    def values(self, rows: Observations) -> Floats:
        """The quantiles of each row, shape (rows, levels), not falling along a row.

        Raises:
            InputError: The features are not those of the fit.
        """
        return rearranged(np.column_stack([member.values(rows) for member in self.members]))

    def importance(self) -> dict[str, float]:
        """Each feature's share of the gain, mean over the levels, largest first."""
        return mean_importance([member.importance() for member in self.members])

    def files(self) -> dict[str, str]:
        """The trees as texts, by file name."""
        pairs = zip(self.levels, self.members, strict=True)
        return {_file_name(level): member.text for level, member in pairs}

    @classmethod
    def read(cls, files: Mapping[str, str], levels: Sequence[float], *, threads: int) -> QuantileTrees:
        """Read the trees of these levels; raises `InputError` where one is not there."""
        texts = [file_of(files, _file_name(level)) for level in levels]
        return cls(tuple(levels), tuple(GradientTrees.from_text(text, threads=threads) for text in texts))


def grow_quantiles(train: Observations, levels: Sequence[float], growth: Growth, fitting: Fitting) -> QuantileTrees:
    """Grow each quantile with as many trees as the last days ask for.

    Args:
        train: Rows of two days or more.
        levels: Rising, each within (0, 1).
        growth: How.
        fitting: Told of the progress.

    Raises:
        InputError: As `grow`.
        DataError: As `grow_tuned`.
    """
    members = []
    for place, level in enumerate(levels):
        part = fitting.part(place / len(levels), (place + 1) / len(levels), f"quantile_{level:g}")
        members.append(grow_tuned(train, pinball(level), growth, part))
    return QuantileTrees(tuple(levels), tuple(members))


def mean_importance(shares: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of several models' shares of the same features, largest first."""
    means = {name: sum(each[name] for each in shares) / len(shares) for name in shares[0]}
    return dict(sorted(means.items(), key=lambda pair: (-pair[1], pair[0])))


def _file_name(level: float) -> str:
    return f"quantile_{level:g}.txt"
