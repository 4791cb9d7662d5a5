"""Puts features on one scale and says where they are missing, as learnt from the training events alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from morningline.training.grouped import Floats, Singles

_ROWS_AT_ONCE = 32_768


class Standardiser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Means and scales of the training rows, applied unchanged to every later row.

    A missing value becomes the training mean (0 after standardising), and an indicator column beside it lets
    the model learn what being missing means (Little & Rubin 2019, "Statistical Analysis with Missing Data",
    ch. 4, also on what this cannot repair).

    Args:
        means: Mean of each feature's known values; 0 where none is known.
        scales: Their standard deviation; 1 where the feature is constant.
        indicated: Which features (column numbers) have an indicator.
        shares: The missing share of each of those, within (0, 1).
    """

    means: tuple[float, ...]
    scales: tuple[float, ...]
    indicated: tuple[int, ...]
    shares: tuple[float, ...]

    @classmethod
    def fit(cls, features: Floats | Singles, indicator_from: float, indicator_to: float) -> Standardiser:
        """Learn means, scales and which features deserve an indicator.

        Args:
            features: Training rows, shape (rows, n_features); NaN is missing.
            indicator_from: Least missing share, within [0, 1], for an indicator.
            indicator_to: Greatest missing share, within [0, 1], for an indicator.

        Returns:
            The fitted standardiser.
        """
        known, total, squares = (np.zeros(features.shape[1]) for _ in range(3))
        for block in _blocks(features):
            known += (~np.isnan(block)).sum(axis=0)
            total += np.nansum(block, axis=0)
        share = 1 - known / max(len(features), 1)
        means = total / np.maximum(known, 1)
        for block in _blocks(features):
            squares += np.nansum((block - means) ** 2, axis=0)
        scales = np.sqrt(squares / np.maximum(known, 1))
        # Rounding leaves a constant feature a spread of a few ulps, which must not be blown up to 1.
        constant = scales <= 1e-12 * np.abs(means)
        varies = (share > 0) & (share < 1)
        indicated = np.flatnonzero(varies & (share >= indicator_from) & (share <= indicator_to))
        return cls(
            means=tuple(means.tolist()),
            scales=tuple(np.where(constant, 1.0, scales).tolist()),
            indicated=tuple(indicated.tolist()),
            shares=tuple(share[indicated].tolist()),
        )

    def columns(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Name the columns that `transform` makes of features called `names`."""
        return (*names, *(f"{names[column]} (missing)" for column in self.indicated))

    def transform(self, features: Floats | Singles) -> Floats | Singles:
        """Standardise rows.

        Args:
            features: Shape (rows, n_features); NaN is missing.

        Returns:
            Shape (rows, n_features + indicators), without NaN, in the features' precision. Indicators are
            standardised too, so that one penalty means the same for every column.
        """
        found = np.empty((len(features), features.shape[1] + len(self.indicated)), features.dtype)
        begin = 0
        for block in _blocks(features):
            found[begin : begin + len(block)] = self._transformed(block)
            begin += len(block)
        return found

    def weighted(self, features: Floats | Singles, weights: Floats) -> Floats:
        """Standardise rows, and sum each row's columns with weights: shape (rows,).

        A matrix product would add in an order that depends on the number of rows; a sum by row does not.
        """
        sums = [(self._transformed(block) * weights).sum(axis=1) for block in _blocks(features)]
        return np.concatenate(sums) if sums else np.empty(0)

    def _transformed(self, features: Floats) -> Floats:
        missing = np.isnan(features)
        known = np.where(missing, 0.0, (features - np.array(self.means)) / np.array(self.scales))
        shares = np.array(self.shares)
        indicators = (missing[:, list(self.indicated)] - shares) / np.sqrt(shares * (1 - shares))
        return np.ascontiguousarray(np.hstack([known, indicators]))


def _blocks(features: Floats | Singles) -> Iterator[Floats]:
    """Some rows at once in double precision, which bounds the memory."""
    for begin in range(0, len(features), _ROWS_AT_ONCE):
        yield features[begin : begin + _ROWS_AT_ONCE].astype(np.float64)
