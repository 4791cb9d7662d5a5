"""A feature that tells what came is no feature: training stops before it learns from one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from morningline.kit.errors import DataError

if TYPE_CHECKING:
    from morningline.training.grouped import Floats, Integers, Singles
    from morningline.training.observations import Observations

FEWEST = 30
"""With fewer rows a feature may put them in order by luck."""

DIFFERENT = 10
"""So many rows must differ from the commonest target; of 30 rows, luck puts 10 in order once in 30 million times."""

GLANCE = 2_000
"""Rows that are looked at before all are: what does not tell these does not tell all."""


def require_no_answer(rows: Observations) -> None:
    """Make sure that no feature alone puts all rows in the order of their targets.

    Nothing that is known before tells a target without a single error: such a feature was made from it.

    Args:
        rows: Those of training.

    Raises:
        DataError: One does.
    """
    step = max(rows.rows // GLANCE, 1)
    for column, name in enumerate(rows.names):
        glance, whole = rows.features[::step, column], rows.features[:, column]
        if _tells(glance, rows.target[::step]) and _tells(whole, rows.target):
            raise DataError(
                f"The feature {name!r} tells the target of every row of training.",
                allowed="features that are known before what they are to predict",
                do=f"Find out what {name!r} is made of; leave it out of the feature set.",
            )


def _tells(values: Floats | Singles, target: Floats) -> bool:
    """Whether the targets only rise, or only fall, with a feature, and equal values have equal targets."""
    known = ~np.isnan(values)
    values, target = values[known], target[known]
    if len(target) < FEWEST or _differing(target) < DIFFERENT:
        return False
    order = np.argsort(values, kind="stable")
    x, y = values[order], target[order]
    steps, tied = np.diff(y), np.diff(x) == 0
    return not bool((steps[tied] != 0).any()) and bool((steps >= 0).all() or (steps <= 0).all())


def _differing(target: Floats) -> int:
    """How many rows have another target than the commonest."""
    counts: Integers = np.unique(target, return_counts=True)[1]
    return len(target) - int(counts.max())
