"""The last days of training, on which is decided what a fit cannot decide for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from morningline.training.sample import Sample

TUNING_SHARE = 0.15
"""Share of the training days, the last ones, that decides numbers of trees and exponents of pools."""


def tuning_parts(train: Sample) -> tuple[Sample, Sample]:
    """The events of the earlier days and those of the last ones, cut between whole days."""
    days = np.unique(train.days)
    first = days[min(int(len(days) * (1 - TUNING_SHARE)), len(days) - 1)]
    return train.take_events(train.days < first), train.take_events(train.days >= first)
