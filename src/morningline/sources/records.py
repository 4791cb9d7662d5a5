"""The books of collection: what was imported, and what was turned away with its payload."""

import dataframely as dy

from morningline.facts.table import Catalog, Table, instant, text, word


class Imports(dy.Schema):
    """One import of a folder."""

    id = text("Hash of the mapping and of every file read.", key=True)
    mapping = text("Name of the mapping.")
    started_at = instant("When the first such import began (UTC).")
    finished_at = instant("When the last such import was committed (UTC).")
    status = word("Whether every row was kept.", ("complete", "rows_quarantined"), null=False)
    report = text("The report, as JSON.", sql_type="jsonb")


class Quarantine(dy.Schema):
    """One row, or one value of a row, that could not become a fact."""

    id = text("Hash of table, reason and payload.", key=True)
    import_id = text("The import that met it last.")
    target = text("The table it was meant for.")
    scope = word("`row`: not stored at all; `value`: stored without this value.", ("row", "value"), null=False)
    reason = text("Why, in words.", longest=1_000)
    file = text("The file it stands in.", longest=1_000)
    row = dy.Int64(min=1, description="Number of the data row in that file, from 1.")
    payload = text("The source row, as JSON.", sql_type="jsonb")


RECORDS = Catalog(
    (
        Table(name="imports", schema=Imports, grain="an import of files", stage="record"),
        Table(
            name="quarantine",
            schema=Quarantine,
            grain="a row or value that was turned away",
            stage="record",
            indexes=(("import_id",),),
        ),
    )
)
"""The tables of this package."""
