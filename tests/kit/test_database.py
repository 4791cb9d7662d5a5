"""What goes into the database comes out of it, to the last bit."""

from __future__ import annotations

import math
import struct
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from morningline.kit.database import Database, copy_in, read_frame
from morningline.kit.errors import DatabaseError, InputError
from morningline.kit.settings import Settings
from morningline.kit.workspace import Workspace

INSTANT = pl.Datetime("us", "UTC")
SCHEMA = {
    "n": pl.Int64,
    "x": pl.Float64,
    "s": pl.String,
    "b": pl.Boolean,
    "d": pl.Date,
    "t": INSTANT,
    "l": pl.List(pl.Int64),
    "f": pl.List(pl.Float64),
}
COLUMNS = "n bigint, x float8, s text, b boolean, d date, t timestamptz, l bigint[], f float8[]"
WHOLE = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0")) | st.sampled_from(
    ["", '"', '""', "\n", "\r\n", "\\N", "\\.", "NULL", ",", "{}", " ", "#", "'", "\\"]
)
ROWS = st.fixed_dictionaries(
    {
        "n": st.none() | WHOLE,
        "x": st.none() | st.floats(),
        "s": st.none() | TEXT,
        "b": st.none() | st.booleans(),
        "d": st.none() | st.dates(),
        "t": st.none() | st.datetimes(timezones=st.just(UTC)),
        "l": st.none() | st.lists(st.none() | WHOLE),
        "f": st.none() | st.lists(st.none() | st.floats()),
    }
)


def bits(value):
    """Make floats comparable to the last bit, and every NaN one NaN."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack(">d", value)
    if isinstance(value, list | tuple):
        return [bits(item) for item in value]
    return value


@pytest.fixture(scope="module")
def connection(postgres_url):
    with Database(postgres_url).connect() as opened:
        yield opened


@given(st.lists(ROWS, max_size=8))
@hypothesis_settings(deadline=None)
def test_a_frame_survives_the_round_trip_to_the_last_bit(connection, rows):
    frame = pl.DataFrame(rows, schema=SCHEMA)
    connection.rollback()
    connection.execute(f"CREATE TEMP TABLE trip (i bigint GENERATED ALWAYS AS IDENTITY, {COLUMNS}) ON COMMIT DROP")
    assert copy_in(connection, "trip", frame) == frame.height
    back = read_frame(connection, f"SELECT {', '.join(SCHEMA)} FROM trip ORDER BY i", SCHEMA)
    assert back.schema == frame.schema
    assert bits(back.rows()) == bits(frame.rows())
    # The driver's own binary reading is the oracle: both directions could otherwise be wrong alike. The last years
    # of its calendar are beyond Python's datetime in some time zones, so instants are held against the frame alone.
    held = connection.execute("SELECT n, x, s, b, l, f FROM trip ORDER BY i", binary=True).fetchall()
    assert bits(held) == bits(frame.select("n", "x", "s", "b", "l", "f").rows())


@pytest.mark.parametrize("dtype", [pl.String, pl.Int64, pl.List(pl.Int64)])
@given(data=st.data())
@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_single_column_survives_too(connection, dtype, data):
    value = {pl.String: TEXT, pl.Int64: WHOLE}.get(dtype, st.lists(WHOLE))
    frame = pl.DataFrame({"v": pl.Series(data.draw(st.lists(st.none() | value, max_size=6)), dtype=dtype)})
    kind = {pl.String: "text", pl.Int64: "bigint"}.get(dtype, "bigint[]")
    connection.rollback()
    connection.execute(f"CREATE TEMP TABLE one (i bigint GENERATED ALWAYS AS IDENTITY, v {kind}) ON COMMIT DROP")
    copy_in(connection, "one", frame)
    assert read_frame(connection, "SELECT v FROM one ORDER BY i", frame.schema).equals(frame)


def test_other_dtypes_and_time_zones_keep_their_values(connection):
    frame = pl.DataFrame(
        {
            "k": pl.Series(["a", None, ""], dtype=pl.Enum(["a", ""])),
            "m": pl.Series([Decimal("1.10"), None, Decimal("-0.01")], dtype=pl.Decimal(10, 2)),
            "z": pl.Series([datetime(2024, 7, 1, 12, tzinfo=UTC)] * 3).dt.convert_time_zone("Europe/London"),
            "i": pl.Series([1, 2, None], dtype=pl.Int16),
            "g": pl.Series([0.1, None, 3e38], dtype=pl.Float32),
        }
    )
    connection.rollback()
    connection.execute("CREATE TEMP TABLE other (k text, m numeric, z timestamptz, i smallint, g real) ON COMMIT DROP")
    copy_in(connection, "other", frame)
    assert read_frame(connection, "SELECT * FROM other", frame.schema).equals(frame)
    assert connection.execute("SELECT DISTINCT z FROM other").fetchone() == (datetime(2024, 7, 1, 12, tzinfo=UTC),)


@pytest.mark.parametrize("dtype", [pl.Datetime("us"), pl.Datetime("ns", "UTC"), pl.Duration, pl.List(pl.String)])
def test_a_dtype_without_an_exact_form_is_refused(connection, dtype):
    with pytest.raises(InputError, match="'odd'"):
        copy_in(connection, "anything", pl.DataFrame(schema={"odd": dtype}).clear(1))


def test_copy_in_quotes_names_fills_by_name_and_leaves_the_rest_to_defaults(connection):
    connection.rollback()
    connection.execute('CREATE TEMP TABLE "Odd ""name" (a int, "b ""c" int, d int DEFAULT 7) ON COMMIT DROP')
    copy_in(connection, 'pg_temp.Odd "name', pl.DataFrame({'b "c': [2], "a": [1]}))
    assert connection.execute('SELECT * FROM "Odd ""name"').fetchall() == [(1, 2, 7)]


def test_parameters_are_values_and_never_sql(connection):
    sly = "x'; DROP TABLE facts; --"
    back = read_frame(
        connection,
        "SELECT %(s)s AS s, %(d)s::date AS d",
        {"s": pl.String, "d": pl.Date},
        {"s": sly, "d": date(2024, 1, 2)},
    )
    assert back.rows() == [(sly, date(2024, 1, 2))]
    assert read_frame(connection, "SELECT 7 % 4 AS n -- rest;", {"n": pl.Int64}).item() == 3
    assert read_frame(connection, "SELECT %s % 4 AS n;".replace("% 4", "%% 4"), {"n": pl.Int64}, (7,)).item() == 3


def test_columns_come_in_the_order_of_the_schema_and_others_are_refused(connection):
    assert read_frame(connection, "SELECT 1 AS b, 2 AS a", {"a": pl.Int64, "b": pl.Int64}).row(0) == (2, 1)
    assert read_frame(connection, "SELECT 1 AS a WHERE false", {"a": pl.Int64}).schema == {"a": pl.Int64}
    with pytest.raises(InputError, match=r"gives the columns b"):
        read_frame(connection, "SELECT 1 AS b", {"a": pl.Int64})


def test_a_session_speaks_utc_and_a_read_only_one_cannot_write(fresh_database):
    with Database(fresh_database) as database, database.connect() as writer:
        shown = [writer.execute(f"SHOW {name}").fetchone()[0] for name in ("TimeZone", "application_name")]
        assert shown == ["UTC", "morningline"]
        writer.execute("CREATE TABLE t (a int)")
        writer.commit()
        with database.connect(read_only=True) as reader, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reader.execute("INSERT INTO t VALUES (1)")


def test_open_uses_the_server_of_the_settings_and_says_when_there_is_none(fresh_database, tmp_path):
    workspace = Workspace(tmp_path)
    with Database.open(Settings(home=tmp_path, database_url=fresh_database), workspace) as database:
        assert database.url == fresh_database
    nowhere = "postgresql://ann:hunter2@127.0.0.1:1/none"
    with pytest.raises(DatabaseError, match=r"127\.0\.0\.1") as caught:
        Database.open(Settings(home=tmp_path, database_url=nowhere), workspace)
    assert "hunter2" not in str(caught.value)
    assert not workspace.database.exists()


def test_a_server_that_is_too_old_is_refused(monkeypatch, fresh_database, tmp_path):
    # No old server is at hand, so the bar is raised instead.
    monkeypatch.setattr("morningline.kit.database.OLDEST_VERSION", 99)
    with pytest.raises(DatabaseError, match=r"99 or newer"):
        Database.open(Settings(home=tmp_path, database_url=fresh_database), Workspace(tmp_path))
