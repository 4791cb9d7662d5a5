"""Fits the exponents of second and third to how events finished, each venue's drawn towards that of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from morningline.kit.errors import DataError, InputError
from morningline.training.grouped import check_starts, group_sums
from morningline.training.models.likelihood import Likelihood
from morningline.training.models.placing import MOST, STAGES, Placing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morningline.training.grouped import Flags, Floats, Integers

UNKNOWN = -1
"""The row of a finisher that is not known."""

# Events whose entrants are all alike say nothing of an exponent.
_NO_INFORMATION = 1e-9


@dataclass(frozen=True)
class FirstThree:
    """Who came first, second and third.

    Attributes:
        rows: Shape (events, 3): the row of each, `UNKNOWN` from where on the finish is not known.
        left_out: Reason to number of events that are not known to the third: `dead_heat`, or `unknown` where a
            placing is absent although there were enough entrants.
    """

    rows: Integers
    left_out: dict[str, int]

    @classmethod
    def of(cls, positions: Floats, starts: Integers) -> FirstThree:
        """Read it from placings.

        Args:
            positions: Shape (rows,): 1.0 for the first to finish, and so on; NaN for those without a placing.
            starts: Offsets of the events, shape (events + 1,).

        Raises:
            InputError: Shapes differ.
        """
        positions = np.asarray(positions, dtype=np.float64)
        check_starts(starts, len(positions))
        found = np.full((len(starts) - 1, STAGES), UNKNOWN, dtype=np.int64)
        known = np.ones(len(found), dtype=np.bool_)
        shared = np.zeros(len(found), dtype=np.bool_)
        for stage in range(STAGES):
            here = positions == stage + 1
            count = group_sums(here.astype(np.float64), starts)
            shared |= known & (count > 1)
            known &= count == 1
            row = group_sums(np.where(here, np.arange(len(positions)), 0), starts).astype(np.int64)
            found[known, stage] = row[known]
        enough = np.diff(starts) >= STAGES
        absent = enough & ~known & ~shared
        counts = {"dead_heat": int(shared.sum()), "unknown": int(absent.sum())}
        return cls(found, {reason: count for reason, count in counts.items() if count})


@dataclass(frozen=True)
class VenueExponent:
    """One venue's exponent at a stage.

    Attributes:
        own: What its events alone say.
        standard_error: Of that; infinite where they say nothing.
        drawn: The same drawn towards the pooled exponent: what is used.
    """

    own: float
    standard_error: float
    drawn: float


@dataclass(frozen=True)
class Stage:
    """What the fit says of one exponent.

    Attributes:
        pooled: Of all events.
        standard_error: Of it, from the curvature of the likelihood.
        between: Standard deviation between venues beyond what chance explains; at 0 all venues share one exponent.
        venues: Each venue's.
        events: How many events had a choice at this stage.
    """

    pooled: float
    standard_error: float
    between: float
    venues: dict[str, VenueExponent]
    events: int


@dataclass(frozen=True)
class FittedPlacing:
    """Fitted exponents, and how sure they are.

    Attributes:
        placing: The exponents.
        second: Of the choice of the second.
        third: Of the third.
        left_out: As `FirstThree`.
    """

    placing: Placing
    second: Stage
    third: Stage
    left_out: dict[str, int]


def fit_placing(p: Floats, starts: Integers, finish: FirstThree, venues: Sequence[str] | None = None) -> FittedPlacing:
    """Fit by maximum likelihood, stage by stage, with venues as random effects.

    A venue's exponent has the prior Normal(pooled, between²). `between` is estimated by moments (DerSimonian & Laird
    1986, "Meta-analysis in clinical trials", Controlled Clinical Trials 7), from each venue's own
    exponent and its error: empirical Bayes, as Efron & Morris (1975), "Data analysis using Stein's
    estimator and its generalizations", JASA 70. A venue with few events stays near the pooled value, and all do where
    they differ no more than chance lets them.

    Args:
        p: The probability of winning, shape (rows,), from what has not seen these events.
        starts: Offsets of the events, shape (events + 1,).
        finish: How they finished.
        venues: The venue of each event; None fits one pair for all.

    Raises:
        InputError: Shapes differ, or a probability is not above zero.
        DataError: No event has a choice at a stage, or the best exponent is not finite.
    """
    p = np.asarray(p, dtype=np.float64)
    check_starts(starts, len(p))
    if finish.rows.shape != (len(starts) - 1, STAGES) or not (p > 0).all():
        raise InputError(
            f"Probabilities of {len(starts) - 1} events, all above zero: {bool((p > 0).all())}; finishes of "
            f"{len(finish.rows)}.",
            allowed="a probability above zero for each entrant, and one finish for each event",
            do="Take both from the same sample.",
        )
    if venues is not None and len(venues) != len(starts) - 1:
        raise InputError(f"{len(venues)} venues were given for {len(starts) - 1} events.", allowed="one for each event")
    labels = np.array(venues if venues is not None else [""] * (len(starts) - 1), dtype=object)
    second, third = (_fit_stage(_choices(np.log(p), starts, finish.rows, stage), labels) for stage in (1, 2))
    names = sorted(set(venues or ()) & second.venues.keys() & third.venues.keys())
    own = {name: (second.venues[name].drawn, third.venues[name].drawn) for name in names}
    return FittedPlacing(Placing((second.pooled, third.pooled), own), second, third, finish.left_out)


@dataclass(frozen=True)
class _Choices:
    """Who was chosen at a stage among those that had not finished: ln p, offsets, the chosen, and which events."""

    log_p: Floats
    starts: Integers
    chosen: Floats
    events: Flags

    def of(self, mask: Flags) -> Likelihood:
        """The likelihood of some of the events, with ln p as the one column."""
        sizes = np.diff(self.starts)
        rows = np.repeat(mask, sizes)
        starts = np.concatenate([[0], np.cumsum(sizes[mask])])
        return Likelihood(self.log_p[rows, None], starts, self.chosen[rows])


def _choices(log_p: Floats, starts: Integers, finish: Integers, stage: int) -> _Choices:
    sizes = np.diff(starts)
    events = (finish[:, stage] != UNKNOWN) & (sizes - stage >= 2)
    if not events.any():
        raise DataError(
            f"No event has a known finisher number {stage + 1} and two entrants or more to choose it from.",
            do="Give results with placings, of larger fields.",
        )
    gone = np.zeros(len(log_p), dtype=np.bool_)
    gone[finish[events, :stage].ravel()] = True
    chosen = np.zeros(len(log_p))
    chosen[finish[events, stage]] = 1.0
    rows = np.repeat(events, sizes) & ~gone
    left = np.concatenate([[0], np.cumsum(sizes[events] - stage)])
    return _Choices(log_p[rows], left, chosen[rows], events)


def _fit_stage(choices: _Choices, labels: np.ndarray) -> Stage:
    labels = labels[choices.events]
    everyone = choices.of(np.ones(len(labels), dtype=np.bool_))
    try:
        pooled = float(everyone.maximise().weights[0])
    except DataError as error:
        raise DataError(
            f"The likeliest that was left came every time in {len(labels)} events, so no finite exponent is best.",
            do="Fit to more events.",
        ) from error
    parts = {name: choices.of(labels == name) for name in sorted(set(labels))}
    own = {name: _own(part, pooled) for name, part in parts.items()}
    between = _between([found for found in own.values() if np.isfinite(found[1])])
    venues = {
        name: VenueExponent(*own[name], _possible(_drawn(part, pooled, between) if between > 0 else pooled))
        for name, part in parts.items()
    }
    information = _slope_and_information(everyone, pooled)[1]
    return Stage(_possible(pooled), information**-0.5, between, venues, len(labels))


def _own(part: Likelihood, pooled: float) -> tuple[float, float]:
    """A venue's own exponent and its standard error.

    A few events may put it at infinity, so it is one Newton step from where a prior as wide as one puts it.
    """
    near = _drawn(part, pooled, 1.0)
    slope, information = _slope_and_information(part, near)
    if information <= _NO_INFORMATION:
        return pooled, float("inf")
    return near + slope / information, information**-0.5


def _slope_and_information(likelihood: Likelihood, exponent: float) -> tuple[float, float]:
    """How the log likelihood rises at an exponent, and how much it curves."""
    weights = np.array([exponent])
    gradient, hessian = likelihood.derivatives(likelihood.log_probabilities(weights), weights)
    return -float(gradient[0]), float(hessian[0, 0])


def _between(own: list[tuple[float, float]]) -> float:
    """DerSimonian & Laird's standard deviation between venues; 0 where they differ less than by chance."""
    if len(own) < 2:
        return 0.0
    exponents, errors = (np.array(column) for column in zip(*own, strict=True))
    weights = errors**-2
    mean = float((weights * exponents).sum() / weights.sum())
    excess = float((weights * (exponents - mean) ** 2).sum()) - (len(own) - 1)
    scale = float(weights.sum() - (weights**2).sum() / weights.sum())
    return float(max(0.0, excess / scale) ** 0.5)


def _drawn(part: Likelihood, pooled: float, between: float) -> float:
    """The venue's exponent under the prior."""
    offset = np.asarray(part.X[:, 0] * pooled, dtype=np.float64)
    drawn = Likelihood(part.X, part.starts, part.won, l2=between**-2, offset=offset).maximise()
    return pooled + float(drawn.weights[0])


def _possible(exponent: float) -> float:
    """The likelihood has one top, so within bounds the nearest is the best."""
    return min(max(exponent, 0.0), MOST)
