"""Feature sets of a user's own: a Python file in the workspace that makes them."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING

from morningline.features.feature_set import FeatureSet
from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "features.py"


def own_sets(path: Path) -> dict[str, FeatureSet]:
    """The feature sets that a file makes, by name.

    Args:
        path: A Python file; where there is none there are no sets.

    Returns:
        Every `FeatureSet` that is a variable of the file.

    Raises:
        InputError: The file cannot be run.
    """
    if not path.exists():
        return {}
    spec = spec_from_file_location("morningline_workspace_features", path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is no Python file.", allowed=f"a file {FILE_NAME} that makes feature sets")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path} cannot be run: {type(error).__name__}: {error}.", do="Correct it.") from error
    return {made.name: made for made in vars(module).values() if isinstance(made, FeatureSet)}
