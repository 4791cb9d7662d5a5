"""A model's files: written whole or not at all, and known again by their hashes."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass
from hashlib import file_digest
from typing import TYPE_CHECKING

from morningline.kit.errors import IntegrityError
from morningline.training.models.stored import write_files

if TYPE_CHECKING:
    from pathlib import Path

    from morningline.training.judging.judging import Result

OUTCOMES = "backtest.parquet"
"""The backtest entrant by entrant, among a model's files."""


@dataclass(frozen=True, kw_only=True)
class Digests:
    """SHA-256 of a model's files and of its outcomes, hexadecimal."""

    model: str
    outcomes: str


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal.

    Raises:
        FileNotFoundError: There is no such file.
    """
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def keep_model(backtest: Result, folder: Path, expected: str | None) -> Digests:
    """Write the files of a model; what is there already and the same stays untouched.

    Args:
        backtest: With the model and its outcomes.
        folder: Where they go.
        expected: SHA-256 of the model's files where the same training was registered before.

    Raises:
        IntegrityError: The model is not what that training gave before; what was kept stays.
    """
    new = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    try:
        digests = Digests(model=write_files(backtest.model.files(), new), outcomes=_write_outcomes(backtest, new))
        if expected not in {None, digests.model}:
            raise IntegrityError(
                f"The training of {folder.name} gave another model than the first time: its SHA-256 differs.",
                do="Train with the number of threads of the first time; if that was so, please report it.",
            )
        if folder.exists():
            _put_over(new, folder)
        else:
            new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return digests


def _write_outcomes(backtest: Result, folder: Path) -> str:
    backtest.outcomes.write_parquet(folder / OUTCOMES)
    return file_sha256(folder / OUTCOMES)


def _put_over(new: Path, old: Path) -> None:
    """Replace what differs, file by file, so that whoever reads the model meanwhile misses none."""
    for path in sorted(file for file in new.rglob("*") if file.is_file()):
        place = old / path.relative_to(new)
        if not place.is_file() or file_sha256(place) != file_sha256(path):
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)
