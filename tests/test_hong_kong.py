"""The long proofs on fifteen years of Hong Kong racing: true counts, honest figures, equal bits, thirty kills."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from morningline.kit.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = Path(__file__).parents[2] / "shared" / "data" / "hk"
PERIODS = ("--train-until", "2021-07-31", "--test-from", "2022-09-01", "--test-to", "2023-07-31")
RUNNERS = 145_121

pytestmark = [
    pytest.mark.proof,
    pytest.mark.shared,
    pytest.mark.skipif(not DATA.is_dir(), reason="needs the real racing data beside the checkout"),
]


def environment(workspace: Path) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MORNINGLINE_")}
    return {**clean, "MORNINGLINE_HOME": str(workspace)}


def run(workspace: Path, *words: str) -> str:
    command = [sys.executable, "-m", "morningline.cli", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(workspace))
    assert done.returncode == 0, done.stderr
    return done.stdout


def query(workspace: Path, sql: str) -> list[dict[str, Any]]:
    return json.loads(run(workspace, "db", "query", sql, "--json"))


@pytest.fixture(scope="module")
def workspace() -> Iterator[Path]:
    # Not under pytest's own folder, which the embedded server's user may not enter.
    with tempfile.TemporaryDirectory(prefix="morningline-hk-") as folder:
        made = Workspace.create(Path(folder) / "hk").root
        run(made, "import", "hk", str(DATA))
        run(made, "features", "compute")
        yield made


def test_the_queries_people_ask_first_give_true_answers(workspace: Path):
    by_year = query(workspace, "SELECT extract(year FROM date)::int AS year, count(*) FROM ra_races GROUP BY 1")
    assert sum(row["count"] for row in by_year) == 11_741
    assert {row["year"] for row in by_year} == set(range(2008, 2024))
    counts = (
        "SELECT (SELECT count(*) FROM ra_races) AS races, (SELECT count(*) FROM ra_runners) AS runners,"
        " (SELECT count(*) FROM ra_mst_horses) AS horses, (SELECT count(*) FROM ra_mst_jockeys) AS jockeys"
    )
    # 144,983 finishers and the 138 starters that did not finish and could be matched.
    assert query(workspace, counts) == [{"races": 11_741, "runners": RUNNERS, "horses": 7_520, "jockeys": 244}]
    run_by = "SELECT count(DISTINCT r.id) AS n FROM ra_races r JOIN ra_runners u ON u.race_id = r.id"
    assert query(workspace, run_by) == [{"n": 11_741}]


def test_the_market_is_the_one_that_others_measured(workspace: Path):
    # 2.0236 and 0.1918 are what an independent reading of the same files gives for the whole history.
    sql = """
        WITH book AS (SELECT race_id, horse_id, 1 / decimal_odds AS share,
                             sum(1 / decimal_odds) OVER (PARTITION BY race_id) AS total,
                             count(*) OVER (PARTITION BY race_id) AS n FROM ra_odds)
        SELECT avg(-ln(share / total)) AS loss, 1 - sum(-ln(share / total)) / sum(ln(n)) AS r2
        FROM book JOIN ra_results USING (race_id, horse_id) WHERE position = 1
    """
    found = query(workspace, sql)[0]
    assert found["loss"] == pytest.approx(2.0236, abs=0.003)
    assert found["r2"] == pytest.approx(0.1918, abs=0.001)


def test_the_backtest_reaches_its_figures_twice_with_equal_bits(workspace: Path):
    first, second = (json.loads(run(workspace, "backtest", *PERIODS, "--json")) for _ in range(2))
    assert first["models"]["market_free"]["r2"] >= 0.140
    assert first["models"]["combined"]["r2"] >= first["models"]["market_power"]["r2"] - 0.0005
    assert {k: v for k, v in first.items() if k != "seconds"} == {k: v for k, v in second.items() if k != "seconds"}
    digests = query(workspace, "SELECT id, artefact_sha256 FROM models")
    assert len(digests) == 1


def test_thirty_kills_leave_all_or_nothing_and_the_same_facts(workspace: Path):
    wanted = json.loads(run(workspace, "db", "fingerprint", "--json"))["fingerprint"]
    chance = random.Random(20)
    with tempfile.TemporaryDirectory(prefix="morningline-kills-") as folder:
        victim = Workspace.create(Path(folder) / "hk").root
        command = [sys.executable, "-m", "morningline.cli", "import", "hk", str(DATA)]
        for _ in range(30):
            process = subprocess.Popen(command, env=environment(victim), stdout=subprocess.DEVNULL)
            time.sleep(chance.uniform(0.5, 9.0))
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert query(victim, "SELECT count(*) AS n FROM ra_runners")[0]["n"] in {0, RUNNERS}
        run(victim, "import", "hk", str(DATA))
        assert json.loads(run(victim, "db", "fingerprint", "--json"))["fingerprint"] == wanted
