"""The demo: the whole loop on a made-up world, told as it goes."""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from morningline.cli import show


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(demo)


def demo(
    folder: Annotated[Path, typer.Argument(help="Workspace to make or use.")] = Path("demo-workspace"),
    *,
    seed: Annotated[int, typer.Option(help="Which world.")] = 20,
) -> None:
    """Run the whole loop on a made-up world of racing: import, features, backtest, predict, score, report."""
    run(folder, seed)


def run(folder: Path, seed: int) -> None:
    """Make a workspace and run the loop in it.

    Args:
        folder: The workspace; one that was used before is used again and comes to the same.
        seed: Which world.
    """
    from morningline.cli.data import conclusion
    from morningline.cli.models import show_backtest
    from morningline.cli.predictions import show_predictions, show_score
    from morningline.kit.workspace import Workspace
    from morningline.wiring import acts
    from morningline.wiring.program import Program

    started = perf_counter()
    workspace = Workspace.create(folder)
    environ = {**os.environ, "MORNINGLINE_HOME": str(workspace.root)}
    with Program.at(workspace.root, environ) as program:
        step(1, "A made-up world: horses, jockeys, trainers, two seasons of races, and a market that takes a margin")
        world = acts.make_world(program, "racing", seed)
        show.line(f"Written as CSV to {world.history.parent}.")

        step(2, "Import: CSV files become facts, each with the time it became known")
        with show.progress("Importing") as progress:
            report = acts.import_folder(program, world.mapping, world.history, progress)
        show.line(conclusion(report))

        step(3, "Features: what could be known of every runner on the morning of its race")
        computed = acts.compute_features(program, "racing")
        show.line(f"{computed.features} features of {computed.rows:,} runners in {computed.seconds:.1f} s.")

        step(4, f"Backtest: trained until {world.train_until}, judged on {world.test_from} to {world.test_to}")
        with show.progress("Backtesting") as progress:
            row, summary = acts.backtest(
                program,
                "racing",
                train_until=str(world.train_until),
                test_from=str(world.test_from),
                test_to=str(world.test_to),
                parameters={},
                progress=progress,
            )
        show_backtest(summary)
        gap = acts.gap_to_truth(program, row, world)
        show.line(
            "This world's true chances are known. Mean distance from them: "
            + ", ".join(f"{name} {distance:.4f}" for name, distance in gap.items())
        )

        step(5, f"Predict: the card of {world.tomorrow}, locked before anything is known of its outcome")
        with show.progress("Importing") as progress:
            acts.import_folder(program, world.mapping, world.card, progress)
        locked = acts.predict(program, "racing", world.tomorrow, row.id)
        first = locked.rows["event_id"][0]
        show_predictions(locked.rows.filter(locked.rows["event_id"] == first))
        show.line(f"{locked.rows.height} predictions are locked; the first race is shown.")

        step(6, "Score: the day is over, each prediction meets its outcome and the market")
        with show.progress("Importing") as progress:
            acts.import_folder(program, world.mapping, world.results, progress)
        show_score(acts.score(program, "racing", world.tomorrow, world.tomorrow))

        step(7, "Replay: one of them computed again from what was known then")
        found = acts.replay(program, locked.rows["id"][0])
        show.line("Every bit is equal." if found.equal else "It differs: " + "; ".join(found.differences))

        step(8, "Report")
        show.line(f"Open in a browser: {acts.report(program, 'racing', row.id, None)}")
    show.line()
    show.line(f"The whole loop took {perf_counter() - started:.0f} s. Everything is in {workspace.root}.")
    show.line(
        f"Look around:  export MORNINGLINE_HOME={workspace.root}; morningline predictions show --date {world.tomorrow}"
    )


def step(number: int, text: str) -> None:
    """Announce a step."""
    show.line()
    show.line(f"{number}. {text}")
