"""Observations: rows with their features and what came of them, ready for a binary or regression model."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from morningline.kit.errors import DataError, InputError
from morningline.training.feature_table import check_finite, check_table, require_same

if TYPE_CHECKING:
    from morningline.training.grouped import Flags, Floats, Integers, Singles


@dataclass(frozen=True, eq=False)
class Observations:
    """Each row stands for itself: one entity on one local day, such as an account and its day.

    Args:
        features: Shape (rows, n_features), float32 or float64; NaN is missing.
        names: The features' names, in the order of the columns.
        target: Shape (rows,), float64, in the task's unit; 1.0 or 0.0 of a binary task; all NaN while nothing
            has come of the rows.
        days: Shape (rows,), int64: `date.toordinal()` of the row's local day.
        entities: Whose row each is; rows of one entity are not independent.
        row_ids: One different id for each row.

    Raises:
        InputError: If shapes, names or ids contradict each other.
        DataError: If a feature or target is not a possible value.

    Example:
        >>> rows = Observations(
        ...     features=[[1.0], [0.5]], names=("balance",), target=[3.0, -1.0], days=[738000, 738001],
        ...     entities=("a", "a"), row_ids=("a1", "a2"),
        ... )
        >>> rows.take_rows(rows.days > 738000).target.tolist()
        [-1.0]
    """

    features: Floats | Singles
    names: tuple[str, ...]
    target: Floats
    days: Integers
    entities: tuple[str, ...]
    row_ids: tuple[str, ...]

    def __post_init__(self) -> None:
        # Row-contiguous floats are what makes a row's prediction the same bits in any company.
        precision = np.float32 if getattr(self.features, "dtype", None) == np.float32 else np.float64
        self._become("features", np.ascontiguousarray(self.features, dtype=precision))
        self._become("target", np.ascontiguousarray(self.target, dtype=np.float64))
        self._become("days", np.asarray(self.days))
        for field in ("names", "entities", "row_ids"):
            self._become(field, tuple(map(str, getattr(self, field))))
        self._check_shapes()
        self._check_values()
        self._become("days", self.days.astype(np.int64))

    def _become(self, field: str, value: object) -> None:
        object.__setattr__(self, field, value)

    def _check_shapes(self) -> None:
        check_table(self.features, self.names)
        rows = len(self.features)
        if rows == 0:
            raise InputError("There are no rows.", allowed="at least one row", do="Take a longer period.")
        for field in ("target", "days", "entities", "row_ids"):
            if np.shape(getattr(self, field)) != (rows,):
                raise InputError(
                    f"`{field}` has shape {np.shape(getattr(self, field))}.",
                    allowed=f"one value for each of the {rows} rows",
                    do=f"Build `{field}` from the same table as the features.",
                )
        if len(set(self.row_ids)) != rows:
            raise InputError(
                f"{rows} rows have {len(set(self.row_ids))} different ids.",
                allowed="one different id for each row",
                do="Check that no row appears twice.",
            )
        if not np.issubdtype(self.days.dtype, np.integer):
            raise InputError(
                f"`days` has dtype {self.days.dtype}.", allowed="integers", do="Give days as `date.toordinal()`."
            )

    def _check_values(self) -> None:
        check_finite(self.features, self.names)
        wrong = ~np.isfinite(self.target)
        if wrong.any() and not np.isnan(self.target).all():
            raise DataError(
                f"The target of row {self.row_ids[int(np.flatnonzero(wrong)[0])]} is {self.target[wrong][0]}.",
                allowed="a finite number for every row, or NaN for all while nothing has come of them",
                do="Leave out rows whose target is unknown; a missing day is not a zero.",
            )

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.features)

    @property
    def known(self) -> bool:
        """Whether the targets are known."""
        return not bool(np.isnan(self.target[0]))

    def take_rows(self, mask: Flags) -> Observations:
        """Keep some rows, in their order.

        Args:
            mask: Shape (rows,), bool: which rows to keep.

        Returns:
            New observations that share no array with these.

        Raises:
            InputError: If the mask is not one flag for each row or keeps none.
        """
        mask = np.asarray(mask)
        if mask.shape != (self.rows,) or mask.dtype != np.bool_ or not mask.any():
            raise InputError(
                f"The mask of rows has shape {mask.shape}, dtype {mask.dtype} and keeps {int(mask.sum())}.",
                allowed=f"{self.rows} true-or-false flags of which at least one is true",
                do="Make the mask from the `days`, `entities` or `row_ids` of these observations.",
            )
        kept = np.flatnonzero(mask).tolist()
        return Observations(
            features=self.features[mask],
            names=self.names,
            target=self.target[mask],
            days=self.days[mask],
            entities=tuple(self.entities[row] for row in kept),
            row_ids=tuple(self.row_ids[row] for row in kept),
        )

    def split_days(self, last_share: float) -> tuple[Observations, Observations]:
        """The rows of the earlier days and those of the last ones; no day is in both.

        Args:
            last_share: Share of the days, not of the rows, that are the last ones, within (0, 1).

        Raises:
            DataError: If all rows lie on one day, or the share is not within (0, 1).
        """
        days = np.unique(self.days)
        if len(days) < 2 or not 0 < last_share < 1:
            raise DataError(
                f"{self.rows} rows on {len(days)} days cannot be cut with {last_share} of the days at the end.",
                allowed="rows on two days or more, and a share within (0, 1)",
                do="Train over a longer period.",
            )
        first = days[min(max(int(len(days) * (1 - last_share)), 1), len(days) - 1)]
        return self.take_rows(self.days < first), self.take_rows(self.days >= first)

    def require_names(self, names: tuple[str, ...]) -> None:
        """Make sure that the features are exactly those a model was trained on.

        Args:
            names: The model's features in the order of its columns.

        Raises:
            InputError: If a feature is absent, unknown or stands elsewhere.
        """
        require_same(self.names, names)

    def require_target(self, *, binary: bool = False) -> None:
        """Make sure that there is something to learn from or to judge by.

        Args:
            binary: Whether only 1.0 and 0.0 are targets.

        Raises:
            DataError: If the targets are unknown, or are not those of a binary task.
        """
        if not self.known:
            raise DataError(
                f"The targets of {self.rows} rows are unknown.",
                allowed="rows of days that are over",
                do="Wait for what comes of them, or end the period earlier.",
            )
        wrong = (self.target != 0.0) & (self.target != 1.0)
        if binary and wrong.any():
            raise DataError(
                f"The target of row {self.row_ids[int(np.flatnonzero(wrong)[0])]} is {self.target[wrong][0]}.",
                allowed="1.0 where it happened, 0.0 where it did not",
                do="Use a model of kind `regression` for amounts.",
            )

    def fingerprint(self) -> str:
        """SHA-256 over every bit of the rows, hexadecimal."""
        digest = sha256("\x1f".join((*self.names, *self.row_ids, *self.entities)).encode())
        for part in (self.features, self.target, self.days):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()
