"""The embedded server stays up for programs that are no members, and goes when they have gone."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from morningline.kit.postgres import EmbeddedPostgres
from morningline.kit.postgres_hold import hold


def test_a_held_server_answers_after_its_members_left_and_stops_when_nobody_is_connected():
    # Not under pytest's own folder, which the embedded server's user may not enter.
    with tempfile.TemporaryDirectory(prefix="morningline-hold-") as name:
        folder = Path(name) / "database"
        with EmbeddedPostgres(folder) as url:
            hold(folder, 2)
        with psycopg.connect(url) as connection:
            time.sleep(4)
            assert connection.execute("SELECT 1").fetchone() == (1,)
        deadline = time.monotonic() + 20
        while EmbeddedPostgres(folder).status().running:
            assert time.monotonic() < deadline, "the server was not stopped"
            time.sleep(0.2)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
