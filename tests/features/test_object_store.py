"""The feature tables in an object store: the same promises as in a folder, credentials from the usual variables.

Runs against the S3 server that MORNINGLINE_TEST_S3_URL names (any key is to be accepted), or against moto's on this
machine where `moto[s3]`, flask and flask-cors are installed. They are no dependency of the tests: with what they
bring they weigh 110 MB, more than all the rest.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import uuid
from importlib.util import find_spec
from typing import TYPE_CHECKING

import httpx2
import pytest

from features.test_feature_store import SET, frame, put, rows, said
from morningline.features.monthly_table import ConflictError
from morningline.features.store import FeatureStore
from morningline.kit.errors import DataError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Address of an S3 server."""
    given = os.environ.get("MORNINGLINE_TEST_S3_URL")
    if given:
        yield given
        return
    if not all(find_spec(name) for name in ("moto", "flask", "flask_cors")):
        pytest.skip("no S3 server: neither MORNINGLINE_TEST_S3_URL is set nor moto[s3], flask and flask-cors installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        yield _answering(f"http://127.0.0.1:{port}")
        process.terminate()


def _answering(url: str) -> str:
    for _ in range(300):
        try:
            httpx2.get(url)
        except httpx2.TransportError:
            time.sleep(0.1)
        else:
            return url
    raise TimeoutError(url)


@pytest.fixture
def store(server: str, monkeypatch: pytest.MonkeyPatch) -> FeatureStore:
    """A feature store in a bucket of its own."""
    bucket = f"test-{uuid.uuid4().hex}"
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    assert httpx2.put(f"{server}/{bucket}").is_success
    return FeatureStore(f"s3://{bucket}/features", SET)


def test_versions_are_written_read_and_vacuumed_in_an_object_store(store: FeatureStore):
    with pytest.raises(DataError, match="morningline features compute"):
        store.read()
    contents = [frame(1, 2), frame(1, 2), frame(3, None), frame(5, 6)]
    assert [put(store, features) for features in contents] == [0, 0, 1, 2]
    assert store.read()["half"].to_list() == [5, 6]
    assert store.read(1)["half"].to_list() == [3, None]
    assert store.past(store.state().history).collect()["score"].to_list() == [1.0]
    assert len(store.vacuum([0], 0, dry_run=False)) == 3
    assert store.read(0)["half"].to_list() == [1, 2]
    assert store.read()["half"].to_list() == [5, 6]
    with pytest.raises(NotFoundError, match="Delta version 1 were removed"):
        store.read(1)


def test_of_two_writers_in_an_object_store_one_wins_and_nothing_is_lost(store: FeatureStore):
    put(store, frame(1, 2))
    months = (["2024-02"], ["2024-02"])
    store.write(frame(3, 4), rows(3.0), months, said("winner"), 0)
    with pytest.raises(ConflictError):
        store.write(frame(5, 6), rows(5.0), months, said("loser"), 0)
    # The number of a commit is taken once, whoever looked before.
    with pytest.raises(ConflictError):
        store.table.replace(frame(5, 6), None, said("loser"), 0)
    assert store.read()["half"].to_list() == [3, 4]
    assert store.past(store.state().history).collect()["score"].to_list() == [3.0]
