"""The raw archive gives back exactly what came, says so when it cannot, and keeps nothing half-written."""

from __future__ import annotations

import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from backports.zstd import compress, decompress
from feed_server import GOOD, ask
from hypothesis import given
from hypothesis import strategies as st

from morningline.kit.database import Database
from morningline.kit.errors import IntegrityError, WorkspaceError
from morningline.sources.archive import Archive, known

if TYPE_CHECKING:
    from pathlib import Path


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@given(st.binary(max_size=5_000))
def test_any_body_comes_back_byte_for_byte_under_its_hash(tmp_path_factory, body):
    archive = Archive(tmp_path_factory.mktemp("archive"))
    name = archive.keep(body)
    assert name == sha256(body).hexdigest()
    (path,) = files(archive.folder)
    assert path == archive.folder / name[:2] / f"{name}.zst"
    assert decompress(path.read_bytes()) == body


def test_two_machines_may_write_the_same_body_at_once(tmp_path):
    archives = [Archive(tmp_path / "shared") for _ in range(8)]
    bodies = [b"%d" % (n % 5) * 1_000 for n in range(80)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: archives[n % 8].keep(bodies[n]), range(80)))
    assert {decompress(path.read_bytes()) for path in files(tmp_path)} == set(bodies)
    assert len(files(tmp_path)) == 5


def test_a_full_disk_is_said_leaves_nothing_behind_and_no_row(rig, monkeypatch):
    full = True
    real = os.fsync

    def fsync(descriptor):
        if full and stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with rig.client() as client:
        with pytest.raises(WorkspaceError, match=f"{rig.folder.name} cannot be written: No space left") as caught:
            client.fetch(ask())
        assert "Make room" in caught.value.do
        assert files(rig.folder) == []
        assert rig.rows("payloads", "id") == []
        assert rig.rows("feed_calls", "status, error") == [(200, "archive")]
        full = False
        assert client.fetch(ask()).body == GOOD
    assert len(files(rig.folder)) == 1


def test_what_a_killed_writer_left_is_swept_away_after_a_day(tmp_path):
    archive = Archive(tmp_path)
    kept = archive.keep(b"kept")
    (tmp_path / "unfinished").mkdir(exist_ok=True)
    old, new = tmp_path / "unfinished" / "old", tmp_path / "unfinished" / "new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    archive.sweep()
    assert [path.name for path in files(tmp_path)] == sorted([f"{kept}.zst", "new"])


@pytest.mark.parametrize("damage", ["missing", "cut", "other", "swapped"])
def test_a_damaged_body_is_never_given_out(rig, damage):
    with rig.client() as client:
        client.fetch(ask())
        (path,) = files(rig.folder)
        if damage == "missing":
            path.unlink()
        else:
            whole = path.read_bytes()
            path.write_bytes(
                {"cut": whole[:-5], "other": b"x" + whole[1:], "swapped": compress(GOOD + b" ", 3)}[damage]
            )
        with pytest.raises(IntegrityError, match=r"The body of payload \d+"):
            client.fetch(ask())


def test_payloads_are_listed_in_the_order_of_fetching_and_found_in_one_query(rig, monkeypatch):
    monkeypatch.setattr("morningline.sources.archive.CHUNK_ROWS", 2)
    days = [date(2024, 5, 3), date(2024, 5, 1), date(2024, 5, 2), None]
    asks = [ask(n, day=day, endpoint="items" if n != 2 else "others") for n, day in enumerate(days)]
    rig.server.script = [(200, {}, b"broken")]
    with rig.client() as client:
        payloads = [client.fetch(each) for each in asks]
    with Database(rig.url).connect(read_only=True) as connection:

        def listed(*given, **named):
            return [row.id for row in rig.archive.payloads(connection, rig.feed.name, *given, **named)]

        ids = [payload.id for payload in payloads]
        assert listed() == ids
        assert listed("items") == [ids[0], ids[1], ids[3]]
        assert listed(first=date(2024, 5, 2)) == [ids[0], ids[2]]
        assert listed(last=date(2024, 5, 1)) == [ids[1]]
        found = known(connection, rig.feed.name, [asks[1].request, asks[3].request, "unknown"])
        assert {request: row.id for request, row in found.items()} == {asks[1].request: ids[1], asks[3].request: ids[3]}
        assert rig.archive.read(found[asks[1].request]) == payloads[1]
        assert known(connection, "another feed", [asks[1].request]) == {}
