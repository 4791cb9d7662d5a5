"""How fast the feature engine is on a synthetic history, and how rivals fare with the same work in the same run.

Each measurement is a process of its own: seconds of the computation alone, input and result in memory; the peak is
all memory the process ever held, the input's frames among it. Rivals are installed apart from the project by `uv`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import polars as pl

import feature_sets
import synthetic_history
from morningline.features.computing import ROWS_AT_ONCE
from morningline.features.engine import compute, compute_all
from morningline.features.feature_set import FeatureSet
from morningline.features.keeping import Period
from morningline.features.keeping import keep as keep_computed
from morningline.features.state import IDENTITY, Events
from morningline.features.store import FeatureStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from morningline.features.definitions import Step

P = ParamSpec("P")
T = TypeVar("T")

GIB = 2**30
RIVAL = Path(__file__).parent / "rivals" / "window_features.py"
UV = Path(sys.executable).parent / "uv"
# As many columns are read as a large set trains with.
MOST_READ = 150
# More runners are neither computed nor read all together, which takes 2 GiB a million.
IN_MEMORY = 5_000_000
# With plain rows of a horse, pandas takes a minute; a tenth of the horses says as much.
SAMPLE = 10
RIVALS = {
    "by_row": {"duckdb": "DuckDB, windows of rows", "mlforecast": "mlforecast, lags", "pandas": "pandas, rolling"},
    "by_day": {"duckdb": "DuckDB, windows of days", "pandas": "pandas, rolling days"},
}
PACKAGES = {"duckdb": ("duckdb",), "pandas": ("pandas", "pyarrow"), "mlforecast": ("mlforecast", "pyarrow")}


@dataclass(frozen=True)
class Measured:
    """A line of the table: rows, seconds (median of the repetitions), peak and input in GiB, and a remark."""

    what: str
    rows: int
    seconds: float
    peak: float
    given: float | None = None
    remark: str = ""

    def line(self) -> str:
        given = "" if self.given is None else f"{self.given:.2f}"
        figures = (
            f"{self.rows:>11,} {self.seconds:>9.2f} {self.rows / self.seconds:>11,.0f} {self.peak:>9.2f} {given:>9}"
        )
        return f"{self.what:44} {figures}  {self.remark}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=synthetic_history.USUAL_ROWS, help="runners of the history")
    parser.add_argument("--times", type=int, default=1, help="how many times as many, such as 10")
    parser.add_argument("--sets", default="75,full", help="75, full, or both with a comma")
    parser.add_argument("--rivals", action=argparse.BooleanOptionalAction, default=True, help="the rivals as well")
    parser.add_argument("--repeat", type=int, default=3, help="processes a measurement; their median is told")
    asked = parser.parse_args()
    rows = asked.rows * asked.times
    with tempfile.TemporaryDirectory(prefix="morningline-bench-") as folder:
        measured = own_sets(Path(folder), rows, asked.sets.split(","), asked.repeat)
        tell(f"Features of {rows:,} runners in twelve years, {os.cpu_count()} cores", measured)
    if asked.rivals:
        with tempfile.TemporaryDirectory(prefix="morningline-bench-") as folder:
            for kind, measured in equal_work(Path(folder), rows, asked.repeat).items():
                tell(f"Equal work: {' '.join(getattr(feature_sets, kind).__doc__.split())}", measured)


def tell(title: str, measured: Sequence[Measured]) -> None:
    heads = f"{'rows':>11} {'seconds':>9} {'rows/s':>11} {'peak GiB':>9} {'input GiB':>9}"
    print(f"\n{title}\n{'':44} {heads}")
    print("\n".join(one.line() for one in measured), flush=True)


def steps_of(name: str) -> Sequence[Step]:
    if name == "full":
        from morningline.domains.racing.features import FEATURES

        return FEATURES.steps
    return {
        "75": feature_sets.seventy_five,
        "by_row": feature_sets.by_row,
        "by_day": feature_sets.by_day,
    }[name]()


def fresh(act: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """What an act returns, done in a new process; this one stays small, for a process begins with its parent's peak."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(act, *given, **named).result()


def own_sets(folder: Path, rows: int, names: Sequence[str], repeat: int) -> list[Measured]:
    """The sets of this project on a history with withdrawals, late results and gaps."""
    fresh(write, folder, rows, plain=False)
    found = []
    for name in names:
        count = sum(getattr(step, "kept", False) for step in steps_of(name))
        title = f"{'the full racing set' if name == 'full' else 'the set over five keys'}, {count} features"
        if rows <= IN_MEMORY:
            found.append(own(title, name, folder, repeat))
        found.append(own(f"{title}, stored", name, folder, 1, measure_slices))
        found.append(own("  a day's results and the next day's cards", name, folder, repeat, measure_day))
        found.append(own("  the same in a worker that computed before", name, folder, repeat, measure_worker_day))
        if rows <= IN_MEMORY:
            read_too = f"  {min(count, MOST_READ)} of its columns read into NumPy"
            found.append(own(read_too, name, folder, repeat, measure_read))
    return found


def equal_work(folder: Path, rows: int, repeat: int) -> dict[str, list[Measured]]:
    """Sets that all can compute, on a history where every result was known that evening; the values are compared."""
    fresh(write, folder, rows, plain=True)
    runs = fresh(as_runs, folder)
    found = {}
    for kind, rivals in RIVALS.items():
        found[kind] = [own("morningline", kind, folder, repeat)]
        for tool, what in rivals.items():
            sampled = (tool, kind) == ("pandas", "by_row")
            count = SAMPLE if sampled else 1
            told = f"{what}, of one horse in {SAMPLE}" if sampled else what
            found[kind] += rival(
                told, f"{tool}_{kind}", PACKAGES[tool], runs[count], folder / f"{kind}.parquet", repeat
            )
    return found


def write(folder: Path, rows: int, *, plain: bool) -> None:
    keep(synthetic_history.history(rows, plain=plain), folder)


def keep(events: Events, folder: Path) -> None:
    events.entrants.write_parquet(folder / "entrants.parquet")
    events.outcomes.write_parquet(folder / "outcomes.parquet")


def read(folder: Path) -> Events:
    entrants, outcomes = (pl.read_parquet(folder / f"{name}.parquet") for name in ("entrants", "outcomes"))
    return Events(entrants, outcomes)


def as_runs(folder: Path) -> dict[int, Path]:
    """What rivals are given: runners with what came of them, all of them and those of some horses."""
    events = read(folder)
    keys = [*IDENTITY, "horse_id", "jockey_id", "trainer_id", "day"]
    values = events.outcomes.select(*IDENTITY, "won", "finish_fraction")
    runs = events.entrants.select(keys).join(values, on=IDENTITY, maintain_order="left")
    found = {}
    for count in (1, SAMPLE):
        found[count] = folder / f"runs{count}.parquet"
        runs.filter(pl.col("horse_id").hash(1) % count == 0).write_parquet(found[count])
    return found


def own(
    what: str, name: str, folder: Path, repeat: int, act: Callable[[str, Path], dict[str, float]] | None = None
) -> Measured:
    """Measure a set of this project, over the whole history where no other act is given."""
    told = [fresh(act or measure, name, folder) for _ in range(repeat)]
    seconds = statistics.median(one["seconds"] for one in told)
    return Measured(what, int(told[0]["rows"]), seconds, max(one["peak"] for one in told), told[0].get("given"))


def measure(name: str, folder: Path) -> dict[str, float]:
    """Compute one set in this process; where rivals have it as well, its values are kept."""
    steps, events = steps_of(name), [read(folder)]
    given = (events[0].entrants.estimated_size() + events[0].outcomes.estimated_size()) / GIB
    started = time.perf_counter()
    # Given away, for the engine frees what it needs no more.
    frame = compute(events.pop(), steps)
    seconds = time.perf_counter() - started
    peak = peak_gib()
    if name in RIVALS:
        frame.write_parquet(folder / f"{name}.parquet")
    return {"rows": frame.height, "seconds": seconds, "peak": peak, "given": given}


def store_of(name: str, folder: Path) -> FeatureStore:
    """Where features are kept, as the program keeps them."""
    return FeatureStore(folder / "store", FeatureSet(name=name, steps=tuple(steps_of(name))))


def compute_stored(name: str, folder: Path, first: date | None, last: date | None) -> int:
    """Compute a period as the program does, from a past that is stored, and store it; returns the rows."""
    store = store_of(name, folder)
    state = store.state() if store.exists() else None
    past = None if state is None or first is None else store.past(state.history, last=first - timedelta(days=1))
    parts = [pl.scan_parquet(folder / f"{which}.parquet") for which in ("entrants", "outcomes")]
    within = [pl.col("day") >= first] if first else []
    within += [pl.col("day") <= last] if last else []
    entrants = parts[0].filter(*within).collect() if within else parts[0].collect()
    outcomes = parts[1].join(entrants.lazy().select(IDENTITY), on=IDENTITY, how="semi").collect()
    found = compute_all(Events(entrants, outcomes), store.features.steps, past)
    rows = found.features.height
    said = {
        "mark": 0,
        "as_of": datetime(2100, 1, 1, tzinfo=UTC).isoformat(),
        "until": last and last.isoformat(),
        "pending": None,
        "computation": f"{first}",
    }
    keep_computed(store, state, found, found.features, Period(first, last), said)
    return rows


def measure_slices(name: str, folder: Path) -> dict[str, float]:
    """Compute and store the whole history in slices of whole months, as the program does: but for the last two days."""
    months = pl.scan_parquet(folder / "entrants.parquet").group_by(pl.col("day").dt.month_end()).len().collect()
    first, rows, told = None, 0, 0
    late = last_days(folder)
    started = time.perf_counter()
    ends = [day for day in months.sort("day")["day"] if day < late]
    counts = dict(months.rows())
    for place, end in enumerate(ends):
        rows += counts[end]
        following = counts[ends[place + 1]] if place + 1 < len(ends) else ROWS_AT_ONCE
        if rows + following > ROWS_AT_ONCE:
            told += compute_stored(name, folder, first, end)
            first, rows = end + timedelta(days=1), 0
    told += compute_stored(name, folder, first, late - timedelta(days=1))
    return {"rows": told, "seconds": time.perf_counter() - started, "peak": peak_gib()}


def measure_day(name: str, folder: Path) -> dict[str, float]:
    """Compute and store the last day, after the day before has become history: all reads and writes but of facts."""
    late = last_days(folder)
    started = time.perf_counter()
    rows = compute_stored(name, folder, late, None)
    return {"rows": rows, "seconds": time.perf_counter() - started, "peak": peak_gib()}


def measure_worker_day(name: str, folder: Path) -> dict[str, float]:
    """The same as `measure_day`, in a process that computed a day before: its libraries and loops are loaded."""
    late = last_days(folder)
    entrants = pl.scan_parquet(folder / "entrants.parquet").filter(pl.col("day") < late).tail(3_000).collect()
    outcomes = pl.scan_parquet(folder / "outcomes.parquet").join(entrants.lazy(), on=IDENTITY, how="semi").collect()
    compute(Events(entrants, outcomes), steps_of(name))
    return measure_day(name, folder)


def measure_read(name: str, folder: Path) -> dict[str, float]:
    """Read what was stored as a matrix, as training does."""
    store = store_of(name, folder)
    started = time.perf_counter()
    matrix = store.read_matrix(names=store.features.names[:MOST_READ])
    return {"rows": len(matrix.values), "seconds": time.perf_counter() - started, "peak": peak_gib()}


def last_days(folder: Path) -> date:
    """The last day but one."""
    days = pl.scan_parquet(folder / "entrants.parquet").select(pl.col("day").unique().sort()).collect()["day"]
    found: date = days[-2]
    return found


def peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB


def rival(what: str, act: str, packages: Sequence[str], runs: Path, ours: Path, repeat: int) -> list[Measured]:
    """Measure a rival and compare its values with ours; nothing where it does not install."""
    result = ours.with_name(f"{act}.parquet")
    wanted = [word for package in packages for word in ("--with", package)]
    command = [UV, "run", "--quiet", "--no-project", "--isolated", *wanted, RIVAL, act, runs, result]
    told = []
    for _ in range(repeat):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, cwd="/")
        if done.returncode:
            print(f"{what} did not run: {(done.stderr.strip() or 'no word of why').splitlines()[-1]}", flush=True)
            return []
        told.append(json.loads(done.stdout.splitlines()[-1]))
    seconds = statistics.median(one["seconds"] for one in told)
    peak = max(one["peak"] for one in told)
    count, remark = fresh(apart, ours, result)
    return [Measured(what, count, seconds, peak, remark=remark)]


def apart(ours: Path, result: Path) -> tuple[int, str]:
    """How many rows a rival gave, and how far its values are from ours, nulls on one side only among it."""
    theirs = pl.read_parquet(result)
    names = [name for name in theirs.columns if name not in IDENTITY]
    both = theirs.join(pl.read_parquet(ours), on=IDENTITY, suffix="#ours")
    here = [pl.col(name).cast(pl.Float64).fill_nan(None).alias(name) for name in names]
    there = [pl.col(f"{name}#ours").cast(pl.Float64).alias(name) for name in names]
    left, right = both.select(here), both.select(there)
    furthest = max(float((left[name] - right[name]).abs().max() or 0) for name in names)  # type: ignore[arg-type]
    nulls = sum(int((left[name].is_null() != right[name].is_null()).sum()) for name in names)
    missing = theirs.height - both.height
    odd = f", {nulls} nulls on one side, {missing} rows missing" if nulls or missing else ""
    return theirs.height, f"{len(names)} features, furthest apart {furthest:.1g}{odd}"


if __name__ == "__main__":
    main()
