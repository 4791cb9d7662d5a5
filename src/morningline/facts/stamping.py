"""Stamping the local days whose facts change, by triggers that see every statement on a table of facts.

A stamp is a number that only grows. Whoever changes facts holds a lock on the stamps from before the first row until
the commit, so a later commit never carries a smaller number than one that somebody has seen. Imports and collection
take turns anyway; an edit by hand waits for them, and they for it.

Not seen is what passes by the triggers: a table or a year's part of it that is dropped, detached or attached, a
statement that names a part (`ra_runners_2024`) instead of its table, and a session that switched triggers off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    import psycopg

    from morningline.facts.table import Catalog, Table

STAMP_DAYS = """\
CREATE FUNCTION stamp_days(stamped text, days date[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE fact_days IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO fact_days (table_name, day, changed_at)
        SELECT DISTINCT stamped, one, statement_timestamp() FROM unnest(days) AS one
        ON CONFLICT (table_name, day) DO UPDATE SET change = EXCLUDED.change, changed_at = EXCLUDED.changed_at;
END $$;"""

STAMP_CHANGED_DAYS = """\
CREATE FUNCTION stamp_changed_days() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed_days text := format('SELECT %s AS day FROM changed', TG_ARGV[1]);
    days date[];
BEGIN
    IF TG_WHEN = 'BEFORE' THEN
        -- Before any row is locked, or two who change facts could wait for each other.
        LOCK TABLE fact_days IN SHARE ROW EXCLUSIVE MODE;
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        changed_days := format('%s UNION ALL SELECT %s FROM was AS changed', changed_days, TG_ARGV[1]);
    ELSIF TG_OP = 'TRUNCATE' THEN
        changed_days := format('SELECT day FROM fact_days WHERE table_name = %L', TG_ARGV[0]);
    END IF;
    EXECUTE format('SELECT array_agg(DISTINCT day) FROM (%s) AS rows', changed_days) INTO days;
    PERFORM stamp_days(TG_ARGV[0], days);
    RETURN NULL;
END $$;"""

ROWS = {
    "INSERT": "REFERENCING NEW TABLE AS changed ",
    "UPDATE": "REFERENCING OLD TABLE AS was NEW TABLE AS changed ",
    "DELETE": "REFERENCING OLD TABLE AS changed ",
    "TRUNCATE": "",
}
"""Statement to the rows that its trigger is shown; of a table that is emptied, all days that were ever stamped are."""


def stamping_triggers(catalog: Catalog, table: Table) -> Iterator[str]:
    """The statements that make the triggers of a table; none for entities, records and catalogs without events.

    Raises:
        InputError: The rows of a table of facts are of no day that can be told.
    """
    events = next((t for t in catalog.tables if t.stage == "event"), None)
    if events is None or table.stage in {"master", "record"}:
        return
    day = day_of(events, table).replace("'", "''")
    call = f"FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('{table.name}', '{day}');"
    yield (
        f"CREATE TRIGGER {table.name}_days_lock BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table.name}\n"
        f"    {call}"
    )
    for statement, rows in ROWS.items():
        name = f"{table.name}_days_{statement.lower()}"
        yield f"CREATE TRIGGER {name} AFTER {statement} ON {table.name}\n    {rows}{call}"


def stamp(connection: psycopg.Connection[Any], table: Table, days: Sequence[date]) -> None:
    """Stamp days of a table by hand, for rows that are written past its triggers, in the caller's transaction.

    Args:
        connection: An open connection; the caller commits.
        table: Whose facts change.
        days: The local days of the events they are of.
    """
    connection.execute("SELECT stamp_days(%s, %s::date[])", (table.name, list(days)))


def day_of(events: Table, table: Table) -> str:
    """The local day of a row as SQL: its own column, or else that of the event it leads to."""
    # Rows are loaded into the parts of a table, and the days by which it is parted are stamped.
    if events.day in table.columns and table.partition_by in {None, events.day}:
        return str(events.day)
    reference = table.event_reference(events.name)
    if reference is None or table.partition_by:
        raise InputError(
            f"The local day of a row of {table.name} cannot be told, nor which features are stale once it changes.",
            allowed=f"a column {events.day!r}, the only one to partition by, or a reference to {events.name}",
        )
    same = " AND ".join(f"e.{k} = changed.{c}" for k, c in zip(events.key, reference.columns, strict=True))
    # Of an event that is no longer there every day may have changed.
    return f"COALESCE((SELECT e.{events.day} FROM {events.name} AS e WHERE {same}), '0001-01-01')"  # noqa: S608 - our own names
