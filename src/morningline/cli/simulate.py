"""The simulator: a made-up feed to try the program against."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from morningline.cli import show


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(simulate)


def simulate(
    *,
    port: Annotated[int, typer.Option(help="Port on this machine; 0 for any free one.", min=0, max=65535)] = 8750,
    seed: Annotated[int, typer.Option(help="Which world.")] = 20,
    account: Annotated[str, typer.Option(help="Who may ask, as NAME:PASSWORD.")] = "user:password",
    plan: Annotated[str, typer.Option(help="The account's plan: free, basic, standard or pro.")] = "pro",
    first: Annotated[str, typer.Option("--from", help="First day of the world.")] = "2015-01-01",
    today: Annotated[str, typer.Option("--today", help="A day or an instant at which its clock stands.")] = "real",
    limit: Annotated[
        list[str] | None, typer.Option(help="CLASS=CALLS a second; classes: free, racecards, other, all.")
    ] = None,
    faults: Annotated[str, typer.Option(help="What goes wrong: none, flaky, dirty, storm or thin.")] = "none",
    bookmakers: Annotated[int, typer.Option(help="How many bookmakers quote each runner, up to 28.")] = 8,
    log: Annotated[Path | None, typer.Option(help="File for the log of calls, as JSON lines.")] = None,
) -> None:
    """Serve The Racing API's contract from a made-up world, on this machine only, until interrupted."""
    from morningline.domains.racing.simulator import Account, SimulatorSettings, read_time, serve_forever
    from morningline.kit.errors import InputError

    name, colon, password = account.partition(":")
    if not name or not colon:
        raise InputError("The account has no name or no password.", allowed="NAME:PASSWORD")
    settings = SimulatorSettings(
        seed=seed,
        accounts=(Account(username=name, password=password, plan=plan),),
        first_day=_day(first),
        today=read_time(today),
        limits=dict(_limit(text) for text in limit or ()),
        faults=faults,
        bookmakers=bookmakers,
        log_path=log,
    )
    try:
        serve_forever(settings, port, _announce)
    except OSError as error:
        raise InputError(
            f"Port {port} cannot be used: {error.strerror or error}.",
            allowed="a free port",
            do="Choose another with --port, or --port 0 for any.",
        ) from error


def _announce(url: str) -> None:
    import sys

    show.line(f"Serving on {url}")
    sys.stdout.flush()


def _day(text: str) -> date:
    from morningline.kit.errors import InputError

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"The first day is given as {text!r}.", allowed="a day such as 2015-01-01") from None


def _limit(text: str) -> tuple[str, float]:
    from morningline.kit.errors import InputError

    name, _, calls = text.partition("=")
    try:
        return name, float(calls)
    except ValueError:
        raise InputError(f"A limit is given as {text!r}.", allowed="CLASS=CALLS such as other=5") from None
