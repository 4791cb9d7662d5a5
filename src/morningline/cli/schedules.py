"""Commands of schedules: schedules list, add, remove, pause, resume, run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from morningline.cli import show
from morningline.cli.auditing import who
from morningline.cli.following import outcome, watch
from morningline.cli.runs import when
from morningline.cli.workspace import AsJson, open_program

if TYPE_CHECKING:
    from morningline.runs.schedules import ScheduleRow

app = typer.Typer(help="Have runs asked for again and again.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of a schedule.")]


@app.command("list")
def list_(*, json: AsJson = False) -> None:
    """List every schedule with its last and next time, and how its last run stands."""
    from morningline.runs.schedules import list_schedules

    with open_program() as program, program.database.connect(read_only=True) as connection:
        rows = list_schedules(connection)
    if json:
        show.as_json(rows)
        return
    shown = [
        (r.name, r.kind, r.cron, r.zone, when(r.last_at), r.last_run, r.last_status, when(r.next_at) or "paused")
        for r in rows
    ]
    show.table(("schedule", "kind", "cron", "zone", "last (UTC)", "last run", "status", "next (UTC)"), shown)


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits, `.`, `_` and `-`.")],
    *,
    kind: Annotated[str, typer.Option(help="Which kind of run, such as predict.")],
    cron: Annotated[str, typer.Option(help="Minute, hour, day of month, month, day of week: '0 20 * * *'.")],
    zone: Annotated[str, typer.Option(help="Whose clock and days are meant, such as Europe/London.")] = "UTC",
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="What the run is given; may be given again. {day+1} is a date."),
    ] = None,
    params: Annotated[
        Path | None, typer.Option(help="A JSON file with what the run is given.", exists=True, dir_okay=False)
    ] = None,
    priority: Annotated[int, typer.Option(min=-1, max=2, help="-1 can wait, 2 is the most urgent.")] = 0,
    paused: Annotated[bool, typer.Option("--paused", help="Ask for nothing until it is resumed.")] = False,
    json: AsJson = False,
) -> None:
    """Have a run asked for again and again; what cannot be asked for is refused now."""
    from morningline.runs.schedules import Schedule
    from morningline.wiring.asking import make_schedule

    wanted = Schedule(
        name=name,
        kind=kind,
        parameters=_parameters(params, parameter or []),
        cron=cron,
        zone=zone,
        priority=priority,
        enabled=not paused,
    )
    with open_program() as program:
        _show(make_schedule(program, wanted, asked_by=who()), json=json)


@app.command()
def remove(name: Name) -> None:
    """Forget a schedule; the runs it asked for stay."""
    from morningline.runs import schedules

    with open_program() as program, program.database.connect() as connection:
        schedules.remove(connection, name)
    show.line(f"The schedule {name} is removed.")


@app.command()
def pause(name: Name, *, json: AsJson = False) -> None:
    """Ask for nothing more until it is resumed."""
    from morningline.runs import schedules

    with open_program() as program, program.database.connect() as connection:
        row = schedules.pause(connection, name)
    _show(row, json=json)


@app.command()
def resume(name: Name, *, json: AsJson = False) -> None:
    """Go on asking, from now on; what was due while it was paused is not made up."""
    from morningline.runs import schedules

    with open_program() as program, program.database.connect() as connection:
        row = schedules.resume(connection, name)
    _show(row, json=json)


@app.command()
def run(
    name: Name,
    *,
    detach: Annotated[bool, typer.Option("--detach", help="Return at once, with the id of the run.")] = False,
    json: AsJson = False,
) -> None:
    """Ask now for what a schedule asks for, and print what it gives as JSON; its next time stays what it is."""
    from morningline.wiring.asking import ask_as_scheduled

    with open_program() as program:
        asked = ask_as_scheduled(program, name, asked_by=who())
        row = watch(program, asked.id, title=f"Schedule {name}", detach=detach, json=json)
    show.as_json({"run": row.id, "attempt": row.attempt, "result": outcome(row)})


def _show(row: ScheduleRow, *, json: bool) -> None:
    from morningline.cli.runs import when

    if json:
        show.as_json(row)
    elif row.next_at is None:
        show.line(f"The schedule {row.name} is paused.")
    else:
        show.line(f"The schedule {row.name} is due next at {when(row.next_at)} UTC.")
        sys.stderr.write("What is due is asked for while `morningline serve` or `morningline worker` runs.\n")


def _parameters(file: Path | None, given: list[str]) -> dict[str, Any]:
    """What the run is given: of the file, and what was said beside it, which goes before."""
    import msgspec

    from morningline.kit.errors import InputError

    found: dict[str, Any] = {}
    if file is not None:
        try:
            found = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise InputError(f"The parameters of {file} are not a JSON object: {error}.") from error
    for one in given:
        name, equals, value = one.partition("=")
        if not name or not equals:
            raise InputError(f"The parameter was given as {one!r}.", allowed="NAME=VALUE, such as day={day+1}")
        found[name] = _value(value)
    return found


def _value(text: str) -> Any:  # noqa: ANN401 - any JSON
    """A value as JSON where it is JSON, such as 3, true or ["events"]; the text as it stands otherwise."""
    import msgspec

    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
