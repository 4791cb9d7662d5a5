"""How good numbers and their intervals were: errors of the point, and whether the range held and was narrow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morningline.training.forecast import Forecast
    from morningline.training.grouped import Floats, Integers

RowLoss: TypeAlias = Literal["absolute", "squared", "pinball", "winkler"]


@dataclass(frozen=True)
class RegressionScores:
    """The numbers shown for one forecast; all in the unit of the target but where said.

    Args:
        mae: Mean absolute error of the point; the median makes it smallest.
        rmse: Root of the mean squared error of the point; the mean makes it smallest.
        mape: Mean absolute error as a share of the target, without unit, over the rows whose target is not 0; None
            where all are. Small targets rule it, and it favours points that are too low: it decides nothing here.
        mape_left_out: How many rows have a target of 0 and are not in `mape`.
        r2: 1 - Σ error² / Σ (target - mean target)², without unit; None where all targets are equal.
        pinball_low: Mean pinball loss of the lower end as a quantile; see `pinball_losses`.
        pinball_point: That of the point as the median: half of `mae`.
        pinball_high: That of the upper end.
        winkler: Mean interval score; see `interval_scores`.
        coverage: Share of rows whose interval holds the target.
        coverage_not_zero: The same of rows whose target is not 0, which zeros would hide; None where all are 0.
        width: Mean width of the interval.
        level: How often the interval should hold.
        rows: How many rows were scored.
    """

    mae: float
    rmse: float
    mape: float | None
    mape_left_out: int
    r2: float | None
    pinball_low: float
    pinball_point: float
    pinball_high: float
    winkler: float
    coverage: float
    coverage_not_zero: float | None
    width: float
    level: float
    rows: int


@dataclass(frozen=True)
class Coverage:
    """How the interval held on the rows of one label.

    Args:
        label: The entity, the month, or whatever rows were told apart by.
        coverage: Share of its rows whose interval holds the target.
        width: Mean width of the interval, in the unit of the target.
        rows: How many rows it has.
    """

    label: str
    coverage: float
    width: float
    rows: int


def score_forecast(forecast: Forecast, target: Floats) -> RegressionScores:
    """Score a forecast against what came.

    Args:
        forecast: Of rows that the model has not seen.
        target: Shape (rows,), finite.

    Returns:
        The scores.

    Raises:
        InputError: The targets are not one finite number for each row.
    """
    target = _checked(target, forecast.rows)
    low, middle, high = forecast.levels
    error, not_zero, held = np.abs(target - forecast.point), target != 0, forecast.covers(target)
    spread = float(((target - target.mean()) ** 2).sum())
    some = bool(not_zero.any())
    return RegressionScores(
        mae=float(error.mean()),
        rmse=float(np.sqrt((error**2).mean())),
        mape=float((error[not_zero] / np.abs(target[not_zero])).mean()) if some else None,
        mape_left_out=int((~not_zero).sum()),
        r2=1.0 - float((error**2).sum()) / spread if spread else None,
        pinball_low=float(pinball_losses(forecast.low, target, low).mean()),
        pinball_point=float(pinball_losses(forecast.point, target, middle).mean()),
        pinball_high=float(pinball_losses(forecast.high, target, high).mean()),
        winkler=float(interval_scores(forecast, target).mean()),
        coverage=float(held.mean()),
        coverage_not_zero=float(held[not_zero].mean()) if some else None,
        width=float((forecast.high - forecast.low).mean()),
        level=forecast.level,
        rows=forecast.rows,
    )


def pinball_losses(quantile: Floats, target: Floats, level: float) -> Floats:
    """The loss that a quantile of that level makes smallest: level · (y - q) above it, (1 - level) · (q - y) below.

    Koenker & Bassett (1978), "Regression quantiles", Econometrica 46.

    Args:
        quantile: Shape (rows,).
        target: Shape (rows,), finite.
        level: Within (0, 1).

    Returns:
        Shape (rows,), at least 0, in the unit of the target.

    Raises:
        InputError: The targets are not one finite number for each row, or the level is not within (0, 1).
    """
    quantile = np.asarray(quantile, dtype=np.float64)
    if not 0 < level < 1:
        raise InputError(f"The level is {level}.", allowed="a number within (0, 1)", do="Give 0.05 for p05.")
    above = _checked(target, len(quantile)) - quantile
    return np.maximum(level * above, (level - 1) * above)


def interval_scores(forecast: Forecast, target: Floats) -> Floats:
    """The width of each interval, and 2 / (1 - level) times how far outside it the target lies.

    It is smallest for the true quantiles, so an interval cannot gain by being too wide or too narrow: Winkler (1972),
    "A decision-theoretic approach to interval estimation", JASA 67; Gneiting & Raftery (2007), "Strictly proper
    scoring rules, prediction, and estimation", JASA 102, section 6.2.

    Args:
        forecast: What was said.
        target: What came, shape (rows,), finite.

    Returns:
        Shape (rows,), at least 0, in the unit of the target.

    Raises:
        InputError: The targets are not one finite number for each row.
    """
    target = _checked(target, forecast.rows)
    outside = np.maximum(forecast.low - target, 0.0) + np.maximum(target - forecast.high, 0.0)
    return np.asarray(forecast.high - forecast.low + 2.0 / (1.0 - forecast.level) * outside)


def row_losses(loss: RowLoss, forecast: Forecast, target: Floats) -> Floats:
    """One loss for each row, to be compared between models or given an interval.

    Args:
        loss: `absolute` or `squared` of the point, `winkler` of the interval, or `pinball`: the mean of the three
            quantiles', which judges all of a forecast at once.
        forecast: What was said.
        target: What came, shape (rows,), finite.

    Returns:
        Shape (rows,), at least 0.

    Raises:
        InputError: The targets are not one finite number for each row.
    """
    target = _checked(target, forecast.rows)
    if loss == "absolute":
        return np.asarray(np.abs(target - forecast.point))
    if loss == "squared":
        return np.asarray((target - forecast.point) ** 2)
    if loss == "winkler":
        return interval_scores(forecast, target)
    pairs = zip((forecast.low, forecast.point, forecast.high), forecast.levels, strict=True)
    return np.asarray(sum(pinball_losses(quantile, target, level) for quantile, level in pairs) / 3)


def coverage_by(forecast: Forecast, target: Floats, labels: Sequence[str] | Integers) -> list[Coverage]:
    """How the interval held for each entity, month or other label; the mean over all can hide that it fails for some.

    Args:
        forecast: What was said.
        target: What came, shape (rows,), finite.
        labels: Shape (rows,).

    Returns:
        One for each label, the least covered first.

    Raises:
        InputError: Targets or labels are not one for each row.
    """
    target = _checked(target, forecast.rows)
    if np.shape(labels) != target.shape:
        raise InputError(f"{np.shape(labels)} labels for {len(target)} rows.", allowed="one label for each row")
    different, place = np.unique(labels, return_inverse=True)
    rows = np.bincount(place)
    held = np.bincount(place, forecast.covers(target)) / rows
    width = np.bincount(place, forecast.high - forecast.low) / rows
    found = zip(different.tolist(), held.tolist(), width.tolist(), rows.tolist(), strict=True)
    return sorted((Coverage(str(label), *rest) for label, *rest in found), key=lambda each: (each.coverage, each.label))


def _checked(target: Floats, rows: int) -> Floats:
    target = np.asarray(target, dtype=np.float64)
    if target.shape != (rows,) or rows == 0 or not np.isfinite(target).all():
        raise InputError(
            f"Targets of shape {target.shape} were given for {rows} rows.",
            allowed="one finite number for each row, and at least one row",
            do="Take both from the same rows, after their days.",
        )
    return target
