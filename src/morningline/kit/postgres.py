"""The database that comes with Morningline: PostgreSQL in a folder, shared by every process that uses it.

The first to come starts the server, the last to leave stops it. Each process holds a shared kernel lock on
`members.lock` while it uses the server, so that one that is killed leaves nothing behind; `start.lock` lets
one process at a time start, stop, join or leave. On Windows the server listens on the loopback address, on
Linux and macOS on a unix socket that only its owner and root can reach.
"""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from morningline.kit.errors import DatabaseError
from morningline.kit.locks import FileLock, exclusively
from morningline.kit.postgres_cluster import Cluster, Postmaster
from morningline.kit.postgres_programs import PROGRAMS_VERSION

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

# A start recovers a crashed cluster first, which takes as long as its last checkpoint is old.
TURN_SECONDS = 330.0


@dataclass(frozen=True, kw_only=True)
class ServerStatus:
    """What `doctor` shows of the embedded server.

    Attributes:
        version: Major version of PostgreSQL, of the cluster or of the one that would be made.
        made: Whether there is a cluster in the folder yet.
        running: Whether the server answers.
        pid: Its process number while it runs.
    """

    version: int
    made: bool
    running: bool
    pid: int | None


@dataclass
class _Member:
    """This process's membership of one server."""

    lock: FileLock
    holds: int = 0


_members: dict[Path, _Member] = {}
_threads = threading.RLock()


class EmbeddedPostgres:
    """A handle on the PostgreSQL server of one folder.

    Handles and threads of one process share its membership; the server stays while any of them holds it. A
    forked child is no member until it acquires for itself.

    Args:
        folder: Where the database lives; made when missing.

    Example:
        >>> with EmbeddedPostgres(workspace.database) as url:  # doctest: +SKIP
        ...     psycopg.connect(url)
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._member: _Member | None = None
        self._holds = 0

    def acquire(self) -> str:
        """Join the server, starting it when nobody has.

        Returns:
            Its URL, user and database `morningline`. Each call is undone by one `release`.

        Raises:
            DatabaseError: The folder cannot be used or the server cannot be started.
        """
        with _threads, _turn(self.folder):
            url = Cluster(self.folder).ensure_running()
            member = _members.get(self.folder)
            if member is None:
                member = _Member(FileLock(self.folder / "members.lock"))
                if not member.lock.try_shared():
                    raise DatabaseError(
                        f"{member.lock.path} is held by a program that is not Morningline.",
                        do="End it and try again.",
                    )
                _members[self.folder] = member
            if self._member is not member:  # the first time, or the first time after a fork
                self._member, self._holds = member, 0
            member.holds += 1
            self._holds += 1
        return url

    def release(self) -> None:
        """Undo one `acquire`; the last member of all stops the server. More calls than acquires do nothing.

        Raises:
            DatabaseError: The server would not stop.
        """
        with _threads:
            member = self._member
            if member is None or _members.get(self.folder) is not member or self._holds == 0:
                return
            self._holds -= 1
            member.holds -= 1
            if member.holds == 0:
                _leave(self.folder, member)

    def revive(self) -> str:
        """Start the server again if it was killed under its members, and return its URL.

        Raises:
            DatabaseError: The server cannot be started.
        """
        with _threads, _turn(self.folder):
            return Cluster(self.folder).ensure_running()

    def status(self) -> ServerStatus:
        """Look at the server without joining or disturbing it.

        Raises:
            DatabaseError: The database belongs to another user.
        """
        cluster = Cluster(self.folder)
        version, found = cluster.version(), cluster.postmaster()
        running: Postmaster | None = found if found is not None and found.answers() else None
        return ServerStatus(
            version=version or PROGRAMS_VERSION,
            made=version is not None,
            running=running is not None,
            pid=running.pid if running else None,
        )

    def __enter__(self) -> str:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def _turn(folder: Path) -> AbstractContextManager[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise DatabaseError(f"{folder} is a file.", allowed="a folder", do="Move it away.") from error
    return exclusively(folder / "start.lock", TURN_SECONDS)


def _leave(folder: Path, member: _Member) -> None:
    del _members[folder]
    with _turn(folder):
        # Nobody joins while we hold the turn, so giving up the share before asking for all of it is safe.
        member.lock.release()
        try:
            if member.lock.try_exclusive():
                Cluster(folder).stop()
        finally:
            member.lock.release()


def _leave_all() -> None:
    with _threads:
        for folder, member in list(_members.items()):
            _leave(folder, member)


def _forget_in_child() -> None:
    global _threads  # noqa: PLW0603  # a lock another thread held at the fork would stay held for ever
    _threads = threading.RLock()
    _members.clear()


atexit.register(_leave_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
