"""The betting market of the synthetic racing world: what it sees, how it is biased and what it charges."""

import numpy as np

from morningline.domains.racing.world.horses import Floats, Ints

# Bookmakers' fractions, as decimal prices: the prices a board can show.
_LADDER: Floats = np.fromstring(
    "1.01 1.02 1.03 1.04 1.05 1.07 1.1 1.14 1.2 1.25 1.29 1.33 1.36 1.4 1.44 1.5 1.57 1.62 1.67 1.73 "
    "1.8 1.91 2 2.1 2.2 2.25 2.38 2.5 2.62 2.75 2.88 3 3.25 3.5 3.75 4 4.33 4.5 5 5.5 6 6.5 7 7.5 8 "
    "8.5 9 9.5 10 11 12 13 15 17 19 21 23 26 29 34 41 51 67 81 101 126 151 201 251 301 501",
    sep=" ",
)


def softmax_within(utility: Floats, starts: Ints) -> Floats:
    """Turn utilities into probabilities that sum to one within each race.

    Args:
        utility: One entry a runner, the runners of a race side by side.
        starts: Index of the first runner of each race, ascending from zero.
    """
    sizes = np.diff(np.append(starts, len(utility)))
    weight = np.exp(utility - np.repeat(np.maximum.reduceat(utility, starts), sizes))
    shares: Floats = weight / np.repeat(np.add.reduceat(weight, starts), sizes)
    return shares


def _calibrating_slope(truth: Floats, seen: Floats, starts: Ints) -> float:
    """Find the slope at which the softmax of what is seen is closest to the truth in expected log loss.

    Newton steps on a convex function of one number; twenty are many more than it needs.
    """
    sizes = np.diff(np.append(starts, len(seen)))
    slope = 1.0
    for _ in range(20):
        m = softmax_within(slope * seen, starts)
        centred = seen - np.repeat(np.add.reduceat(m * seen, starts), sizes)
        slope += float((truth * centred).sum() / (m * centred**2).sum())
    return slope


def price(utility: Floats, starts: Ints, *, noise: float, exponent: float, rng: np.random.Generator) -> Floats:
    """Draw the final decimal price of every runner.

    The crowd sees the true utilities with noise and weighs them as well as they deserve. Then its
    probabilities are flattened, so that raising them to `exponent` makes them calibrated again: long
    shots are overbet, as on real courses (Thaler and Ziemba 1988). Last comes the bookmakers' margin, which
    grows with the field, and the rounding to a price that a board can show.

    Args:
        utility: True utilities in Gumbel units, the runners of a race side by side.
        starts: Index of the first runner of each race.
        noise: Standard deviation of the crowd's error, in Gumbel units.
        exponent: The exponent of the favourite-longshot bias; one is no bias.
        rng: The stream of chance used.

    Returns:
        Prices, stake included.
    """
    sizes = np.diff(np.append(starts, len(utility)))
    seen = utility + noise * rng.standard_normal(len(utility))
    slope = _calibrating_slope(softmax_within(utility, starts), seen, starts)
    share = softmax_within(slope / exponent * seen, starts)
    total = 1.115 + 0.006 * sizes + 0.01 * rng.standard_normal(len(starts))
    wanted = np.log(1 / (share * np.repeat(total, sizes)))
    rungs = np.log(_LADDER)
    nearest = np.searchsorted((rungs[1:] + rungs[:-1]) / 2, wanted)
    return _LADDER[nearest]
