"""The model of whether something happens: a learner's probability, calibrated on days that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from morningline.training.models.binary_calibration import (
    BinaryCalibration,
    SaidAlone,
    binary_calibration_from_json,
    binary_calibration_to_json,
    calibrate_alone,
)
from morningline.training.models.learner import binary_learner
from morningline.training.models.stored import learner_in, with_contents, within_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    import msgspec

    from morningline.training.grouped import Floats
    from morningline.training.models.learner import BinaryModel, Fitting
    from morningline.training.observations import Observations

OF_LEARNER = "first_stage/"
"""Folder of the learner's own files."""


@dataclass(frozen=True)
class ChanceModel:
    """A fitted model of whether something happens.

    Attributes:
        learner: Name of the learner.
        first_stage: What it fitted.
        calibration: What makes its probabilities come true as often as they say.
    """

    learner: str
    first_stage: BinaryModel
    calibration: BinaryCalibration

    def uncalibrated(self, rows: Observations) -> Floats:
        """The probability of each row as the first stage says it, shape (rows,)."""
        return self.first_stage.probability(rows)

    def probability(self, rows: Observations) -> Floats:
        """The probability of each row, shape (rows,)."""
        return self.calibration.predict(self.uncalibrated(rows))

    def files(self) -> dict[str, str]:
        """The model as texts, by file name."""
        files = {f"{OF_LEARNER}{name}": text for name, text in self.first_stage.files().items()}
        files["calibration.json"] = binary_calibration_to_json(self.calibration)
        return with_contents(self.learner, files)

    @classmethod
    def from_files(cls, files: Mapping[str, str], *, threads: int) -> ChanceModel:
        """The model that `files` wrote."""
        name = learner_in(files)
        first_stage = binary_learner(name).read(within_folder(files, OF_LEARNER), threads=threads)
        return cls(name, first_stage, binary_calibration_from_json(files["calibration.json"]))


def fit(
    train: Observations, validation: Observations, learner: str, parameters: msgspec.Struct, fitting: Fitting
) -> ChanceModel:
    """Fit the first stage, and its calibration.

    Args:
        train: Rows for the first stage.
        validation: Rows of later days for the calibration, unseen until then.
        learner: Name of the learner.
        parameters: What was chosen of it.
        fitting: How.

    Raises:
        NotFoundError: There is no such learner.
        DataError: The rows cannot be learnt from.
    """
    first_stage = binary_learner(learner).fit(train, parameters, fitting.part(0.0, 0.95))
    fitting.progress("Calibrating", 0.95)
    said = SaidAlone(first_stage.probability(validation), validation.target, validation.days)
    return ChanceModel(learner, first_stage, calibrate_alone(said).chosen)


def kind_of(calibration: BinaryCalibration) -> str:
    """What a calibration is called: none, logistic or isotonic."""
    return str(calibration.__struct_config__.tag)
