"""The history of quality: a row a table and day, counted again whenever facts of that day have changed since."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from morningline.facts.quality_measures import DAYS_OF_GRACE, MEASURE, measure
from morningline.facts.quality_scores import JUDGED, WINDOW_DAYS, judge
from morningline.facts.states import mark
from morningline.kit.database import copy_in, read_frame

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    import psycopg

    from morningline.facts.agreement import Watched
    from morningline.facts.table import Catalog

QUALITY_LOCK = 7_201_301
"""Key of the advisory lock that lets one at a time bring the history up to date."""
HISTORY = {**JUDGED, "accepted": pl.Float64}
"""The quality of a table and day as it is kept; `accepted` is the score with which somebody took it as it is."""

_COUNT = ("part", "name", "good", "of", "kind")
_COUNTS = pl.Struct({"counts": pl.List(pl.Struct({name: MEASURE[name] for name in _COUNT}))})
_FIRST_AT_A_TIME = 400
"""Days counted at a time: enough that a pass is worth its cost, few enough that they fit into memory."""


def bring_up_to_date(connection: psycopg.Connection[Any], watched: Watched, *, now: datetime) -> int:
    """Count and judge every day whose facts changed since, in the caller's transaction.

    The scores do not depend on when the history was brought up to date, or how often: where a day changed, the days
    that are compared with it are judged again.

    Args:
        connection: An open connection; the caller commits.
        watched: The tables.
        now: UTC instant; what comes after an event is judged once it must be there.

    Returns:
        How many days were counted.
    """
    connection.execute(b"SELECT pg_advisory_xact_lock(%d)" % QUALITY_LOCK)
    # Before the facts are counted: what changes meanwhile is counted again the next time.
    newest, rules = mark(connection), rules_of(watched)
    days = _stale_days(connection, watched.catalog, newest, rules, now)
    for start in range(0, len(days), _FIRST_AT_A_TIME):
        some = days[start : start + _FIRST_AT_A_TIME]
        counted = measure(connection, watched, some, now=now)
        _keep_counts(connection, counted, newest, rules, now)
    if days:
        span = timedelta(days=WINDOW_DAYS)
        known = _counts(connection, watched.catalog, days[0] - span, days[-1] + span)
        _keep_scores(connection, judge(known).filter(pl.col("day") >= days[0]))
    return len(days)


def read_history(connection: psycopg.Connection[Any], watched: Watched, first: date, last: date) -> pl.DataFrame:
    """The quality of the days from first to last as it is kept, in the order of days and tables.

    Returns:
        Rows in the shape of `HISTORY`.
    """
    columns = ", ".join(name if name != "table" else 'table_name AS "table"' for name in HISTORY)
    sql = (
        f"SELECT {columns} FROM quality_days WHERE table_name = ANY(%(tables)s) "  # noqa: S608 - our own names
        "AND day BETWEEN %(first)s AND %(last)s ORDER BY day, array_position(%(tables)s, table_name)"
    )
    params = {"tables": list(watched.catalog.names), "first": first, "last": last}
    return read_frame(connection, sql, HISTORY, params)


def read_counts(connection: psycopg.Connection[Any], watched: Watched, first: date, last: date) -> pl.DataFrame:
    """Every count of the days from first to last as it is kept, in the shape of `quality_measures.MEASURE`."""
    return _counts(connection, watched.catalog, first, last)


def known_days(connection: psycopg.Connection[Any], watched: Watched) -> tuple[date, date] | None:
    """The first and the last day of the history; None where there is none."""
    row = connection.execute(
        "SELECT min(day), max(day) FROM quality_days WHERE table_name = ANY(%s)", (list(watched.catalog.names),)
    ).fetchone()
    return (row[0], row[1]) if row and row[0] else None


def rules_of(watched: Watched) -> str:
    """Hash of what decides a score: the tables, what they must agree on, and the code that counts and judges."""
    tables = [(table.name, *table.columns) for table in watched.catalog.tables]
    code = [Path(__file__).with_name(name).read_bytes() for name in ("quality_measures.py", "quality_scores.py")]
    return sha256(repr((tables, watched.agreements)).encode() + b"".join(code)).hexdigest()[:12]


def _stale_days(
    connection: psycopg.Connection[Any], catalog: Catalog, newest: int, rules: str, now: datetime
) -> list[date]:
    """Days that were never counted, have changed since, or are over since; all where the facts were put back."""
    rows = connection.execute(
        """
        SELECT day FROM (
            SELECT day, max(change) AS change FROM fact_days WHERE table_name = ANY(%(tables)s) GROUP BY day
        ) AS facts LEFT JOIN (
            SELECT day, min(mark) AS mark, min(measured_at) AS measured_at, bool_and(rules = %(rules)s) AS same
            FROM quality_days
            WHERE table_name = ANY(%(tables)s) GROUP BY day
        ) AS kept USING (day)
        WHERE kept.mark IS NULL OR NOT kept.same OR facts.change > kept.mark OR kept.mark > %(newest)s
            OR (kept.measured_at::date < day + %(grace)s AND day + %(grace)s <= %(today)s)
        ORDER BY day
        """,
        {"tables": list(catalog.names), "newest": newest, "rules": rules, "grace": DAYS_OF_GRACE, "today": now.date()},
    ).fetchall()
    return [row[0] for row in rows]


def _keep_counts(
    connection: psycopg.Connection[Any], counted: pl.DataFrame, newest: int, rules: str, now: datetime
) -> None:
    some = pl.col("part").is_not_null()
    rows = (
        counted.group_by("table", "day", maintain_order=True)
        .agg(pl.col("rows").first(), pl.struct(_COUNT).filter(some).alias("counts"))
        .with_columns(pl.struct("counts").struct.json_encode().alias("measures"))
        .select(
            pl.col("table").alias("table_name"),
            "day",
            "rows",
            "measures",
            pl.lit(now).dt.cast_time_unit("us").alias("measured_at"),
            pl.lit(newest, pl.Int64).alias("mark"),
            pl.lit(rules).alias("rules"),
        )
    )
    _merge(connection, rows, ("rows", "measures", "measured_at", "mark", "rules"))


def _keep_scores(connection: psycopg.Connection[Any], judged: pl.DataFrame) -> None:
    names = [name for name in JUDGED if name not in {"table", "day", "rows"}]
    _update(connection, judged.select(pl.col("table").alias("table_name"), "day", *names), names)


def _merge(connection: psycopg.Connection[Any], rows: pl.DataFrame, columns: Sequence[str]) -> None:
    names = ", ".join(rows.columns)
    new = ", ".join(f"{name} = EXCLUDED.{name}" for name in columns)
    connection.execute(b"CREATE TEMP TABLE counted (LIKE quality_days) ON COMMIT DROP")
    copy_in(connection, "counted", rows)
    connection.execute(
        f"INSERT INTO quality_days ({names}) SELECT {names} FROM counted "  # noqa: S608 - our own names
        f"ON CONFLICT (table_name, day) DO UPDATE SET {new}".encode()
    )
    connection.execute(b"DROP TABLE counted")


def _update(connection: psycopg.Connection[Any], rows: pl.DataFrame, columns: Sequence[str]) -> None:
    new = ", ".join(f"{name} = judged.{name}" for name in columns)
    connection.execute(b"CREATE TEMP TABLE judged AS SELECT * FROM quality_days WITH NO DATA")
    copy_in(connection, "judged", rows)
    old = ", ".join(f"kept.{name}" for name in columns)
    connection.execute(
        f"UPDATE quality_days AS kept SET {new} FROM judged "  # noqa: S608 - our own names
        "WHERE kept.table_name = judged.table_name AND kept.day = judged.day "
        f"AND ({old}) IS DISTINCT FROM ({', '.join(f'judged.{name}' for name in columns)})".encode()
    )
    connection.execute(b"DROP TABLE judged")


def _counts(connection: psycopg.Connection[Any], catalog: Catalog, first: date, last: date) -> pl.DataFrame:
    sql = (
        'SELECT table_name AS "table", day, rows, measures FROM quality_days '
        "WHERE table_name = ANY(%(tables)s) AND day BETWEEN %(first)s AND %(last)s "
        "ORDER BY array_position(%(tables)s, table_name), day"
    )
    schema = {"table": pl.String, "day": pl.Date, "rows": pl.Int64, "measures": pl.String}
    params = {"tables": list(catalog.names), "first": first, "last": last}
    kept = read_frame(connection, sql, schema, params)
    counts = kept.with_columns(pl.col("measures").str.json_decode(_COUNTS).struct.field("counts"))
    return counts.drop("measures").explode("counts", empty_as_null=True).unnest("counts").select(list(MEASURE))
