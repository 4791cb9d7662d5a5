"""Calibration of chances that stand alone, such as whether an account trades tomorrow: they need not sum to one."""

from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import numpy as np

from morningline.kit.errors import InputError
from morningline.training.grouped import Flags, Floats, Integers
from morningline.training.models.choosing import Choice, choose
from morningline.training.models.likelihood import Likelihood
from morningline.training.models.monotone_curve import MonotoneCurve

# The logarithm of 0 is not finite; a chance of 10^-12 that came true costs 28 nats, which is enough.
_LEAST = 1e-12


@dataclass(frozen=True, eq=False)
class SaidAlone:
    """What a model said, and what came of it.

    Args:
        p: Shape (rows,), within [0, 1].
        came: Shape (rows,): 1.0 or 0.0.
        days: Shape (rows,): each row's local day, ordinal.
    """

    p: Floats
    came: Floats
    days: Integers

    def take(self, kept: Flags) -> "SaidAlone":
        """Some of the rows, by flags of shape (rows,)."""
        return SaidAlone(self.p[kept], self.came[kept], self.days[kept])

    def losses(self, calibration: "BinaryCalibration") -> Floats:
        """Log loss of each row under a calibration, shape (rows,)."""
        q = _open(calibration.predict(self.p))
        return -np.log(np.where(self.came == 1.0, q, 1.0 - q))


class AsSaid(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="none"):
    """Leaves probabilities as they are."""

    def predict(self, p: Floats) -> Floats:
        """Return what was given."""
        return np.asarray(p, dtype=np.float64)


class Logistic(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="logistic"):
    """logit q = a ln p - b ln(1 - p) + c: Platt's scaling where a = b, else beta calibration.

    Platt (1999), "Probabilistic outputs for support vector machines", in Advances in Large Margin Classifiers, here of
    the logit; Kull, Silva Filho & Flach (2017), "Beyond sigmoids", Electronic J. of Statistics 11.

    Args:
        a: At least 0.
        b: At least 0.
        c: The constant.
    """

    a: float
    b: float
    c: float

    def __post_init__(self) -> None:
        if not (0 <= self.a < np.inf and 0 <= self.b < np.inf and np.isfinite(self.c)):
            raise InputError(
                f"The slopes are {self.a} and {self.b}, the constant is {self.c}.",
                allowed="finite numbers, slopes of 0 or more, which keep the order",
                do="Fit the calibration, or read a stored one.",
            )

    @classmethod
    def platt(cls, said: SaidAlone) -> "Logistic":
        """Fit one slope and the constant; raises `DataError` if the probabilities tell every outcome."""
        slope, constant = _weights(_columns(said.p).sum(axis=1, keepdims=True), said.came)
        return cls(a=slope, b=slope, c=constant) if slope >= 0 else cls._constant(said)

    @classmethod
    def beta(cls, said: SaidAlone) -> "Logistic":
        """Fit both slopes and the constant; raises `DataError` if the probabilities tell every outcome."""
        columns = _columns(said.p)
        a, b, c = _weights(columns, said.came)
        if min(a, b) >= 0:
            return cls(a=a, b=b, c=c)
        kept = 0 if b < 0 else 1
        slope, constant = _weights(columns[:, [kept]], said.came)
        if slope < 0:
            return cls._constant(said)
        return cls(a=slope * (1 - kept), b=slope * kept, c=constant)

    @classmethod
    def _constant(cls, said: SaidAlone) -> "Logistic":
        return cls(a=0.0, b=0.0, c=_weights(np.zeros((len(said.p), 0)), said.came)[0])

    def predict(self, p: Floats) -> Floats:
        """Return q of each row, shape (rows,)."""
        from scipy.special import expit

        return np.asarray(expit(_columns(p) @ np.array([self.a, self.b]) + self.c))


class Rising(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="isotonic"):
    """A rising curve; see `MonotoneCurve`.

    Args:
        curve: From what was said to what came.
    """

    curve: MonotoneCurve

    @classmethod
    def fit(cls, said: SaidAlone) -> "Rising":
        """Fit the curve; raises `DataError` if none came true, or all."""
        return cls(curve=MonotoneCurve.fit(said.p, said.came))

    def predict(self, p: Floats) -> Floats:
        """Return q of each row, shape (rows,)."""
        return self.curve.values(p)


BinaryCalibration: TypeAlias = AsSaid | Logistic | Rising
"""A map of p to q that rises; `predict(p)` applies it."""


def calibrate_alone(said: SaidAlone) -> Choice[BinaryCalibration]:
    """Choose a calibration by the log loss it has on later days; see `choosing.choose`.

    Args:
        said: Rows that the model has not learnt from.
    """
    return choose(AsSaid(), {"platt": Logistic.platt, "beta": Logistic.beta, "isotonic": Rising.fit}, said)


def binary_calibration_to_json(calibration: BinaryCalibration) -> str:
    """Return a calibration as JSON that reads back to the same bits."""
    return msgspec.json.encode(calibration).decode()


def binary_calibration_from_json(text: str) -> BinaryCalibration:
    """Read what `binary_calibration_to_json` wrote.

    Raises:
        InputError: If the text is not a calibration.
    """
    try:
        found: BinaryCalibration = msgspec.json.decode(text, type=BinaryCalibration)
    except (msgspec.MsgspecError, InputError) as error:
        raise InputError(
            f"The text is not a stored calibration: {error}.",
            allowed='JSON such as {"kind":"logistic","a":0.9,"b":0.9,"c":0.1}',
            do="Read the file that `binary_calibration_to_json` wrote.",
        ) from error
    return found


def _open(p: Floats) -> Floats:
    return np.clip(p, _LEAST, 1.0 - _LEAST)


def _columns(p: Floats) -> Floats:
    """Ln p and -ln(1 - p), shape (rows, 2)."""
    inside = _open(np.asarray(p, dtype=np.float64))
    return np.column_stack([np.log(inside), -np.log1p(-inside)])


def _weights(columns: Floats, came: Floats) -> tuple[float, ...]:
    """Logistic regression with a constant: each row is an event in which what comes true beats what does not."""
    design = np.column_stack([columns, np.ones(len(columns))])
    pairs = np.zeros((2 * len(design), design.shape[1]))
    pairs[::2] = design
    won = np.column_stack([came, 1.0 - came]).ravel()
    return tuple(Likelihood(pairs, np.arange(0, len(pairs) + 1, 2), won).maximise().weights.tolist())
