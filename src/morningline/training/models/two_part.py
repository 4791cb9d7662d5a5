"""Will it happen, and how much is it then: two models and their mixture, for targets with many zeros."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from morningline.kit.errors import DataError, InputError
from morningline.training.forecast import Forecast, levels_of
from morningline.training.models.binary_trees import logistic
from morningline.training.models.conformal import SplitConformal
from morningline.training.models.gradient_trees import LOGISTIC, SQUARED, GradientTrees, grow_tuned
from morningline.training.models.learner import file_of
from morningline.training.models.quantiles import QuantileTrees, grow_quantiles, mean_importance
from morningline.training.models.scaled_trees import BOOSTER_SPACE
from morningline.training.models.tree_parameters import IntervalTreeParameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.training.grouped import Floats
    from morningline.training.models.learner import Fitting, Range
    from morningline.training.observations import Observations

# Between the ends of the interval; the quantile function of the amount is straight between neighbours.
_INNER_LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
_ROUNDING = 1e-9


class Parameters(IntervalTreeParameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of the trees of all parts.

    Args:
        point: `median` of the mixture, which is 0 where most such rows are; or its `mean`: probability times mean
            amount, which is what totals are made of. It widens an interval that does not hold it.
    """

    point: Literal["median", "mean"] = "median"


class Mixture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the mixture is besides its trees.

    Args:
        conformal: The margin of its interval.
        point: Of the parameters.
        never_negative: Whether no target of the fit was below zero, so that no low end is.
    """

    conformal: SplitConformal
    point: Literal["median", "mean"]
    never_negative: bool


def mixture_quantile(level: float, happens: Floats, levels: tuple[float, ...], amounts: Floats) -> Floats:
    """The quantile of a number that is 0 unless something happens, and then has known quantiles.

    With π the probability that it happens and Q the quantile function of the amount then, the quantile at τ is
    Q(τ / π) where that is below zero, Q((τ - 1 + π) / π) where that is above zero, and 0 otherwise: the number nearest
    to 0 between the two. Levels beyond (0, 1) stand for minus and plus infinity. On two-part models: Duan, Manning,
    Morris & Newhouse (1983), "A comparison of alternative models for the demand for medical care", J. Business &
    Economic Statistics 1.

    Args:
        level: τ, within (0, 1).
        happens: π of each row, shape (rows,), within [0, 1].
        levels: Where Q is known, rising; beyond them it is taken for flat, which no τ of `levels` needs unless the
            amount has both signs.
        amounts: Q there, shape (rows, levels), not falling along a row.

    Returns:
        Shape (rows,), not falling in τ.
    """
    happens = np.maximum(happens, 1e-300)
    above, below = (level - 1.0 + happens) / happens, level / happens
    # Where τ is 1 - π to a computer too, what is left after rounding must not count as above it.
    least = np.where(above <= _ROUNDING, -np.inf, _interpolated(above, levels, amounts))
    most = np.where(below >= 1 - _ROUNDING, np.inf, _interpolated(below, levels, amounts))
    return np.minimum(np.maximum(0.0, least), np.maximum(least, most))


def _interpolated(wanted: Floats, levels: tuple[float, ...], amounts: Floats) -> Floats:
    """Each row's quantile at its own level, straight between the known ones and flat beyond them."""
    known = np.array(levels)
    left = np.clip(np.searchsorted(known, wanted, side="right") - 1, 0, len(known) - 2)
    share = np.clip((wanted - known[left]) / (known[left + 1] - known[left]), 0.0, 1.0)
    rows = np.arange(len(amounts))
    return np.asarray((1.0 - share) * amounts[rows, left] + share * amounts[rows, left + 1])


@dataclass(frozen=True, eq=False)
class TwoPartModel:
    """A fitted mixture.

    Attributes:
        happens: Trees whose number is the logit of a target that is not zero.
        amounts: Quantiles of such targets.
        mean_amount: Their mean; None where the point is the median.
        mixture: The rest.
    """

    happens: GradientTrees
    amounts: QuantileTrees
    mean_amount: GradientTrees | None
    mixture: Mixture

    def predict(self, rows: Observations) -> Forecast:
        """The point and the interval of each row."""
        forecast = self.mixture.conformal.apply(self.unwidened(rows))
        if not self.mixture.never_negative:
            return forecast
        return replace(forecast, low=np.maximum(forecast.low, np.minimum(0.0, forecast.point)))

    def unwidened(self, rows: Observations) -> Forecast:
        """The same without the margin."""
        happens, amounts = logistic(self.happens.values(rows)), self.amounts.values(rows)
        level = self.mixture.conformal.level
        low, point, high = (mixture_quantile(each, happens, self.amounts.levels, amounts) for each in levels_of(level))
        if self.mean_amount is not None:
            point = happens * self.mean_amount.values(rows)
        return Forecast(point, np.minimum(low, point), np.maximum(high, point), level)

    def importance(self) -> dict[str, float]:
        """Each feature's share of the gain, half from whether and half from how much, largest first."""
        return mean_importance([self.happens.importance(), self.amounts.importance()])

    def files(self) -> dict[str, str]:
        """The model as texts, by file name."""
        mean = {} if self.mean_amount is None else {"mean_amount.txt": self.mean_amount.text}
        mixture = msgspec.json.encode(self.mixture).decode()
        return {"happens.txt": self.happens.text, **self.amounts.files(), **mean, "mixture.json": mixture}


class TwoPartLearner:
    """Fits both parts on the earlier days and the margin on the last ones, which the trees never see.

    An interval that ends at 0, where many targets lie, holds more often than its level: from p05 to p95 of amounts that
    are never negative is 95 %, as nothing lies below.
    """

    kind: Literal["regression"] = "regression"
    parameters = Parameters
    space: Mapping[str, Range] = BOOSTER_SPACE

    def fit(self, train: Observations, parameters: Parameters, fitting: Fitting) -> TwoPartModel:
        """Fit both parts and the margin."""
        train.require_target()
        seen, held_back = train.split_days(parameters.held_back_share)
        some = _not_zero(seen)
        growth = parameters.growth(fitting)
        whether = replace(seen, target=(seen.target != 0).astype(np.float64))
        happens = grow_tuned(whether, LOGISTIC, growth, fitting.part(0.0, 0.2, "happens"))
        amounts = grow_quantiles(some, amount_levels(parameters.level), growth, fitting.part(0.2, 0.9, "amounts"))
        rest = fitting.part(0.9, 0.95, "mean")
        mean = grow_tuned(some, SQUARED, growth, rest) if parameters.point == "mean" else None
        fitting.progress("Fitting the interval on held-back days", 0.95)
        # Without a margin yet: this one changes nothing.
        bare = Mixture(SplitConformal(parameters.level, 0.0, 0), parameters.point, bool((train.target >= 0).all()))
        model = TwoPartModel(happens, amounts, mean, bare)
        margin = SplitConformal.fit(model.predict(held_back), held_back.target)
        return replace(model, mixture=msgspec.structs.replace(bare, conformal=margin))

    def read(self, files: Mapping[str, str], *, threads: int) -> TwoPartModel:
        """Read what `files` wrote."""
        try:
            mixture = msgspec.json.decode(file_of(files, "mixture.json"), type=Mixture)
        except msgspec.MsgspecError as error:
            raise InputError(f"The file is not a stored mixture: {error}.") from error
        mean = file_of(files, "mean_amount.txt") if mixture.point == "mean" else None
        return TwoPartModel(
            GradientTrees.from_text(file_of(files, "happens.txt"), threads=threads),
            QuantileTrees.read(files, amount_levels(mixture.conformal.level), threads=threads),
            None if mean is None else GradientTrees.from_text(mean, threads=threads),
            mixture,
        )


def amount_levels(level: float) -> tuple[float, ...]:
    """Where the quantiles of the amount are grown for an interval of that level."""
    low, _, high = levels_of(level)
    return (low, *(each for each in _INNER_LEVELS if low < each < high), high)


def _not_zero(train: Observations) -> Observations:
    some = train.target != 0
    if not some.any() or some.all():
        raise DataError(
            f"{int(some.sum())} of {train.rows} targets are not zero.",
            allowed="some that are zero and some that are not",
            do="Use `quantile_trees` for targets that are never zero.",
        )
    return train.take_rows(some)


learner = TwoPartLearner()
