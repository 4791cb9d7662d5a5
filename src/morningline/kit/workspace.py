"""The workspace: the one folder in which an installation keeps everything it knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from morningline.kit.errors import WorkspaceError
from morningline.kit.settings import FILE_NAME, HOME_VARIABLE, commented_toml

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Workspace:
    """A workspace folder and the places in it.

    Args:
        root: The folder; absolute when made by `create` or `find`.

    Example:
        >>> Workspace(Path("season")).models.as_posix()
        'season/models'
    """

    root: Path

    @property
    def database(self) -> Path:
        """Folder of the embedded database."""
        return self.root / "database"

    @property
    def archive(self) -> Path:
        """Folder of the raw payloads, as they came."""
        return self.root / "archive"

    @property
    def features(self) -> Path:
        """Folder of the feature tables, unless the setting `feature_store` names another."""
        return self.root / "features"

    @property
    def models(self) -> Path:
        """Folder of the trained models."""
        return self.root / "models"

    @property
    def reports(self) -> Path:
        """Folder of the reports."""
        return self.root / "reports"

    @property
    def config(self) -> Path:
        """The settings file, whose presence makes the folder a workspace."""
        return self.root / FILE_NAME

    @classmethod
    def create(cls, root: Path) -> Self:
        """Make a folder a workspace; one that is a workspace already is left as it is.

        Raises:
            WorkspaceError: `root` is a file, or the folder cannot be written.
        """
        workspace = cls(root.expanduser().resolve())
        if workspace.root.exists() and not workspace.root.is_dir():
            raise WorkspaceError(
                f"{workspace.root} is a file.", allowed="a folder, new or existing", do="Choose another name."
            )
        places = (
            workspace.database,
            workspace.archive,
            workspace.features,
            workspace.models,
            workspace.reports,
        )
        try:
            for place in places:
                place.mkdir(parents=True, exist_ok=True)
            if not workspace.config.exists():
                workspace.config.write_text(commented_toml(), encoding="utf-8")
        except OSError as error:
            raise WorkspaceError(
                f"{workspace.root} cannot be made a workspace: {error}",
                allowed="a folder this user may write to",
                do="Choose another folder, or have its rights changed.",
            ) from error
        return workspace

    @classmethod
    def find(cls, start: Path, environ: Mapping[str, str]) -> Self:
        """Find the workspace to work in.

        Args:
            start: The folder to use when the environment names none.
            environ: The environment; `MORNINGLINE_HOME` wins.

        Raises:
            WorkspaceError: The folder is not a workspace.
        """
        chosen = environ.get(HOME_VARIABLE)
        workspace = cls(Path(chosen or start).expanduser().resolve())
        if not workspace.config.is_file():
            given = f"{workspace.root}, from {HOME_VARIABLE}," if chosen else f"{workspace.root}"
            raise WorkspaceError(
                f"{given} is not a Morningline workspace.",
                allowed=f"a folder with a {FILE_NAME}",
                do=f"Run `morningline init {workspace.root}`, or set {HOME_VARIABLE} to a workspace.",
            )
        return workspace
