"""Locks between processes that the kernel gives back when their holder dies, however it dies."""

from __future__ import annotations

import os
import sys
import time
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING

from morningline.kit.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLL_SECONDS = 0.01

if sys.platform == "win32":
    from fasteners import InterProcessReaderWriterLock

    class FileLock:
        """A shared or exclusive lock on a file, through LockFileEx."""

        def __init__(self, path: Path) -> None:
            self.path = path
            self._lock = InterProcessReaderWriterLock(path)

        def try_shared(self) -> bool:
            """Take the lock beside other sharers, or return False at once."""
            return bool(self._lock.acquire_read_lock(blocking=False))

        def try_exclusive(self) -> bool:
            """Take the lock alone, or return False at once."""
            return bool(self._lock.acquire_write_lock(blocking=False))

        def release(self) -> None:
            """Give the lock back."""
            self._lock.release_read_lock()

        close = release

        @property
        def descriptors(self) -> tuple[int, ...]:
            """Nothing: a lock cannot be handed to a child process here."""
            return ()

else:
    import fcntl

    class FileLock:
        """A shared or exclusive lock on a file, through flock.

        flock, not fcntl's record locks: those vanish as soon as anything in the process, a backup say, opens
        and closes the same file.
        """

        def __init__(self, path: Path) -> None:
            self.path = path
            self._descriptor: int | None = None
            _locks.add(self)

        def try_shared(self) -> bool:
            """Take the lock beside other sharers, or return False at once."""
            return self._try(fcntl.LOCK_SH)

        def try_exclusive(self) -> bool:
            """Take the lock alone, or return False at once."""
            return self._try(fcntl.LOCK_EX)

        def release(self) -> None:
            """Give the lock back, also on behalf of every child it was handed to."""
            if self._descriptor is not None:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            self.close()

        def close(self) -> None:
            """Let go of the lock here; a child it was handed to keeps it until that child ends."""
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

        @property
        def descriptors(self) -> tuple[int, ...]:
            """What `subprocess`'s `pass_fds` needs to hand the lock to a child."""
            return () if self._descriptor is None else (self._descriptor,)

        def _try(self, kind: int) -> bool:
            if self._descriptor is None:
                self._descriptor = self._open()
                if os.geteuid() == 0:
                    # Root may come by in a user's workspace, and must not lock the user out of it afterwards.
                    owner = self.path.parent.stat()
                    os.fchown(self._descriptor, owner.st_uid, owner.st_gid)
            try:
                fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        def _open(self) -> int:
            try:
                return os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            except PermissionError as error:
                raise DatabaseError(
                    f"{self.path.parent} belongs to another user.",
                    do="Run as the user who made it, or use a workspace of your own (MORNINGLINE_HOME).",
                ) from error

    _locks: weakref.WeakSet[FileLock] = weakref.WeakSet()

    def _forget_in_child() -> None:
        # A forked child shares the open file, and would keep the lock alive after its parent's death.
        for lock in list(_locks):
            lock.close()

    os.register_at_fork(after_in_child=_forget_in_child)


@contextmanager
def exclusively(path: Path, timeout_seconds: float) -> Iterator[None]:
    """Hold the lock on a file alone for the time of a `with` block.

    Args:
        path: The file; made when missing.
        timeout_seconds: How long to wait for whoever holds it now.

    Raises:
        DatabaseError: It was still held when the time was over.
    """
    lock = FileLock(path)
    deadline = time.monotonic() + timeout_seconds
    while not lock.try_exclusive():
        if time.monotonic() > deadline:
            lock.close()
            raise DatabaseError(
                f"Another process has held {path} for more than {timeout_seconds:g} seconds.",
                do="Look for a stopped or hanging morningline process, end it, and try again.",
            )
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        lock.release()
