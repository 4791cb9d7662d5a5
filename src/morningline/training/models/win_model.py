"""The model of who wins: a learner's probabilities without any price, and the market beside and inside it.

First stage, market-free: what a learner made of the training events, calibrated on its rehearsals and the validation
events. Second stage (Benter 1994): it and the market combined, fitted on the validation events, which the learner has
not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from morningline.training.models.baselines import MarketPower, market, uniform
from morningline.training.models.calibration import (
    Calibration,
    Said,
    calibrate,
    calibration_from_json,
    calibration_to_json,
)
from morningline.training.models.learner import Rehearsed, group_learner
from morningline.training.models.pool import LogPool
from morningline.training.models.stored import learner_in, read_files, with_contents, within_folder, write_files
from morningline.training.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import msgspec

    from morningline.training.grouped import Floats
    from morningline.training.models.learner import Fitting, GroupModel

UNCALIBRATED = "uncalibrated"
"""`market_free` before its calibration: shown beside it, never used."""

OF_LEARNER = "market_free/"
"""Folder of the learner's own files."""


@dataclass(frozen=True)
class WinModel:
    """A fitted model of who wins.

    Attributes:
        learner: Name of the learner.
        first_stage: What it fitted: market-free probabilities.
        calibration: What makes them come true as often as they say.
        market_power: The market with one fitted exponent.
        second_stage: Pool of the market-free model and the market.
        said: What the first stage said of the validation events; null in a model that was read again.
    """

    learner: str
    first_stage: GroupModel
    calibration: Calibration
    market_power: MarketPower
    second_stage: LogPool
    said: Said | None = None

    def uncalibrated(self, sample: Sample) -> Floats:
        """Ln p as the first stage says it, shape (rows,)."""
        return self.first_stage.log_scores(sample)

    def market_free(self, sample: Sample) -> Floats:
        """Ln p without any price, shape (rows,)."""
        return self.calibration.log_scores(self.uncalibrated(sample), sample.starts)

    def combined(self, sample: Sample) -> Floats:
        """Ln p of model and market, shape (rows,); every event needs a price for every entrant."""
        return self._with_market(self.market_free(sample), sample)

    def probabilities(self, sample: Sample, said: Said | None = None) -> dict[str, Floats]:
        """Row probabilities of the model, before its calibration too, and of every baseline, by name.

        Args:
            sample: Events with a price for every entrant.
            said: What the first stage said of them, where that is known already.
        """
        log_p = self.uncalibrated(sample) if said is None else said.log_p
        market_free = self.calibration.log_scores(log_p, sample.starts)
        return {
            "uniform": uniform(sample),
            "market": market(sample),
            "market_power": self.market_power.predict(sample),
            UNCALIBRATED: np.exp(log_p),
            "market_free": np.exp(market_free),
            "combined": np.exp(self._with_market(market_free, sample)),
        }

    def _with_market(self, market_free: Floats, sample: Sample) -> Floats:
        return self.second_stage.log_scores([market_free, np.log(market(sample))], sample.starts)

    def files(self) -> dict[str, str]:
        """The model as texts, by file name."""
        files = {f"{OF_LEARNER}{name}": text for name, text in self.first_stage.files().items()}
        files["calibration.json"] = calibration_to_json(self.calibration)
        files["market_power.json"] = self.market_power.to_json()
        files["second_stage.json"] = self.second_stage.to_json()
        return with_contents(self.learner, files)

    @classmethod
    def from_files(cls, files: Mapping[str, str], *, threads: int) -> WinModel:
        """The model that `files` wrote."""
        name, own = learner_in(files), within_folder(files, OF_LEARNER)
        return cls(
            name,
            group_learner(name).read(own, threads=threads),
            calibration_from_json(files["calibration.json"]),
            MarketPower.from_json(files["market_power.json"]),
            LogPool.from_json(files["second_stage.json"]),
        )


def fit(train: Sample, validation: Sample, learner: str, parameters: msgspec.Struct, fitting: Fitting) -> WinModel:
    """Fit both stages.

    Args:
        train: Events for the first stage.
        validation: Later events for calibration and the second stage, unseen until then.
        learner: Name of the learner of the first stage.
        parameters: What was chosen of it.
        fitting: How.

    Raises:
        NotFoundError: There is no such learner.
    """
    first_stage = group_learner(learner).fit(train, parameters, fitting.part(0.0, 0.95))
    fitting.progress("Calibrating and combining with the market", 0.95)
    said = Said(first_stage.log_scores(validation), validation.starts, validation.won, validation.days)
    rehearsed = first_stage.rehearsed if isinstance(first_stage, Rehearsed) else None
    calibration = calibrate(said if rehearsed is None else Said.joined([rehearsed, said])).chosen
    market_power = MarketPower.fit(_joined(train, validation))
    second_stage = LogPool.fit_towards(
        (0.0, market_power.exponent),
        [calibration.log_scores(said.log_p, said.starts), np.log(market(validation))],
        validation.starts,
        validation.won,
    )
    return WinModel(learner, first_stage, calibration, market_power, second_stage, said)


def save(model: WinModel, folder: Path) -> str:
    """Write a model's files, and return the SHA-256 over them, hexadecimal."""
    return write_files(model.files(), folder)


def load(folder: Path, digest: str, *, threads: int) -> WinModel:
    """Read a model's files.

    Raises:
        IntegrityError: A file is missing or is not what was saved.
    """
    return WinModel.from_files(read_files(folder, digest), threads=threads)


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
