"""The rivals: the features of `by_row` and `by_day` by DuckDB's windows, pandas' groupby-rolling, mlforecast's lags.

Given one row a runner with what came of it, where every result was known that evening, so that a window that ends
yesterday says what was known in the morning. Their joins and loading are not timed.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

IDENTITY = ["event_id", "entrant_id"]
ALL_DAYS = 40_000
PEOPLE = ("jockey", "trainer")
# For each feature of a person: its name, the value, the days.
BY_DAY = (
    ("mean_won_days45", "won", 45),
    ("mean_won_days365", "won", 365),
    ("mean_won_expanding", "won", ALL_DAYS),
    ("mean_finish_fraction_days180", "finish_fraction", 180),
)


def duckdb_by_row(runs: Path, result: Path) -> float:
    rows = {"last1": "1", "last3": "3", "last6": "6", "expanding": "UNBOUNDED"}
    features = {
        "last_finish_fraction_last1": "avg(finish_fraction)",
        "mean_finish_fraction_last3": "avg(finish_fraction)",
        "mean_finish_fraction_last6": "avg(finish_fraction)",
        "std_finish_fraction_last6": "stddev_samp(finish_fraction)",
        "min_finish_fraction_last6": "min(finish_fraction)",
        "max_finish_fraction_last6": "max(finish_fraction)",
        "mean_finish_fraction_expanding": "avg(finish_fraction)",
        "min_finish_fraction_expanding": "min(finish_fraction)",
        "mean_won_last6": "avg(won)",
        "mean_won_expanding": "avg(won)",
    }
    columns = [f"({call} OVER {name.split('_')[-1]})::FLOAT AS horse_{name}" for name, call in features.items()]
    windows = [
        f"{name} AS (PARTITION BY horse_id ORDER BY day ROWS BETWEEN {begin} PRECEDING AND 1 PRECEDING)"
        for name, begin in rows.items()
    ]
    return _duckdb(runs, result, columns, windows)


def duckdb_by_day(runs: Path, result: Path) -> float:
    columns, windows = [], []
    for person in PEOPLE:
        features = [("count_days30", "count(*)", 30), *((name, f"avg({value})", days) for name, value, days in BY_DAY)]
        for name, call, days in features:
            columns.append(f"({call} OVER {person}{days})::FLOAT AS {person}_{name}")
        for days in sorted({days for _, _, days in features}):
            begin = "UNBOUNDED" if days == ALL_DAYS else str(days)
            windows.append(
                f"{person}{days} AS (PARTITION BY {person}_id ORDER BY day "
                f"RANGE BETWEEN {begin} PRECEDING AND 1 PRECEDING)"
            )
    return _duckdb(runs, result, columns, windows)


def _duckdb(runs: Path, result: Path, columns: list[str], windows: list[str]) -> float:
    import duckdb

    connection = duckdb.connect()
    connection.read_parquet(str(runs)).create("runs")
    connection.execute("ALTER TABLE runs ALTER day TYPE INTEGER USING day - DATE '2000-01-01'")
    query = f"SELECT event_id, entrant_id, {', '.join(columns)} FROM runs WINDOW {', '.join(windows)}"  # noqa: S608
    started = time.perf_counter()
    connection.execute(f"CREATE TABLE result AS {query}")
    seconds = time.perf_counter() - started
    connection.execute(f"COPY result TO '{result}' (FORMAT parquet)")
    return seconds


def pandas_by_row(runs: Path, result: Path) -> float:
    import pandas as pd

    frame = pd.read_parquet(runs)
    started = time.perf_counter()
    frame = frame.sort_values(["horse_id", "day"]).reset_index(drop=True)
    past = frame.assign(
        **{value: frame.groupby("horse_id")[value].shift(1) for value in ("finish_fraction", "won")}
    ).groupby("horse_id")
    finish, won = past["finish_fraction"], past["won"]
    found = {
        "last_finish_fraction_last1": finish.rolling(1).max(),
        "mean_finish_fraction_last3": finish.rolling(3, min_periods=1).mean(),
        "mean_finish_fraction_last6": finish.rolling(6, min_periods=1).mean(),
        "std_finish_fraction_last6": finish.rolling(6, min_periods=2).std(),
        "min_finish_fraction_last6": finish.rolling(6, min_periods=1).min(),
        "max_finish_fraction_last6": finish.rolling(6, min_periods=1).max(),
        "mean_finish_fraction_expanding": finish.expanding().mean(),
        "min_finish_fraction_expanding": finish.expanding().min(),
        "mean_won_last6": won.rolling(6, min_periods=1).mean(),
        "mean_won_expanding": won.expanding().mean(),
    }
    # The rows are in the order of the groups, and so are the answers.
    features = {f"horse_{name}": column.to_numpy() for name, column in found.items()}
    answer = pd.concat([frame[IDENTITY], pd.DataFrame(features).astype("float32")], axis=1)
    seconds = time.perf_counter() - started
    answer.to_parquet(result)
    return seconds


def pandas_by_day(runs: Path, result: Path) -> float:
    import pandas as pd

    frame = pd.read_parquet(runs)
    frame["day"] = pd.to_datetime(frame["day"])
    started = time.perf_counter()
    jockey, trainer = (_person(frame, person) for person in PEOPLE)
    answer = jockey.merge(trainer, on=IDENTITY)
    seconds = time.perf_counter() - started
    answer.to_parquet(result)
    return seconds


def _person(frame: pd.DataFrame, person: str) -> pd.DataFrame:
    import pandas as pd

    ordered = frame.sort_values([f"{person}_id", "day"]).reset_index(drop=True)
    groups = ordered.groupby(f"{person}_id")
    features = {}
    for name, value, days in BY_DAY:
        rolling = groups.rolling(f"{days}D", on="day", closed="left", min_periods=1)[value]
        features[f"{person}_{name}"] = rolling.mean().to_numpy()
    counted = groups.rolling("30D", on="day", closed="left", min_periods=0)["won"].count()
    features[f"{person}_count_days30"] = counted.fillna(0).to_numpy()
    return pd.concat([ordered[IDENTITY], pd.DataFrame(features).astype("float32")], axis=1)


def mlforecast_by_row(runs: Path, result: Path) -> float:
    import pandas as pd
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import ExpandingMean, ExpandingMin, RollingMax, RollingMean, RollingMin, RollingStd

    frame = pd.read_parquet(runs)
    wanted: dict[str, dict[str, Any]] = {
        "finish_fraction": {
            "mean_finish_fraction_last3": RollingMean(3, 1),
            "mean_finish_fraction_last6": RollingMean(6, 1),
            "std_finish_fraction_last6": RollingStd(6, 2),
            "min_finish_fraction_last6": RollingMin(6, 1),
            "max_finish_fraction_last6": RollingMax(6, 1),
            "mean_finish_fraction_expanding": ExpandingMean(),
            "min_finish_fraction_expanding": ExpandingMin(),
        },
        "won": {"mean_won_last6": RollingMean(6, 1), "mean_won_expanding": ExpandingMean()},
    }
    started = time.perf_counter()
    frame = frame.sort_values(["horse_id", "day"]).reset_index(drop=True)
    series = pd.DataFrame({"unique_id": frame["horse_id"], "ds": frame.groupby("horse_id").cumcount()})
    features = {}
    for value, transforms in wanted.items():
        engine = MLForecast([], freq=1, lags=[1], lag_transforms={1: list(transforms.values())}, num_threads=2)
        found = engine.preprocess(series.assign(y=frame[value]), dropna=False, static_features=[])
        if value == "finish_fraction":
            features["horse_last_finish_fraction_last1"] = found["lag1"]
        # After the series' own columns and the lag stand the transforms, in their order.
        names = list(found.columns)[-len(transforms) :]
        features.update({f"horse_{ours}": found[name] for ours, name in zip(transforms, names, strict=True)})
    answer = pd.concat([frame[IDENTITY], pd.DataFrame(features).astype("float32")], axis=1)
    seconds = time.perf_counter() - started
    answer.to_parquet(result)
    return seconds


RIVALS: dict[str, Callable[[Path, Path], float]] = {
    act.__name__: act for act in (duckdb_by_row, duckdb_by_day, pandas_by_row, pandas_by_day, mlforecast_by_row)
}


if __name__ == "__main__":
    taken = RIVALS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": taken, "peak": peak}))
