"""Routes of runs: list, look, follow, cancel and repeat them; the same for all runs and for those of training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import psycopg
from fastapi import APIRouter, Depends, Header, Query, Request, Response

from morningline.api.following import MEDIA_TYPE, follow
from morningline.api.guard import AskedBy, said
from morningline.api.pages import Cursor, Limit, decode, encode
from morningline.api.service import Served, service_of
from morningline.api.shapes import Cancelled, Run, Started, answered, list_of, page_of, shape_of
from morningline.api.words import HexId, Since, Until, Word
from morningline.kit.errors import InputError, NotFoundError
from morningline.runs import listing, store, upkeep
from morningline.runs.listing import RunLine, Wanted
from morningline.runs.store import LogLine
from morningline.runs.upkeep import KindStatistics
from morningline.wiring import asking

if TYPE_CHECKING:
    from morningline.api.bodies import Body
    from morningline.wiring.program import Program

Order = Literal[
    "-created_at",
    "created_at",
    "-started_at",
    "started_at",
    "-finished_at",
    "finished_at",
    "-priority",
    "priority",
    "-kind",
    "kind",
]
Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]

RunPage = page_of(shape_of(RunLine), "runs")
LogPage = page_of(shape_of(LogLine), "lines of a log")
Counts = list_of(shape_of(KindStatistics))
LOG_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page of the log; with `follow`, server-sent events: `line` for each line, `end` at the end.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
    }
}


@dataclass(frozen=True)
class Group:
    """Runs that have routes of their own.

    Attributes:
        noun: What one is called, in the names of operations.
        path: Where they are.
        kinds: Which kinds belong to it; None for all.
        repeated: How one must have ended to be asked for again.
        tag: Under which heading its routes are documented.
    """

    noun: str
    path: str
    tag: str
    kinds: frozenset[str] | None = None
    repeated: frozenset[str] = store.ENDED

    def find(self, connection: psycopg.Connection[Any], run_id: str) -> store.RunRow:
        """The run of that id.

        Raises:
            NotFoundError: There is none, or it is of another kind.
        """
        row = store.find(connection, run_id)
        if self.kinds is not None and row.kind not in self.kinds:
            raise NotFoundError(
                f"The run {run_id!r} is of the kind {row.kind!r}.", allowed=", ".join(sorted(self.kinds))
            )
        return row


def routes_of(group: Group) -> APIRouter:
    """The routes of a group of runs."""
    router = APIRouter(tags=[group.tag])
    for add in (_add_list, _add_count, _add_show, _add_cancel, _add_repeat, _add_logs):
        add(router, group)
    return router


def started(asked: asking.Asked, response: Response, under: str = "/api/v1/runs") -> Started:
    """The answer to whoever asked for a run: that it is asked for, and where it is seen."""
    response.headers["Location"] = f"{under}/{asked.id}"
    return Started(id=asked.id, kind=asked.kind, worker=asked.worker)


def start(
    program: Program, kind: str, body: Body, asked_by: str, response: Response, under: str = "/api/v1/runs"
) -> Started:
    """Ask for a run of a kind with what a body says, and answer as `started`."""
    asked = asking.ask(program, kind, body.parameters(), asked_by=asked_by, priority=body.priority)
    return started(asked, response, under)


async def chosen(
    status: Annotated[list[Status] | None, Query(description="Only of this status; may be given again.")] = None,
    kind: Annotated[list[Word] | None, Query(description="Only of this kind; may be given again.")] = None,
    since: Since = None,
    until: Until = None,
    asked_by: Annotated[Word | None, Query(description="Only those this one asked for.")] = None,
    sort: Annotated[Order, Query(description="The order; with a minus the largest first.")] = "-created_at",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Wanted:
    """Which runs a list shows, and from where on."""
    return Wanted(
        statuses=status,
        kinds=kind,
        asked_by=asked_by,
        since=since,
        until=until,
        order=sort,
        after=None if cursor is None else _place(cursor, sort),
        limit=limit,
    )


Chosen = Annotated[Wanted, Depends(chosen)]


def _place(cursor: str, order: str) -> tuple[str, str]:
    given, key, last = decode(cursor, 3)
    if given != order:
        raise InputError(f"The cursor is of the order {given!r}.", allowed=f"a cursor of the order {order!r}")
    return key, last


def _add_list(router: APIRouter, group: Group) -> None:
    @router.get(group.path, name=f"list_{group.noun}s", response_model=RunPage, **said("runs list", scope="read"))
    def list_(program: Served, wanted: Chosen) -> Response:
        """List runs, a page at a time, without what they gave."""
        asked = set(wanted.kinds or ())
        if group.kinds is not None:
            wanted = replace(wanted, kinds=sorted(group.kinds & asked if asked else group.kinds))
        with program.database.connect(read_only=True) as connection:
            connection.autocommit = True
            page = listing.read_page(connection, wanted)
        after = encode(wanted.order, *page.after) if page.after else None
        return answered(RunPage, {"items": page.runs, "next": after})


def _add_count(router: APIRouter, group: Group) -> None:
    path = f"{group.path.removesuffix('/jobs')}/stats"

    @router.get(path, name=f"count_{group.noun}s", response_model=Counts, **said("runs stats", scope="read"))
    def count(program: Served, since: Since = None, until: Until = None) -> Any:  # noqa: ANN401 - as the shape says
        """Say by kind how many runs there were, how they ended and how long they took."""
        with program.database.connect(read_only=True) as connection:
            rows = upkeep.statistics(connection, since=since, until=until)
        return [row for row in rows if group.kinds is None or row.kind in group.kinds]


def _add_show(router: APIRouter, group: Group) -> None:
    how = {"response_model": Run, **said("runs show", scope="read")}

    @router.get(f"{group.path}/{{run_id:hex}}", name=f"show_{group.noun}", **how)
    def show(program: Served, run_id: HexId) -> Response:
        """Show a run: what was asked, how far it is, what it gave or why it failed."""
        with program.database.connect(read_only=True) as connection:
            connection.autocommit = True
            row = group.find(connection, run_id)
            expected = upkeep.expected_seconds(connection, [row.kind])[row.kind]
        values = {
            **vars(row),
            "result": msgspec.json.decode(row.result) if row.result else None,
            "error": msgspec.json.decode(row.error) if row.error else None,
            "seconds": row.seconds,
            "expected_seconds": expected,
        }
        return answered(Run, values)


def _add_cancel(router: APIRouter, group: Group) -> None:
    @router.delete(f"{group.path}/{{run_id:hex}}", name=f"cancel_{group.noun}", **said("runs cancel", scope="operate"))
    def cancel(program: Served, run_id: HexId, asked_by: AskedBy) -> Cancelled:
        """Cancel a run that waits or goes on; it stops at its next step, or within five seconds."""
        with program.database.connect() as connection:
            group.find(connection, run_id)
            store.cancel(connection, run_id, asked_by=asked_by)
        return Cancelled(id=run_id)


def _add_repeat(router: APIRouter, group: Group) -> None:
    how = said("runs retry", scope="operate")

    @router.post(f"{group.path}/{{run_id:hex}}/retry", name=f"retry_{group.noun}", status_code=202, **how)
    def repeat(program: Served, run_id: HexId, asked_by: AskedBy, response: Response) -> Started:
        """Do once more, with the same parameters, what a run did that has ended."""
        with program.database.connect(read_only=True) as connection:
            group.find(connection, run_id)
        asked = asking.ask_again(program, run_id, asked_by=asked_by, ended=group.repeated)
        return started(asked, response, f"/api/v1{group.path}")


def _add_logs(router: APIRouter, group: Group) -> None:
    how = {"response_model": LogPage, "responses": LOG_ANSWERS, **said("runs logs", scope="read")}

    @router.get(f"{group.path}/{{run_id:hex}}/logs", name=f"read_logs_of_{group.noun}", **how)
    def logs(
        request: Request,
        program: Served,
        run_id: HexId,
        *,
        follow_on: Annotated[bool, Query(alias="follow", description="Go on until the run has ended.")] = False,
        cursor: Cursor = None,
        limit: Limit = 500,
        last_event_id: Annotated[str | None, Header(max_length=20, description="Where a stream broke off.")] = None,
    ) -> Any:  # noqa: ANN401 - as the shape says
        """Read the log of a run, a page at a time, or follow it by server-sent events."""
        after = _line(last_event_id) if last_event_id else _line(decode(cursor, 1)[0]) if cursor else 0
        with program.database.connect(read_only=True) as connection:
            group.find(connection, run_id)
            if follow_on:
                return follow(service_of(request.app), run_id, after)
            lines = store.read_logs(connection, run_id, after=after, limit=limit)
        return {"items": lines, "next": encode(str(lines[-1].id)) if len(lines) == limit else None}


def _line(given: str) -> int:
    if not given.isdecimal() or len(given) > 18 or not given.isascii():
        raise InputError(f"{given!r} is no number of a line.", allowed="the id of a line of the log")
    return int(given)


runs = Group("run", "/runs", "runs")
router = routes_of(runs)
