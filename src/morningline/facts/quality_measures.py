"""What is counted of each table and local day: values present, rows turned away, agreements kept, facts in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from morningline.kit.database import read_frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    import psycopg

    from morningline.facts.agreement import Agreement, Watched
    from morningline.facts.table import Catalog, Table

PARTS = ("completeness", "validity", "uniqueness", "consistency", "freshness")
"""The parts of a quality, in the order in which they are shown."""
ROWS_AN_EVENT = "rows an event"
TAKEN_WHOLE = "rows taken whole"
IN_TIME = "rows known in time"

MEASURE = {
    "table": pl.String,
    "day": pl.Date,
    "rows": pl.Int64,
    "part": pl.String,
    "name": pl.String,
    "good": pl.Int64,
    "of": pl.Int64,
    "kind": pl.String,
}
"""One count of a table and day: how many hold of how many looked at; `kind` as of an `Agreement`."""

# Columns that are there to hold whatever a source says beside.
UNWATCHED = ("extra", "basis")
HAS = "has_"
MEMORY = "64MB"
DAYS_OF_GRACE = 2
"""Of what comes after events a day is judged when the day after it is over too."""

# Of a feed's day only the newest fetch counts, and of a folder only its newest import: what was turned away before was
# met again, whole or not. A row of a file belongs to the day of the event that one of its values names.
TURNED_AWAY = """
    WITH newest AS (
        SELECT DISTINCT ON (mapping, report ->> 'folder') id FROM imports
        ORDER BY mapping, report ->> 'folder', finished_at DESC
    ), fetched AS (
        SELECT DISTINCT feed || '/' || endpoint || '/' || day || '/' || left(sha256, 12) AS file, day FROM (
            SELECT *, rank() OVER (PARTITION BY feed, endpoint, day ORDER BY generation DESC) AS place
            FROM payloads WHERE usable AND day = ANY(%(days)s)
        ) AS ranked WHERE place = 1
    ), turned AS (
        SELECT target, scope, file, row, day FROM quarantine JOIN fetched USING (file)
        UNION ALL
        SELECT target, scope, file, row, found.{day} FROM quarantine JOIN newest ON import_id = newest.id
        CROSS JOIN LATERAL (
            SELECT {day} FROM jsonb_each_text(
                CASE jsonb_typeof(payload) WHEN 'object' THEN payload ELSE '{{}}' END
            ) AS told JOIN {events} ON {key} = told.value WHERE {day} = ANY(%(days)s) LIMIT 1
        ) AS found
    )
    SELECT target, day, count(DISTINCT (file, row)) FILTER (WHERE scope = 'row') AS lost,
           count(DISTINCT (file, row)) FILTER (WHERE scope = 'value') AS torn
    FROM turned GROUP BY 1, 2
"""


def measure(
    connection: psycopg.Connection[Any], watched: Watched, days: Sequence[date], *, now: datetime
) -> pl.DataFrame:
    """Count some local days, each table in one pass.

    Args:
        connection: An open connection.
        watched: The tables.
        days: Which local days; a day without rows is counted as none.
        now: UTC instant; what comes after an event is judged once it must be there.

    Returns:
        Rows in the shape of `MEASURE`, in the order of tables, days and parts.
    """
    # Of many days the rows are sorted and hashed in memory; of one they are few.
    connection.execute(f"SET LOCAL work_mem = '{MEMORY}'".encode())
    catalog = watched.catalog
    daily = [table for table in catalog.tables if _is_daily(table, catalog)]
    params = {"days": list(days)}
    sizes = {table.name: _table(connection, table, catalog, params) for table in daily}
    events = sizes[catalog.events.name].select("day", pl.col("rows").alias("events"))
    parts = [
        *(part for table in daily for part in _fills(table, sizes[table.name])),
        *(_rows_an_event(table, sizes[table.name], events) for table in daily if table is not catalog.events),
        _validity(connection, catalog, daily, sizes, params),
        *(_agreement(connection, agreement, params) for agreement in watched.agreements),
    ]
    every = pl.DataFrame({"day": days}, schema={"day": pl.Date}).join(
        pl.DataFrame({"table": [table.name for table in daily], "#place": range(len(daily))}), how="cross"
    )
    rows = pl.concat([size.select(pl.lit(name).alias("table"), "day", "rows") for name, size in sizes.items()])
    measured = every.join(rows, on=["table", "day"], how="left").with_columns(pl.col("rows").fill_null(0))
    counted = pl.concat(parts).filter(~_too_early(daily, now))
    order = pl.Enum(PARTS)
    return (
        measured.join(counted, on=["table", "day"], how="left")
        .sort("#place", "day", pl.col("part").cast(order), "name")
        .select(pl.col(name).cast(dtype) for name, dtype in MEASURE.items())
    )


def _is_daily(table: Table, catalog: Catalog) -> bool:
    return table.stage not in {"master", "record"} and str(catalog.events.day) in table.columns


def _kind_of_size(table: Table) -> str:
    """Changes are rare by nature, and there are as many prices as one looks for: fewer of them are no fault."""
    return "watched" if table.append_only else "size"


def _too_early(daily: Sequence[Table], now: datetime) -> pl.Expr:
    after = [table.name for table in daily if table.stage in {"post", "price"}]
    return pl.col("table").is_in(after) & (pl.col("day").dt.offset_by(f"{DAYS_OF_GRACE}d") > now.date())


def _watched_columns(table: Table) -> list[str]:
    return [name for name, column in table.columns.items() if column.nullable and name not in UNWATCHED]


def _table(connection: psycopg.Connection[Any], table: Table, catalog: Catalog, params: dict[str, Any]) -> pl.DataFrame:
    """`day`, `rows`, `in_time` and how many values each watched column has."""
    events, day = catalog.events, str(catalog.events.day)
    zone = f"e.{events.zone}" if events.zone else "'UTC'"
    grace = 0 if table.stage in {"event", "pre"} else DAYS_OF_GRACE
    deadline = f"(t.{day} + {grace})::timestamp AT TIME ZONE {zone}"
    columns = _watched_columns(table)
    counts = ", ".join(["count(*) AS rows", *(f"count(t.{name}) AS {HAS}{name}" for name in columns)])
    reference = table.event_reference(events.name)
    at = reference.columns if reference else events.key
    asked = f"SELECT {', '.join(events.key)} FROM {events.name} WHERE {day} = ANY(%(days)s)"  # noqa: S608 - our own names
    source, known_at = (
        f"{events.name} AS e JOIN {table.name} AS t ON ({_of('e', events.key)}) = ({_of('t', at)})",
        "t.known_at",
    )
    if table.superseded:
        # A row that was corrected was known since what it said first.
        key = ", ".join(table.key)
        was = f"SELECT {key}, min(known_at) AS first_at FROM {table.superseded}"  # noqa: S608 - our own names
        source += (
            f" LEFT JOIN ({was} WHERE ({', '.join(at)}) IN ({asked}) GROUP BY {key}) AS was"
            f" ON ({_of('was', table.key)}) = ({_of('t', table.key)})"
        )
        known_at = "LEAST(t.known_at, was.first_at)"
    in_time = (
        f"count(*) FILTER (WHERE {known_at} <= {deadline}) AS in_time"
        if not _is_never_late(table)
        else "NULL AS in_time"
    )
    sql = (
        f"SELECT t.{day} AS day, {in_time}, {counts} FROM {source} "  # noqa: S608 - our own names
        f"WHERE e.{day} = ANY(%(days)s) AND t.{day} = ANY(%(days)s) GROUP BY 1"
    )
    schema = {"day": pl.Date, "in_time": pl.Int64, "rows": pl.Int64, **{f"{HAS}{name}": pl.Int64 for name in columns}}
    return read_frame(connection, sql, schema, params)


def _is_never_late(table: Table) -> bool:
    """Whether no instant is the last at which it should be known: a change or a price has one of its own."""
    return table.append_only


def _of(alias: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in columns)


def _fills(table: Table, size: pl.DataFrame) -> Iterator[pl.DataFrame]:
    columns = _watched_columns(table)
    long = size.unpivot(
        [f"{HAS}{name}" for name in columns], index=["day", "rows"], variable_name="name", value_name="good"
    )
    yield _measures(long.with_columns(pl.col("name").str.strip_prefix(HAS)), table.name, "completeness", of="rows")
    if not _is_never_late(table):
        late = size.select("day", "rows", pl.lit(IN_TIME).alias("name"), pl.col("in_time").alias("good"))
        yield _measures(late, table.name, "freshness", of="rows")


def _rows_an_event(table: Table, size: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    both = events.join(size.select("day", pl.col("rows").alias("good")), on="day", how="left")
    named = both.with_columns(pl.col("good").fill_null(0), pl.lit(ROWS_AN_EVENT).alias("name"))
    return _measures(named, table.name, "completeness", of="events", kind=_kind_of_size(table))


def _measures(frame: pl.DataFrame, table: str, part: str, *, of: str, kind: str = "share") -> pl.DataFrame:
    return frame.select(
        pl.lit(table).alias("table"),
        "day",
        pl.lit(part).alias("part"),
        "name",
        pl.col("good").cast(pl.Int64),
        pl.col(of).cast(pl.Int64).alias("of"),
        pl.lit(kind).alias("kind"),
    )


def _validity(
    connection: psycopg.Connection[Any],
    catalog: Catalog,
    daily: Sequence[Table],
    sizes: dict[str, pl.DataFrame],
    params: dict[str, Any],
) -> pl.DataFrame:
    """Rows that came and lost nothing, of all that came; a record nobody could read counts with the events."""
    events = catalog.events
    sql = TURNED_AWAY.format(day=events.day, events=events.name, key=events.key[0])
    schema = {"target": pl.String, "day": pl.Date, "lost": pl.Int64, "torn": pl.Int64}
    target = pl.when(pl.col("target").is_in([table.name for table in daily])).then("target")
    turned = read_frame(connection, sql, schema, params).with_columns(target.fill_null(events.name).alias("table"))
    lost = turned.group_by("table", "day").agg(pl.col("lost", "torn").sum())
    rows = pl.concat([size.select(pl.lit(name).alias("table"), "day", "rows") for name, size in sizes.items()])
    met = rows.join(lost, on=["table", "day"], how="full", coalesce=True).with_columns(
        pl.col("rows", "lost", "torn").fill_null(0)
    )
    whole = met.with_columns(
        pl.lit(TAKEN_WHOLE).alias("name"),
        pl.max_horizontal(pl.col("rows") - pl.col("torn"), 0).alias("good"),
        (pl.col("rows") + pl.col("lost")).alias("met"),
    )
    return _measures(whole, "", "validity", of="met", kind="all").with_columns(whole["table"])


def _agreement(connection: psycopg.Connection[Any], agreement: Agreement, params: dict[str, Any]) -> pl.DataFrame:
    schema = {"day": pl.Date, "good": pl.Int64, "of": pl.Int64}
    names = f"SELECT * FROM ({agreement.sql}) AS held (day, good, of)"  # noqa: S608 - a domain's own query
    held = read_frame(connection, names, schema, params).with_columns(pl.lit(agreement.name).alias("name"))
    return _measures(held, agreement.table, agreement.part, of="of", kind=agreement.kind)
