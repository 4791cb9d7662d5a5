"""Judging who wins: whole events, winner log loss, and ΔR² on the same events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from morningline.training.backtest import outcome_rows, run_backtest
from morningline.training.dataset import make_dataset, sample_of
from morningline.training.evaluation.comparison import clustered_interval, compare_r2
from morningline.training.evaluation.metrics import score, winner_losses
from morningline.training.grouped import group_maxima, group_sums, spread
from morningline.training.judging.scored import ScoredBy, scored
from morningline.training.models.baselines import uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec

    from morningline.features.matrix import FeatureMatrix
    from morningline.training.backtest import Backtest
    from morningline.training.dataset import Dataset, Source
    from morningline.training.evaluation.comparison import Comparison
    from morningline.training.grouped import Flags, Floats
    from morningline.training.models.learner import Fitting, GroupLearner
    from morningline.training.models.win_model import WinModel
    from morningline.training.sample import Sample
    from morningline.training.splits import PeriodSplit
    from morningline.training.task import Task

MODELS = ("uniform", "market", "market_power", "market_free", "combined")
"""Whose probabilities a backtest keeps, by column."""


class GroupJudging:
    """Who wins an event."""

    predicted = "market_free"
    against = "the market"

    def gather(self, task: Task, features: FeatureMatrix, answers: pl.DataFrame, source: Source) -> Dataset:
        """Join stored features and answers, whole events only."""
        del task
        return make_dataset(features, answers, source)

    def backtest(
        self,
        task: Task,
        dataset: Dataset,
        splits: Sequence[PeriodSplit],
        chosen: tuple[str, msgspec.Struct],
        fitting: Fitting,
    ) -> Backtest:
        """Fit on the past and judge on the test, beside the market."""
        del task
        return run_backtest(dataset, splits, *chosen, fitting)

    def tell(self, model: WinModel, dataset: Dataset) -> pl.DataFrame:
        """What a model makes of events that are over."""
        return outcome_rows(dataset.sample, model.probabilities(dataset.sample), dataset.entrants)

    def scores(self, test: pl.DataFrame, metrics: Sequence[str]) -> list[ScoredBy]:
        """The scores of each set of probabilities."""
        rows = test.sort("day", "event_id", "entrant_id")
        sample = sample_of(rows.with_columns(pl.lit(None, pl.Float64).alias("odds")))
        columns = {name: rows[name].to_numpy() for name in MODELS if name in rows.columns}
        found = [one for name, p in columns.items() for one in _scores(name, p, sample)]
        return [one for one in found if one.metric in metrics]

    def marked(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """An event counts where both were judged on the same entrants with the same winner."""
        agree = (pl.col("won") == pl.col("won_other")).fill_null(value=False).all().over("event_id")
        known = (pl.col("won").is_not_null().any() & pl.col("won_other").is_not_null().any()).over("event_id")
        return pairs.with_columns(
            pl.when(~known).then(pl.lit("judged_once")).when(~agree).then(pl.lit("corrected")).alias("left_out")
        )

    def counted(self, marked: pl.DataFrame) -> dict[str, int]:
        """Reason to number of events."""
        left_out = marked.drop_nulls("left_out").group_by("left_out").agg(pl.col("event_id").n_unique())
        return dict(left_out.sort("left_out").iter_rows())

    def compare(self, rows: pl.DataFrame, metric: str, *, seed: int = 1) -> Comparison:
        """ΔR², which is winner log loss as a share of chance's."""
        del metric
        sample = sample_of(rows.with_columns(pl.lit(None, pl.Float64).alias("odds")))
        return compare_r2(rows["p"].to_numpy(), rows["p_other"].to_numpy(), sample, seed=seed)

    def trained_on(self, dataset: Dataset, split: PeriodSplit) -> Sample:
        """The training events of a fold."""
        return split.apply(dataset.sample).train

    def take(self, part: Sample, mask: Flags) -> Sample:
        """Some events."""
        return part.take_events(mask)

    def trial(
        self, parts: tuple[Sample, Sample], chosen: tuple[GroupLearner, msgspec.Struct], metric: str, fitting: Fitting
    ) -> Floats:
        """Winner log losses, before any calibration."""
        del metric
        learner, parameters = chosen
        model = learner.fit(parts[0], parameters, fitting)
        return winner_losses(np.exp(model.log_scores(parts[1])), parts[1])


GROUPS = GroupJudging()


def _scores(name: str, p: Floats, sample: Sample) -> list[ScoredBy]:
    over_chance, values = compare_r2(p, uniform(sample), sample), score(p, sample)
    of_rows = np.repeat(sample.days, sample.sizes)
    intervals: dict[str, Any] = {
        "winner_log_loss": clustered_interval(winner_losses(p, sample), sample.days),
        # R² of chance is 0, so what a model gains over chance is its R².
        "r2": over_chance,
        "brier": clustered_interval((p - sample.won) ** 2, of_rows),
        "top1": clustered_interval(_favourite_won(p, sample), sample.days),
    }
    days = over_chance.days
    found = [scored(name, metric, interval, sample.events) for metric, interval in intervals.items()]
    ece = ScoredBy(model=name, metric="ece", estimate=values.ece, low=None, high=None, events=sample.events, days=days)
    return [*found, ece]


def _favourite_won(p: Floats, sample: Sample) -> Floats:
    """Of each event 1 where its favourite won, 0 where not; of k that tie each counts 1/k."""
    largest = p == spread(group_maxima(p, sample.starts), sample.starts)
    ties = group_sums(largest.astype(np.float64), sample.starts)
    return np.asarray(largest[sample.winner_rows()] / ties, dtype=np.float64)
