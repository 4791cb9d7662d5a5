"""One score of one model on its test, with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from morningline.training.evaluation.comparison import ClusteredInterval


@dataclass(frozen=True, kw_only=True)
class ScoredBy:
    """One score of one set of probabilities, or of one forecast.

    Attributes:
        model: Whose: `market_free`, `combined`, `market` and so on; of rows `model`, or the name of a baseline.
        metric: One of the task's metrics, such as `winner_log_loss`.
        estimate: Its value on the test.
        low: Lower end of its day-clustered 95 % interval; None where it has none.
        high: Upper end.
        events: How many events, or rows, were scored.
        days: On how many days.
    """

    model: str
    metric: str
    estimate: float
    low: float | None
    high: float | None
    events: int
    days: int


def scored(model: str, metric: str, interval: ClusteredInterval, events: int) -> ScoredBy:
    """A score with the interval it was given."""
    return ScoredBy(
        model=model,
        metric=metric,
        estimate=interval.estimate,
        low=interval.low,
        high=interval.high,
        events=events,
        days=interval.days,
    )
