"""The books of collection: what was imported, what was turned away, what was fetched, and each feed's limits."""

import dataframely as dy

from morningline.facts.table import Catalog, Table, day, instant, number, text, word


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


class Reconciliations(dy.Schema):
    """One second source held against the first."""

    id = text("The import that did it.", key=True)
    domain = text("Whose facts were matched.")
    mapping = text("Name of the mapping.")
    reconciled_at = instant("When (UTC).")
    report = text("The report, as JSON.", sql_type="jsonb")


class Differences(dy.Schema):
    """One thing that two sources do not say alike, as the newest import by its mapping found it."""

    reconciliation_id = text("The reconciliation that found it.", key=True)
    number = dy.Int64(primary_key=True, min=1, description="Its number there, from 1.")
    kind = word(
        "`value`: they say different things; `identity`: one number, two entrants; `only_first`, `only_second`: one of "
        "them alone has it.",
        ("value", "identity", "only_first", "only_second"),
        null=False,
    )
    target = text("The table it is about.")
    target_column = text("The column, null where it is about a whole row.", null=True)
    event_id = text("The event: its id, or by what it would be matched.")
    entrant_id = text(
        "The entrant: its id, or by what it would be matched; null where it is about the event.", null=True
    )
    first = text("What is stored.", null=True, longest=20_000)
    second = text("What the second source says.", null=True, longest=20_000)
    reason = text("Why one alone has it, where that is known.", null=True)


class Payloads(dy.Schema):
    """One body as a feed sent it; the bytes are in the raw archive under their hash."""

    id = number("Its number, in the order of fetching.")
    feed = text("The feed.")
    endpoint = text("What was asked, in the ledger's word.")
    request = text("Hash of what was asked: endpoint, path, parameters, day and generation.")
    url = text("Address of the feed, without credentials.", longest=1_000)
    path = text("Path that was asked for.", longest=1_000)
    params = text("Names and values of the query, in order, as JSON.", sql_type="jsonb")
    day = day("The feed's local day it is about, null where it is about none.", null=True)
    generation = dy.Int32(min=1, description="1 for the first complete fetch of the day, more for each later one.")
    status = dy.Int16(min=100, max=999, description="HTTP status.")
    usable = dy.Bool(description="Whether the body answers what was asked.")
    fetched_at = instant("When its last byte had come (UTC).")
    sha256 = text("SHA-256 of the body: its name in the raw archive.")
    size = dy.Int64(min=0, description="Length of the body in bytes.")
    run_id = text("The run that asked, null where none did.", null=True)


class FeedCalls(dy.Schema):
    """One attempt of a call to a feed."""

    id = number("Its number.")
    feed = text("The feed.")
    account = text("Name of the account, as in the settings.")
    endpoint = text("What was asked, in the ledger's word.")
    limit_class = text("Its limit class.")
    at = instant("When it was made (UTC).")
    attempt = dy.Int16(min=1, description="1 for the first attempt of the call.")
    status = dy.Int16(min=100, max=999, nullable=True, description="HTTP status, null where none came.")
    error = text("Why it gave no usable body, in a word; null where it did.", null=True)
    ms = dy.Float64(min=0, nullable=True, description="How long it took in milliseconds, null while it is made.")
    bytes = dy.Int64(min=0, description="Length of the body that came.")
    quota_left = dy.Int64(nullable=True, description="Calls left of the day's quota, null without a quota.")
    run_id = text("The run that asked, null where none did.", null=True)


class FeedLimits(dy.Schema):
    """The schedule of an account's calls of one limit class, shared by every worker."""

    feed = text("The feed.", key=True)
    account = text("Name of the account, as in the settings.", key=True)
    limit_class = text("The limit class.", key=True)
    next_at = instant("The next instant at which a call may be made (UTC).")
    pace = dy.Float64(min_exclusive=0, max=1, description="Share of the limit in use, as of `paced_at`.")
    paced_at = instant("When the feed last said that it was too much (UTC); the pace creeps back from there.")


class FeedLateCalls(dy.Schema):
    """A call of the last minute that left later than it was scheduled."""

    feed = text("The feed.", key=True)
    account = text("Name of the account, as in the settings.", key=True)
    limit_class = text("The limit class.", key=True)
    scheduled_at = instant("When it was to leave (UTC).", key=True)
    left_at = instant("When it left (UTC).")


class FeedBreakers(dy.Schema):
    """The circuit breaker of a feed, shared by every worker."""

    feed = text("The feed.", key=True)
    state = word(
        "`closed`: calls are made; `open`: none; `half_open`: one.", ("closed", "open", "half_open"), null=False
    )
    failures = dy.Int32(min=0, description="Failures in a row.")
    pause_seconds = dy.Float64(min=0, description="How long it is, or was last, open at a time.")
    since = instant("When it opened (UTC), null while closed.", null=True)
    next_at = instant("When the next call may try (UTC), null while closed.", null=True)
    reason = text("What the last failure was.", null=True, longest=1_000)


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
        Table(
            name="reconciliations",
            schema=Reconciliations,
            grain="a second source held against the first",
            stage="record",
            indexes=(("reconciled_at",),),
        ),
        Table(
            name="differences", schema=Differences, grain="a thing that two sources do not say alike", stage="record"
        ),
        Table(
            name="payloads",
            schema=Payloads,
            grain="a body as a feed sent it",
            stage="record",
            indexes=(("feed", "endpoint", "day"),),
            # A request is answered once; what else came for it is kept beside.
            unique=((("feed", "request"), "usable"),),
        ),
        Table(
            name="feed_calls",
            schema=FeedCalls,
            grain="an attempt of a call to a feed",
            stage="record",
            indexes=(("feed", "account", "at"),),
        ),
        Table(name="feed_limits", schema=FeedLimits, grain="a limit class of an account", stage="record"),
        Table(name="feed_late_calls", schema=FeedLateCalls, grain="a call that left late", stage="record"),
        Table(name="feed_breakers", schema=FeedBreakers, grain="the circuit breaker of a feed", stage="record"),
    )
)
"""The tables of this package."""
