"""How fast a feed becomes facts: bound by its limit, and with no limit, beside dlt in the same run.

The simulator, the collection and the database share this machine. A runner row is a row of `ra_runners` or
`ra_results`; of dlt, a row of its table of runners.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(sys.executable).parent
RIVAL = Path(__file__).parent / "rivals" / "dlt_results.py"
FIRST = date(2015, 1, 1)
LIMIT = 40
# Two pages or more on most days.
PAGE = 25
ENVIRON = {**os.environ, "RACING_API_USERNAME": "user", "RACING_API_PASSWORD": "password"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365, help="days of results with no limit")
    parser.add_argument("--limited-days", type=int, default=400, help="days of results at 40 calls a second")
    parser.add_argument("--no-unlimited", action="store_true", help="only what is bound by the limit")
    parser.add_argument("--no-rival", action="store_true", help="leave dlt out")
    asked = parser.parse_args()
    if not asked.no_unlimited:
        with simulator() as url:
            unlimited(url, asked.days, "cold")
            unlimited(url, asked.days, "warm")
            if not asked.no_rival:
                rival(url, asked.days)
    with simulator("--limit", f"all={LIMIT}", "--bookmakers", "1") as url:
        limited(url, asked.limited_days)


@contextmanager
def simulator(*options: str) -> Iterator[str]:
    """A simulator of its own; yields its address."""
    process = subprocess.Popen(
        [BIN / "morningline", "simulate", "--port", "0", *options], stdout=subprocess.PIPE, text=True
    )
    try:
        yield str(process.stdout and process.stdout.readline()).split()[-1]
    finally:
        process.terminate()
        process.wait()


@contextmanager
def workspace(url: str, limit: float) -> Iterator[dict[str, str]]:
    """An empty workspace whose feed is the simulator; yields the environment to work in."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([BIN / "morningline", "init", folder], check=True, stdout=subprocess.DEVNULL)
        with (Path(folder) / "morningline.toml").open("a") as settings:
            settings.write(f'[feeds.racing_api]\nurl = "{url}"\nplan = "pro"\nhistory = true\n')
            settings.write(f"page = {PAGE}\n")
            settings.write(f"limits = {{ free = {limit}, racecards = {limit}, other = {limit} }}\n")
        yield {**ENVIRON, "MORNINGLINE_HOME": folder}


def collect(environ: dict[str, str], days: int, *options: str) -> tuple[dict[str, Any], float]:
    """Collect from the first day on; returns the summary and the seconds of the whole command."""
    last = FIRST + timedelta(days=days - 1)
    command = [BIN / "morningline", "collect", "events", "--from", FIRST, "--to", last, "--json", *options]
    started = time.perf_counter()
    done = subprocess.run([str(word) for word in command], env=environ, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    (part,) = json.loads(done.stdout)["parts"]
    return part, seconds


def unlimited(url: str, days: int, state: str) -> None:
    with workspace(url, 0) as environ:
        part, seconds = collect(environ, days, "--only", "results")
    rows = part["tables"]["ra_runners"]["new"] + part["tables"]["ra_results"]["new"]
    print(f"no limit, simulator {state}: {rows:,} runner rows from {part['calls']:,} calls", end=" ")
    print(f"in {part['seconds']:.1f} s of collecting, {seconds:.1f} s of command:", end=" ")
    print(f"{rows / part['seconds']:,.0f} runner rows/s", end=" ")
    # A result is a row of `ra_runners` and one of `ra_results`; dlt makes one row of it.
    print(f"({part['tables']['ra_results']['new'] / part['seconds']:,.0f} results/s)", flush=True)


def rival(url: str, days: int) -> None:
    with workspace(url, 0) as environ:
        database = subprocess.run(
            [BIN / "morningline", "db", "url", "--hold", "600"], env=environ, capture_output=True, text=True, check=True
        ).stdout.strip()
        # dlt wants the folder of the socket where a host would stand, and a password, which the server ignores.
        login, _, socket = database.partition("?host=")
        user = login.removeprefix("postgresql://").partition("@")[0]
        database = f"postgresql://{user}:none@{quote(socket, safe='')}/{login.rpartition('/')[2]}"
        command = [BIN / "uv", "run", "--no-project", "--isolated", "--with", "dlt[postgres]", RIVAL]
        words = [str(word) for word in (*command, url, database, FIRST, days)]
        done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        print(f"dlt did not run: {done.stderr.strip().splitlines()[-1]}", flush=True)
        return
    rows, seconds = (float(word) for word in done.stdout.split()[-2:])
    print(f"dlt, the same results: {rows:,.0f} rows in {seconds:.1f} s: {rows / seconds:,.0f} results/s", flush=True)


def limited(url: str, days: int) -> None:
    with workspace(url, LIMIT) as environ:
        part, seconds = collect(environ, days, "--only", "results")
    least = part["calls"] / LIMIT
    print(f"{LIMIT} calls/s: {part['calls']:,} calls in {part['seconds']:.1f} s of collecting,", end=" ")
    print(f"{seconds:.1f} s of command: {part['seconds'] / least:.3f} x calls / limit,", end=" ")
    print(f"{part['errors']} errors", flush=True)


if __name__ == "__main__":
    main()
