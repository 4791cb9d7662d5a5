"""Puts features on one scale and says where they are missing, as learnt from the training events alone."""

import msgspec
import numpy as np

from morningline.training.grouped import Floats


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
    def fit(cls, features: Floats, indicator_from: float, indicator_to: float) -> "Standardiser":
        """Learn means, scales and which features deserve an indicator.

        Args:
            features: Training rows, shape (rows, n_features); NaN is missing.
            indicator_from: Least missing share, within [0, 1], for an indicator.
            indicator_to: Greatest missing share, within [0, 1], for an indicator.

        Returns:
            The fitted standardiser.
        """
        missing = np.isnan(features)
        known = np.maximum((~missing).sum(axis=0), 1)
        means = np.where(missing, 0.0, features).sum(axis=0) / known
        deviations = np.where(missing, 0.0, features - means)
        scales = np.sqrt((deviations**2).sum(axis=0) / known)
        # Rounding leaves a constant feature a spread of a few ulps, which must not be blown up to 1.
        constant = scales <= 1e-12 * np.abs(means)
        share = missing.mean(axis=0)
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

    def transform(self, features: Floats) -> Floats:
        """Standardise rows.

        Args:
            features: Shape (rows, n_features); NaN is missing.

        Returns:
            Shape (rows, n_features + indicators), without NaN. Indicators are standardised too, so that one
            penalty means the same for every column.
        """
        missing = np.isnan(features)
        known = np.where(missing, 0.0, (features - np.array(self.means)) / np.array(self.scales))
        shares = np.array(self.shares)
        indicators = (missing[:, list(self.indicated)] - shares) / np.sqrt(shares * (1 - shares))
        return np.ascontiguousarray(np.hstack([known, indicators]))
