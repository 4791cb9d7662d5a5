"""Whom the embedded PostgreSQL runs as: the invoking user, or a system user when that is root."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

from morningline.kit.errors import DatabaseError

if TYPE_CHECKING:
    from pathlib import Path

SYSTEM_USER = "pgserver"


class Runner(NamedTuple):
    """The user and group numbers of whoever runs the server."""

    uid: int
    gid: int


def runner_for(folder: Path, data: Path) -> Runner | None:
    """Choose who runs the server of a cluster.

    PostgreSQL refuses to run as root. Root therefore runs a cluster as its owner, and a new one in a folder
    of its own as the system user `pgserver`, which is made when missing.

    Args:
        folder: The cluster's parent folder.
        data: The cluster's folder, which may not exist yet.

    Returns:
        None when the server runs as the invoking user.

    Raises:
        DatabaseError: The system user is missing and cannot be made.
    """
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    import pwd

    owner = (data if data.exists() else folder).stat()
    if owner.st_uid != 0:
        return Runner(owner.st_uid, owner.st_gid)
    try:
        user = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        _add_system_user()
        user = pwd.getpwnam(SYSTEM_USER)
    return Runner(user.pw_uid, user.pw_gid)


def open_the_way(runner: Runner, *places: Path) -> None:
    """Let the runner pass through every folder above some places, and no more than pass.

    Args:
        runner: Who must reach them.
        places: Folders; the wheel's own programs are made readable when a strict umask installed them.

    Raises:
        DatabaseError: A folder's rights cannot be changed.
    """
    try:
        for place in places:
            for folder in (place, *place.parents):
                _allow(runner, folder, stat.S_IXOTH)
            if place.name == "bin" and not (place / "postgres").stat().st_mode & stat.S_IXOTH:
                for path in place.parent.rglob("*"):
                    mode = path.stat().st_mode
                    path.chmod(mode | (mode & (stat.S_IRUSR | stat.S_IXUSR)) >> 6)
    except OSError as error:
        raise DatabaseError(
            f"The user who runs the database for root cannot be let through: {error}",
            do="Run Morningline as an ordinary user, or move the workspace out of this folder.",
        ) from error


def _allow(runner: Runner, folder: Path, right: int) -> None:
    found = folder.stat()
    own = stat.S_IXUSR if found.st_uid == runner.uid else right
    if not found.st_mode & own:
        folder.chmod(stat.S_IMODE(found.st_mode) | own)


def _add_system_user() -> None:
    command = ("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER)
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # constants
        # 9 means that another process made it in the same moment.
        problem = "" if done.returncode in (0, 9) else done.stderr.strip()
    except FileNotFoundError as error:
        problem = str(error)
    if problem:
        raise DatabaseError(
            f"PostgreSQL does not run as root, and its system user {SYSTEM_USER!r} cannot be made: {problem}",
            do=f"Add a system user named {SYSTEM_USER!r}, or run Morningline as an ordinary user.",
        )
