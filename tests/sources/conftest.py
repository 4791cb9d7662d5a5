"""The database and the folder that tests of the import share."""

from folder_imports import facts, racing_template

__all__ = ["facts", "racing_template"]
