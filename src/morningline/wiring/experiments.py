"""Experiments by the words a user says: recorded, mirrored where that is set, listed, shown, compared, exported."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from morningline.kit.errors import InputError
from morningline.wiring.program import domain_named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import polars as pl
    import psycopg

    from morningline.runs.run import Run
    from morningline.training.registry import Experiment, ExperimentRun, MlflowMirror, Recorder
    from morningline.training.request import TrainRequest
    from morningline.wiring.program import Program
    from morningline.wiring.training import Trained

CURVE = "/"
"""What the name of a learning curve has and that of a result has not: `fit/whole/trees/training_loss`."""

FORMATS = (".csv", ".json", ".parquet")


@dataclass(frozen=True, kw_only=True)
class Training:
    """A training with every step it recorded.

    Attributes:
        run: What was asked, its parameters, last metrics, and how it ended.
        steps: Name, step and value of every metric, and when it was recorded (UTC), in the order of name and step.
        artefacts: Path relative to the workspace, SHA-256 and bytes of its files.
        tried: The trials of its tuning, in their order.
    """

    run: ExperimentRun
    steps: Sequence[dict[str, Any]]
    artefacts: Sequence[dict[str, Any]]
    tried: Sequence[ExperimentRun]


@dataclass(frozen=True, kw_only=True)
class ComparedTrainings:
    """Trainings side by side.

    Attributes:
        runs: Their ids, in the order given.
        parameters: Parameter to its value in each, where they differ; None where one has it not.
        metrics: Metric to its last value in each.
    """

    runs: Sequence[str]
    parameters: dict[str, list[str | None]]
    metrics: dict[str, list[float | None]]


def list_experiments(program: Program, domain_name: str | None = None) -> list[Experiment]:
    """Every experiment, or those of a domain's tasks, the one with the newest training first."""
    from morningline.training.registry import list_experiments as rows

    names = None if domain_name is None else {task.name for task in domain_named(domain_name).tasks}
    with program.database.connect(read_only=True) as connection:
        return [one for one in rows(connection, None) if names is None or one.task in names]


def list_trainings(
    program: Program, experiment: str, *, limit: int | None = None, trials: bool = False
) -> list[ExperimentRun]:
    """The trainings of an experiment, newest first; with `trials` each is followed by those of its tuning."""
    from morningline.training.registry import list_trainings as rows

    with program.database.connect(read_only=True) as connection:
        return _as_their_runs_stand(connection, rows(connection, experiment, limit=limit, trials=trials))


def show_training(program: Program, run_id: str) -> Training:
    """A training, or a trial of one, with every step it recorded."""
    from morningline.training.registry import artefacts, step_metrics, trainings, trials_of

    with program.database.connect(read_only=True) as connection:
        (run,) = _as_their_runs_stand(connection, trainings(connection, [run_id]))
        steps = step_metrics(connection, run_id)
        files = artefacts(connection, run_id)
        tried = _as_their_runs_stand(connection, trials_of(connection, [run_id])[run_id])
    return Training(
        run=run,
        steps=[dict(zip(("name", "step", "value", "logged_at"), row, strict=True)) for row in steps],
        artefacts=[dict(zip(("path", "sha256", "bytes"), row, strict=True)) for row in files],
        tried=tried,
    )


def compare_trainings(program: Program, run_ids: Sequence[str]) -> ComparedTrainings:
    """Parameters that differ and metrics of some trainings, side by side.

    Raises:
        InputError: Fewer than two were named.
    """
    from morningline.training.registry import trainings

    if len(set(run_ids)) < 2:
        raise InputError(f"{len(set(run_ids))} training was named.", allowed="two trainings or more")
    with program.database.connect(read_only=True) as connection:
        runs = trainings(connection, list(dict.fromkeys(run_ids)))
    parameters = {
        name: [run.parameters.get(name) for run in runs] for name in sorted({n for run in runs for n in run.parameters})
    }
    return ComparedTrainings(
        runs=[run.id for run in runs],
        parameters={name: values for name, values in parameters.items() if len(set(values)) > 1},
        metrics={
            name: [run.metrics.get(name) for run in runs] for name in sorted({n for run in runs for n in run.metrics})
        },
    )


def export_trainings(program: Program, experiment: str, out: Path, *, trials: bool = False) -> int:
    """Write the trainings of an experiment to a file, one row each; returns their number.

    Args:
        program: The workspace.
        experiment: Its name.
        out: The file.
        trials: Each training is followed by the trials of its tuning, a row each.

    Raises:
        InputError: The file's suffix is not known.
    """
    if out.suffix not in FORMATS:
        raise InputError(
            f"{out.name} cannot be written.", allowed=", ".join(FORMATS), do="Choose one of these suffixes."
        )
    runs = list_trainings(program, experiment, trials=trials)
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".json":
        import msgspec

        out.write_bytes(msgspec.json.format(msgspec.json.encode([asdict(run) for run in runs]), indent=2))
    else:
        rows = _flat(runs)
        rows.write_csv(out) if out.suffix == ".csv" else rows.write_parquet(out)
    return len(runs)


def mirror_of(program: Program) -> MlflowMirror | None:
    """What mirrors a training to MLflow, where a tracking URI is set."""
    from morningline.training.registry import MlflowMirror

    uri = program.settings.mlflow_tracking_uri
    return MlflowMirror(uri) if uri else None


def recorded_training(program: Program, request: TrainRequest, run: Run) -> Trained:
    """Do the training of a run and keep its record, mirrored where that is set.

    Args:
        program: The workspace.
        request: What is asked.
        run: What asked for it.
    """
    from morningline.training.registry import TrainingStart, recording
    from morningline.wiring.training import train

    root = program.workspace.root
    start = TrainingStart(
        run_id=run.id,
        experiment=request.experiment or request.task,
        task=request.task,
        configuration=run.parameters,
        asked_by=run.asked_by,
        seed=program.settings.seed if request.seed is None else request.seed,
    )

    def warn(message: str) -> None:
        run.log(message, "warning")

    with recording(program.database, start, root=root, mirror=mirror_of(program), warn=warn) as recorder:
        trained = train(program, request, run, recorder)
        _record_result(recorder, trained, root)
    return trained


def _record_result(recorder: Recorder, trained: Trained, root: Path) -> None:
    summary, model = trained.summary, trained.model
    folds = summary.get("folds", [])
    # Fold by fold where there are many; the last step is all of them together.
    for step, part in enumerate([*folds, summary]):
        over = {f"over_{name}": values for name, values in part.get("over", {}).items()}
        scores = {**part["models"], **over, "delta_r2": part.get("delta_r2", {})}
        for name, values in scores.items():
            for metric, value in values.items():
                # A score that is not defined on these rows is no number to record.
                if metric != "verdict" and value is not None:
                    recorder.metric(f"{name}.{metric}", step, value)
    if "tuning" in summary:
        _record_tuning(recorder, summary["tuning"])
    if model is not None:
        for path in sorted(path for path in (root / model.artefact).rglob("*") if path.is_file()):
            recorder.artefact(path)
        recorder.model(model.id)


def _record_tuning(recorder: Recorder, tuning: dict[str, Any]) -> None:
    over = {key: value for key, value in tuning["over_default"].items() if key != "verdict"}
    found = {"default_loss": tuning["default_loss"], "best_loss": tuning["best_loss"]}
    shares = {f"importance.{name}": share for name, share in tuning["importance"].items()}
    for name, value in {**found, **{f"over_default.{key}": value for key, value in over.items()}, **shares}.items():
        recorder.metric(f"tuning.{name}", 0, value)


def as_plain(found: Training | ExperimentRun | ComparedTrainings | Experiment) -> dict[str, Any]:
    """What an act gave, as plain values, ready for JSON."""
    plain = asdict(found)
    return {**plain.pop("run"), **plain} if "run" in plain else plain


def _flat(runs: Sequence[ExperimentRun]) -> pl.DataFrame:
    """One row a training: its columns, then `parameter.<name>` and `metric.<name>`."""
    import msgspec
    import polars as pl

    parameters = sorted({name for run in runs for name in run.parameters})
    metrics = sorted({name for run in runs for name in run.metrics})
    rows = []
    for run in runs:
        row = asdict(run)
        del row["parameters"], row["metrics"]
        row["configuration"] = msgspec.json.encode(run.configuration).decode()
        row |= {f"parameter.{name}": run.parameters.get(name) for name in parameters}
        row |= {f"metric.{name}": run.metrics.get(name) for name in metrics}
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)


def _as_their_runs_stand(connection: psycopg.Connection[Any], found: list[ExperimentRun]) -> list[ExperimentRun]:
    """A training whose worker died says it is running; its run knows better, and so it does of a trial."""
    open_ones = [one.parent or one.id for one in found if one.status == "running"]
    if not open_ones:
        return found
    ended = dict(
        connection.execute(
            "SELECT id, status FROM runs WHERE id = ANY(%s) AND status IN ('failed', 'cancelled')", (open_ones,)
        ).fetchall()
    )
    return [
        replace(one, status=ended.get(one.parent or one.id, one.status)) if one.status == "running" else one
        for one in found
    ]
