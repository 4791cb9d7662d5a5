"""Keeping what was computed of a period: the months it touches, whole, beside all that is stored already."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from morningline.features.state import ORDER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date, datetime

    from morningline.features.engine import Computed
    from morningline.features.store import FeatureStore, StoreState

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """Local days, `first` to `last`, both included; None is open."""

    first: date | None
    last: date | None


def pending(features: pl.DataFrame, state: StoreState | None, period: Period, as_of: datetime) -> list[str] | None:
    """The first local day with entrants whose cut-off is still to come, and the first such cut-off (UTC).

    Args:
        features: What was computed of a period, all its entrants.
        state: What is stored, with what it says of days before the period.
        period: The period.
        as_of: UTC instant; a later cut-off is still to come.
    """
    late = features.filter(pl.col("as_of") > as_of)
    found = [late.select(pl.col("day").min(), pl.col("as_of").min()).row(0)] if late.height else []
    if state is not None and state.pending is not None and period.first is not None and state.pending[0] < period.first:
        found.append(state.pending)
    if not found:
        return None
    return [min(part).isoformat() for part in zip(*found, strict=True)]


def keep(
    store: FeatureStore,
    state: StoreState | None,
    found: Computed,
    final: pl.DataFrame,
    period: Period,
    said: dict[str, Any],
) -> None:
    """Store a period: the months it touches, whole, with what is stored beside it in the first and the last.

    Args:
        store: Where.
        state: What is stored; None where nothing is.
        found: What was computed.
        final: Of its features those whose cut-off has passed.
        period: Of which days.
        said: What the commit says of itself.

    Raises:
        ConflictError: Somebody else computed the set meanwhile.
    """
    by = pl.lit(said["computation"]).alias("computation")
    features, history = final.with_columns(by), found.history.with_columns(by)
    if state is None or period == Period(None, None):
        store.write(features, history, (None, None), said, None if state is None else state.version)
        return
    # Earlier history rows that were rated again reach back further than the period.
    rated = [rows.select(pl.col("day").min()).item() for rows in found.rated if rows.height]
    since = min(rated, default=period.first)
    beside = _beside(
        period, period.first, lambda first, last: store.read(state.version, first=first, last=last, lineage=True)
    )
    earlier = _beside(period, since, lambda first, last: store.past(state.history, first, last).collect())
    for rows in found.rated:
        earlier = earlier.update(rows, on=list(ORDER), include_nulls=True)
    months = (
        _months(state.months, period, features),
        _months(store.history.months(state.history), Period(since, period.last), history),
    )
    store.write(_joined(beside, features), _joined(earlier, history), months, said, state.version)


def _beside(period: Period, since: date | None, stored: Callable[[date, date], pl.DataFrame]) -> pl.DataFrame:
    """What is stored of the months from `since` on before a period, and of its last month after it."""
    parts = []
    if since is not None and period.first is not None:
        parts.append(stored(since.replace(day=1), period.first - DAY))
    if period.last is not None:
        end = monthrange(period.last.year, period.last.month)[1]
        parts.append(stored(period.last + DAY, period.last.replace(day=end)))
    return pl.concat(parts)


def _joined(beside: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([beside, rows.select(pl.col(name).cast(dtype) for name, dtype in beside.schema.items())])


def _months(stored: Sequence[str], period: Period, rows: pl.DataFrame) -> list[str]:
    """The months of a period: those that are stored, those that have rows now, and its first and last."""
    first, last = f"{period.first or ''}"[:7], f"{period.last or '9999-12'}"[:7]
    within = {month for month in stored if first <= month <= last}
    ends = {f"{day:%Y-%m}" for day in (period.first, period.last) if day is not None}
    return sorted({*within, *ends, *rows["day"].dt.strftime("%Y-%m").unique()})
