"""Keeping the embedded server up for programs that are no members: psql, a notebook, a dashboard.

`hold` starts a process of its own that joins the server, stays while anybody is connected, and leaves some seconds
after the last one has gone.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from morningline.kit.errors import DatabaseError

if TYPE_CHECKING:
    from pathlib import Path

LOOK_SECONDS = 1.0
JOINED = b"joined\n"


def hold(folder: Path, idle_seconds: int) -> None:
    """Keep the server of a folder up until nobody has been connected for some seconds.

    Args:
        folder: Where the database lives.
        idle_seconds: How long it stays without any connection.

    Raises:
        DatabaseError: The holding process could not join the server.
    """
    command = [sys.executable, "-m", "morningline.kit.postgres_hold", str(folder), str(idle_seconds)]
    # A session of its own, so that closing the terminal or Ctrl-C there does not end it.
    holder = subprocess.Popen(  # noqa: S603 - our own module
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    with holder.stdout as output:  # type: ignore[union-attr]  # a pipe was asked for
        said = output.readline()
    if said != JOINED:
        raise DatabaseError("The database could not be kept up.", do="Run `morningline doctor`.")
    # It lives on by itself; this process has nothing to wait for.
    holder.returncode = 0


def _stay(folder: Path, idle_seconds: int) -> None:
    import psycopg

    from morningline.kit.postgres import EmbeddedPostgres

    with EmbeddedPostgres(folder) as url, psycopg.connect(url, autocommit=True) as connection:
        sys.stdout.buffer.write(JOINED)
        sys.stdout.buffer.flush()
        others = (
            b"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        last_seen = time.monotonic()
        while time.monotonic() - last_seen < idle_seconds:
            time.sleep(LOOK_SECONDS)
            found = connection.execute(others).fetchone()
            if found and found[0]:
                last_seen = time.monotonic()


if __name__ == "__main__":
    from pathlib import Path as Folder

    _stay(Folder(sys.argv[1]), int(sys.argv[2]))
