"""Commands of models: backtest, models, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from morningline.cli import show
from morningline.cli.data import AcceptQuality, Domain, Set
from morningline.cli.following import Detach, Priority, follow
from morningline.cli.workspace import AsJson, open_program

VERDICTS = {
    "adopt": "The model adds to the market.",
    "reject": "The model makes the market worse.",
    "not_decided": "No edge shown over the market.",
}


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(backtest)
    app.command()(models)
    app.command()(report)


def backtest(
    train_until: Annotated[str, typer.Option(help="Last day of training, YYYY-MM-DD.")],
    test_from: Annotated[str, typer.Option(help="First day of the test; the days between are for validation.")],
    test_to: Annotated[str, typer.Option(help="Last day of the test.")],
    *,
    domain: Domain = "racing",
    parameters: Annotated[str, typer.Option(help='Model parameters as JSON, such as {"l2": 20}.')] = "{}",
    set_name: Set = None,
    accept_quality: AcceptQuality = False,
    detach: Detach = False,
    priority: Priority = 0,
    json: AsJson = False,
) -> None:
    """Train on the past, judge on days nothing has seen, beside the market, and register the model."""
    import msgspec

    from morningline.kit.errors import InputError

    try:
        chosen = msgspec.json.decode(parameters, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InputError(f"The parameters {parameters!r} are not a JSON object: {error}.") from error
    asked = {
        "domain": domain,
        "train_until": train_until,
        "test_from": test_from,
        "test_to": test_to,
        "parameters": chosen,
        "set_name": set_name,
        "accept_quality": accept_quality,
    }
    with open_program() as program:
        summary = follow(program, "backtest", asked, title="Backtesting", detach=detach, priority=priority, json=json)
    if json:
        show.as_json(summary)
    else:
        show_backtest(summary)


def show_backtest(summary: dict[str, Any]) -> None:
    """The result of a backtest, as a person reads it."""
    keys = ("winner_log_loss", "r2", "brier", "top1", "ece")
    rows = [(name, *(scores[key] for key in keys)) for name, scores in summary["models"].items()]
    show.table(("model", *keys), rows, numbers=keys)
    delta = summary["delta_r2"]
    word, number = next((k, v) for k, v in summary.items() if isinstance(v, int))
    left_out = ", ".join(f"{n} {reason}" for reason, n in summary["excluded"].items()) or "none"
    show.line()
    show.line(f"{number:,} {word} of the test period; left out: {left_out}.")
    interval = f"(95 % {delta['low']:+.4f} to {delta['high']:+.4f})"
    show.line(f"{VERDICTS[delta['verdict']]} ΔR² of combined over market_power {delta['estimate']:+.4f} {interval}.")
    show.line(f"Verdict: {delta['verdict']}; a true effect of {delta['mde']:.4f} would be seen four times out of five.")
    show.line(f"Registered as {summary['model']}, in {summary['seconds']['total']:.0f} s.")


def models(domain: Domain = "racing", *, json: AsJson = False) -> None:
    """List the registered models, newest first."""
    from morningline.wiring import acts

    with open_program() as program:
        rows = acts.list_models(program, domain)
    if json:
        show.as_json(rows)
        return
    shown = [
        (
            m.id,
            f"{m.created_at:%Y-%m-%d %H:%M}",
            m.train_until,
            m.test_from,
            m.test_to,
            m.metrics["delta_r2"]["verdict"],
        )
        for m in rows
    ]
    show.table(("model", "made (UTC)", "trained until", "tested from", "to", "verdict"), shown)


def report(
    *,
    domain: Domain = "racing",
    model: Annotated[str | None, typer.Option(help="Which model; the newest if not given.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Where; reports/ of the workspace if not given.")] = None,
) -> None:
    """Write one HTML page: calibration, log loss by season beside the market, features, data quality."""
    from morningline.wiring import acts

    with open_program() as program:
        show.line(str(acts.report(program, domain, model, out)))
