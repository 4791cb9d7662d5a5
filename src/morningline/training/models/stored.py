"""A model's files in a folder: written as texts, known again by one hash over all of them."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from morningline.kit.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONTENTS = "model.json"
"""The file that names the learner and all other files."""


class Contents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model consists of: the learner that made its first stage, and its files."""

    learner: str
    files: tuple[str, ...]


def with_contents(learner: str, files: Mapping[str, str]) -> dict[str, str]:
    """A model's files with the one that names them all."""
    contents = Contents(learner, tuple(sorted(files)))
    return {**files, CONTENTS: msgspec.json.encode(contents).decode()}


def learner_in(files: Mapping[str, str]) -> str:
    """The name of the learner of a model's first stage."""
    return msgspec.json.decode(files[CONTENTS], type=Contents).learner


def within_folder(files: Mapping[str, str], folder: str) -> dict[str, str]:
    """The files whose names begin with a folder, without it."""
    return {name.removeprefix(folder): text for name, text in files.items() if name.startswith(folder)}


def write_files(files: Mapping[str, str], folder: Path) -> str:
    """Write a model's files, and return the SHA-256 over them, hexadecimal."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return _digest(files)


def read_files(folder: Path, digest: str) -> dict[str, str]:
    """Read a model's files.

    Raises:
        IntegrityError: A file is missing or is not what was saved.
    """
    try:
        contents = (folder / CONTENTS).read_bytes().decode()
        names = msgspec.json.decode(contents, type=Contents).files
        files = {CONTENTS: contents, **{name: (folder / name).read_bytes().decode() for name in names}}
    except OSError as error:
        raise IntegrityError(
            f"The model in {folder.name} lacks {error.filename}.",
            do="Restore the folder from a backup, or train again.",
        ) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _changed(folder) from error
    if _digest(files) != digest:
        raise _changed(folder)
    return files


def _changed(folder: Path) -> IntegrityError:
    return IntegrityError(
        f"The model in {folder.name} is not what was registered: its SHA-256 differs.",
        do="Restore the folder from a backup, or train again.",
    )


def _digest(files: Mapping[str, str]) -> str:
    return sha256("\x1f".join(f"{name}\x1f{files[name]}" for name in sorted(files)).encode()).hexdigest()
