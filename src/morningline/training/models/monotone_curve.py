"""A rising curve from what was said to what came: isotonic regression, made continuous."""

import msgspec
import numpy as np

from morningline.kit.errors import DataError, InputError
from morningline.training.grouped import Floats, Integers


class MonotoneCurve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A curve through (0, 0), some points and (1, 1) that rises everywhere; straight between the points.

    The points are the blocks of isotonic regression (Ayer, Brunk, Ewing, Reid & Silverman 1955, "An empirical
    distribution function for sampling with incomplete information", Ann. Math. Stat. 26), each at its mean: centred
    isotonic regression (Oron & Flournoy 2017, "Centered isotonic regression", Stat. Biopharm. Res. 9). A plain one
    is flat within a block, and would take away the order of the entrants in it.

    Args:
        said: Probabilities that were said, rising strictly within (0, 1).
        came: Share of them that came true, rising strictly within (0, 1).

    Raises:
        InputError: If the points are not such.

    Example:
        >>> MonotoneCurve(said=(0.5,), came=(0.4,)).values([0.0, 0.25, 0.5, 1.0]).tolist()
        [0.0, 0.2, 0.4, 1.0]
    """

    said: tuple[float, ...]
    came: tuple[float, ...]

    def __post_init__(self) -> None:
        ends = [np.diff((0.0, *points, 1.0)).min() for points in (self.said, self.came)]
        if len(self.said) != len(self.came) or not min(ends) > 0:
            raise InputError(
                f"A curve cannot rise through {self.said} and {self.came}.",
                allowed="as many numbers of each, rising strictly within (0, 1)",
            )

    @classmethod
    def fit(cls, p: Floats, came: Floats) -> "MonotoneCurve":
        """Find the rising curve of least squared error, which is also that of greatest likelihood.

        Args:
            p: What was said, shape (rows,), within [0, 1]; rows at an end, which the curve keeps, are left out.
            came: What came of it, shape (rows,): 1.0 or 0.0.

        Returns:
            The curve. A lowest block that never came true is joined with the next, and a highest that always did
            with the one before: no finite number of rows shows that something is impossible or certain.

        Raises:
            DataError: If none came true, or all.
        """
        from scipy.optimize import isotonic_regression

        open_to_doubt = (p > 0.0) & (p < 1.0)
        p, came = p[open_to_doubt], came[open_to_doubt]
        if not 0.0 < came.sum() < came.size:
            raise DataError(
                f"{int(came.sum())} of {came.size} came true, so nothing shows how often one does.",
                allowed="rows that came true and rows that did not",
                do="Calibrate on a longer period.",
            )
        values, place = np.unique(p, return_inverse=True)
        rows = np.bincount(place).astype(np.float64)
        true = np.bincount(place, came)
        first = isotonic_regression(true / rows, weights=rows).blocks[:-1]
        first = _joined(first, np.add.reduceat(true, first) / np.add.reduceat(rows, first))
        total = np.add.reduceat(rows, first)
        said = np.add.reduceat(values * rows, first) / total
        shares = np.add.reduceat(true, first) / total
        return cls(said=tuple(said.tolist()), came=tuple(shares.tolist()))

    def values(self, p: Floats) -> Floats:
        """What comes of probabilities of shape (rows,): rising in p, 0 at 0 and 1 at 1."""
        return np.interp(p, (0.0, *self.said, 1.0), (0.0, *self.came, 1.0))


def _joined(first: Integers, shares: Floats) -> Integers:
    """First value of each block, with blocks of one share joined, and those of share 0 or 1 with their neighbour."""
    kept = np.diff(shares, prepend=-1.0) > 0
    first, shares = first[kept], shares[kept]
    inner = np.ones(len(first), dtype=bool)
    if shares[0] == 0.0:
        inner[1] = False
    if shares[-1] == 1.0:
        inner[-1] = False
    return first[inner]
