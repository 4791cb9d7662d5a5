"""Rows whose true quantiles are known: one entity and day each, with a spread that depends on a feature and on time."""

import numpy as np
from scipy.stats import norm

from morningline.training.models.learner import Fitting
from morningline.training.observations import Observations

FIRST_DAY = 738_000


def ignore(*_):
    """Progress that nobody follows."""


FITTING = Fitting(seed=1, threads=2, progress=ignore)


def draw_rows(seed, days, *, entities=20, drift=0.0, zeros=0.0, missing=0.0):
    """Draw y = 2 x0 + spread · noise with spread (0.5 + |x1|) · (1 + drift · share of the time that has passed).

    With `zeros` above 0 that share of the targets is 0: where the feature x2 is low.
    """
    random = np.random.default_rng(seed)
    rows = days * entities
    features = random.normal(size=(rows, 4))
    day = FIRST_DAY + np.repeat(np.arange(days), entities)
    target = 2 * features[:, 0] + spread(features, day, days, drift) * random.normal(size=rows)
    if zeros:
        target = np.where(random.random(rows) < probability_of_some(features, zeros), np.abs(target) + 0.1, 0.0)
    seen = features.copy()
    seen[random.random(features.shape) < missing] = np.nan
    return Observations(
        features=seen,
        names=("x0", "x1", "x2", "x3"),
        target=target,
        days=day,
        entities=tuple(f"e{entity}" for entity in np.tile(np.arange(entities), days)),
        row_ids=tuple(f"r{row}" for row in range(rows)),
    )


def spread(features, day, days, drift):
    return (0.5 + np.abs(features[:, 1])) * (1 + drift * (day - FIRST_DAY) / days)


def true_quantile(rows, level, days, drift=0.0):
    """The quantile that the rows were drawn with; of rows without zeros and missing values."""
    scale = spread(rows.features, rows.days, days, drift)
    return 2 * rows.features[:, 0] + scale * norm.ppf(level)


def probability_of_some(features, zeros):
    """The probability of a target that is not 0."""
    logit = np.log((1 - zeros) / zeros) + 1.5 * features[:, 2]
    return 1 / (1 + np.exp(-logit))
