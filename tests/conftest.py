"""What every test may ask for: a real PostgreSQL, an empty database on it, and no way out to the network."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import settings

from databases import temporary_database
from morningline.kit.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator


MEMORY = Path("/dev/shm")  # noqa: S108 - folders of a name of their own are made in it
ROOM_BYTES = 4 * 2**30
"""What memory has to have free for the databases of a session, of which there may be two."""

# A busy machine is no fault of the code: timings are measured by benchmarks, never asserted.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Address of a server: MORNINGLINE_TEST_DATABASE_URL's, or an embedded one for this session."""
    given = os.environ.get("MORNINGLINE_TEST_DATABASE_URL")
    if given:
        yield given
        return
    # Not under pytest's own folder: another session locks strangers, the server's user too, out of that one.
    with (
        tempfile.TemporaryDirectory(prefix="morningline-tests-", dir=_memory()) as folder,
        EmbeddedPostgres(Path(folder)) as url,
    ):
        _forgo_power_cuts(url)
        yield url


def _memory() -> Path | None:
    """Memory that bears files, if it has room: hundreds of databases of hundreds of files each are made and dropped."""
    there = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    return MEMORY if there else None


def _forgo_power_cuts(url: str) -> None:
    """Have the server not wait for disks: no test cuts the power of this one, and kills lose nothing by it."""
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("fsync = off", "full_page_writes = off", "max_wal_size = '256MB'"):
            connection.execute(f"ALTER SYSTEM SET {setting}".encode())
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture
def fresh_database(postgres_url: str) -> Iterator[str]:
    """Address of a new empty database, dropped after the test."""
    with temporary_database(postgres_url) as url:
        yield url


def is_local(family: int, address: Any) -> bool:
    """Tell whether an address stays on this machine."""
    if family not in (socket.AF_INET, socket.AF_INET6):
        return True
    try:
        return ipaddress.ip_address(address[0]).is_loopback
    except ValueError:
        return address[0] == "localhost"


@pytest.fixture(scope="session", autouse=True)
def no_outside_network() -> Iterator[None]:
    """Make a test that reaches for the outside fail, instead of passing where there happens to be a network."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        yield


def _guarded(connect: Any) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if not is_local(self.family, address):
            raise RuntimeError(f"A test reached for the outside network: {address}")
        return connect(self, address)

    return guarded
