"""An empty database with the tables of racing and the books of collection."""

from sources.folder_imports import facts, racing_template

__all__ = ["facts", "racing_template"]
