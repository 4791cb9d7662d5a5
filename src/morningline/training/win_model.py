"""The model of who wins: a conditional logit and trees in one pool, and the market beside and inside it.

First stage, market-free: both models are fitted on the training events; how many trees, and the exponents of their
pool, come from the last part of training, which a first pair of models has not seen. Second stage (Benter 1994):
the pool and the market combined, fitted on the validation events, which nothing before has seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from morningline.kit.errors import IntegrityError
from morningline.training.baselines import MarketPower, market, uniform
from morningline.training.boosting import SoftmaxBooster
from morningline.training.conditional_logit import ConditionalLogit
from morningline.training.pool import LogPool
from morningline.training.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from morningline.training.grouped import Floats

TUNING_SHARE = 0.15
"""Share of the training days, the last ones, that decides the number of trees and the pool's exponents."""


class WinParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be chosen of the model; stored with it.

    Args:
        l2: Ridge penalty of the conditional logit.
        rounds: Most trees.
        early_stopping_rounds: Rounds without gain after which no more trees are grown.
        booster: LightGBM parameters over the defaults.
    """

    l2: float = 10.0
    rounds: int = 600
    early_stopping_rounds: int = 50
    booster: dict[str, Any] = {}


@dataclass(frozen=True)
class WinModel:
    """A fitted model of who wins.

    Attributes:
        logit: Conditional logit on the features.
        booster: Trees on the features.
        first_stage: Pool of both: the market-free probabilities.
        market_power: The market with one fitted exponent.
        second_stage: Pool of the market-free model and the market.
    """

    logit: ConditionalLogit
    booster: SoftmaxBooster
    first_stage: LogPool
    market_power: MarketPower
    second_stage: LogPool

    def market_free(self, sample: Sample) -> Floats:
        """Ln p without any price, shape (rows,)."""
        members = [self.logit.log_scores(sample), self.booster.log_scores(sample)]
        return self.first_stage.log_scores(members, sample.starts)

    def combined(self, sample: Sample) -> Floats:
        """Ln p of model and market, shape (rows,); every event needs a price for every entrant."""
        return self.second_stage.log_scores([self.market_free(sample), np.log(market(sample))], sample.starts)

    def probabilities(self, sample: Sample) -> dict[str, Floats]:
        """Row probabilities of the model and of every baseline, by the names a backtest uses."""
        return {
            "uniform": uniform(sample),
            "market": market(sample),
            "market_power": self.market_power.predict(sample),
            "market_free": np.exp(self.market_free(sample)),
            "combined": np.exp(self.combined(sample)),
        }

    def files(self) -> dict[str, str]:
        """The model as texts, by file name."""
        return {
            "conditional_logit.json": self.logit.to_json(),
            "booster.txt": self.booster.to_text(),
            "first_stage.json": self.first_stage.to_json(),
            "market_power.json": self.market_power.to_json(),
            "second_stage.json": self.second_stage.to_json(),
        }

    @classmethod
    def from_files(cls, files: Mapping[str, str], *, threads: int) -> WinModel:
        """The model that `files` wrote."""
        return cls(
            ConditionalLogit.from_json(files["conditional_logit.json"]),
            SoftmaxBooster.from_text(files["booster.txt"], threads=threads),
            LogPool.from_json(files["first_stage.json"]),
            MarketPower.from_json(files["market_power.json"]),
            LogPool.from_json(files["second_stage.json"]),
        )


def fit(
    train: Sample,
    validation: Sample,
    parameters: WinParameters,
    *,
    seed: int,
    threads: int,
    progress: Callable[[str, float], None],
) -> WinModel:
    """Fit both stages.

    Args:
        train: Events for the first stage.
        validation: Later events for the second stage, unseen until then.
        parameters: What was chosen.
        seed: Seed of bagging.
        threads: CPU threads; the same number gives the same bits.
        progress: Told what is being done and the share done.
    """
    progress("Tuning on the last part of training", 0.0)
    earlier, later = _tuning_parts(train)
    trial_logit = ConditionalLogit(parameters.l2).fit(earlier)
    trial = SoftmaxBooster(
        parameters.booster,
        rounds=parameters.rounds,
        early_stopping_rounds=parameters.early_stopping_rounds,
        seed=seed,
        threads=threads,
    ).fit(earlier, later)
    members = [trial_logit.log_scores(later), trial.log_scores(later)]
    first_stage = LogPool.fit(members, later.starts, later.won)
    progress("Fitting the conditional logit", 0.4)
    logit = ConditionalLogit(parameters.l2).fit(train)
    progress(f"Growing {trial.trees} trees", 0.5)
    booster = SoftmaxBooster(
        parameters.booster, rounds=trial.trees, early_stopping_rounds=None, seed=seed, threads=threads
    ).fit(train)
    progress("Combining with the market", 0.95)
    market_power = MarketPower.fit(_joined(train, validation))
    draft = WinModel(logit, booster, first_stage, market_power, LogPool(exponents=(0.0, market_power.exponent)))
    second_stage = LogPool.fit_towards(
        draft.second_stage.exponents,
        [draft.market_free(validation), np.log(market(validation))],
        validation.starts,
        validation.won,
    )
    return WinModel(logit, booster, first_stage, market_power, second_stage)


def save(model: WinModel, folder: Path) -> str:
    """Write a model's files, and return the SHA-256 over them, hexadecimal."""
    folder.mkdir(parents=True, exist_ok=True)
    files = model.files()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return _digest(files)


def load(folder: Path, digest: str, *, threads: int) -> WinModel:
    """Read a model's files.

    Raises:
        IntegrityError: A file is missing or is not what was saved.
    """
    names = ("conditional_logit.json", "booster.txt", "first_stage.json", "market_power.json", "second_stage.json")
    try:
        files = {name: (folder / name).read_bytes().decode() for name in names}
    except OSError as error:
        raise IntegrityError(
            f"The model in {folder.name} lacks {error.filename}.",
            do="Restore the folder from a backup, or train again.",
        ) from error
    if _digest(files) != digest:
        raise IntegrityError(
            f"The model in {folder.name} is not what was registered: its SHA-256 differs.",
            do="Restore the folder from a backup, or train again.",
        )
    return WinModel.from_files(files, threads=threads)


def _digest(files: Mapping[str, str]) -> str:
    return sha256("\x1f".join(f"{name}\x1f{files[name]}" for name in sorted(files)).encode()).hexdigest()


def _tuning_parts(train: Sample) -> tuple[Sample, Sample]:
    days = np.unique(train.days)
    first = days[min(int(len(days) * (1 - TUNING_SHARE)), len(days) - 1)]
    return train.take_events(train.days < first), train.take_events(train.days >= first)


def _joined(first: Sample, second: Sample) -> Sample:
    """Prices and winners of both; the features are not needed."""
    return Sample(
        features=np.zeros((first.rows + second.rows, 0)),
        names=(),
        starts=np.concatenate([first.starts, second.starts[1:] + first.rows]),
        won=np.concatenate([first.won, second.won]),
        odds=np.concatenate([first.odds, second.odds]),
        days=np.concatenate([first.days, second.days]),
        event_ids=(*first.event_ids, *second.event_ids),
    )
