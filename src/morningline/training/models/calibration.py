"""Calibration within events: probabilities bent until they come true as often as they say, and sum to one again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import numpy as np

from morningline.kit.errors import InputError
from morningline.training.grouped import Flags, Floats, Integers, group_log_softmax
from morningline.training.models.choosing import Choice, choose
from morningline.training.models.likelihood import Likelihood
from morningline.training.models.monotone_curve import MonotoneCurve


@dataclass(frozen=True, eq=False)
class Said:
    """What a model said of events that are over, and who won.

    Args:
        log_p: Ln p of each row, shape (rows,), normalised within its event.
        starts: Offsets of the events, shape (events + 1,).
        won: Shape (rows,): 1.0 for the winner of each event, else 0.0.
        days: Shape (events,): each event's local day, ordinal.
    """

    log_p: Floats
    starts: Integers
    won: Floats
    days: Integers

    def take(self, kept: Flags) -> "Said":
        """Some of the events, by flags of shape (events,)."""
        sizes = np.diff(self.starts)
        rows = np.repeat(kept, sizes)
        starts = np.concatenate([[0], np.cumsum(sizes[kept])])
        return Said(self.log_p[rows], starts, self.won[rows], self.days[kept])

    @staticmethod
    def joined(parts: Sequence["Said"]) -> "Said":
        """The events of several periods in a row."""
        rows = np.cumsum([0, *(len(part.log_p) for part in parts)])
        starts = [part.starts[1:] + before for part, before in zip(parts, rows, strict=False)]
        return Said(
            np.concatenate([part.log_p for part in parts]),
            np.concatenate([[0], *starts]),
            np.concatenate([part.won for part in parts]),
            np.concatenate([part.days for part in parts]),
        )

    def losses(self, calibration: "Calibration") -> Floats:
        """-ln p of each winner under a calibration, shape (events,)."""
        log_q = calibration.log_scores(self.log_p, self.starts)
        return np.asarray(-log_q[self.won == 1.0])


class Unchanged(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="none"):
    """Leaves probabilities as they are."""

    def log_scores(self, log_p: Floats, starts: Integers) -> Floats:  # noqa: ARG002 - every calibration's arguments
        """Return what was given."""
        return log_p


class Temperature(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="temperature"):
    """q ∝ p^exponent within the event: below 1 flattens, above 1 sharpens.

    Guo, Pleiss, Sun & Weinberger (2017), "On calibration of modern neural networks", ICML.

    Args:
        exponent: At least 0, so that the order of the entrants stays.
    """

    exponent: float

    def __post_init__(self) -> None:
        _require_not_negative(self.exponent)

    @classmethod
    def fit(cls, said: Said) -> "Temperature":
        """Fit by maximum likelihood; raises `DataError` if the probabilities tell every winner."""
        best = Likelihood(said.log_p[:, None], said.starts, said.won).maximise()
        return cls(exponent=max(float(best.weights[0]), 0.0))

    def log_scores(self, log_p: Floats, starts: Integers) -> Floats:
        """Return ln q of each row, shape (rows,)."""
        return group_log_softmax(self.exponent * log_p, starts)


class Bent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="bent"):
    """Ln q = slope · ln p - bend · (ln p)², normalised within the event: the smaller a chance, the steeper.

    A softmax gives long shots the heavy tail of Gumbel noise. Where form varies more like a normal variable (Henery
    1981, "Permutation probabilities as models for horse races", J. R. Stat. Soc. B 43), they win less often than it
    says, and ln p has to fall faster than in proportion. Beta calibration (Kull, Silva Filho & Flach 2017) cannot say
    that: within an event its second exponent bends favourites only.

    Args:
        slope: Exponent of what is almost certain, at least 0.
        bend: How much steeper small chances are, at least 0; together they keep the order of the entrants.
    """

    slope: float
    bend: float

    def __post_init__(self) -> None:
        _require_not_negative(self.slope, self.bend)

    @classmethod
    def fit(cls, said: Said) -> "Bent":
        """Fit by maximum likelihood; raises `DataError` if the probabilities tell every winner."""
        columns = _with_squares(said.log_p)
        slope, bend = Likelihood(columns, said.starts, said.won).maximise().weights
        if bend < 0:
            return cls(slope=Temperature.fit(said).exponent, bend=0.0)
        if slope < 0:
            only = Likelihood(columns[:, 1:], said.starts, said.won).maximise()
            return cls(slope=0.0, bend=max(float(only.weights[0]), 0.0))
        return cls(slope=float(slope), bend=float(bend))

    def log_scores(self, log_p: Floats, starts: Integers) -> Floats:
        """Return ln q of each row, shape (rows,)."""
        return group_log_softmax((_with_squares(log_p) * np.array([self.slope, self.bend])).sum(axis=1), starts)


class Isotonic(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="isotonic"):
    """A rising curve fitted to all rows alike, then made to sum to one within the event.

    Zadrozny & Elkan (2002), "Transforming classifier scores into accurate multiclass probability estimates", KDD.

    Args:
        curve: From what was said to what came.
    """

    curve: MonotoneCurve

    @classmethod
    def fit(cls, said: Said) -> "Isotonic":
        """Fit the curve; raises `DataError` if all probabilities are 0 or 1."""
        return cls(curve=MonotoneCurve.fit(np.exp(said.log_p), said.won))

    def log_scores(self, log_p: Floats, starts: Integers) -> Floats:
        """Return ln q of each row, shape (rows,)."""
        # What is too small for a number keeps its place at the foot of the curve.
        p = np.maximum(np.exp(log_p), np.finfo(np.float64).tiny)
        return group_log_softmax(np.log(self.curve.values(p)), starts)


Calibration: TypeAlias = Unchanged | Temperature | Bent | Isotonic
"""A map of ln p to ln q, rising within each event; `log_scores(log_p, starts)` applies it."""


def calibrate(said: Said) -> Choice[Calibration]:
    """Choose a calibration by the winner log loss it has on later days; see `choosing.choose`.

    Args:
        said: Of events that the model has not learnt from.
    """
    return choose(Unchanged(), {"temperature": Temperature.fit, "bent": Bent.fit, "isotonic": Isotonic.fit}, said)


def kind_of(calibration: Calibration) -> str:
    """What a calibration is called: none, temperature, bent or isotonic."""
    return str(calibration.__struct_config__.tag)


def calibration_to_json(calibration: Calibration) -> str:
    """Return a calibration as JSON that reads back to the same bits."""
    return msgspec.json.encode(calibration).decode()


def calibration_from_json(text: str) -> Calibration:
    """Read what `calibration_to_json` wrote.

    Raises:
        InputError: If the text is not a calibration.
    """
    try:
        found: Calibration = msgspec.json.decode(text, type=Calibration)
    except (msgspec.MsgspecError, InputError) as error:
        raise InputError(
            f"The text is not a stored calibration: {error}.",
            allowed='JSON such as {"kind":"temperature","exponent":0.97}',
            do="Read the file that `calibration_to_json` wrote.",
        ) from error
    return found


def _require_not_negative(*exponents: float) -> None:
    if not all(0.0 <= exponent < np.inf for exponent in exponents):
        raise InputError(
            f"The exponents are {exponents}.",
            allowed="finite numbers of 0 or more, which keep the order within an event",
            do="Fit the calibration, or read a stored one.",
        )


def _with_squares(log_p: Floats) -> Floats:
    """Ln p and -(ln p)², shape (rows, 2)."""
    return np.column_stack([log_p, -(log_p**2)])
