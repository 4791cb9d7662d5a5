"""The backtest: trained on the past, judged on days that nothing has seen, always beside the market."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from morningline.training.dataset import local_days
from morningline.training.evaluation.chance import ChanceLevel, ece_by_chance
from morningline.training.evaluation.comparison import Comparison, compare_r2
from morningline.training.evaluation.metrics import Scores, score
from morningline.training.models.baselines import market, uniform
from morningline.training.models.calibration import kind_of
from morningline.training.models.win_model import UNCALIBRATED, WinModel, fit
from morningline.training.splits import tests_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec

    from morningline.training.dataset import Dataset
    from morningline.training.grouped import Flags, Floats
    from morningline.training.models.learner import Fitting
    from morningline.training.sample import Sample
    from morningline.training.splits import PeriodSplit, SampleParts

SHOWN = ("brier", "ece", "r2", "top1", "winner_log_loss")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Scores of a model on events it has not seen.

    Attributes:
        split: The periods.
        scores: Model name to its scores on the test events.
        by_chance: Model name to the calibration error it would have on them if it were right.
        uncalibrated: Scores of `market_free` before its calibration.
        delta: ΔR² of `combined` over `market_power` on the same events.
    """

    split: PeriodSplit
    scores: dict[str, Scores]
    by_chance: dict[str, ChanceLevel]
    uncalibrated: Scores
    delta: Comparison

    def plain(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return {
            "models": {name: self._shown(name) for name in self.scores},
            "delta_r2": {key: asdict(self.delta)[key] for key in ("estimate", "low", "high", "mde", "verdict")},
        }

    def _shown(self, name: str) -> dict[str, float]:
        level = self.by_chance[name]
        of_chance = {"ece_chance": level.mean, "ece_chance_low": level.low, "ece_chance_high": level.high}
        return {**{key: getattr(self.scores[name], key) for key in SHOWN}, **of_chance}


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """A fitted model and its honest scores.

    Attributes:
        model: Of the last fold: fitted on the events until its `train_until`, combined on those before its test.
        judged: On the test events of all folds together; the split is the last fold's.
        folds: On those of each fold, by the model of that fold.
        excluded: Reason to number of test events left out.
        outcomes: One row an entrant of every event: `event_id`, `entrant_id`, `day`, `part` (`train`, `validation`
            or `test`), `won`, and the probability of each model; in training only of those that learn nothing.
            Of several folds, what lies before the first test is told as the first fold saw it.
        first_day: First local day of training, ISO.
        seconds: Stage to seconds.
    """

    model: WinModel
    judged: Judged
    folds: Sequence[Judged]
    excluded: dict[str, int]
    outcomes: pl.DataFrame
    first_day: str
    seconds: dict[str, float]

    @property
    def split(self) -> PeriodSplit:
        """The periods of the model itself."""
        return self.judged.split

    @property
    def periods(self) -> Sequence[PeriodSplit]:
        """The periods of each fold; the last are the model's own."""
        return [fold.split for fold in self.folds]

    def summary(self, events_word: str) -> dict[str, Any]:
        """The result as plain values, ready for JSON.

        Args:
            events_word: What events are called, in the plural: the key of their number.
        """
        told = {
            "first_day": self.first_day,
            events_word: self.judged.delta.events,
            "excluded": self.excluded,
            **self.judged.plain(),
            "calibration": {
                "kind": kind_of(self.model.calibration),
                "ece_before": self.judged.uncalibrated.ece,
                "winner_log_loss_before": self.judged.uncalibrated.winner_log_loss,
            },
        }
        if len(self.folds) > 1:
            told["folds"] = [
                {
                    "test_from": fold.split.test_from.isoformat(),
                    "test_to": fold.split.test_to.isoformat(),
                    events_word: fold.delta.events,
                    **fold.plain(),
                }
                for fold in self.folds
            ]
        return {**told, "seconds": self.seconds}


def run_backtest(
    dataset: Dataset, splits: Sequence[PeriodSplit], learner: str, parameters: msgspec.Struct, fitting: Fitting
) -> Backtest:
    """Fit on the past and score on the test period, fold after fold.

    Args:
        dataset: Events with features, winners and complete markets.
        splits: The periods of each fold, by whole local days; the tests follow each other.
        learner: Name of the learner of the model's first stage.
        parameters: What was chosen of it.
        fitting: How it is fitted.

    Raises:
        InputError: A period has no events.
        DataError: A feature tells the winner.
    """
    started = perf_counter()
    tests, folds, told = [], [], []
    for number, split in enumerate(splits):
        parts = split.apply(dataset.sample)
        name = f"fold_{number + 1}" if len(splits) > 1 else ""
        share = fitting.part(0.95 * number / len(splits), 0.95 * (number + 1) / len(splits), name)
        model = fit(parts.train, parts.validation, learner, parameters, share)
        found = model.probabilities(parts.test)
        tests.append(found)
        folds.append(_judged(found, parts.test, split, fitting))
        told.append(_told(parts, found, model, dataset, split, whole=number == 0))
    fitted = perf_counter()
    fitting.progress("Scoring the test period", 0.97)
    test = tests_of(dataset.sample, splits)
    together = {name: np.concatenate([one[name] for one in tests]) for name in tests[0]}
    first, last = splits[0].test_from.toordinal(), splits[-1].test_to.toordinal()
    return Backtest(
        model=model,
        judged=folds[0] if len(folds) == 1 else _judged(together, test, splits[-1], fitting),
        folds=folds,
        excluded=dataset.excluded_between(first, last),
        outcomes=pl.concat(told, how="diagonal"),
        first_day=date.fromordinal(int(parts.train.days.min())).isoformat(),
        seconds={"fit": round(fitted - started, 2), "score": round(perf_counter() - fitted, 2)},
    )


def _judged(probabilities: dict[str, Floats], test: Sample, split: PeriodSplit, fitting: Fitting) -> Judged:
    scores = {name: score(p, test) for name, p in probabilities.items()}
    uncalibrated = scores.pop(UNCALIBRATED)
    with ThreadPoolExecutor(fitting.threads) as pool:
        levels = pool.map(lambda name: ece_by_chance(probabilities[name], test.starts, seed=fitting.seed), scores)
        return Judged(
            split=split,
            uncalibrated=uncalibrated,
            scores=scores,
            by_chance=dict(zip(scores, levels, strict=True)),
            delta=compare_r2(probabilities["combined"], probabilities["market_power"], test, seed=fitting.seed),
        )


def _told(
    parts: SampleParts, found: dict[str, Floats], model: WinModel, dataset: Dataset, split: PeriodSplit, *, whole: bool
) -> pl.DataFrame:
    """The rows of a fold's test; with `whole` those of training and validation too."""
    mask = split.masks(dataset.sample.days)
    test = _outcomes(parts.test, found, dataset, mask.test, "test")
    if not whole:
        return test
    unlearnt = {"uniform": uniform(parts.train), "market": market(parts.train)}
    train = _outcomes(parts.train, unlearnt, dataset, mask.train, "train")
    learnt = model.probabilities(parts.validation, model.said)
    validation = _outcomes(parts.validation, learnt, dataset, mask.validation, "validation")
    return pl.concat([train, validation, test], how="diagonal")


def _outcomes(
    sample: Sample, probabilities: dict[str, Floats], dataset: Dataset, mask: Flags, part: str
) -> pl.DataFrame:
    entrants = dataset.entrants.filter(pl.Series(np.repeat(mask, dataset.sample.sizes)))
    return outcome_rows(sample, probabilities, entrants).with_columns(pl.lit(part).alias("part"))


def outcome_rows(sample: Sample, probabilities: dict[str, Any], entrants: pl.Series) -> pl.DataFrame:
    """One row an entrant: `event_id`, `entrant_id`, `day`, `won`, and each model's probability.

    Args:
        sample: The events, which are over.
        probabilities: Model name to its probabilities, shape (rows,).
        entrants: Entrant of each row.
    """
    event = sample.group_of_rows()
    days = local_days(sample.days)
    return pl.DataFrame(
        {
            "event_id": pl.Series(sample.event_ids, dtype=pl.String)[event],
            "entrant_id": entrants,
            "day": days[event],
            "won": sample.won,
            **probabilities,
        }
    )
