"""The page of a training, and what of it a model card shows: how its parameters were found and how it learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from morningline.kit.clock import utc_now
from morningline.monitoring.learning_data import CurvePart, StudyData, TrainingPage, TriedPoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from morningline.monitoring.report_data import DeltaR2
    from morningline.training.registry import ExperimentRun
    from morningline.wiring.experiments import Training
    from morningline.wiring.program import Program

FIT, DEFAULT, TUNING = "fit/", "default/", "tuning."
"""What names begin with: of a training's curves, of those of the default beside it, and of what its tuning found."""

MOST_PARTS = 12
"""Panels on a page; an ensemble over many seasons has hundreds."""

TRIAL_STATUSES = {"complete": "succeeded"}
TONES = {"succeeded": "better", "failed": "worse", "cancelled": "worse"}


def write_training_page(program: Program, run_id: str, out: Path | None) -> Path:
    """Write the page of a training, or of a trial of one, as one HTML page; returns its path.

    Raises:
        NotFoundError: There is no such training.
    """
    from morningline.monitoring.learning import render_training
    from morningline.wiring.experiments import show_training

    page = render_training(page_of(show_training(program, run_id)))
    path = out or program.workspace.reports / f"training-{run_id}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def page_of(found: Training) -> TrainingPage:
    """What the page of a training shows."""
    from morningline.training.request import TrainRequest
    from morningline.wiring.experiments import CURVE

    run, last, counted = found.run, dict[str, float](), dict[str, int]()
    for step in found.steps:
        last[step["name"]], counted[step["name"]] = step["value"], counted.get(step["name"], 0) + 1
    curves, left_out = curve_parts(found.steps)
    return TrainingPage(
        title=f"{'Trial' if run.parent else 'Training'} {run.id} \N{MIDDLE DOT} {run.experiment}",
        headline=_headline(run),
        tone=TONES.get(run.status, ""),
        facts=_facts(run),
        results=[
            (name, value, counted[name])
            for name, value in last.items()
            if CURVE not in name and not name.startswith(TUNING)
        ],
        parameters=run.parameters,
        files=[(one["path"], one["bytes"], one["sha256"]) for one in found.artefacts],
        study=_study_of_trials(found.tried, last, run.configuration.get("task", TrainRequest().task))
        if found.tried
        else None,
        curves=curves,
        left_out=left_out,
        generated_at=utc_now(),
    )


def study_of_summary(tuning: Mapping[str, Any], task: str) -> StudyData:
    """A study as the summary of a training keeps it, with the model."""
    return StudyData(
        tried=[
            TriedPoint(
                number=one["number"],
                status=TRIAL_STATUSES.get(one["state"], one["state"]),
                loss=one["value"],
                parameters={name: str(value) for name, value in one["parameters"].items()},
            )
            for one in tuning["trials"]
        ],
        default_loss=tuning["default_loss"],
        importance=tuning["importance"],
        over_default=_delta(tuning.get("over_default")),
        gain=_gain(task),
    )


def learning_curves_of(program: Program, trainings: Sequence[str]) -> tuple[list[CurvePart], int]:
    """The learning curves of the first training that recorded any: all of them gave the same model."""
    from morningline.wiring.experiments import show_training

    for run_id in trainings:
        found = curve_parts(show_training(program, run_id).steps)
        if found[0]:
            return found
    return [], 0


def curve_parts(steps: Iterable[Mapping[str, Any]]) -> tuple[list[CurvePart], int]:
    """The curves of the last fold, whose model is kept, part by part, and how many parts are too many for a page.

    Args:
        steps: Name, step and value of every metric, in the order of name and step.
    """
    parts: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for one in steps:
        name = str(one["name"])
        if name.startswith(FIT):
            part, _, curve = name.removeprefix(FIT).rpartition("/")
            parts.setdefault(part, {}).setdefault(curve, []).append((one["step"], one["value"]))
    last_fold = max((_fold(part) for part in parts), default=0)
    own = {_words(part): curves for part, curves in parts.items() if _fold(part) == last_fold}
    found = [CurvePart(name=name, curves=curves) for name, curves in own.items()]
    return found[:MOST_PARTS], max(len(found) - MOST_PARTS, 0)


def _fold(part: str) -> int:
    first = part.partition("/")[0]
    return int(first.removeprefix("fold_")) if first.startswith("fold_") else 0


def _words(part: str) -> str:
    names = [name.replace("_", " ") for name in part.split("/") if not name.startswith("fold_")]
    words = ", ".join(names)
    return words[:1].upper() + words[1:]


def _study_of_trials(tried: Sequence[ExperimentRun], results: Mapping[str, float], task: str) -> StudyData:
    """A study as it is recorded, which may go on."""
    shares = f"{TUNING}importance."
    return StudyData(
        tried=[
            TriedPoint(
                number=run.configuration["trial"],
                status=run.status,
                loss=run.metrics.get("loss"),
                parameters=run.parameters,
            )
            for run in tried
        ],
        default_loss=results.get(f"{TUNING}default_loss"),
        importance={name.removeprefix(shares): value for name, value in results.items() if name.startswith(shares)},
        over_default=_over_default(results),
        gain=_gain(task),
    )


def _gain(task_name: str) -> str:
    """What a difference between two models of a task is, in words."""
    from morningline.wiring.tasks import task_named

    task = task_named(task_name)
    return "ΔR²" if task.kind == "group" else f"{task.metric.replace('_', ' ')} smaller by"


def _over_default(results: Mapping[str, float]) -> DeltaR2 | None:
    """What tuning was worth as it is recorded: numbers, of which the verdict follows."""
    over = f"{TUNING}over_default."
    found = {name.removeprefix(over): value for name, value in results.items() if name.startswith(over)}
    if not found:
        return None
    verdict = "adopt" if found["low"] > 0 else "reject" if found["high"] < 0 else "not_decided"
    return _delta({**found, "verdict": verdict})


def _delta(given: Mapping[str, Any] | None) -> DeltaR2 | None:
    from morningline.monitoring.report_data import DeltaR2

    return DeltaR2(**given) if given else None


def _headline(run: ExperimentRun) -> str:
    if run.parent:
        words = {"succeeded": "was judged on all folds", "pruned": "was given up early", "running": "goes on"}
        return f"Trial {run.configuration['trial']} of the training {run.parent} {words.get(run.status, run.status)}."
    if run.status == "succeeded":
        return f"It gave the model {run.model_id}." if run.model_id else "It came to its end; no model was kept."
    return {"running": "It goes on.", "cancelled": "It was cancelled."}.get(run.status, "It failed.")


def _facts(run: ExperimentRun) -> list[tuple[str, str]]:
    facts = {
        "Asked by": run.asked_by,
        "Begun": f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC, attempt {run.attempt}",
        "Ended": f"{run.ended_at:%Y-%m-%d %H:%M:%S} UTC" if run.ended_at else None,
        "Failed with": run.error,
        "Features": f"{run.feature_set} {run.feature_version}, Delta version {run.delta_version}"
        if run.feature_set
        else None,
        "Dataset": run.dataset_hash,
        "Code": run.code_version,
        "Seed": str(run.seed),
        "MLflow": run.mirror,
    }
    return [(words, value) for words, value in facts.items() if value]
