"""Commands of predictions: predict, predictions show, score, replay."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from morningline.cli import show
from morningline.cli.data import AcceptQuality, Domain
from morningline.cli.training import VERDICTS
from morningline.cli.workspace import AsJson, open_program

if TYPE_CHECKING:
    import polars as pl

    from morningline.predictions.scoring import ScoreReport

locked = typer.Typer(help="Look at locked predictions.", no_args_is_help=True)
Day = Annotated[str | None, typer.Option("--date", help="A local day, YYYY-MM-DD.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(predict)
    app.command()(score)
    app.command()(replay)
    app.add_typer(locked, name="predictions")


def parse_day(text: str) -> date:
    """A day as the command line takes it.

    Raises:
        InputError: The text is no day.
    """
    from morningline.kit.errors import InputError

    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is not a day: {error}.", allowed="YYYY-MM-DD") from error


def predict(
    day: Annotated[str, typer.Option("--date", help="The local day to predict, YYYY-MM-DD.")],
    *,
    domain: Domain = "racing",
    model: Annotated[str | None, typer.Option(help="Which model; the champion if not given, or the newest.")] = None,
    accept_quality: AcceptQuality = False,
    json: AsJson = False,
) -> None:
    """Predict every event of a day and lock the predictions: a locked row never changes."""
    from morningline.wiring import acts

    with open_program() as program:
        made = acts.predict(program, domain, parse_day(day), model, accept_quality=accept_quality)
    if json:
        show.as_json({"made": made.made, "differing": made.differing, "predictions": plain(made.rows.drop("inputs"))})
        return
    show_predictions(made.rows)
    show.line(f"{made.made} predictions locked, {made.rows.height - made.made} were locked before.")
    if made.differing:
        show.line(f"{made.differing} of those would be another number now; `morningline replay ID` says what differs.")


@locked.command("show")
def show_(
    *, day: Day = None, event: Annotated[str | None, typer.Option(help="One event.")] = None, json: AsJson = False
) -> None:
    """Show locked predictions, beside what came of them where that is known."""
    from morningline.wiring import acts

    with open_program() as program:
        rows = acts.show_predictions(program, parse_day(day) if day else None, event)
    if json:
        show.as_json(plain(rows))
    else:
        show_predictions(rows)
        show.line(f"{rows.height:,} predictions")


def plain(rows: pl.DataFrame) -> list[dict[str, object]]:
    """Rows as plain values."""
    return rows.to_dicts()


def show_predictions(rows: pl.DataFrame) -> None:
    """Predictions as a table, an event after the other."""
    columns = ["event_id", "rank", "entrant_id", "probability", "fair_odds"]
    scored = [n for n in ("won", "market_probability") if n in rows.columns]
    chosen = rows.select(*columns, *scored, "id")
    show.table(chosen.columns, chosen.iter_rows(), numbers=("rank", "probability", "fair_odds", *scored))


def score(
    *,
    domain: Domain = "racing",
    first: Annotated[str | None, typer.Option("--from", help="From this local day on.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Until this local day.")] = None,
    json: AsJson = False,
) -> None:
    """Join outcomes and market to the locked predictions and say how they did."""
    from morningline.wiring import acts

    with open_program() as program:
        report = acts.score(program, domain, parse_day(first) if first else None, parse_day(last) if last else None)
    if json:
        show.as_json(report)
    else:
        show_score(report)


def show_score(report: ScoreReport) -> None:
    """How predictions did, as a person reads it."""
    keys = ("winner_log_loss", "log_loss_low", "log_loss_high", "r2", "brier", "top1")
    if report.models:
        show.table(("", *keys), [(name, *(s[key] for key in keys)) for name, s in report.models.items()], numbers=keys)
    left_out = ", ".join(f"{n} {reason}" for reason, n in report.excluded.items()) or "none"
    show.line(
        f"{report.events} events scored, left out: {left_out}; {report.waiting} predictions wait for their outcome."
    )
    if report.delta_r2:
        d = report.delta_r2
        interval = f"(95 % {d['low']:+.4f} to {d['high']:+.4f})"
        show.line(f"{VERDICTS[d['verdict']]} ΔR² over the market {d['estimate']:+.4f} {interval}.")
    elif report.models:
        show.line("One day cannot show how days differ, so there is no interval and no verdict yet.")


def replay(
    prediction: Annotated[str, typer.Argument(help="The id of a locked prediction.")], *, json: AsJson = False
) -> None:
    """Compute a locked prediction again and prove the bits equal; exit code 1 if anything differs."""
    from morningline.wiring import acts

    with open_program() as program:
        found = acts.replay(program, prediction)
    if json:
        show.as_json({"equal": found.equal, **acts.as_plain(found)})
    elif found.equal:
        show.line(f"{found.id}: {found.entrant_id} in {found.event_id}, probability {found.locked!r}.")
        show.line(f"Computed again from what was known at {found.as_of:%Y-%m-%d %H:%M:%S} UTC: every bit is equal.")
    else:
        show.line(f"{found.id}: {found.entrant_id} in {found.event_id} differs.")
        for difference in found.differences:
            show.line(f"  {difference}")
    if not found.equal:
        raise typer.Exit(1)
