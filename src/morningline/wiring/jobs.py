"""Every long act as a kind of run: what its parameters mean, and which act does it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from morningline.runs.kinds import Kind
from morningline.wiring.errands import errands

if TYPE_CHECKING:
    from morningline.runs.run import Run
    from morningline.training.request import TrainRequest
    from morningline.wiring.program import Program


def kinds(program: Program) -> dict[str, Kind]:
    """The kinds of runs this program can do, by name.

    A worker of a run may be on another machine, so parameters are texts and numbers; a folder is a full path that
    every worker can read.
    """
    found = (
        Kind("import", lambda run: _import(program, run)),
        Kind("features", lambda run: _features(program, run)),
        Kind("train", lambda run: _train(program, run)),
        Kind("tune", lambda run: _tune(program, run)),
        Kind("collect", lambda run: _collect(program, run)),
        Kind("reparse", lambda run: _reparse(program, run), concurrency=1),
        *errands(program),
    )
    return {kind.name: kind for kind in found}


def _import(program: Program, run: Run) -> Any:  # noqa: ANN401 - an ImportReport, as JSON
    from morningline.wiring import acts

    asked = run.parameters
    return run.step(
        "import", lambda: acts.import_folder(program, asked["mapping"], Path(asked["folder"]), run.progress)
    )


def _features(program: Program, run: Run) -> Any:  # noqa: ANN401 - a ComputeReport, as JSON
    import msgspec

    from morningline.wiring import featuring

    asked = dict(run.parameters)
    domain, extent = asked.pop("domain"), msgspec.convert(asked, featuring.Extent)
    return run.step("compute", lambda: featuring.compute_features(program, domain, extent))


def _collect(program: Program, run: Run) -> Any:  # noqa: ANN401 - the summary, as JSON
    from morningline.wiring import collecting

    return collecting.collect(program, run)


def _reparse(program: Program, run: Run) -> Any:  # noqa: ANN401 - a Reparsed, as JSON
    from morningline.wiring import collecting

    asked = run.parameters
    return run.step("reparse", lambda: collecting.reparse(program, asked["domain"], run.progress, check=asked["check"]))


def _train(program: Program, run: Run) -> Any:  # noqa: ANN401 - the summary, as JSON
    from morningline.wiring.training import checked

    request = checked(dict(run.parameters))
    others = 0 if request.tuning is None else request.tuning.workers - 1
    for number in range(others):
        run.step(f"ask for help {number + 1}", lambda: _ask(program, run))
    return run.step("train", lambda: _trained(program, request, run))


def _trained(program: Program, request: TrainRequest, run: Run) -> dict[str, Any]:
    """Within the step, so that a record that was closed is not opened again by who takes over what is done."""
    from morningline.wiring.experiments import recorded_training
    from morningline.wiring.registry import forget_old, promote_if_asked

    trained = recorded_training(program, request, run)
    gone = forget_old(program)
    if gone.models or gone.trainings:
        run.log(f"{len(gone.models)} old models and {len(gone.trainings)} old trainings were deleted.")
    return {**trained.summary, **promote_if_asked(program, request, trained, run.asked_by)}


def _ask(program: Program, run: Run) -> str:
    """Have one more worker try parameters for this training; if none is free, it comes too late and finds it done."""
    from morningline.runs.store import enqueue

    with program.database.connect() as connection:
        return enqueue(connection, kinds(program)["tune"], dict(run.parameters), asked_by=f"run {run.id}", priority=1)


def _tune(program: Program, run: Run) -> Any:  # noqa: ANN401 - how many trials there are
    from morningline.wiring.training import checked, help_to_tune

    request = checked(dict(run.parameters))
    return run.step("tune", lambda: {"trials": help_to_tune(program, request, run)})
