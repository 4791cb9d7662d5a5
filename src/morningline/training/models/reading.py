"""Reading a registered model of whatever kind: the learner that made it says of which."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

from morningline.training.models.amount_model import AmountModel
from morningline.training.models.chance_model import ChanceModel
from morningline.training.models.stored import learner_in, read_files
from morningline.training.models.win_model import WinModel

if TYPE_CHECKING:
    from pathlib import Path

    from morningline.training.models.learner import Learner

TrainedModel: TypeAlias = WinModel | ChanceModel | AmountModel
"""What a training gives; each has its `first_stage`, and its `files`."""


def read_model(folder: Path, digest: str, *, threads: int) -> TrainedModel:
    """Read a model's files.

    Args:
        folder: Where they are.
        digest: SHA-256 over them, as it was registered.
        threads: CPU threads.

    Raises:
        IntegrityError: A file is missing or is not what was saved.
        NotFoundError: No installed package brings its learner.
    """
    from morningline.kit.plugins import load_plugin
    from morningline.training.models.learner import LEARNERS

    files = read_files(folder, digest)
    kind = cast("Learner", load_plugin(LEARNERS, learner_in(files))).kind
    if kind == "binary":
        return ChanceModel.from_files(files, threads=threads)
    if kind == "regression":
        return AmountModel.from_files(files, threads=threads)
    return WinModel.from_files(files, threads=threads)
