"""A model's scores on its own test, each with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from morningline.training.dataset import sample_of
from morningline.training.evaluation.comparison import clustered_interval, compare_r2
from morningline.training.evaluation.metrics import score, winner_losses
from morningline.training.grouped import group_maxima, group_sums, spread
from morningline.training.models.baselines import uniform
from morningline.training.registry.unseen import MODELS

if TYPE_CHECKING:
    from morningline.training.evaluation.comparison import ClusteredInterval
    from morningline.training.grouped import Floats
    from morningline.training.sample import Sample


@dataclass(frozen=True, kw_only=True)
class ScoredBy:
    """One score of one set of probabilities.

    Attributes:
        model: Whose probabilities: `market_free`, `combined`, `market` and so on.
        metric: `winner_log_loss`, `r2`, `brier`, `top1` or `ece`.
        estimate: Its value on the test.
        low: Lower end of its day-clustered 95 % interval; None where it has none.
        high: Upper end.
        events: How many events were scored.
        days: On how many days.
    """

    model: str
    metric: str
    estimate: float
    low: float | None
    high: float | None
    events: int
    days: int


def scores_of(test: pl.DataFrame) -> list[ScoredBy]:
    """The scores of a model and of what stands beside it.

    Args:
        test: What `judged_rows` gave.
    """
    rows = test.sort("day", "event_id", "entrant_id")
    sample = sample_of(rows.with_columns(pl.lit(None, pl.Float64).alias("odds")))
    columns = {name: rows[name].to_numpy() for name in MODELS if name in rows.columns}
    return [scored for name, p in columns.items() for scored in _scores(name, p, sample)]


def _scores(name: str, p: Floats, sample: Sample) -> list[ScoredBy]:
    over_chance, values = compare_r2(p, uniform(sample), sample), score(p, sample)
    of_rows = np.repeat(sample.days, sample.sizes)
    intervals = {
        "winner_log_loss": clustered_interval(winner_losses(p, sample), sample.days),
        # R² of chance is 0, so what a model gains over chance is its R².
        "r2": over_chance,
        "brier": clustered_interval((p - sample.won) ** 2, of_rows),
        "top1": clustered_interval(_favourite_won(p, sample), sample.days),
    }
    days = over_chance.days
    found = [_scored(name, metric, interval, sample.events) for metric, interval in intervals.items()]
    ece = ScoredBy(model=name, metric="ece", estimate=values.ece, low=None, high=None, events=sample.events, days=days)
    return [*found, ece]


def _scored(name: str, metric: str, interval: object, events: int) -> ScoredBy:
    found: ClusteredInterval = interval  # type: ignore[assignment]
    return ScoredBy(
        model=name,
        metric=metric,
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        events=events,
        days=found.days,
    )


def _favourite_won(p: Floats, sample: Sample) -> Floats:
    """Of each event 1 where its favourite won, 0 where not; of k that tie each counts 1/k."""
    largest = p == spread(group_maxima(p, sample.starts), sample.starts)
    ties = group_sums(largest.astype(np.float64), sample.starts)
    return np.asarray(largest[sample.winner_rows()] / ties, dtype=np.float64)
