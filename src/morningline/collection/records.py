"""The books of collection: the coverage of each feed, and what went wrong on the way."""

import dataframely as dy

from morningline.facts.table import Catalog, Table, day, instant, number, text, word

STATUSES = ("planned", "complete", "lossy", "partial", "refused", "failed")


class Coverage(dy.Schema):
    """What is known of one fetch of a feed's day. A day that is fetched again has a row a generation."""

    feed = text("The feed.", key=True)
    endpoint = text("What was asked, such as `results`.", key=True)
    day = day("The feed's local day; of entities, the day they were fetched.", key=True)
    generation = dy.Int32(min=1, primary_key=True, description="1 for the first fetch of the day.")
    status = word(
        "`planned`: not there yet; `complete`: everything the feed said there is was kept; `lossy`: everything came, "
        "some of it is in quarantine; `partial`: some did not come; `refused`: the feed does not give it; `failed`: "
        "it could not be fetched.",
        STATUSES,
        null=False,
    )
    reason = text("Why it is not complete.", null=True, longest=1_000)
    said = dy.Int64(nullable=True, min=0, description="How many events the feed said there are.")
    events = dy.Int64(nullable=True, min=0, description="How many different events came.")
    pages = dy.Int64(nullable=True, min=0, description="How many pages they came on.")
    rows_read = dy.Int64(nullable=True, min=0, description="Rows read out of the pages.")
    rows_kept = dy.Int64(nullable=True, min=0, description="Rows that became facts.")
    rows_quarantined = dy.Int64(nullable=True, min=0, description="Rows and values turned away.")
    fetched_at = instant("When its last page had come (UTC).", null=True)
    loaded_at = instant("When its facts were committed (UTC).", null=True)
    load_number = dy.Int64(nullable=True, min=1, description="Order in which facts were committed.")
    run_id = text("The run that worked on it last.", null=True)


class CollectionErrors(dy.Schema):
    """One thing that went wrong while collecting, and did not end it."""

    id = number("Its number, in the order they happened.")
    at = instant("When (UTC).")
    run_id = text("The run it happened in.", null=True)
    feed = text("The feed.")
    endpoint = text("What was asked.")
    day = day("The feed's local day.", null=True)
    kind = text("Name of the error.")
    message = text("What it said.", longest=2_000)


RECORDS = Catalog(
    (
        Table(
            name="coverage",
            schema=Coverage,
            grain="a fetch of a feed's day",
            stage="record",
            indexes=(("load_number",),),
        ),
        Table(
            name="collection_errors",
            schema=CollectionErrors,
            grain="something that went wrong while collecting",
            stage="record",
            indexes=(("run_id",),),
        ),
    )
)
"""The tables of this package."""
