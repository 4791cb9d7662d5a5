"""The likelihood that the entrants with the highest scores win, and the weights that make it largest."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from morningline.kit.errors import DataError
from morningline.training.grouped import Floats, Integers, Singles, group_log_softmax, group_sums, spread
from morningline.training.models.steps import Step, unrecorded

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_ITERATIONS = 100
# Half the squared Newton decrement estimates the log likelihood still to be gained, in nats over the whole
# sample (Boyd & Vandenberghe 2004, "Convex Optimization", section 9.5.1).
_GAIN_NOT_WORTH_A_STEP = 1e-9
# Blocks of events keep the weighted copy of X in the cache and the memory bounded: 110,000 rows of 120
# columns took about a third of the time that one block takes. Of few columns more events fit.
_FEWEST_EVENTS, _EVENT_COLUMNS = 128, 128 * 120
# A winner's loss below this, on average, means that the values tell the winner.
_LOSS_OF_A_KNOWN_WINNER = 1e-6


@dataclass(frozen=True)
class Maximum:
    """Where the penalised likelihood is largest.

    Args:
        weights: Shape (columns,).
        loss: Σ -ln p_winner plus the penalty there, in nats over the whole sample.
        iterations: How many Newton steps it took.
    """

    weights: Floats
    loss: float
    iterations: int


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Σ over events of -ln p_winner + l2 / 2 · ‖w‖² with p the within-event softmax of X w + offset.

    McFadden (1974), "Conditional logit analysis of qualitative choice behavior", in Zarembka (ed.), Frontiers
    in Econometrics. The function is convex, so Newton's method finds its one minimum.

    Args:
        X: Shape (rows, columns), finite, in single or double precision; all is calculated in double.
        starts: Offsets of the events, shape (events + 1,).
        won: Shape (rows,): 1.0 for the winner of each event, else 0.0.
        l2: Penalty on the weights, not negative: the precision of a Gaussian prior around zero.
        offset: Scores that every row starts from: a number, or shape (rows,).
    """

    X: Floats | Singles
    starts: Integers
    won: Floats
    l2: float = 0.0
    offset: Floats | float = 0.0

    def log_probabilities(self, weights: Floats) -> Floats:
        """Return ln p of each row, shape (rows,), under weights of shape (columns,)."""
        scores = np.empty(len(self.won))
        for rows, _, centred in self._blocks():
            scores[rows] = centred @ weights
        return group_log_softmax(scores + self.offset, self.starts)

    def _blocks(self) -> "Iterator[tuple[slice, Integers, Floats]]":
        """Rows of some events at once, their offsets, and X less its event's mean.

        Without the mean the probabilities are the same and the rounding errors of the Hessian smaller.
        """
        at_once = max(_FEWEST_EVENTS, _EVENT_COLUMNS // max(self.X.shape[1], 1))
        for first in range(0, len(self.starts) - 1, at_once):
            bounds = self.starts[first : first + at_once + 1]
            rows, starts = slice(bounds[0], bounds[-1]), bounds - bounds[0]
            block = self.X[rows].astype(np.float64)
            means = group_sums(block, starts) / np.diff(starts)[:, None]
            yield rows, starts, block - spread(means, starts)

    def value(self, weights: Floats) -> float:
        """Return the function's value in nats at weights of shape (columns,)."""
        return self._value(self.log_probabilities(weights), weights)

    def _value(self, log_p: Floats, weights: Floats) -> float:
        return float(-log_p[self.won == 1.0].sum() + 0.5 * self.l2 * (weights @ weights))

    def derivatives(self, log_p: Floats, weights: Floats) -> tuple[Floats, Floats]:
        """Return gradient and Hessian: Σ (p - y) x and, event by event, the covariance of x under p.

        Args:
            log_p: What `log_probabilities(weights)` gave, shape (rows,).
            weights: Shape (columns,).

        Returns:
            Shapes (columns,) and (columns, columns).
        """
        p = np.exp(log_p)
        hessian = self.l2 * np.eye(len(weights))
        gradient = self.l2 * weights
        for rows, starts, centred in self._blocks():
            weighted = p[rows, None] * centred
            means = group_sums(weighted, starts)
            hessian += weighted.T @ centred - means.T @ means
            gradient = gradient + (p[rows] - self.won[rows]) @ centred
        return gradient, hessian

    def maximise(self, step: Step = unrecorded) -> Maximum:
        """Find the weights of the largest penalised likelihood by damped Newton steps from zero.

        Args:
            step: Is told the winner log loss, the penalty left out, before each Newton step.

        Returns:
            The maximum. Of equally good weights, as two identical columns give, the shortest are taken.

        Raises:
            DataError: If no finite weights are best because some values tell the winner of every event.
        """
        weights = np.zeros(self.X.shape[1])
        for iteration in range(1, _MOST_ITERATIONS + 1):
            log_p = self.log_probabilities(weights)
            loss = self._value(log_p, weights)
            penalty = 0.5 * self.l2 * float(weights @ weights)
            step("training_loss", iteration - 1, (loss - penalty) / (len(self.starts) - 1))
            if self.l2 == 0 and loss < _LOSS_OF_A_KNOWN_WINNER * (len(self.starts) - 1):
                break
            gradient, hessian = self.derivatives(log_p, weights)
            change = _newton_step(gradient, hessian)
            squared_decrement = float(-gradient @ change)
            if squared_decrement / 2 < _GAIN_NOT_WORTH_A_STEP:
                weights = weights + change
                return Maximum(weights, self.value(weights), iteration)
            weights = self._damped(weights, change, loss, squared_decrement)
        raise DataError(
            "No finite weights are best: some values tell the winner of the events (or there is no choice).",
            allowed="values known before the event, in events of two entrants or more",
            do="Look for a feature that leaks the result; if there is none, raise the l2 penalty.",
        )

    def _damped(self, weights: Floats, step: Floats, loss: float, squared_decrement: float) -> Floats:
        """Halve the step until it gains enough (Armijo's rule); rounding may hide a gain this small."""
        rounding = 1e-12 * abs(loss)
        length = 1.0
        while self.value(weights + length * step) > loss - 1e-4 * length * squared_decrement + rounding:
            length /= 2
        return weights + length * step


def _newton_step(gradient: Floats, hessian: Floats) -> Floats:
    """Solve H step = -g and stand still in directions without curvature, where nothing can be learnt."""
    curvatures, directions = np.linalg.eigh(hessian)
    curved = curvatures > 1e-12 * max(float(curvatures[-1]), 1e-300)
    along = directions[:, curved]
    return np.asarray(-(along @ ((gradient @ along) / curvatures[curved])))
