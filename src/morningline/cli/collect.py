"""Commands of collection: collect, and reparse."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from morningline.cli import show
from morningline.cli.following import Detach, follow
from morningline.cli.workspace import AsJson, open_program

if TYPE_CHECKING:
    from datetime import date

    from morningline.collection.planning import Plan
    from morningline.wiring.collecting import CollectRequest

app = typer.Typer(help="Collect from a feed: what is there is never fetched twice.", no_args_is_help=True)

Feed = Annotated[str, typer.Option("--feed", help="Which feed.")]
First = Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First local day.")]
Last = Annotated[
    datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last local day; yesterday if not given.")
]
Only = Annotated[str | None, typer.Option("--only", help="Only this endpoint, such as racecards or results.")]
Again = Annotated[bool, typer.Option("--again", help="Fetch completed days anew.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where the last one stopped; it always does.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what is missing and how long it takes; call nothing.")]
RACING_API = "racing_api"


def add_to(main: typer.Typer) -> None:
    """Add the commands to the command line."""
    main.add_typer(app, name="collect")
    main.command()(reparse)


@app.command()
def masters(*, feed: Feed = RACING_API, detach: Detach = False, json: AsJson = False) -> None:
    """Collect the lists of courses, regions and the like."""
    _collect(feed, ["masters"], detach=detach, json=json)


@app.command()
def events(
    first: First,
    last: Last = None,
    *,
    only: Only = None,
    feed: Feed = RACING_API,
    again: Again = False,
    resume: Resume = True,
    dry_run: DryRun = False,
    detach: Detach = False,
    json: AsJson = False,
) -> None:
    """Collect racecards and results of a stretch of days, month by month. Run again, it goes on where it stopped."""
    del resume
    days = {"first": _day(first), "last": _day(last), "only": only, "again": again}
    _collect(feed, ["events"], days, dry_run=dry_run, detach=detach, json=json)


@app.command("all")
def all_(
    first: First,
    last: Last = None,
    *,
    feed: Feed = RACING_API,
    again: Again = False,
    resume: Resume = True,
    dry_run: DryRun = False,
    detach: Detach = False,
    json: AsJson = False,
) -> None:
    """Collect the lists, then racecards and results of a stretch of days."""
    del resume
    days = {"first": _day(first), "last": _day(last), "again": again}
    _collect(feed, ["masters", "events"], days, dry_run=dry_run, detach=detach, json=json)


@app.command()
def today(*, feed: Feed = RACING_API, detach: Detach = False, json: AsJson = False) -> None:
    """Collect the cards and prices of today and tomorrow, as they stand now. Uses the reserve of the quota."""
    _collect(feed, ["today"], detach=detach, json=json)


@app.command()
def results(
    day: Annotated[str, typer.Option("--day", help="yesterday, today, or a date YYYY-MM-DD.")] = "yesterday",
    *,
    feed: Feed = RACING_API,
    again: Again = False,
    detach: Detach = False,
    json: AsJson = False,
) -> None:
    """Collect the results of a day, and of earlier days whose results the feed may have corrected since."""
    from morningline.wiring.collecting import day_named

    _collect(feed, ["results"], {"last": day_named(feed, day), "again": again}, detach=detach, json=json)


@app.command()
def details(
    *,
    only: Only = None,
    most: Annotated[int, typer.Option("--most", min=1, help="At most so many calls.")] = 1_000,
    feed: Feed = RACING_API,
    detach: Detach = False,
    json: AsJson = False,
) -> None:
    """Collect what the feed knows of single horses, a call each: only of those it was never asked about."""
    _collect(feed, ["details"], {"only": only, "most": most}, detach=detach, json=json)


@app.command()
def status(
    *, feed: Annotated[str | None, typer.Option("--feed", help="Only this feed.")] = None, json: AsJson = False
) -> None:
    """Show what is being collected now, what is there, what is missing, and what went wrong."""
    from morningline.wiring import collecting

    with open_program() as program:
        found = collecting.coverage(program, feed)
    if json:
        show.as_json(found)
        return
    for run in found["running"]:
        show.line(f"Running: {run.id}  {_progress(run.figures, run.sentence, run.share)}")
    numbers = ("days", "events", "rows", "quarantined")
    columns = ("feed", "endpoint", "status", "days", "first", "last", "events", "rows", "quarantined")
    show.table(columns, [[e[c] for c in columns] for e in found["endpoints"]], numbers=numbers)
    if found["gaps"]:
        show.line()
        why = ("feed", "endpoint", "month", "status", "days", "reason")
        show.table(why, [[g[c] for c in why] for g in found["gaps"]], numbers=("days",))
    if found["errors"]:
        show.line()
        wrong = ("at", "endpoint", "day", "kind", "message")
        show.table(wrong, [[e[c] for c in wrong] for e in found["errors"]], title="Latest errors")


def reparse(
    *,
    domain: Annotated[str, typer.Option("--domain", help="Which domain.")] = "racing",
    check: Annotated[bool, typer.Option("--check", help="Only compare; leave the facts as they are.")] = False,
    detach: Detach = False,
    json: AsJson = False,
) -> None:
    """Build the facts anew from the raw archive, without one call, and put them in the place of the old."""
    with open_program() as program:
        found = follow(
            program, "reparse", {"domain": domain, "check": check}, detach=detach, title="Reparsing", json=json
        )
    if json:
        show.as_json(found)
    else:
        same = "the same" if found["before"] == found["after"] else f"others in {', '.join(found['differing'])}"
        done = "They stand in the place of the old." if found["replaced"] else "The facts were left as they are."
        show.line(f"{found['days']:,} fetches read again: the facts are {same}. {done}")
        show.line(f"Fingerprint {found['after']}")
    if check and found["before"] != found["after"]:
        raise typer.Exit(1)


def _day(given: datetime | None) -> date | None:
    return given.date() if given else None


def _collect(
    feed: str,
    what: list[str],
    days: dict[str, Any] | None = None,
    *,
    dry_run: bool = False,
    detach: bool = False,
    json: bool = False,
) -> None:
    """Enqueue and follow a collection, or show its plan; exit code 3 where something is missing at its end."""
    import msgspec

    from morningline.wiring import collecting

    request = collecting.CollectRequest(feed=feed, what=what, **(days or {}))
    with open_program() as program:
        if dry_run:
            _show_plans(collecting.dry_run(program, request), request, json=json)
            return
        parameters = msgspec.to_builtins(request)
        summary = follow(program, "collect", parameters, detach=detach, title="Collecting", json=json, told=_progress)
    if json:
        show.as_json(summary)
    else:
        for part in summary["parts"]:
            _show_part(part)
    if summary["status"] != "complete":
        raise typer.Exit(3)


def _progress(figures: dict[str, Any], sentence: str, share: float | None) -> str:
    """What a running collection says of itself, in a line."""
    if "events" not in figures:
        return sentence
    left = figures.get("seconds_left")
    parts = [
        f"{sentence}",
        f"{share or 0:.0%}",
        f"{figures['events']:,} events",
        f"{figures['rows']:,} rows",
        f"{figures['calls']:,} calls",
        f"{figures['calls_per_second']:.1f}/s",
        f"{figures['errors']} errors",
        *([f"{_duration(left)} left"] if left is not None else []),
    ]
    return " · ".join(parts)


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s" if rest >= 60 else f"{rest} s"


def _show_plans(plans: list[tuple[str, Plan]], request: CollectRequest, *, json: bool) -> None:
    if json:
        from morningline.wiring.collecting import plain_plans

        show.as_json(plain_plans(plans))
        return
    for what, plan in plans:
        calls = sum(plan.calls.values())
        show.line(f"{request.feed}, {what}: {len(plan.items):,} fetches are missing, some {calls:,} calls.")
        if plan.items:
            show.line(
                f"  From {plan.items[0].day} to {plan.items[-1].day}; at the feed's limits {_duration(plan.seconds)}."
            )
        for endpoint, days in plan.done.items():
            show.line(f"  {endpoint}: {days:,} days are complete.")
        for (endpoint, why), days in plan.refused.items():
            show.line(f"  {endpoint}: {days:,} days cannot be asked: {why}")


def _show_part(part: dict[str, Any]) -> None:
    """The end of a collection, as a person reads it."""
    if part["what"] == "details":
        show.line(f"details: {part['fetched']:,} fetched, {part['errors']:,} failed, {part['left']:,} still unknown.")
        return
    fetches = ", ".join(f"{number:,} {status}" for status, number in part["fetches"].items()) or "nothing was missing"
    counts = f"{part['events']:,} events, {part['rows_kept']:,} rows kept, {part['calls']:,} calls"
    show.line(f"{part['what']}: {fetches}. {counts} in {_duration(part['seconds'])}.")
    if part["tables"]:
        rows = [(name, counts["new"], counts["changed"]) for name, counts in part["tables"].items()]
        show.table(("table", "new", "changed"), rows, numbers=("new", "changed"))
    if part["rows_quarantined"]:
        show.line(f"{part['rows_quarantined']:,} rows or values are in quarantine, with reason and payload.")
    for refused in part["refused"]:
        show.line(f"{refused['endpoint']}: {refused['days']:,} days cannot be asked: {refused['reason']}")
    for problem in part["problems"]:
        show.line(
            f"{problem['endpoint']} {problem['first']} to {problem['last']}: {problem['days']} {problem['status']}: "
            f"{problem['reason']}"
        )
    if part["stopped"]:
        show.line(f"Stopped: {part['stopped']}")
    if part["unknown_keys"]:
        shown = ", ".join(f"{key} ({number:,})" for key, number in part["unknown_keys"].items())
        show.line(f"Keys this program does not know, kept in `extra`: {shown}")
    if part["problems"] or part["stopped"]:
        show.line("NOT everything is there. Run it again to go on; `morningline collect status` shows what is missing.")
