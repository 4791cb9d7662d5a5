"""The raw archive: every body as it came, a compressed file under its hash, and a row that says what it answered."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from dataclasses import fields
from datetime import date  # noqa: TC003  # the field types are read
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from morningline.kit.errors import IntegrityError, WorkspaceError
from morningline.sources.feed import Payload, PayloadRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    import psycopg

LEVEL = 3
STALE_SECONDS = 86_400
COLUMNS = ", ".join(field.name for field in fields(PayloadRow))
CHUNK_ROWS = 1_000


class Archive:
    """The folder of the bodies. Many processes on many machines may share one.

    Args:
        folder: Made when the first body comes.

    Example:
        >>> archive = Archive(workspace.archive)  # doctest: +SKIP
        >>> with database.connect(read_only=True) as connection:  # doctest: +SKIP
        ...     for row in archive.payloads(connection, "racing_api"):
        ...         archive.read(row).body
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: set[Path] = set()

    def keep(self, body: bytes) -> str:
        """Write a body down; when this returns it outlives a power cut.

        Returns:
            Its SHA-256, in hex.

        Raises:
            WorkspaceError: The folder cannot be written, the disk is full say; nothing is left half-written.
        """
        from backports.zstd import compress

        name = sha256(body).hexdigest()
        path = self._path(name)
        if not path.exists():
            with self._told():
                self._write(path, compress(body, LEVEL))
        return name

    def read(self, row: PayloadRow) -> Payload:
        """Read a body back.

        Raises:
            IntegrityError: Its file is missing, or is not what was written.
        """
        from backports.zstd import ZstdError, decompress

        path, said = self._path(row.sha256), f"The body of payload {row.id} ({row.feed}, {row.endpoint}, {row.day})"
        remedy = f"Restore {path.name} from a backup, or fetch the day anew with --again."
        try:
            body = decompress(path.read_bytes())
        except FileNotFoundError:
            raise IntegrityError(f"{said} is not in the archive {self.folder}.", do=remedy) from None
        except (OSError, ZstdError) as error:
            raise IntegrityError(f"{said} cannot be read: {error}", do=remedy) from error
        if sha256(body).hexdigest() != row.sha256:
            raise IntegrityError(f"{said} is not what was archived: its hash differs.", do=remedy)
        return row.with_body(body)

    def payloads(
        self,
        connection: psycopg.Connection[Any],
        feed: str,
        endpoint: str | None = None,
        *,
        first: date | None = None,
        last: date | None = None,
    ) -> Iterator[PayloadRow]:
        """The usable payloads of a feed in the order of fetching, read in chunks.

        Args:
            connection: From `Database.connect`.
            feed: The feed.
            endpoint: Only this one.
            first: Only from this local day on; payloads of no day are left out then.
            last: Only to this local day.

        Raises:
            psycopg.Error: The database refuses.
        """
        after = 0
        while True:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM payloads WHERE usable AND feed = %(feed)s AND id > %(after)s"  # noqa: S608  # our own names
                " AND (%(endpoint)s::text IS NULL OR endpoint = %(endpoint)s)"
                " AND (%(first)s::date IS NULL OR day >= %(first)s) AND (%(last)s::date IS NULL OR day <= %(last)s)"
                f" ORDER BY id LIMIT {CHUNK_ROWS}".encode(),
                {"feed": feed, "after": after, "endpoint": endpoint, "first": first, "last": last},
            ).fetchall()
            for row in rows:
                yield _row(row)
            if len(rows) < CHUNK_ROWS:
                return
            after = rows[-1][0]

    def sweep(self) -> None:
        """Remove what killed writers left unfinished a day ago or earlier."""
        for path in self._unfinished.glob("*"):
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - STALE_SECONDS:
                    path.unlink()

    @property
    def _unfinished(self) -> Path:
        return self.folder / "unfinished"

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / f"{name}.zst"

    def _write(self, path: Path, content: bytes) -> None:
        self._make(self._unfinished)
        self._make(path.parent)
        partial = self._unfinished / uuid4().hex
        try:
            with partial.open("xb", buffering=0) as file:
                written = 0
                while written < len(content):
                    written += file.write(memoryview(content)[written:])
                os.fsync(file.fileno())
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def _make(self, folder: Path) -> None:
        if folder not in self._made:
            folder.mkdir(parents=True, exist_ok=True)
            _sync_folder(folder.parent)
            self._made.add(folder)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise WorkspaceError(
                f"The archive {self.folder} cannot be written: {error.strerror or error}.",
                allowed="a folder this user may write to, on a disk with room",
                do="Make room or have its rights changed, and continue: what is missing is fetched then.",
            ) from error


def known(connection: psycopg.Connection[Any], feed: str, requests: Collection[str]) -> dict[str, PayloadRow]:
    """The usable payloads of these requests (`Ask.request`), as far as they are there; in one query.

    Raises:
        psycopg.Error: The database refuses.
    """
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM payloads WHERE usable AND feed = %s AND request = ANY(%s)".encode(),  # noqa: S608  # our own names
        (feed, list(requests)),
    )
    return {row.request: row for row in map(_row, rows)}


def _row(values: tuple[Any, ...]) -> PayloadRow:
    named = dict(zip(COLUMNS.split(", "), values, strict=True))
    named["params"] = tuple((name, value) for name, value in named["params"])
    return PayloadRow(**named)


def _sync_folder(folder: Path) -> None:
    # A new name lives in its folder, which is a file of its own to the disk. Windows has no way to ask for that.
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
