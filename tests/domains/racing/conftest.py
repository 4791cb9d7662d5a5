"""The database and the folder that tests of the shipped mappings share."""

from sources.folder_imports import facts, racing_template

__all__ = ["facts", "racing_template"]
