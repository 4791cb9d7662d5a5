"""The table of features that a model sees: what must hold of it, whatever its rows are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from morningline.kit.errors import DataError, InputError

if TYPE_CHECKING:
    from morningline.training.grouped import Floats, Singles

_ROWS_AT_ONCE = 8192


def check_table(features: Floats | Singles, names: tuple[str, ...]) -> None:
    """Make sure that features are a table whose columns have names.

    Args:
        features: Shape (rows, n_features).
        names: One different name for each column.

    Raises:
        InputError: If they are not.
    """
    if features.ndim != 2:
        raise InputError(
            f"The features have shape {features.shape}.",
            allowed="a table of (rows, n_features)",
            do="Give one line for each row and one column for each feature.",
        )
    columns = features.shape[1]
    if len(names) != columns or len(set(names)) != columns:
        raise InputError(
            f"{columns} features have {len(names)} names ({len(set(names))} different).",
            allowed="one different name for each column",
            do="Take the names from the feature set that made the columns.",
        )


def check_finite(features: Floats | Singles, names: tuple[str, ...]) -> None:
    """Make sure that every value is a number or missing; raises `DataError`."""
    # Some rows at a time, for a mask of the whole table would take a quarter of its memory.
    for first in range(0, len(features), _ROWS_AT_ONCE):
        infinite = np.isinf(features[first : first + _ROWS_AT_ONCE]).any(axis=0)
        if not infinite.any():
            continue
        raise DataError(
            f"Feature {names[int(infinite.argmax())]!r} holds an infinite value.",
            allowed="finite numbers, or NaN where the value is missing",
            do="Repair the feature's definition; a division by zero is a missing value.",
        )


def require_same(given: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    """Make sure that features are exactly those a model was trained on.

    Args:
        given: The names of the columns at hand, in their order.
        wanted: The model's, in the order of its columns.

    Raises:
        InputError: If a feature is absent, unknown or stands elsewhere.
    """
    if given == wanted:
        return
    absent, unknown = sorted(set(wanted) - set(given)), sorted(set(given) - set(wanted))
    raise InputError(
        f"The features are not the model's: absent {absent}, unknown {unknown}"
        + ("; the order differs." if not absent and not unknown else "."),
        allowed=f"the model's {len(wanted)} features in its order",
        do="Take them from the feature version the model was trained on.",
    )
