"""The table of quality: how good each table of facts was on each local day, and who accepted it as it is."""

import dataframely as dy

from morningline.facts.quality_measures import PARTS
from morningline.facts.table import Catalog, Table, day, instant, text, word


def _share(description: str) -> dy.Float64:
    return dy.Float64(nullable=True, min=0, max=1, description=description)


class QualityDays(dy.Schema):
    """The quality of one table of facts on one local day."""

    table_name = text("The table.", key=True)
    day = day("The local day.", key=True)
    rows = dy.Int64(min=0, description="Rows of that day.")
    completeness = _share("Values and rows that are there, against what the source usually gives.")
    validity = _share("Rows that lost nothing on the way in, of all that came.")
    uniqueness = _share("Rows that nothing else doubles.")
    consistency = _share("How far the table agrees with the others.")
    freshness = _share("Rows that were known in time, against what is usual.")
    score = _share("The smallest part; null where nothing can be judged yet.")
    part = word("Which part that is.", PARTS)
    why = text("The worst count of each part, in words; empty where nothing is amiss.", null=True, longest=1_000)
    measures = text("Every count it was judged by, as JSON.", sql_type="jsonb")
    measured_at = instant("When it was counted (UTC).")
    mark = dy.Int64(min=0, description="Number of the newest change of the facts that was counted.")
    rules = text("Hash of the rules it was judged by: a program with others judges it again.")
    accepted = _share("The score with which somebody accepted the day as it is.")
    accepted_at = instant("When (UTC).", null=True)


RECORDS = Catalog(
    (
        Table(
            name="quality_days",
            schema=QualityDays,
            grain="the quality of a table on a local day",
            stage="record",
            indexes=(("day",),),
        ),
    )
)
"""The tables of this package's own books."""
