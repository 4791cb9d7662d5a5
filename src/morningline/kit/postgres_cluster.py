"""One PostgreSQL cluster in a folder: made, started, found running, cleared after a crash, stopped.

Layout of the folder: `data` (the cluster), `run` (the unix socket and the server's log), and `server.lock`,
which the server and all its children hold: the kernel itself says whether any of them still lives, so that
neither a kill -9 nor a process number given to a stranger can mislead the next start. Callers hold
`start.lock` around every act.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import stat
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from morningline.kit.errors import DatabaseError
from morningline.kit.locks import POLL_SECONDS, FileLock
from morningline.kit.postgres_programs import PROGRAMS_VERSION, free_port, programs, run_program
from morningline.kit.postgres_user import Runner, open_the_way, runner_for

NAME = "morningline"
PORT = 5432
WAIT_SECONDS = 300
ORPHAN_GRACE_SECONDS = 2.0
SOCKET_PATH_BYTES = 103  # macOS; Linux takes 107
# https://www.postgresql.org/docs/current/protocol-message-formats.html, SSLRequest
TLS_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)
REPLY_SECONDS = 5
# Written to postgresql.conf once, where the owner of the machine may change them.
SETTINGS = {
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "max_connections": "100",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}


class Postmaster(NamedTuple):
    """What `postmaster.pid` says of the server; a stale file says it too."""

    pid: int
    port: int
    socket_folder: Path | None
    ready: bool

    def answers(self) -> bool:
        """Ask whatever listens where the file says for TLS: yes or no, a server in its right mind replies.

        A mere connection proves nothing: the kernel accepts it on behalf of a server that has just been killed.
        """
        address: str | tuple[str, int] = ("127.0.0.1", self.port)
        family = socket.AF_INET
        if sys.platform != "win32" and self.socket_folder is not None:
            address, family = str(self.socket_folder / f".s.PGSQL.{self.port}"), socket.AF_UNIX
        with socket.socket(family) as connection:
            connection.settimeout(REPLY_SECONDS)
            try:
                connection.connect(address)
                connection.sendall(TLS_REQUEST)
                return connection.recv(1) in (b"N", b"S")
            except OSError:
                return False

    @property
    def url(self) -> str:
        """The address for any PostgreSQL client."""
        if self.socket_folder is None:
            return f"postgresql://{NAME}@127.0.0.1:{self.port}/{NAME}"
        return f"postgresql://{NAME}@/{NAME}?host={quote(str(self.socket_folder))}"


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL cluster and its server.

    Args:
        folder: Where it lives; absolute and existing.
    """

    folder: Path

    @property
    def data(self) -> Path:
        """The cluster's own folder."""
        return self.folder / "data"

    @property
    def run(self) -> Path:
        """The folder of the socket and the log, writable by the server."""
        return self.folder / "run"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.run / "server.log"

    def postmaster(self) -> Postmaster | None:
        """Read who serves the cluster, or served it when it crashed; None after an orderly stop.

        Raises:
            DatabaseError: The cluster belongs to another user.
        """
        text = self._read("postmaster.pid")
        if text is None:
            return None
        lines = text.splitlines() + [""] * 8
        sockets = Path(lines[4]) if lines[4] else None
        ready = lines[7].strip() == "ready"
        return Postmaster(int(lines[0] or 0), int(lines[3] or PORT), sockets, ready)

    def version(self) -> int | None:
        """Read the major version of PostgreSQL that made the cluster; None before it is made.

        Raises:
            DatabaseError: The cluster belongs to another user.
        """
        text = self._read("PG_VERSION")
        return None if text is None else int(text)

    def _read(self, name: str) -> str | None:
        try:
            return (self.data / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise DatabaseError(
                f"The database in {self.folder} belongs to another user.",
                do="Run as the user who made it, or use a workspace of your own (MORNINGLINE_HOME).",
            ) from error

    def ensure_running(self) -> str:
        """Find the server, or start it, making the cluster first when there is none.

        Returns:
            The URL of the server.

        Raises:
            DatabaseError: It cannot be made or started; the message ends with the tail of the log.
        """
        lock = FileLock(self.folder / "server.lock")
        begun = time.monotonic()
        while True:
            found = self.postmaster()
            if found is not None and found.ready and found.answers():
                return found.url
            try:
                if lock.try_exclusive():
                    runner = runner_for(self.folder, self.data)
                    self._make(runner, lock)
                    self._start(runner, lock)
                    continue
            finally:
                lock.close()  # not released: the server we have just started holds it as well
            self._wait(time.monotonic() - begun)

    def stop(self) -> None:
        """Stop the server, breaking off what its clients are doing; a server that is not there is stopped.

        Raises:
            DatabaseError: It would not stop; the message ends with the tail of the log.
        """
        found = self.postmaster()
        # Only a server that answers is told to stop: the number in a stale file may be a stranger's by now.
        if found is None or not found.answers():
            return
        runner = runner_for(self.folder, self.data)
        self._command(runner, "pg_ctl", "stop", "-w", "-t", str(WAIT_SECONDS), "-m", "fast", "-D", "data")
        if found.socket_folder is not None and found.socket_folder != self.run:
            with suppress(OSError):
                found.socket_folder.rmdir()

    def _wait(self, waited_seconds: float) -> None:
        """Give a server that is starting, stopping or dying a moment."""
        if waited_seconds > WAIT_SECONDS:
            raise self._failed(f"The server neither answered nor ended within {WAIT_SECONDS} seconds.")
        if waited_seconds > ORPHAN_GRACE_SECONDS:
            self._end_orphans()
        time.sleep(POLL_SECONDS)

    def _make(self, runner: Runner | None, lock: FileLock) -> None:
        if runner is not None:
            open_the_way(runner, self.folder, programs())
        self._give(self.run, runner)
        version = self.version()
        if version not in (None, PROGRAMS_VERSION):
            raise DatabaseError(
                f"The database in {self.folder} was made by PostgreSQL {version}.",
                allowed=f"PostgreSQL {PROGRAMS_VERSION}, which this version of Morningline brings",
                do=f"Dump it with PostgreSQL {version}'s pg_dump, then restore it into a new workspace.",
            )
        if version is not None:
            return
        # Made beside and moved into place when whole, so that a kill in the middle leaves nothing half-made.
        new = self.folder / "data-new"
        shutil.rmtree(new, ignore_errors=True)
        self._give(new, runner)
        settings = [part for name, value in SETTINGS.items() for part in ("--set", f"{name}={value}")]
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        self._command(runner, "initdb", "-D", "data-new", "-U", NAME, "--auth=trust", *locale, *settings, lock=lock)
        create = f"CREATE DATABASE {NAME};\n"
        self._command(runner, "postgres", "--single", "-D", "data-new", "postgres", lock=lock, sql=create)
        new.rename(self.data)

    def _give(self, folder: Path, runner: Runner | None) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        if runner is not None:
            os.chown(folder, *runner)

    def _start(self, runner: Runner | None, lock: FileLock) -> None:
        # We hold the server's lock, so no process of an earlier server lives and what it left is stale.
        # PostgreSQL itself would refuse to start if a stranger now bears the number in one of these files.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        sockets = self._socket_folder(runner)
        for left in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
            (sockets / left).unlink(missing_ok=True)
        if sys.platform == "win32":
            options = f"-h 127.0.0.1 -p {free_port()}"
        else:
            # pg_ctl hands its options to a shell.
            options = f"-h '' -p {PORT} -k {shlex.quote(str(sockets))}"
        places = ("-D", "data", "-l", "run/server.log")
        self._command(runner, "pg_ctl", "start", "-w", "-t", str(WAIT_SECONDS), *places, "-o", options, lock=lock)

    def _socket_folder(self, runner: Runner | None) -> Path:
        """Choose a private folder whose socket fits the kernel's limit; libpq reads a comma as two hosts."""
        name = f"morningline-{sha256(os.fsencode(self.folder)).hexdigest()[:12]}"
        short = Path(tempfile.gettempdir()) / name
        last = Path("/tmp") / name  # noqa: S108  # for a TMPDIR too long itself; its owner is checked below
        for folder in (self.run, short, last):
            if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES and "," not in str(folder):
                break
        folder.mkdir(mode=0o700, exist_ok=True)
        if runner is not None and folder.lstat().st_uid == 0:
            os.chown(folder, *runner, follow_symlinks=False)
            open_the_way(runner, folder)
        found = folder.lstat()
        # Anyone can make a folder of this name under the temporary folder before we do.
        if sys.platform != "win32" and (
            found.st_uid != (runner.uid if runner else os.geteuid()) or not stat.S_ISDIR(found.st_mode)
        ):
            raise DatabaseError(f"{folder} belongs to someone else.", do="Remove it, or set TMPDIR to another folder.")
        return folder

    def _end_orphans(self) -> None:
        """End what a killed server left: a child in a long query does not notice that its parent is gone."""
        import psutil  # type: ignore[import-untyped]

        ours = []
        for process in psutil.process_iter():
            try:
                if process.name().startswith("postgres") and Path(process.cwd()).samefile(self.data):
                    ours.append(process)
            except (psutil.Error, OSError):
                continue  # it ended meanwhile, or belongs to someone else
        found = self.postmaster()
        if found is None or found.pid not in [process.pid for process in ours]:
            for process in ours:
                process.kill()

    def _command(self, runner: Runner | None, *command: str, lock: FileLock | None = None, sql: str = "") -> None:
        done = run_program(*command, runner=runner, folder=self.folder, lock=lock, given=sql)
        if done.returncode != 0:
            raise self._failed(f"PostgreSQL's {command[0]} failed in {self.folder}:\n{done.stdout}")

    def _failed(self, what: str) -> DatabaseError:
        tail = ""
        if self.log.exists():
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
            tail = "\n".join(["", f"The end of {self.log}:", *lines])
        return DatabaseError(
            what + tail,
            do="Mend what the log names (a full disk, a lack of memory or rights) and try again, "
            "or set MORNINGLINE_DATABASE_URL to a PostgreSQL server of your own.",
        )
