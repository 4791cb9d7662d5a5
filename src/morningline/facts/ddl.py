"""The declared schema as SQL: what the tables, checks and comments of a catalog are in PostgreSQL."""

from collections.abc import Iterator

import dataframely as dy
import polars as pl

from morningline.facts.table import Catalog, Table

REFUSE_CHANGE = """\
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: a row that was written is never changed or deleted', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;"""

TIMED = ("event", "pre", "post", "price")
"""Stages whose clocks are indexed; entities are few and always read by key."""

SQL_TYPES: dict[object, str] = {
    pl.String: "text",
    pl.Enum: "text",
    pl.Int8: "smallint",
    pl.Int16: "smallint",
    pl.Int32: "integer",
    pl.Int64: "bigint",
    pl.Float64: "double precision",
    pl.Boolean: "boolean",
    pl.Date: "date",
    pl.Datetime: "timestamptz",
}


def create_statements(catalog: Catalog) -> Iterator[str]:
    """Every statement that makes the catalog's tables, in an order that runs."""
    for table in catalog.tables:
        yield _create_table(table)
        if table.stage in TIMED:
            # Rows arrive in the order of time, so a block-range index finds a period at a thousandth of the cost.
            yield f"CREATE INDEX {table.name}_clocks_idx ON {table.name} USING brin (event_at, known_at);"
        for columns in table.indexes:
            name = f"{table.name}_{'_'.join(columns)}_idx"
            yield f"CREATE INDEX {name} ON {table.name} ({', '.join(columns)});"
        if table.append_only:
            yield (
                f"CREATE TRIGGER {table.name}_append_only BEFORE UPDATE OR DELETE ON {table.name}\n"
                f"    FOR EACH ROW EXECUTE FUNCTION refuse_change();"
            )
        yield f"COMMENT ON TABLE {table.name} IS {_quote(f'One row is {table.grain}.')};"
        for name, column in table.columns.items():
            yield f"COMMENT ON COLUMN {table.name}.{name} IS {_quote(column.description or '')};"


def partition_statement(table: Table, year: int) -> str:
    """The statement that makes room for one year of a partitioned table."""
    return (
        f"CREATE TABLE IF NOT EXISTS {table.name}_{year:04} PARTITION OF {table.name} "
        f"FOR VALUES FROM ('{year:04}-01-01') TO ('{year + 1:04}-01-01')"
    )


def sql_type(column: dy.Column) -> str:
    """The PostgreSQL type of a column."""
    metadata = column.metadata or {}
    if "sql_type" in metadata:
        return str(metadata["sql_type"])
    dtype = column.dtype
    if isinstance(dtype, pl.List):
        inner = dtype.inner
        return SQL_TYPES[type(inner) if isinstance(inner, pl.DataType) else inner] + "[]"
    return SQL_TYPES[type(dtype)]


def _create_table(table: Table) -> str:
    parts = []
    for name, column in table.columns.items():
        parts.append(f"{name} {sql_type(column)}{'' if column.nullable else ' NOT NULL'}")
    parts.append(f"CONSTRAINT {table.name}_pkey PRIMARY KEY ({', '.join(table.key)})")
    for name, column in table.columns.items():
        condition = _check(name, column)
        if condition:
            parts.append(f"CONSTRAINT {table.name}_{name}_check CHECK ({condition})")
    parts += [f"CONSTRAINT {table.name}_{name} CHECK ({condition})" for name, condition in table.rules]
    for reference in table.references:
        if not reference.in_database:
            continue
        columns = ", ".join(reference.columns)
        name = f"{table.name}_{'_'.join(reference.columns)}_fkey"
        parts.append(f"CONSTRAINT {name} FOREIGN KEY ({columns}) REFERENCES {reference.to}")
    body = ",\n    ".join(parts)
    suffix = f" PARTITION BY RANGE ({table.partition_by})" if table.partition_by else ""
    return f"CREATE TABLE {table.name} (\n    {body}\n){suffix};"


def _check(name: str, column: dy.Column) -> str:
    if isinstance(column, dy.Enum):
        return f"{name} IN ({', '.join(_quote(c) for c in column.categories)})"
    limits = []
    for attribute, operator in (("min", ">="), ("min_exclusive", ">"), ("max", "<="), ("max_exclusive", "<")):
        bound = getattr(column, attribute, None)
        if bound is not None:
            limits.append(f"{name} {operator} {bound if isinstance(bound, int | float) else _quote(bound)}")
    if isinstance(column, dy.String):
        if column.max_length is not None:
            limits.append(f"length({name}) <= {column.max_length}")
        if column.min_length is not None:
            limits.append(f"length({name}) >= {column.min_length}")
    return " AND ".join(limits)


def _quote(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
