"""Computing a feature set over the whole history and keeping it."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import polars as pl

from morningline.features.engine import compute
from morningline.kit.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from morningline.features.engine import Events
    from morningline.features.store import FeatureStore


@dataclass(frozen=True, kw_only=True)
class ComputeReport:
    """What a computation of features did."""

    feature_set: str
    feature_version: str
    delta_version: int
    features: int
    rows: int
    events: int
    first_day: str
    last_day: str
    null_share: dict[str, float]
    seconds: float


def compute_features(
    events: Events, store: FeatureStore, *, as_of: datetime, facts: Mapping[str, str] | None = None
) -> ComputeReport:
    """Compute a set for every entrant whose cut-off has passed, and keep it.

    Args:
        events: Everything known at `as_of`.
        store: Where the set is kept.
        as_of: UTC instant; features of a later cut-off are not final yet and are left out.
        facts: How the facts of each day stood before they were read, kept with the features.

    Raises:
        DataError: There are no entrants.
    """
    started = perf_counter()
    frame = compute(events, store.features.steps).filter(pl.col("as_of") <= as_of)
    if frame.is_empty():
        raise DataError("There are no entrants to compute features for.", do="Import or collect facts first.")
    version = store.write(frame, facts)
    names = store.features.names
    nulls = frame.select(pl.col(names).null_count() / frame.height).row(0, named=True)
    return ComputeReport(
        feature_set=store.features.name,
        feature_version=store.features.version,
        delta_version=version,
        features=len(names),
        rows=frame.height,
        events=frame["event_id"].n_unique(),
        first_day=str(frame["day"].min()),
        last_day=str(frame["day"].max()),
        null_share={name: round(share, 4) for name, share in nulls.items()},
        seconds=round(perf_counter() - started, 3),
    )
