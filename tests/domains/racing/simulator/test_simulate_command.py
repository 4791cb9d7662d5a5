"""The command that serves the simulator: it says where, serves, and ends politely."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx2
import pytest
from asking import asking

from morningline.cli.main import app
from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "morningline.cli", "simulate", *words]


def test_it_serves_until_it_is_asked_to_stop(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    words = ("--port", "0", "--today", "2026-03-01", "--account", "me:secret", "--plan", "basic", "--log", str(log))
    with subprocess.Popen(command(*words), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("Serving on http://127.0.0.1:")
        url = line.removeprefix("Serving on ").strip()
        with httpx2.Client(base_url=url, auth=("me", "secret"), timeout=20.0) as client:
            assert client.get("/v1/racecards/basic").json()["total"] > 0
            assert client.get("/v1/racecards/pro").json() == {"detail": "Pro Plan required"}
        process.terminate()
        assert process.wait(timeout=20) == 0
    assert [json.loads(text)["status"] for text in log.read_text().splitlines()] == [200, 401]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--limit", "fast=1"), "free, racecards, other, all"),
        (("--limit", "other=many"), "CLASS=CALLS"),
        (("--faults", "all"), "none, flaky, dirty, storm"),
        (("--today", "noon"), "2026-03-01"),
        (("--from", "first"), "2015-01-01"),
        (("--plan", "gold"), "free, basic, standard, pro"),
        (("--account", "user"), "NAME:PASSWORD"),
    ],
)
def test_what_it_cannot_do_is_refused_with_what_is_allowed(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        app(["simulate", "--port", "0", *words], standalone_mode=False)


def test_a_port_that_is_taken_is_named() -> None:
    with asking() as feed:
        port = feed.simulator.url.rsplit(":", 1)[1]
        with pytest.raises(InputError, match=f"Port {port} cannot be used"):
            app(["simulate", "--port", port], standalone_mode=False)
