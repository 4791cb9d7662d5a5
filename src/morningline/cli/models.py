"""The command that draws a model: report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from morningline.cli import show
from morningline.cli.data import Domain
from morningline.cli.workspace import open_program


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(report)


def report(
    *,
    domain: Domain = "racing",
    model: Annotated[str | None, typer.Option(help="Which model; the champion if not given, or the newest.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Where; reports/ of the workspace if not given.")] = None,
) -> None:
    """Write one HTML page: calibration, log loss by season beside the market, features, data quality."""
    from morningline.wiring import acts

    with open_program() as program:
        show.line(str(acts.report(program, domain, model, out)))
