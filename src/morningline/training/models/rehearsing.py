"""Rehearsals: the last parts of training, each to be predicted from the days before it alone."""

from collections.abc import Iterator

import numpy as np

from morningline.training.sample import Sample

REHEARSALS = 3
"""How many: what is learnt on one part alone, such as an exponent, changes from season to season by more than it is
worth."""

SHARE = 0.15
"""Share of the training days in each part."""


def rehearsal_parts(train: Sample) -> Iterator[tuple[Sample, Sample]]:
    """Cut training into what comes before a part and the part, between whole days, the oldest part first.

    Args:
        train: Events on two days or more. Where there are few days, there are fewer parts.
    """
    days = np.unique(train.days)
    cuts = [int(len(days) * (1 - SHARE * part)) for part in range(REHEARSALS, -1, -1)]
    # No part is empty, and something comes before the first.
    bounds = sorted({min(max(cut, 1), len(days) - 1) for cut in cuts[:-1]})
    for first, end in zip(bounds, [*bounds[1:], len(days)], strict=True):
        last_day = days[end - 1]
        yield (
            train.take_events(train.days < days[first]),
            train.take_events((train.days >= days[first]) & (train.days <= last_day)),
        )
