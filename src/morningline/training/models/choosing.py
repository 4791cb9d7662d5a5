"""Choosing between calibrations: each is fitted on earlier days and judged on later ones, and none has to be taken."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np

from morningline.kit.errors import DataError
from morningline.training.grouped import Flags, Floats, Integers

PARTS = 5
"""A period is cut into so many."""

TEACHING = 2
"""So many of them only teach; each later one is judged by what all before it taught. With fewer, what is fitted to the
first days is judged, where calibration in use is fitted to all."""

FEWEST_DAYS = 30
"""On fewer days nothing is chosen: they do not show how days differ, as in a comparison of models."""

C = TypeVar("C")


class Judged(Protocol):
    """Probabilities beside what came of them, which a calibration can be fitted to and judged by."""

    @property
    def days(self) -> Integers:
        """Local day of each loss."""

    def take(self, kept: Flags) -> Self:
        """Some of them, by flags of the shape of `days`."""

    def losses(self, calibration: Any) -> Floats:  # noqa: ANN401 - of its own kind
        """Log loss under a calibration, of the shape of `days`."""


J = TypeVar("J", bound=Judged)


@dataclass(frozen=True)
class Choice(Generic[C]):
    """What was chosen, fitted to all days, and what it was chosen by.

    Args:
        chosen: The calibration.
        losses: Name of each candidate that could be fitted to its mean log loss on later days, in nats; empty where
            the days were too few to choose.
    """

    chosen: C
    losses: dict[str, float]


def choose(unchanged: C, candidates: Mapping[str, Callable[[J], C]], judged: J, *, name: str = "none") -> Choice[C]:
    """Choose by log loss, a proper score, in the order of time.

    A calibration error cannot choose: it is 0 for probabilities that know nothing, and depends on its bins (Gneiting
    & Raftery 2007, "Strictly proper scoring rules, prediction, and estimation", JASA 102). Log loss on days that a
    candidate was not fitted to also charges it for what it can bend: none of them is taken for its freedom.

    Args:
        unchanged: The calibration that changes nothing.
        candidates: Name to how it is fitted.
        judged: Probabilities of days that nothing has learnt from, with what came of them.
        name: What `unchanged` is called.

    Returns:
        The choice; `unchanged` where there are fewer than `FEWEST_DAYS` days.
    """
    if len(np.unique(judged.days)) < FEWEST_DAYS:
        return Choice(unchanged, {})
    losses = {name: _later_loss(judged, lambda _: unchanged)}
    for candidate, fit in candidates.items():
        try:
            losses[candidate] = _later_loss(judged, fit)
        except DataError:
            # What cannot be fitted to a part of these days is not worth fitting to all of them.
            continue
    best = min(losses, key=lambda candidate: losses[candidate])
    return Choice(unchanged if best == name else candidates[best](judged), losses)


def _later_loss(judged: J, fit: Callable[[J], C]) -> float:
    """Mean loss of the parts that do not only teach, each under what was fitted to the parts before."""
    parts = np.array_split(np.unique(judged.days), PARTS)
    losses = []
    for part in parts[TEACHING:]:
        now = (judged.days >= part[0]) & (judged.days <= part[-1])
        losses.append(judged.take(now).losses(fit(judged.take(judged.days < part[0]))))
    return float(np.concatenate(losses).mean())
