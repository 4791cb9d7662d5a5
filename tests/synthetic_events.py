"""Events whose true probabilities are known, for the tests of this folder."""

import numpy as np

from morningline.training import Sample, group_maxima, group_softmax, spread


def draw_starts(random, events, smallest=4, largest=12):
    sizes = random.integers(smallest, largest + 1, events)
    return np.concatenate([[0], np.cumsum(sizes)])


def draw_winners(random, scores, starts):
    """The largest score plus Gumbel noise wins with exactly the softmax probability."""
    noisy = scores + random.gumbel(size=len(scores))
    return (noisy == spread(group_maxima(noisy, starts), starts)).astype(np.float64)


def draw_sample(seed, events, weights, *, events_per_day=10, missing=0.0, twist=None):
    """Draw a sample with p = softmax(features @ weights + twist(features)) and fair prices of that p."""
    random = np.random.default_rng(seed)
    weights = np.asarray(weights, dtype=np.float64)
    starts = draw_starts(random, events)
    features = random.normal(size=(starts[-1], len(weights)))
    scores = features @ weights
    if twist is not None:
        scores = scores + twist(features)
    won = draw_winners(random, scores, starts)
    odds = 1.0 / group_softmax(scores, starts)
    features[random.random(features.shape) < missing] = np.nan
    return Sample(
        features=features,
        names=tuple(f"x{column}" for column in range(len(weights))),
        starts=starts,
        won=won,
        odds=odds,
        days=738_000 + np.arange(events) // events_per_day,
        event_ids=tuple(f"event-{event}" for event in range(events)),
    )


def true_probabilities(sample):
    inverse = 1.0 / sample.odds
    return inverse / np.repeat(np.add.reduceat(inverse, sample.starts[:-1]), sample.sizes)
