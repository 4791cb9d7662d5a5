"""Commands of experiments: experiments list, show, compare, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from morningline.cli import show
from morningline.cli.runs import when
from morningline.cli.workspace import AsJson, open_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morningline.training.registry import ExperimentRun
    from morningline.wiring.experiments import Training

app = typer.Typer(help="Look at trainings: what they were asked, recorded and gave.", no_args_is_help=True)
Experiment = Annotated[str, typer.Argument(metavar="EXPERIMENT", help="The name of an experiment.")]
Trials = Annotated[bool, typer.Option("--trials", help="The trials of tunings too, each beneath its training.")]
LISTED_METRICS = 4


@app.command("list")
def list_(
    experiment: Annotated[str | None, typer.Argument(metavar="[EXPERIMENT]", help="List its trainings.")] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, help="Most trainings to list; trials are not counted.")] = 50,
    trials: Trials = False,
    json: AsJson = False,
) -> None:
    """List experiments, or the trainings of one, the newest first; trials of a tuning only if asked for."""
    from morningline.wiring.experiments import as_plain, list_experiments, list_trainings

    with open_program() as program:
        if experiment is not None:
            runs = list_trainings(program, experiment, limit=limit, trials=trials)
        else:
            found = list_experiments(program)
    if experiment is not None:
        if json:
            show.as_json([as_plain(run) for run in runs])
        else:
            show_trainings(runs)
        return
    if json:
        show.as_json([as_plain(one) for one in found])
        return
    numbers = ("trainings", "succeeded", "models", "trials")
    rows = [(one.name, one.task, one.runs, one.succeeded, one.models, one.trials, when(one.last_at)) for one in found]
    show.table(("experiment", "task", *numbers, "last (UTC)"), rows, numbers=numbers)


@app.command("show")
def show_(
    training: Annotated[str, typer.Argument(metavar="TRAINING", help="The id of its run.")],
    *,
    metric: Annotated[str | None, typer.Option(help="Show every step of this metric.")] = None,
    html: Annotated[bool, typer.Option("--html", help="Write it as one HTML page, with pictures.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Where; reports/ of the workspace if not given.")] = None,
    json: AsJson = False,
) -> None:
    """Show a training, or a trial of one: configuration, parameters, metrics, files, trials, the model it gave."""
    from morningline.kit.errors import NotFoundError
    from morningline.wiring.experiments import as_plain, show_training
    from morningline.wiring.training_page import write_training_page

    with open_program() as program:
        if html or out is not None:
            show.line(str(write_training_page(program, training, out)))
            return
        found = show_training(program, training)
    if metric is not None and metric not in found.run.metrics:
        raise NotFoundError(f"{training} recorded no metric {metric!r}.", allowed=", ".join(found.run.metrics) or None)
    steps = [step for step in found.steps if metric in {None, step["name"]}]
    if json:
        show.as_json({**as_plain(found), "steps": steps})
    elif metric is not None:
        rows = [(step["step"], step["value"], when(step["logged_at"])) for step in steps]
        show.table(("step", metric, "recorded (UTC)"), rows, numbers=("step", metric))
    else:
        show_training_(found)


@app.command()
def compare(
    trainings: Annotated[list[str], typer.Argument(metavar="TRAININGS", help="Two ids or more.")],
    *,
    json: AsJson = False,
) -> None:
    """Put trainings, or trials, side by side: parameters that differ, and their last metrics."""
    from morningline.wiring.experiments import CURVE, as_plain, compare_trainings

    with open_program() as program:
        found = compare_trainings(program, trainings)
    if json:
        show.as_json(as_plain(found))
        return
    show.table(("parameter", *found.runs), [(name, *values) for name, values in found.parameters.items()])
    show.line()
    rows = [(name, *values) for name, values in found.metrics.items() if CURVE not in name]
    show.table(("metric", *found.runs), rows, numbers=found.runs)


@app.command()
def export(
    experiment: Experiment,
    *,
    out: Annotated[Path, typer.Option("--out", help="A file: .csv, .json or .parquet.")],
    trials: Trials = False,
) -> None:
    """Write the trainings of an experiment to a file, one row each."""
    from morningline.wiring.experiments import export_trainings

    with open_program() as program:
        rows = export_trainings(program, experiment, out, trials=trials)
    show.line(f"{rows:,} trainings are in {out}.")


def show_trainings(runs: list[ExperimentRun]) -> None:
    """Trainings as a person reads them, with the results most of them have; trials stand indented."""
    from morningline.wiring.experiments import CURVE

    counted: dict[str, int] = {}
    for run in runs:
        for name in run.metrics:
            if CURVE not in name:
                counted[name] = counted.get(name, 0) + 1
    metrics = sorted(counted, key=lambda name: (-counted[name], name))[:LISTED_METRICS]
    rows = [
        (
            f"  {run.id}" if run.parent else run.id,
            run.status,
            run.trials or "",
            *(when(run.started_at), run.model_id or "", *(run.metrics.get(name) for name in metrics)),
        )
        for run in runs
    ]
    numbers = ("trials", *metrics)
    show.table(("training", "status", "trials", "begun (UTC)", "model", *metrics), rows, numbers=numbers)


def show_training_(found: Training) -> None:
    """A training as a person reads it."""
    run = found.run
    facts = {
        "training": run.id,
        "experiment": run.experiment,
        "status": run.status if run.error is None else f"{run.status}: {run.error}",
        "asked by": run.asked_by,
        "begun": f"{when(run.started_at)} UTC, attempt {run.attempt}",
        "ended": f"{when(run.ended_at)} UTC" if run.ended_at else "",
        "features": f"{run.feature_set} {run.feature_version}, Delta version {run.delta_version}"
        if run.feature_set
        else "",
        "dataset": run.dataset_hash or "",
        "code": run.code_version,
        "seed": str(run.seed),
        "trial of": run.parent or "",
        "model": run.model_id or "",
        "MLflow": run.mirror or "",
    }
    show.table(("", ""), [(name, value) for name, value in facts.items() if value])
    show.line()
    show.table(("parameter", "value"), run.parameters.items())
    show.line()
    show_metrics(found)
    if found.tried:
        show.line()
        show_tried(found.tried)
    if found.artefacts:
        show.line()
        rows = [(one["path"], one["bytes"], one["sha256"]) for one in found.artefacts]
        show.table(("file", "bytes", "SHA-256"), rows, numbers=("bytes",))


def show_metrics(found: Training) -> None:
    """Results with their last values, then learning curves with their first, least and last ones."""
    from morningline.wiring.experiments import CURVE

    values: dict[str, list[float]] = {}
    for step in found.steps:
        values.setdefault(step["name"], []).append(step["value"])
    rows = [(name, each[-1], len(each)) for name, each in values.items() if CURVE not in name]
    show.table(("metric", "last", "steps"), rows, numbers=("last", "steps"))
    curves = [(name, len(each), each[0], min(each), each[-1]) for name, each in values.items() if CURVE in name]
    if curves:
        show.line()
        numbers = ("steps", "first", "least", "last")
        show.table(("learning curve", *numbers), curves, numbers=numbers)


def show_tried(tried: Sequence[ExperimentRun]) -> None:
    """The trials of a tuning as a person reads them."""
    names = list(dict.fromkeys(name for run in tried for name in run.parameters))
    rows = [
        (
            run.configuration["trial"],
            run.id,
            run.status,
            run.metrics.get("loss"),
            *(_short(run.parameters.get(name)) for name in names),
        )
        for run in tried
    ]
    show.table(("trial", "training", "status", "loss", *names), rows, numbers=("trial", "loss"))


def _short(value: str | None) -> str:
    """A parameter's value with as many figures as matter."""
    try:
        return "" if value is None else f"{float(value):.4g}"
    except ValueError:
        return str(value)
