"""What every floor stands on: errors, clock, plug-ins, settings, workspace, database; no concept of a domain.

This face holds only what is cheap to import; settings, workspace, postgres and database are imported by file.
"""

from morningline.kit.clock import local_day_bounds, start_of_local_day, utc_now
from morningline.kit.errors import (
    DatabaseError,
    DataError,
    InputError,
    IntegrityError,
    MorninglineError,
    NotFoundError,
    SettingsError,
    WorkspaceError,
)
from morningline.kit.plugins import load_plugin, load_plugins, plugin_names

__all__ = [
    "DataError",
    "DatabaseError",
    "InputError",
    "IntegrityError",
    "MorninglineError",
    "NotFoundError",
    "SettingsError",
    "WorkspaceError",
    "load_plugin",
    "load_plugins",
    "local_day_bounds",
    "plugin_names",
    "start_of_local_day",
    "utc_now",
]
