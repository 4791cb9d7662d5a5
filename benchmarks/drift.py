"""How long feature drift takes: 1.5 million rows of 150 Float32 features in two periods, beside scipy in the same run.

The rival is what most scripts do: `scipy.stats.ks_2samp` of each column, which gives the Kolmogorov-Smirnov statistic
alone, on some of the columns at full length; its time for all of them is scaled by their number.
"""

from __future__ import annotations

import argparse
import resource
import time
from datetime import date

import numpy as np
import polars as pl
from scipy import stats

from morningline.monitoring.drift import drift


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_500_000, help="rows of both periods")
    parser.add_argument("--features", type=int, default=150)
    parser.add_argument(
        "--rival-features", type=int, default=10, help="columns that the rival is given, a multiple of the five kinds"
    )
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    frame, names = table(asked.rows, asked.features)
    middle = frame["day"][asked.rows // 2]
    before, since = frame.filter(pl.col("day") < middle), frame.filter(pl.col("day") >= middle)
    del frame
    print(f"{before.height:,} and {since.height:,} rows of {len(names)} features; {peak():.2f} GiB at the most so far")
    started = time.perf_counter()
    report = drift(before, since, names, threads=asked.threads)
    print(
        f"morningline: {time.perf_counter() - started:6.1f} s on {asked.threads} threads; {peak():.2f} GiB at the most"
    )
    worst = report.features[0]
    print(f"  {report.count('drift')} drifted, {report.count('watch')} to watch; {worst.name}: {worst.reason}")
    rival(before, since, names, asked.rival_features)


def table(rows: int, features: int) -> tuple[pl.DataFrame, list[str]]:
    """Ten years of days; columns of several kinds, each with nulls, one of them moved in the last years."""
    random = np.random.default_rng(4)
    days = np.sort(random.integers(0, 3650, rows))
    columns = {}
    for number in range(features):
        kind = number % 5
        if kind == 0:
            column = random.integers(0, 12, rows).astype(np.float32)
        elif kind == 1:
            column = random.poisson(40, rows).astype(np.float32)
        else:
            column = random.standard_normal(rows, np.float32)
        if number == 2:
            column[days > 1825] += 0.6
        column[random.random(rows, np.float32) < 0.02 * kind] = np.nan
        columns[f"feature_{number}"] = pl.Series(column, nan_to_null=True)
    day = pl.Series(days).cast(pl.Int32) + (date(2015, 1, 1) - date(1970, 1, 1)).days
    return pl.DataFrame({"day": day.cast(pl.Date), **columns}), list(columns)


def rival(before: pl.DataFrame, since: pl.DataFrame, names: list[str], some: int) -> None:
    started = time.perf_counter()
    for name in names[:some]:
        stats.ks_2samp(before[name].drop_nulls().to_numpy(), since[name].drop_nulls().to_numpy(), method="asymp")
    seconds = time.perf_counter() - started
    print(
        f"ks_2samp:    {seconds:6.1f} s for {some} features, one after the other: "
        f"{seconds / some * len(names):.0f} s for all {len(names)}"
    )


def peak() -> float:
    """Peak memory of this process, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


main()
