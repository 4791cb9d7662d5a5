"""The backtest: trained on the past, judged on days that nothing has seen, always beside the market."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from morningline.training.evaluation.comparison import Comparison, compare_r2
from morningline.training.evaluation.metrics import Scores, score
from morningline.training.models.baselines import market, uniform
from morningline.training.models.win_model import WinModel, fit

if TYPE_CHECKING:
    import msgspec

    from morningline.training.dataset import Dataset
    from morningline.training.models.learner import Fitting
    from morningline.training.sample import Sample
    from morningline.training.splits import PeriodSplit

SHOWN = ("brier", "ece", "r2", "top1", "winner_log_loss")


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """A fitted model and its honest scores.

    Attributes:
        model: Fitted on the events until `split.train_until`, combined on those before `split.test_from`.
        split: The periods.
        scores: Model name to its scores on the test events.
        delta: ΔR² of `combined` over `market_power` on the same events.
        excluded: Reason to number of test events left out.
        outcomes: One row an entrant of every event: `event_id`, `entrant_id`, `day`, `part` (`train`, `validation`
            or `test`), `won`, and the probability of each model; in training only of those that learn nothing.
        first_day: First local day of training, ISO.
        seconds: Stage to seconds.
    """

    model: WinModel
    split: PeriodSplit
    scores: dict[str, Scores]
    delta: Comparison
    excluded: dict[str, int]
    outcomes: pl.DataFrame
    first_day: str
    seconds: dict[str, float]

    def summary(self, events_word: str) -> dict[str, Any]:
        """The result as plain values, ready for JSON.

        Args:
            events_word: What events are called, in the plural: the key of their number.
        """
        return {
            "first_day": self.first_day,
            events_word: self.delta.events,
            "excluded": self.excluded,
            "models": {name: {key: getattr(scores, key) for key in SHOWN} for name, scores in self.scores.items()},
            "delta_r2": {key: asdict(self.delta)[key] for key in ("estimate", "low", "high", "mde", "verdict")},
            "seconds": self.seconds,
        }


def run_backtest(
    dataset: Dataset,
    split: PeriodSplit,
    learner: str,
    parameters: msgspec.Struct,
    fitting: Fitting,
) -> Backtest:
    """Fit on the past and score on the test period.

    Args:
        dataset: Events with features, winners and complete markets.
        split: The periods, by whole local days.
        learner: Name of the learner of the model's first stage.
        parameters: What was chosen of it.
        fitting: How it is fitted.

    Raises:
        InputError: A period has no events.
        DataError: A feature tells the winner.
    """
    started = perf_counter()
    parts = split.apply(dataset.sample)
    model = fit(parts.train, parts.validation, learner, parameters, fitting.part(0.0, 0.95))
    fitted = perf_counter()
    fitting.progress("Scoring the test period", 0.97)
    probabilities = model.probabilities(parts.test)
    scores = {name: score(p, parts.test) for name, p in probabilities.items()}
    delta = compare_r2(probabilities["combined"], probabilities["market_power"], parts.test, seed=fitting.seed)
    mask = split.masks(dataset.sample.days)
    unlearnt = {"uniform": uniform(parts.train), "market": market(parts.train)}
    outcomes = pl.concat(
        [
            _outcomes(parts.train, unlearnt, dataset, mask.train, "train"),
            _outcomes(parts.validation, model.probabilities(parts.validation), dataset, mask.validation, "validation"),
            _outcomes(parts.test, probabilities, dataset, mask.test, "test"),
        ],
        how="diagonal",
    )
    seconds = {"fit": round(fitted - started, 2), "score": round(perf_counter() - fitted, 2)}
    excluded = dataset.excluded_between(split.test_from.toordinal(), split.test_to.toordinal())
    return Backtest(
        model=model,
        split=split,
        scores=scores,
        delta=delta,
        excluded=excluded,
        outcomes=outcomes,
        first_day=date.fromordinal(int(parts.train.days.min())).isoformat(),
        seconds=seconds,
    )


def _outcomes(sample: Sample, probabilities: dict[str, Any], dataset: Dataset, mask: Any, part: str) -> pl.DataFrame:  # noqa: ANN401 - a mask of NumPy's
    rows = np.repeat(mask, dataset.sample.sizes)
    event = sample.group_of_rows()
    days = np.array([date.fromordinal(int(day)) for day in sample.days], dtype=object)
    return pl.DataFrame(
        {
            "event_id": np.array(sample.event_ids, dtype=object)[event].tolist(),
            "entrant_id": np.array(dataset.entrants, dtype=object)[rows].tolist(),
            "day": pl.Series(days[event].tolist(), dtype=pl.Date),
            "part": [part] * sample.rows,
            "won": sample.won,
            **probabilities,
        }
    )
