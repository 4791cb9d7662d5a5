"""Routes of the data: import, second sources, collection, the raw archive, fingerprints."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from morningline.api import bodies
from morningline.api.guard import AskedBy, said
from morningline.api.routes.runs import start
from morningline.api.service import Served
from morningline.api.shapes import Shape, Started, shape_of
from morningline.api.words import First, Last, Word
from morningline.runs.listing import RunLine
from morningline.sources.reconciliation import Reconciliation
from morningline.wiring import acts, collecting
from morningline.wiring.program import shipped_mappings

router = APIRouter(tags=["data"])

What = Literal["masters", "events", "today", "results"]
FEED = "racing_api"


class Mapping(Shape):
    """A mapping that ships with the program.

    Attributes:
        name: Its name.
        file: Its file, on the machine of the service.
    """

    name: str
    file: str


class Reconciled(Shape):
    """The newest report of a second source.

    Attributes:
        reconciled_at: When it was made.
        conflicts: Values and identities of which the two sources say different things.
        report: What matched, what differs, and what only one of them has.
    """

    reconciled_at: datetime
    conflicts: int
    report: shape_of(Reconciliation)  # type: ignore[valid-type]


class Refused(Shape):
    """Days that cannot be asked of the feed, and why."""

    endpoint: str
    reason: str
    days: int


class Plan(Shape):
    """What a collection would do.

    Attributes:
        what: Of what.
        missing: Fetches that are missing or due.
        complete: Days that are complete, by endpoint.
        refused: Days that cannot be asked.
        calls: Calls expected, by class of the feed's limits.
        hours: How long these calls take at the feed's limits.
    """

    what: str
    missing: int
    complete: dict[str, int]
    refused: list[Refused]
    calls: dict[str, int]
    hours: float


class Endpoint(Shape):
    """How the days of an endpoint stand.

    Attributes:
        status: How they stand.
        days: How many stand so.
        first: The first of these local days.
        last: The last of them.
        events: Events that came.
        rows: Rows that became facts.
        quarantined: Rows and values turned away.
    """

    feed: str
    endpoint: str
    status: str
    days: int
    first: date
    last: date
    events: int
    rows: int
    quarantined: int


class Gap(Shape):
    """Days of a month that are not complete, for one reason."""

    feed: str
    endpoint: str
    month: str
    status: str
    reason: str
    days: int


class Mishap(Shape):
    """Something that went wrong while collecting.

    Attributes:
        at: When.
        run_id: In which run.
        day: The feed's local day it was about.
        kind: Name of the error.
        message: What it said.
    """

    at: datetime
    run_id: str | None
    feed: str
    endpoint: str
    day: date | None
    kind: str
    message: str


class Coverage(Shape):
    """How far collection is.

    Attributes:
        running: Collections that go on now.
        endpoints: How the days of each endpoint stand.
        gaps: Days that are not complete, by month and reason.
        errors: What went wrong last.
    """

    running: list[shape_of(RunLine)]  # type: ignore[valid-type]
    endpoints: list[Endpoint]
    gaps: list[Gap]
    errors: list[Mishap]


@router.get("/mappings", **said("mappings", scope="read"))
def list_mappings() -> list[Mapping]:
    """List the mappings that ship with the program."""
    return [Mapping(name=name, file=str(path)) for name, path in shipped_mappings().items()]


@router.post("/imports/start", status_code=202, **said("import", scope="operate"))
def start_import(body: bodies.Import, program: Served, asked_by: AskedBy, response: Response) -> Started:
    """Import files of any shape through a mapping. The same files again change nothing."""
    return start(program, "import", body, asked_by, response)


@router.get("/reconciliation", **said("reconcile", scope="read"))
def show_reconciliation(
    program: Served,
    mapping: Annotated[Word | None, Query(description="Of which second source; the newest if not given.")] = None,
) -> Reconciled:
    """Show the newest report of a second source: match rates, conflicts, what only one has, suggestions."""
    report, at = acts.reconciliation(program, mapping)
    return Reconciled.model_validate({"reconciled_at": at, "conflicts": report.conflicts, "report": report})


COLLECTING = tuple(f"collect {what}" for what in ("masters", "events", "all", "today", "results", "details"))


@router.post("/collections/start", status_code=202, **said(*COLLECTING, scope="operate"))
def start_collection(body: bodies.Collect, program: Served, asked_by: AskedBy, response: Response) -> Started:
    """Collect from a feed: what is there is never fetched twice."""
    return start(program, "collect", body, asked_by, response)


@router.get("/collections/plan", response_model=list[Plan], **said("collect events", "collect all", scope="read"))
def plan_collection(
    program: Served,
    what: Annotated[list[What], Query(min_length=1, max_length=4, description="What; may be given again.")],
    feed: Annotated[Word, Query(description="The feed.")] = FEED,
    first: First = None,
    last: Last = None,
    only: Annotated[Word | None, Query(description="Only this endpoint of the feed.")] = None,
    *,
    again: Annotated[bool, Query(description="Fetch what is complete anew.")] = False,
) -> Any:  # noqa: ANN401 - as the shape says
    """Say what of a collection is missing and how long it takes; call nothing."""
    request = collecting.CollectRequest(feed=feed, what=list(what), first=first, last=last, only=only, again=again)
    return collecting.plain_plans(collecting.dry_run(program, request))


@router.get("/collections/coverage", response_model=Coverage, **said("collect status", scope="read"))
def show_coverage(program: Served, feed: Annotated[Word | None, Query(description="Only this feed.")] = None) -> Any:  # noqa: ANN401 - as the shape says
    """Show what is being collected now, what is there, what is missing, and what went wrong."""
    return collecting.coverage(program, feed)


@router.post("/reparses/start", status_code=202, **said("reparse", scope="operate"))
def start_reparse(body: bodies.Reparse, program: Served, asked_by: AskedBy, response: Response) -> Started:
    """Build the facts anew from the raw archive, without one call, and put them in the place of the old."""
    return start(program, "reparse", body, asked_by, response)


@router.post("/fingerprints/start", status_code=202, **said("db fingerprint", scope="operate"))
def start_fingerprint(body: bodies.Plain, program: Served, asked_by: AskedBy, response: Response) -> Started:
    """Count the rows and hash the content of every fact table: equal facts, equal hashes, on any machine."""
    return start(program, "fingerprint", body, asked_by, response)
