"""Commands of quality: check, report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from morningline.cli import show
from morningline.cli.data import Domain
from morningline.cli.predictions import parse_day
from morningline.cli.workspace import AsJson, open_program

if TYPE_CHECKING:
    from datetime import date

    from morningline.wiring.quality import QualityCheck

app = typer.Typer(help="Watch how good the facts of each day are.", no_args_is_help=True)
First = Annotated[str | None, typer.Option("--from", help="First local day, YYYY-MM-DD.")]
Last = Annotated[str | None, typer.Option("--to", help="Last local day, YYYY-MM-DD.")]


@app.command()
def check(
    *,
    day: Annotated[str | None, typer.Option("--day", help="One local day; the newest if none is given.")] = None,
    first: First = None,
    last: Last = None,
    domain: Domain = "racing",
    json: AsJson = False,
) -> None:
    """Judge the facts of local days; exit code 1 where one falls short or is unlike the days before."""
    from morningline.kit.errors import InputError
    from morningline.wiring.quality import as_plain, check_quality

    if day and (first or last):
        raise InputError("A day and a period were given.", allowed="--day, or --from and --to", do="Leave one away.")
    with open_program() as program:
        found = check_quality(program, domain, *_days(day or first, day or last))
    if json:
        show.as_json({"sound": found.sound, "threshold": found.threshold, **as_plain(found)})
    else:
        show_check(found)
    if not found.sound:
        raise typer.Exit(1)


def show_check(found: QualityCheck) -> None:
    """How good days are, as a person reads it."""
    from morningline.facts.quality_measures import PARTS

    judged = found.days.drop_nulls("score")
    shown = judged if judged["day"].n_unique() == 1 else found.short
    numbers = ("rows", *PARTS, "score")
    if shown.height:
        columns = ("day", "table", *numbers, "why")
        show.table(columns, shown.select(columns).iter_rows(), numbers=numbers)
        show.line()
    if found.anomalies.height:
        odd = found.anomalies.select("day", "table", "words")
        show.table(("day", "table", "unlike the days before"), odd.iter_rows())
        show.line()
    days = judged["day"].n_unique()
    show.line(
        f"{_counted(days, 'day')} judged: {_counted(found.short.height, 'day')} of tables short of "
        f"{found.threshold:g}, {_counted(found.anomalies.height, 'count')} unlike the days before."
    )
    unjudged = found.days["day"].n_unique() - days
    if unjudged:
        show.line(f"{_counted(unjudged, 'day')} cannot be judged yet.")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@app.command()
def report(
    *,
    first: First = None,
    last: Last = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Where the page goes; reports/ of the workspace if not given.")
    ] = None,
    domain: Domain = "racing",
    json: AsJson = False,
) -> None:
    """Write the history of quality as one HTML page, the newest year if no days are given."""
    from morningline.wiring.quality import as_plain, quality_data, write_quality_report

    with open_program() as program:
        if json:
            show.as_json(as_plain(quality_data(program, domain, *_days(first, last))))
        else:
            show.line(str(write_quality_report(program, domain, *_days(first, last), html)))


def _days(first: str | None, last: str | None) -> tuple[date | None, date | None]:
    return parse_day(first) if first else None, parse_day(last) if last else None
