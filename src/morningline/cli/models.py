"""Commands of models: models, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from morningline.cli import show
from morningline.cli.data import Domain
from morningline.cli.workspace import AsJson, open_program


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(models)
    app.command()(report)


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
