"""The collection of days: fetched ahead by threads, loaded in batches, written down day by day, month after month."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from morningline.collection.committing import Committer, outlive
from morningline.collection.fetching import Fetched, Fetching, fetch_day
from morningline.collection.ledger import Item, Outcome, loaded_before, note, note_error, plan, sums, unfinished
from morningline.collection.planning import make_plan
from morningline.collection.tallying import Pace, Tally
from morningline.kit.errors import (
    CredentialsError,
    DatabaseError,
    MorninglineError,
    PlanError,
    QuotaError,
    WorkspaceError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future
    from datetime import date

    import psycopg

    from morningline.collection.fetching import Fetches
    from morningline.collection.loading import Loaded, Loader, Prepared
    from morningline.collection.planning import Wanted
    from morningline.kit.database import Database
    from morningline.runs.run import Run
    from morningline.sources.feed_settings import FeedSettings

TAKE_SECONDS = 2.0
"""How long what came waits at most for more to be loaded with it."""
Months = dict[str, list[Item]]


class Collector:
    """Collects days of a feed on behalf of a run.

    Args:
        run: The run; its steps are the months, so a month that is done is never begun again.
        loader: What turns payloads into facts; knows the feed.
        settings: What is in force for the feed.
        client: What makes the calls.
        database: Where the facts live.
    """

    def __init__(self, run: Run, loader: Loader, settings: FeedSettings, client: Fetches, database: Database) -> None:
        self._run = run
        self._loader = loader
        self._feed = loader.feed
        self._settings = settings
        self._client = client
        self._committer = Committer(database)
        self._counted = client.calls
        self._finished: set[Item] = set()
        self._batches: deque[tuple[Sequence[Fetched], Future[Prepared]]] = deque()
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="reading")
        self._refused: dict[str, str] = {}
        self._stopped: str | None = None
        self._total, self._tally = Tally(), Tally()
        self._calls, self._days = Pace(), Pace()

    def collect(self, wanted: Wanted, today: date) -> dict[str, Any]:
        """Collect what is wanted and still missing.

        Args:
            wanted: Which days of which endpoints.
            today: The feed's local day.

        Returns:
            The summary: `status` is `complete` or `partial`, with counts and what went wrong.

        Raises:
            CredentialsError: The feed does not know the credentials.
            RunCancelled: The run was cancelled; what was loaded stays.
        """
        started = monotonic()
        with self._committer, self._reading:
            self._run.progress("Planning", 0.0)
            title = ", ".join(wanted.endpoints)
            planned = self._run.step(f"plan {title}", lambda: self._plan(wanted))
            months = msgspec.convert(planned["months"], Months)
            items = [item for month in months.values() for item in month]
            left = self._committer.commit(
                lambda connection: unfinished(connection, self._feed.name, items, self._run.id)
            )
            self._finished = set(items) - set(left)
            with Fetching(left, partial(self._fetch, today=today)) as fetching:
                for number, (name, month) in enumerate(months.items(), 1):
                    work = partial(self._month, fetching, month, f"{name}, {number} of {len(months)}", len(items))
                    self._total = self._total.plus(msgspec.convert(self._run.step(f"{title} {name}", work), Tally))
            return self._summary(wanted, planned, monotonic() - started)

    def _plan(self, wanted: Wanted) -> dict[str, Any]:
        def write(connection: psycopg.Connection[Any]) -> dict[str, Any]:
            made = make_plan(connection, self._feed, self._settings, wanted)
            plan(connection, self._feed.name, made.items, self._run.id)
            return {
                "months": msgspec.to_builtins(made.months()),
                "done": dict(made.done),
                "refused": [[endpoint, why, days] for (endpoint, why), days in made.refused.items()],
            }

        return self._committer.commit(write)

    def _fetch(self, item: Item, today: date) -> Fetched:
        """Fetch a day in a thread; what goes wrong with one day does not end the others."""
        if self._stopped:
            return _nothing(item, "planned", self._stopped)
        if item.endpoint in self._refused:
            return _nothing(item, "refused", self._refused[item.endpoint])
        try:
            return outlive(lambda: fetch_day(self._feed, self._settings, self._client, item, today))
        except (CredentialsError, WorkspaceError, DatabaseError):
            # No day would fare better, and each would cost a call.
            raise
        except QuotaError as error:
            self._stopped = error.message
            return _nothing(item, "planned", error.message, error)
        except PlanError as error:
            self._refused[item.endpoint] = error.message
            return _nothing(item, "refused", error.message, error)
        except MorninglineError as error:
            return _nothing(item, "failed", error.message, error)

    def _month(
        self, fetching: Fetching[Item, Fetched], items: Sequence[Item], doing: str, planned: int
    ) -> dict[str, Any]:
        """Load what comes until every day of the month is dealt with."""
        self._tally = Tally()
        while any(item not in self._finished for item in items):
            self._report(doing, planned)
            if not self._batches:
                self._prepare(fetching.take(TAKE_SECONDS))
            if self._batches:
                wait([self._batches[0][1]])
                # The next batch is read while this one is loaded, if there is enough of it already.
                if fetching.ready():
                    self._prepare(fetching.take(0.0))
                # It is kept until it is committed: a step that is tried again takes it in first.
                self._take_in(*self._batches[0])
                self._batches.popleft()
        self._report(doing, planned)
        done: dict[str, Any] = msgspec.to_builtins(self._tally)
        return done

    def _prepare(self, fetched: Sequence[Fetched]) -> None:
        """Have a batch read by the reading thread."""
        if not fetched:
            return
        came = [f for f in fetched if f.payloads]
        items = [f.outcome.item for f in came]
        revised = self._committer.commit(lambda connection: loaded_before(connection, self._feed.name, items))
        self._batches.append((fetched, self._reading.submit(self._loader.prepare, came, revised)))

    def _take_in(self, fetched: Sequence[Fetched], prepared: Future[Prepared]) -> None:
        calls = self._client.calls - self._counted
        self._counted += calls
        self._tally.calls += calls
        self._calls.add(calls)
        lost = [f for f in fetched if not f.payloads]
        if lost:
            self._tally.errors += sum(f.error is not None for f in lost)
            self._committer.commit(lambda connection: self._note(connection, lost))
        came = [f for f in fetched if f.payloads]
        if came:
            self._load(came, prepared)
        self._days.add(len(fetched))
        self._finished.update(f.planned for f in fetched)

    def _load(self, came: Sequence[Fetched], prepared: Future[Prepared] | None = None) -> None:
        """Load days together; where that fails, one by one, so that a day nobody can read stops no other."""
        import psycopg

        def load(connection: psycopg.Connection[Any]) -> Loaded:
            if prepared is None:
                return self._loader.load_at_once(connection, came)
            return self._loader.load(connection, prepared.result())

        try:
            self._tally.add(self._committer.commit(load))
        except (psycopg.DataError, psycopg.IntegrityError, MorninglineError) as error:
            if isinstance(error, MorninglineError) and error.transient:
                raise
            if len(came) > 1:
                for one in came:
                    self._load([one])
                return
            reason = f"it came and cannot be loaded: {error}"
            failed = replace(came[0].outcome, status="failed", reason=reason)
            self._tally.errors += 1
            lost = [Fetched(planned=came[0].planned, outcome=failed, error=error)]
            self._committer.commit(lambda connection: self._note(connection, lost))

    def _note(self, connection: psycopg.Connection[Any], lost: Sequence[Fetched]) -> None:
        note(connection, self._feed.name, [f.outcome for f in lost], self._run.id, loaded=False)
        for one in lost:
            if one.error is not None:
                note_error(connection, self._feed.name, one.outcome.item, one.error, self._run.id)

    def _report(self, doing: str, planned: int) -> None:
        done = len(self._finished)
        so_far = self._total.plus(self._tally)
        pace = self._days.per_second
        self._run.progress(
            doing,
            done / max(planned, 1),
            fetches=done,
            planned=planned,
            events=so_far.events,
            rows=so_far.rows,
            calls=so_far.calls,
            calls_per_second=round(self._calls.per_second, 1),
            errors=so_far.errors,
            seconds_left=round((planned - done) / pace) if pace else None,
        )

    def _summary(self, wanted: Wanted, planned: dict[str, Any], seconds: float) -> dict[str, Any]:
        ledger = self._committer.commit(lambda connection: sums(connection, self._run.id, wanted.endpoints))
        whole = set(ledger["fetches"]) <= {"complete"} and not self._stopped and not planned["refused"]
        total = self._total
        return {
            "feed": self._feed.name,
            "status": "complete" if whole else "partial",
            "stopped": self._stopped,
            "complete_before": planned["done"],
            "refused": [
                {"endpoint": endpoint, "reason": why, "days": days} for endpoint, why, days in planned["refused"]
            ],
            **ledger,
            "calls": total.calls,
            "errors": total.errors,
            "tables": {
                name: {"new": total.inserted.get(name, 0), "changed": total.changed.get(name, 0)}
                for name in sorted(total.inserted.keys() | total.changed.keys())
            },
            "unknown_keys": dict(sorted(total.unknown.items())),
            "seconds": round(seconds, 3),
        }


def _nothing(item: Item, status: str, reason: str, error: Exception | None = None) -> Fetched:
    return Fetched(planned=item, outcome=Outcome(item=item, status=status, reason=reason), error=error)
