"""Fifteen years of Hong Kong racing: import, features and backtest timed, with rivals in the same run.

Needs the real data beside the checkout (../shared/data/hk). The rival of the import is what most scripts do: the same
accepted rows of one table sent by psycopg's `executemany`. The rival of the model is the market itself.
"""

import os
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from morningline.kit.workspace import Workspace
from morningline.training.request import HoldOut, TrainRequest
from morningline.wiring import acts, featuring, training
from morningline.wiring.program import Program

DATA = Path(__file__).parents[2] / "shared" / "data" / "hk"


def silent(_doing: str, _done: float) -> None:
    """Progress that nobody watches."""


def timed(name: str, started: float) -> None:
    print(f"{name:44} {time.perf_counter() - started:6.1f} s")


def main() -> None:
    if not DATA.is_dir():
        sys.exit(f"{DATA} is not here, so there is nothing to measure.")
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.create(Path(folder))
        with Program.at(workspace.root, {"MORNINGLINE_HOME": folder}) as program:
            measure(program)


def measure(program: Program) -> None:
    started = time.perf_counter()
    report = acts.import_folder(program, "hk", DATA, silent)
    timed(f"import, new cluster, {sum(t.accepted for t in report.tables):,} rows", started)
    started = time.perf_counter()
    acts.import_folder(program, "hk", DATA, silent)
    timed("import of the same files again", started)
    executemany(program)
    started = time.perf_counter()
    features = featuring.compute_features(program, "racing", featuring.Extent())
    timed(f"features, {features.rows:,} rows of {features.features}", started)
    started = time.perf_counter()
    days = HoldOut(train_until=date(2021, 7, 31), test_from=date(2022, 9, 1), test_to=date(2023, 7, 31))
    summary = training.train(program, TrainRequest(split=days), training.Quietly()).summary
    timed(f"backtest, {summary['races']} test races", started)
    for name, scores in summary["models"].items():
        print(f"  {name:14} R2 {scores['r2']:.4f}  winner log loss {scores['winner_log_loss']:.4f}")
    delta = summary["delta_r2"]
    print(f"  delta R2 {delta['estimate']:+.5f} ({delta['low']:+.5f} to {delta['high']:+.5f}), {delta['verdict']}")


def executemany(program: Program) -> None:
    with program.database.connect() as connection:
        rows = connection.execute("SELECT * FROM ra_runners").fetchall()
        connection.execute("CREATE TEMP TABLE rival (LIKE ra_runners INCLUDING ALL)")
        started = time.perf_counter()
        marks = ", ".join(["%s"] * len(rows[0]))
        connection.cursor().executemany(f"INSERT INTO rival VALUES ({marks})", rows)  # noqa: S608 - our own names
        timed(f"rival: executemany of the {len(rows):,} runners alone", started)
        connection.rollback()


if __name__ == "__main__":
    os.environ.pop("MORNINGLINE_DATABASE_URL", None)
    main()
