"""Commands of runs: runs list, show, logs, cancel, retry, stats, prune."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from time import sleep
from typing import TYPE_CHECKING, Annotated, Any

import typer

from morningline.cli import show
from morningline.cli.auditing import who
from morningline.cli.following import outcome, watch
from morningline.cli.workspace import AsJson, open_program

if TYPE_CHECKING:
    from morningline.runs.store import RunRow

app = typer.Typer(help="Look at runs, cancel and repeat them.", no_args_is_help=True)
RunId = Annotated[str, typer.Argument(metavar="RUN", help="The id of a run.")]
Since = Annotated[str | None, typer.Option(help="Asked for since: a UTC day or instant, or 90m, 12h, 7d ago.")]
Until = Annotated[str | None, typer.Option(help="Asked for before: the same.")]
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def parse_instant(text: str | None) -> datetime | None:
    """An instant as the command line takes it: a UTC day, an instant, or how long ago.

    Raises:
        InputError: The text is none of these.
    """
    from morningline.kit.clock import utc_now
    from morningline.kit.errors import InputError

    if text is None:
        return None
    if text[-1:] in UNITS and text[:-1].isdecimal():
        return utc_now() - timedelta(**{UNITS[text[-1]]: int(text[:-1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no instant.", allowed="2026-11-20, 2026-11-20T06:30Z, 90m, 12h or 7d") from error
    return found if found.tzinfo else datetime.combine(found.date(), found.time() or time(), UTC)


@app.command("list")
def list_(
    *,
    status: Annotated[str | None, typer.Option(help="queued, running, succeeded, failed or cancelled.")] = None,
    kind: Annotated[str | None, typer.Option(help="Such as import.")] = None,
    since: Since = None,
    until: Until = None,
    page: Annotated[int, typer.Option(help="Which page, from 1.")] = 1,
    limit: Annotated[int, typer.Option(help="Runs a page.")] = 20,
    json: AsJson = False,
) -> None:
    """List runs, newest first."""
    from morningline.runs.store import Filters, list_runs

    chosen = Filters(
        status=status, kind=kind, since=parse_instant(since), until=parse_instant(until), page=page, limit=limit
    )
    with open_program() as program, program.database.connect(read_only=True) as connection:
        rows = list_runs(connection, chosen)
    if json:
        show.as_json([plain(row) for row in rows])
        return
    numbers = ("priority", "attempt", "done", "seconds")
    shown = [
        (r.id, r.kind, r.status, r.priority, r.attempt, _share(r), when(r.created_at), _seconds(r), r.sentence)
        for r in rows
    ]
    show.table(("run", "kind", "status", *numbers[:3], "asked (UTC)", "seconds", "doing"), shown, numbers=numbers)


@app.command("show")
def show_(run: RunId, *, json: AsJson = False) -> None:
    """Show a run: what was asked, how far it is, what it gave or why it failed."""
    from morningline.runs.store import find
    from morningline.runs.upkeep import expected_seconds

    with open_program() as program, program.database.connect(read_only=True) as connection:
        row = find(connection, run)
        expected = expected_seconds(connection, [row.kind])[row.kind]
    if json:
        show.as_json({**plain(row), "expected_seconds": expected})
        return
    shown = plain(row)
    error = shown.pop("error")
    lines = [(name.replace("_", " "), _word(value)) for name, value in shown.items() if value not in (None, {}, "")]
    if expected is not None:
        lines.append(("expected seconds", f"{expected:,.1f}"))
    show.table(("", ""), lines)
    if error:
        show.line(f"error: {error['message']}")
        show.line((error.get("data") or {}).get("traceback") or "")


@app.command()
def logs(
    run: RunId,
    *,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the run has ended.")] = False,
    json: AsJson = False,
) -> None:
    """Print the log lines of a run."""
    from morningline.runs.store import ENDED, find, read_logs

    last, ended = 0, False
    with open_program() as program, program.database.connect(read_only=True) as connection:
        connection.autocommit = True
        while True:
            # Asked before the lines are read, so that none written before the end is missed.
            ended = find(connection, run).status in ENDED or not follow
            for line in read_logs(connection, run, after=last):
                last = line.id
                if json:
                    show.as_json(line)
                else:
                    show.line(f"{when(line.logged_at)} {line.level:<7} {line.message}")
            if ended:
                return
            sleep(0.5)


@app.command()
def cancel(run: RunId) -> None:
    """Cancel a run that waits or goes on; it stops at its next step, or within five seconds."""
    from morningline.runs import store

    with open_program() as program, program.database.connect() as connection:
        store.cancel(connection, run, asked_by=who())
    show.line(f"Run {run} is cancelled. Again: morningline runs retry {run}")


@app.command()
def retry(
    run: RunId,
    *,
    detach: Annotated[bool, typer.Option("--detach", help="Return at once, with the id of the new run.")] = False,
    json: AsJson = False,
) -> None:
    """Do once more, with the same parameters, what a run did that has ended; prints what it gives as JSON."""
    from morningline.runs import store

    with open_program() as program:
        with program.database.connect() as connection:
            again = store.retry(connection, run, asked_by=who())
        row = watch(program, again, title=f"Run {again}", detach=detach, json=json)
    show.as_json({"run": row.id, "attempt": row.attempt, "result": outcome(row)})


@app.command()
def stats(*, since: Since = None, until: Until = None, json: AsJson = False) -> None:
    """Say by kind how many runs there were, how they ended and how long they took."""
    from morningline.runs.upkeep import statistics

    with open_program() as program, program.database.connect(read_only=True) as connection:
        rows = statistics(connection, since=parse_instant(since), until=parse_instant(until))
    if json:
        show.as_json(rows)
        return
    counts = ("runs", "queued", "running", "succeeded", "failed", "cancelled")
    numbers = (*counts, "median s", "longest s", "median wait s")
    shown = [
        (
            *(r.kind, *(getattr(r, name) for name in counts)),
            *(r.median_seconds, r.longest_seconds, r.median_wait_seconds),
            when(r.last_success_at),
        )
        for r in rows
    ]
    show.table(("kind", *numbers, "last success (UTC)"), shown, numbers=numbers)


@app.command()
def prune(
    *,
    days: Annotated[
        int | None, typer.Option(min=1, help="Ended so many days ago; run_retention_days if not given.")
    ] = None,
) -> None:
    """Delete runs that ended long ago, with their logs. Workers do it once a day."""
    from morningline.runs.upkeep import prune as delete

    with open_program() as program, program.database.connect() as connection:
        connection.autocommit = True
        chosen = days or program.settings.run_retention_days
        deleted = delete(connection, chosen) if chosen else 0
    show.line(f"{deleted:,} runs deleted that ended more than {chosen} days ago." if chosen else "All runs are kept.")


def plain(row: RunRow) -> dict[str, Any]:
    """A run as plain values, its result and error as JSON."""
    import msgspec

    values: dict[str, Any] = dict(vars(row))
    for name in ("result", "error"):
        values[name] = msgspec.json.decode(values[name]) if values[name] else None
    return {**values, "seconds": row.seconds}


def when(instant: datetime | None) -> str:
    """An instant as a person reads it, in UTC."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if instant else ""


def _share(row: RunRow) -> str:
    return f"{row.share:.0%}" if row.share is not None and row.status == "running" else ""


def _seconds(row: RunRow) -> str:
    return f"{row.seconds:,.1f}" if row.seconds is not None else ""


def _word(value: object) -> str:
    import msgspec

    if isinstance(value, datetime):
        return f"{when(value)} UTC"
    return msgspec.json.encode(value).decode() if isinstance(value, (dict, list)) else str(value)
