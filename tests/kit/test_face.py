"""The face of kit: its names, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

from morningline import kit


def test_the_face_exports_these_names():
    assert kit.__all__ == [
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


def test_the_face_and_the_database_import_nothing_heavy():
    code = (
        "import sys, morningline.kit, morningline.kit.database; print(sorted({'polars', 'psycopg'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
