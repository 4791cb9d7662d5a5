"""What any regression model has to beat: nothing, the mean, the last value, and the value of a season ago."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import numpy as np
import polars as pl

from morningline.kit.errors import InputError
from morningline.training.forecast import Forecast
from morningline.training.models.conformal import SplitConformal
from morningline.training.models.learner import file_of
from morningline.training.models.tree_parameters import Count, Share  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.training.grouped import Floats
    from morningline.training.models.learner import Fitting, Range
    from morningline.training.observations import Observations


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be chosen of a baseline.

    Args:
        level: How often its interval should hold.
        held_back_share: Share of the days, the last ones, that the interval is fitted on.
    """

    level: Share = 0.9
    held_back_share: Share = 0.2


class LastParameters(Parameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be chosen of the last value.

    Args:
        feature: Name of the feature that holds it as it was known at the cut-off. Empty takes the entity's last
            value of the training period, however long ago that was.
    """

    feature: str = ""


class SeasonParameters(LastParameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be chosen of the value of a season ago.

    Args:
        season_days: Days of a season; 7 is a week.
    """

    season_days: Annotated[Count, msgspec.Meta(le=366)] = 7


class Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fitted baseline; it says the first of these that it knows of a row.

    Args:
        names: The features of the fit.
        feature: The feature it reads; empty where it reads none.
        season_days: Days of a season; 1 is the last value.
        remembered: Entity, day within the season, and the last value of the training period there.
        otherwise: What it says of all others.
        conformal: The margin on both sides.
    """

    names: tuple[str, ...]
    feature: str
    season_days: int
    remembered: list[tuple[str, int, float]]
    otherwise: float
    conformal: SplitConformal

    def predict(self, rows: Observations) -> Forecast:
        """The number and the interval of each row."""
        rows.require_names(self.names)
        return self.conformal.apply(_bare(self.points(rows), self.conformal.level))

    def points(self, rows: Observations) -> Floats:
        """The number of each row, shape (rows,)."""
        asked = pl.DataFrame({"entity": rows.entities, "place": rows.days % self.season_days})
        schema = {"entity": pl.String, "place": pl.Int64, "value": pl.Float64}
        known = pl.DataFrame(self.remembered, schema=schema, orient="row")
        found = asked.join(known, on=["entity", "place"], how="left", maintain_order="left")["value"]
        points = found.fill_null(self.otherwise).to_numpy()
        if not self.feature:
            return points
        read = rows.features[:, self.names.index(self.feature)]
        return np.where(np.isnan(read), points, read).astype(np.float64)

    def importance(self) -> dict[str, float]:
        """Nothing but the feature it reads."""
        return {self.feature: 1.0} if self.feature else {}

    def files(self) -> dict[str, str]:
        """The model as text, by file name."""
        return {"baseline.json": msgspec.json.encode(self).decode()}


@dataclass(frozen=True)
class BaselineLearner:
    """Remembers the past, and fits its interval on the last days.

    Attributes:
        remembers: What it says: always 0, the mean of all, or what each entity last had.
        parameters: What may be chosen.
    """

    remembers: Literal["zero", "mean", "entity"]
    parameters: type[Parameters] = Parameters
    kind: Literal["regression"] = "regression"

    @property
    def space(self) -> Mapping[str, Range]:
        """Nothing to tune."""
        return {}

    def fit(self, train: Observations, parameters: Parameters, fitting: Fitting) -> Memory:  # noqa: ARG002 - the Protocol's
        """Remember all days; the margin is that of remembering the earlier ones on the last ones."""
        train.require_target()
        earlier, later = train.split_days(parameters.held_back_share)
        trial = self._memory(earlier, parameters, SplitConformal(parameters.level, 0.0, 0))
        margin = SplitConformal.fit(_bare(trial.points(later), parameters.level), later.target)
        return self._memory(train, parameters, margin)

    def read(self, files: Mapping[str, str], *, threads: int) -> Memory:  # noqa: ARG002 - the Protocol's
        """Read what `files` wrote."""
        try:
            return msgspec.json.decode(file_of(files, "baseline.json"), type=Memory)
        except msgspec.MsgspecError as error:
            raise InputError(f"The file is not a stored baseline: {error}.") from error

    def _memory(self, train: Observations, parameters: Parameters, margin: SplitConformal) -> Memory:
        feature = getattr(parameters, "feature", "")
        if feature and feature not in train.names:
            raise InputError(
                f"There is no feature {feature!r}.",
                allowed=", ".join(train.names),
                do="Name the feature that holds the last value.",
            )
        season = getattr(parameters, "season_days", 1)
        return Memory(
            names=train.names,
            feature=feature,
            season_days=season,
            remembered=_last_values(train, season) if self.remembers == "entity" else [],
            otherwise=0.0 if self.remembers == "zero" else float(train.target.mean()),
            conformal=margin,
        )


def _last_values(train: Observations, season_days: int) -> list[tuple[str, int, float]]:
    """Each entity's value on the last day of each place in the season: the mean where the day has several rows."""
    rows = pl.DataFrame({"entity": train.entities, "day": train.days, "value": train.target})
    rows = rows.with_columns((pl.col("day") % season_days).alias("place"))
    last = rows.filter(pl.col("day") == pl.col("day").max().over("entity", "place"))
    means = last.group_by("entity", "place", maintain_order=True).agg(pl.col("value").mean())
    return means.sort("entity", "place").rows()


def _bare(points: Floats, level: float) -> Forecast:
    return Forecast(points, points, points, level)


zero = BaselineLearner("zero")
mean = BaselineLearner("mean")
last_value = BaselineLearner("entity", LastParameters)
seasonal_naive = BaselineLearner("entity", SeasonParameters)
