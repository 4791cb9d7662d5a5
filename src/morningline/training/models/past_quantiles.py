"""The past as it is: the same quantiles for every row, which is what an interval has to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from morningline.kit.errors import InputError
from morningline.training.forecast import Forecast, levels_of
from morningline.training.models.learner import file_of
from morningline.training.models.tree_parameters import Share  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.training.models.learner import Fitting, Range
    from morningline.training.observations import Observations


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be chosen.

    Args:
        level: How often its interval should hold.
    """

    level: Share = 0.9


class PastQuantiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Quantiles of the targets of the past.

    Args:
        names: The features of the fit, which it does not look at.
        values: Low end, median and high end, in the unit of the target.
        level: How often the interval should hold.
    """

    names: tuple[str, ...]
    values: tuple[float, float, float]
    level: float

    def predict(self, rows: Observations) -> Forecast:
        """The same of each row."""
        rows.require_names(self.names)
        low, point, high = (np.full(rows.rows, value) for value in self.values)
        return Forecast(point, low, high, self.level)

    def importance(self) -> dict[str, float]:
        """Nothing: it looks at no feature."""
        return {}

    def files(self) -> dict[str, str]:
        """The model as text, by file name."""
        return {"past_quantiles.json": msgspec.json.encode(self).decode()}


class PastQuantilesLearner:
    """Sorts."""

    kind: Literal["regression"] = "regression"
    parameters = Parameters
    space: Mapping[str, Range] = {}

    def fit(self, train: Observations, parameters: Parameters, fitting: Fitting) -> PastQuantiles:  # noqa: ARG002 - the Protocol's
        """Take the quantiles of all rows."""
        train.require_target()
        low, point, high = np.quantile(train.target, levels_of(parameters.level)).tolist()
        return PastQuantiles(train.names, (low, point, high), parameters.level)

    def read(self, files: Mapping[str, str], *, threads: int) -> PastQuantiles:  # noqa: ARG002 - the Protocol's
        """Read what `files` wrote."""
        try:
            return msgspec.json.decode(file_of(files, "past_quantiles.json"), type=PastQuantiles)
        except msgspec.MsgspecError as error:
            raise InputError(f"The file is not stored quantiles: {error}.") from error


learner = PastQuantilesLearner()
