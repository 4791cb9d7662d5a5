"""The door of the command line: its commands, and how an error is shown.

Exit codes: 0 all went well; 1 something is wrong with what was looked at (doctor, replay, quality check, features
status, verify and drift), or a promotion is refused; 2 what was given cannot be used; 3 an import was committed but
rows or values were turned away beyond what its mapping accepts; 130 the run that was followed was cancelled.
"""

from __future__ import annotations

import signal
import sys

import typer

from morningline.cli import (
    collect,
    data,
    database,
    demo,
    drift,
    experiments,
    features,
    lineage,
    models,
    predictions,
    quality,
    reconcile,
    registry,
    runs,
    schedules,
    serve,
    simulate,
    tokens,
    training,
    worker,
    workspace,
)
from morningline.cli.auditing import audit_changes
from morningline.kit.errors import MorninglineError

app = typer.Typer(
    name="morningline",
    help="Daily predictions you can trust, from raw feed to calibrated probability.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for part in (workspace, demo, data, reconcile, collect, training, models, predictions, lineage):
    part.add_to(app)
for part in (worker, serve, tokens, simulate):
    part.add_to(app)
drift.add_to(features.app)
app.add_typer(features.app, name="features")
app.add_typer(quality.app, name="quality")
app.add_typer(registry.app, name="models")
app.add_typer(experiments.app, name="experiments")
app.add_typer(runs.app, name="runs")
app.add_typer(schedules.app, name="schedules")
app.add_typer(tokens.app, name="tokens")
app.add_typer(database.app, name="db")
audit_changes(app)


def main() -> None:
    """Run the command line; a refusal is shown as what was given, what is allowed and what to do."""
    # A polite end is an end like any other: transactions roll back and the last one out stops the database.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        app()
    except MorninglineError as error:
        sys.stderr.write(f"morningline: {error}\n")
        sys.exit(2)
    except BrokenPipeError:
        # The reader of our output, such as `head`, has seen enough.
        sys.stderr.close()
        sys.exit(0)
