"""The book of changes: which local day's facts changed last, and in which order."""

import dataframely as dy

from morningline.facts.table import Catalog, Table, day, instant, text


class FactDays(dy.Schema):
    """When the facts of a day changed last. The triggers of the tables of facts write it, nobody else."""

    table_name = text("The table of facts.", key=True)
    day = day("Local day of the events they are of.", key=True)
    change = dy.Int64(description="Number of its last change; a later one is greater.", metadata={"identity": True})
    changed_at = instant("When that was (UTC).")


RECORDS = Catalog(
    (
        Table(
            name="fact_days",
            schema=FactDays,
            grain="a local day of a table of facts",
            stage="record",
            indexes=(("change",),),
        ),
    )
)
"""The tables of this package."""
