"""The demo: the whole loop on a made-up world, told as it goes."""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from morningline.cli import show

if TYPE_CHECKING:
    from datetime import datetime

    from morningline.training.registry import RegisteredModel
    from morningline.wiring.collecting import CollectRequest
    from morningline.wiring.program import Program
    from morningline.wiring.rehearsal import Rehearsal


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(demo)


def demo(
    folder: Annotated[Path, typer.Argument(help="Workspace to make or use.")] = Path("demo-workspace"),
    *,
    seed: Annotated[int, typer.Option(help="Which world.")] = 20,
) -> None:
    """Run the whole loop on a made-up world of racing: collect, features, backtest, predict, score, report."""
    run(folder, seed)


def run(folder: Path, seed: int) -> None:
    """Make a workspace and run the loop in it.

    Args:
        folder: The workspace; one that was used before is used again and comes to the same.
        seed: Which world.
    """
    from morningline.kit.workspace import Workspace
    from morningline.wiring.program import Program
    from morningline.wiring.rehearsal import rehearse

    started = perf_counter()
    workspace = Workspace.create(folder)
    environ = {**os.environ, "MORNINGLINE_HOME": str(workspace.root)}
    with Program.at(workspace.root, environ) as program, rehearse(program, "racing", seed) as rehearsal:
        tomorrow = rehearsal.world.tomorrow
        model = learn(rehearsal)
        live_through(rehearsal, model)
    show.line()
    show.line(f"The whole loop took {perf_counter() - started:.0f} s. Everything is in {workspace.root}.")
    show.line(f"Look around:  export MORNINGLINE_HOME={workspace.root}; morningline predictions show --date {tomorrow}")


def learn(rehearsal: Rehearsal) -> RegisteredModel:
    """Collect what is over, and make a model of it."""
    from morningline.cli.training import show_training
    from morningline.training.request import HoldOut, TrainRequest
    from morningline.wiring import featuring, training

    program, world = rehearsal.program, rehearsal.world
    step(1, "A made-up world: horses, jockeys, trainers, two seasons of races, and a market that takes a margin")
    show.line(f"A simulator of the feed serves it at {world.table['url']}; all clocks stand at {utc(world.evening)}.")

    step(2, f"Collect: the lists and the results since {world.first} over HTTP, each with the time it became known")
    collect(program, rehearsal.history)

    step(3, "Features: what could be known of every runner on the morning of its race")
    computed = featuring.compute_features(program, "racing", featuring.Extent())
    show.line(f"{computed.features} features of {computed.rows:,} runners in {computed.seconds:.1f} s.")

    step(4, f"Backtest: trained until {world.train_until}, judged on {world.test_from} to {world.test_to}")
    with show.progress("Backtesting") as progress:
        split = HoldOut(train_until=world.train_until, test_from=world.test_from, test_to=world.test_to)
        trained = training.train(program, TrainRequest(split=split), training.Quietly(progress))
    model = trained.registered
    show_training(trained.summary)
    gap = ", ".join(f"{name} {distance:.4f}" for name, distance in rehearsal.gap_to_truth(model).items())
    show.line(f"This world's true chances are known. Mean distance from them: {gap}")
    return model


def live_through(rehearsal: Rehearsal, model: RegisteredModel) -> None:
    """Predict tomorrow, let it pass, and see what came of it."""
    from morningline.cli.predictions import show_predictions, show_score
    from morningline.wiring import acts

    program, world = rehearsal.program, rehearsal.world
    step(5, f"Predict: the card of {world.tomorrow}, collected the evening before and locked before a horse has run")
    collect(program, rehearsal.cards)
    locked = acts.predict(program, "racing", world.tomorrow, model.id)
    first = locked.rows["event_id"][0]
    show_predictions(locked.rows.filter(locked.rows["event_id"] == first))
    show.line(f"{locked.rows.height} predictions are locked; the first race is shown.")

    step(6, "Score: the day is over, each prediction meets its outcome and the market")
    rehearsal.turn_to(world.night)
    show.line(f"All clocks stand at {utc(world.night)}.")
    collect(program, rehearsal.results)
    show_score(acts.score(program, "racing", world.tomorrow, world.tomorrow))

    step(7, "Replay: one of them computed again from what was known then")
    found = acts.replay(program, locked.rows["id"][0])
    show.line("Every bit is equal." if found.equal else "It differs: " + "; ".join(found.differences))

    step(8, "Report")
    show.line(f"Open in a browser: {acts.report(program, 'racing', model.id, None)}")


def collect(program: Program, request: CollectRequest) -> None:
    """Collect in this process, and say what came."""
    import msgspec

    from morningline.cli.following import follow

    summary = follow(program, "collect", msgspec.to_builtins(request), title="Collecting")
    for part in summary["parts"]:
        fetched = sum(part["fetches"].values())
        show.line(
            f"{part['what']}: {fetched:,} fetches, {part['rows_kept']:,} rows kept, {part['calls']:,} calls "
            f"in {part['seconds']:.1f} s."
        )
    if summary["status"] != "complete":
        show.line("NOT everything came; see `morningline collect status`.")
        raise typer.Exit(3)


def utc(instant: datetime) -> str:
    """An instant, as a person reads it."""
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def step(number: int, text: str) -> None:
    """Announce a step."""
    show.line()
    show.line(f"{number}. {text}")
