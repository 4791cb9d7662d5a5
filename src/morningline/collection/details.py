"""The collection of details: one call an entity, for those of which nothing is known yet, and only if asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from morningline.collection.fetching import Fetched, Fetching
from morningline.collection.ledger import Item, Outcome, plan, standings
from morningline.kit.errors import CredentialsError, FeedError, PlanError, QuotaError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import psycopg

    from morningline.collection.committing import Committer
    from morningline.collection.fetching import Fetches
    from morningline.collection.loading import Loader
    from morningline.runs.run import Run
    from morningline.sources.feed import Ask, Feed, Payload

TOGETHER = 500
"""Entities that are loaded at once."""


def collect_details(
    run: Run, loader: Loader, client: Fetches, committer: Committer, endpoint: str, *, most: int, today: date
) -> dict[str, Any]:
    """Fetch what the feed knows of entities of which it was never asked.

    Args:
        run: The run on whose behalf.
        loader: Turns payloads into facts; knows the feed.
        client: Makes the calls.
        committer: Writes to the database.
        endpoint: One of the feed's `details`.
        most: At most so many entities.
        today: The feed's local day.

    Returns:
        The summary: `fetched`, `errors`, `left` and `status`.

    Raises:
        CredentialsError: The feed does not know the credentials.
        PlanError: The account's plan does not include it.
        QuotaError: The calls of the day are used up; what came before is kept.
    """
    feed = loader.feed
    begun = run.step("entities", lambda: committer.commit(lambda c: _begin(c, feed, endpoint, most, today, run.id)))
    wanted: list[str] = begun["ids"]
    done = errors = 0
    for number, start in enumerate(range(0, len(wanted), TOGETHER), 1):
        ids = wanted[start : start + TOGETHER]
        run.progress(f"{endpoint}: {start:,} of {len(wanted):,}", start / len(wanted), calls=client.calls)

        item = Item(endpoint=endpoint, day=today, generation=begun["generation"] + number)

        def batch(ids: Sequence[str] = ids, item: Item = item) -> list[int]:
            asks = [replace(feed.detail(endpoint, i), day=today, generation=item.generation) for i in ids]
            payloads, lost = _fetched(run, client, asks)
            outcome = Outcome(item=item, status="complete", events=len(payloads), pages=len(payloads))
            committer.commit(
                lambda c: loader.load_at_once(c, [Fetched(planned=item, outcome=outcome, payloads=payloads)])
            )
            return [len(payloads), lost]

        came, lost = run.step(f"{endpoint} {number}", batch)
        done, errors = done + came, errors + lost
    left = committer.commit(lambda c: len(_unknown(c, feed, endpoint, None)))
    return {"status": "complete" if not errors else "partial", "fetched": done, "errors": errors, "left": left}


def _fetched(run: Run, client: Fetches, asks: Sequence[Ask]) -> tuple[list[Payload], int]:
    """The payloads that came, and how many did not."""

    def fetch(ask: Ask) -> Payload | None:
        try:
            return client.fetch(ask)
        except (CredentialsError, PlanError, QuotaError):
            raise
        except FeedError:
            return None

    payloads: list[Payload | None] = []
    with Fetching(asks, fetch) as fetching:
        for _ in fetching.rounds():
            run.check()
            payloads += fetching.take(timeout_seconds=0.5)
    return [p for p in payloads if p is not None], payloads.count(None)


def _begin(
    connection: psycopg.Connection[Any], feed: Feed, endpoint: str, most: int, today: date, run_id: str
) -> dict[str, Any]:
    """Whom to ask about, and the generations that are this run's own: what an abandoned run fetched stays apart."""
    ids = _unknown(connection, feed, endpoint, most)
    standing = standings(connection, feed.name, [endpoint], today, today).get((endpoint, today))
    last = standing.generation if standing else 0
    batches = range(1, len(range(0, len(ids), TOGETHER)) + 1)
    plan(connection, feed.name, [Item(endpoint=endpoint, day=today, generation=last + n) for n in batches], run_id)
    return {"ids": ids, "generation": last}


def _unknown(connection: psycopg.Connection[Any], feed: Feed, endpoint: str, most: int | None) -> list[str]:
    """Ids of entities that lack what the endpoint gives and of which no answer was loaded, in their order."""
    table, column = feed.details[endpoint]
    path = feed.detail(endpoint, "{}").path
    rows = connection.execute(
        f"SELECT e.id FROM {table} AS e WHERE e.{column} IS NULL AND NOT EXISTS ("  # noqa: S608 - the plug-in's own names
        "SELECT FROM payloads JOIN coverage USING (feed, endpoint, day, generation) WHERE feed = %s AND endpoint = %s "
        "AND usable AND load_number IS NOT NULL AND path = replace(%s::text, '{}', e.id)) "
        "ORDER BY e.id LIMIT %s".encode(),
        (feed.name, endpoint, path, most),
    ).fetchall()
    return [row[0] for row in rows]
