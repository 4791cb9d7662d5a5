"""Every long act as a kind of run: what its parameters mean, and which act does it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from morningline.kit.errors import InputError
from morningline.runs.kinds import Kind
from morningline.wiring.checking import parameters_of, require_parameters
from morningline.wiring.errands import RACING, errands
from morningline.wiring.program import domain_named, feed_named, shipped_mappings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.runs.run import Run
    from morningline.training.request import TrainRequest
    from morningline.wiring.featuring import Extent
    from morningline.wiring.program import Program


@dataclass(frozen=True, kw_only=True)
class Import:
    """Files to import: a mapping by its name or full path, and the full path of the folder that holds them."""

    mapping: str
    folder: str

    def __post_init__(self) -> None:
        """Refuse a folder that means another for every worker, and a mapping that there is not."""
        if not _is_full(self.folder):
            raise InputError(f"The folder {self.folder!r} is no full path.", do="Write the path from the root on.")
        # Whether the worker has such a file is not for this machine to say.
        shipped = shipped_mappings()
        if self.mapping not in shipped and not _is_full(self.mapping) and not PurePosixPath(self.mapping).suffix:
            raise InputError(
                f"There is no mapping {self.mapping[:100]!r}.",
                allowed=f"the full path of a .toml file, or one of {', '.join(shipped)}",
            )


@dataclass(frozen=True, kw_only=True)
class Whose:
    """Whose features are computed; the rest is an `Extent`."""

    domain: str = RACING


@dataclass(frozen=True, kw_only=True)
class Reparsing:
    """Whose facts are built anew from the archive, or only compared."""

    domain: str = RACING
    check: bool = False


def kinds(program: Program) -> dict[str, Kind]:
    """The kinds of runs this program can do, by name.

    A worker of a run may be on another machine, so parameters are texts and numbers; a folder is a full path that
    every worker can read.
    """
    found = (
        Kind("import", partial(_import, program), check=partial(require_parameters, program, Import)),
        Kind("features", partial(_features, program), check=partial(_check_computing, program)),
        Kind("train", partial(_train, program), check=_check_training),
        Kind("tune", partial(_tune, program)),
        Kind("collect", partial(_collect, program), check=_check_collecting),
        Kind(
            "reparse",
            partial(_reparse, program),
            concurrency=1,
            check=partial(require_parameters, program, Reparsing),
        ),
        *errands(program),
    )
    return {kind.name: kind for kind in found}


def _is_full(path: str) -> bool:
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()


def _check_computing(program: Program, given: Mapping[str, Any]) -> None:
    whose, extent = _computing(given)
    found = domain_named(whose.domain)
    if extent.set_name is not None:
        program.feature_set(found, extent.set_name)


def _computing(given: Mapping[str, Any]) -> tuple[Whose, Extent]:
    from morningline.wiring.featuring import Extent

    asked = dict(given)
    whose = {name: asked.pop(name) for name in ("domain",) if name in asked}
    return parameters_of(whose, Whose), parameters_of(asked, Extent)


def _check_training(given: Mapping[str, Any]) -> None:
    from morningline.wiring.training import checked

    checked(dict(given))


def _check_collecting(given: Mapping[str, Any]) -> None:
    from morningline.kit.clock import utc_now
    from morningline.wiring import collecting

    asked = parameters_of(given, collecting.CollectRequest)
    feed = feed_named(asked.feed)
    for what in asked.what:
        if what != "details":
            collecting.wanted_of(feed, asked, what, utc_now())


def _import(program: Program, run: Run) -> Any:  # noqa: ANN401 - an ImportReport, as JSON
    from morningline.wiring import acts

    asked = parameters_of(run.parameters, Import)
    return run.step("import", lambda: acts.import_folder(program, asked.mapping, Path(asked.folder), run.progress))


def _features(program: Program, run: Run) -> Any:  # noqa: ANN401 - a ComputeReport, as JSON
    from morningline.wiring import featuring

    whose, extent = _computing(run.parameters)
    return run.step("compute", lambda: featuring.compute_features(program, whose.domain, extent))


def _collect(program: Program, run: Run) -> Any:  # noqa: ANN401 - the summary, as JSON
    from morningline.wiring import collecting

    return collecting.collect(program, run)


def _reparse(program: Program, run: Run) -> Any:  # noqa: ANN401 - a Reparsed, as JSON
    from morningline.wiring import collecting

    asked = parameters_of(run.parameters, Reparsing)
    return run.step("reparse", lambda: collecting.reparse(program, asked.domain, run.progress, check=asked.check))


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
