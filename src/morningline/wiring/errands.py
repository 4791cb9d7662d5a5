"""Acts that read the whole history as kinds of runs: the service asks for them, the command line does them itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date  # noqa: TC003 - a run's parameters are read by the types
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from morningline.runs.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from morningline.runs.run import Run
    from morningline.wiring.program import Program

    Work = Callable[[Program, Run], Any]

Asked = TypeVar("Asked")

EXPORTS = "exports"
"""Folder of the workspace in which what is exported over the service lies."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A local day to predict, with which model; the newest where none is named."""

    domain: str
    day: date
    model: str | None = None
    accept_quality: bool = False


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """The local days whose predictions are scored; all where none are given."""

    domain: str
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, kw_only=True)
class Verification:
    """How many events of a set are computed again, and the seed of their draw."""

    domain: str
    events: int = 100
    seed: int = 20
    set_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Two periods of local days: what is held to be usual, and what is asked about."""

    domain: str
    reference_from: date
    reference_to: date
    first: date
    last: date


@dataclass(frozen=True, kw_only=True)
class Export:
    """What of a set, or of which experiment, with its trials or without, is written to which file of the exports."""

    file: str
    domain: str = ""
    experiment: str | None = None
    version: int | None = None
    set_name: str | None = None
    trials: bool = False


@dataclass(frozen=True, kw_only=True)
class Tidying:
    """What of a set is removed: files that only versions older than so many days need."""

    domain: str
    keep_days: int = 30
    dry_run: bool = False
    set_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """Which page is written: of a model's backtest, its card, of a training, or of the quality on some local days."""

    domain: str
    about: str
    model: str | None = None
    first: date | None = None
    last: date | None = None
    training: str | None = None


def errands(program: Program) -> list[Kind]:
    """The kinds of runs that do what a command does in its own process."""
    works: dict[str, Work] = {
        "predict": _predict,
        "score": _score,
        "replay": _replay,
        "verify": _verify,
        "drift": _drift,
        "export": _export,
        "vacuum": _vacuum,
        "report": _report,
        "fingerprint": _fingerprint,
    }
    return [Kind(name, partial(_once, program, name, work)) for name, work in works.items()]


def _once(program: Program, name: str, work: Work, run: Run) -> Any:  # noqa: ANN401 - what the act gave, as JSON
    return run.step(name, lambda: work(program, run))


def _predict(program: Program, run: Run) -> dict[str, Any]:
    from morningline.wiring import acts

    asked = _read(run, Prediction)
    made = acts.predict(program, asked.domain, asked.day, asked.model, accept_quality=asked.accept_quality)
    rows = made.rows.drop("inputs").to_dicts()
    return {"made": made.made, "differing": made.differing, "predictions": rows}


def _score(program: Program, run: Run) -> Any:  # noqa: ANN401 - a ScoreReport
    from morningline.wiring import acts

    asked = _read(run, Scoring)
    return acts.score(program, asked.domain, asked.first, asked.last)


def _replay(program: Program, run: Run) -> dict[str, Any]:
    from morningline.wiring import acts

    found = acts.replay(program, str(run.parameters["prediction"]))
    return {"equal": found.equal, **acts.as_plain(found)}


def _verify(program: Program, run: Run) -> dict[str, Any]:
    from morningline.wiring import acts, featuring

    asked = _read(run, Verification)
    found = featuring.verify_features(
        program, asked.domain, events=asked.events, seed=asked.seed, set_name=asked.set_name
    )
    return {"equal": found.equal, **acts.as_plain(found)}


def _drift(program: Program, run: Run) -> dict[str, Any]:
    from morningline.wiring.drifting import Period, feature_drift, plain_drift

    asked = _read(run, Drift)
    reference, current = Period(asked.reference_from, asked.reference_to), Period(asked.first, asked.last)
    return plain_drift(feature_drift(program, asked.domain, reference, current))


def _export(program: Program, run: Run) -> dict[str, Any]:
    from morningline.wiring.experiments import export_trainings
    from morningline.wiring.featuring import export_features

    asked = _read(run, Export)
    folder = program.workspace.root / EXPORTS
    folder.mkdir(exist_ok=True)
    path = inside(folder, asked.file)
    if asked.experiment is not None:
        rows = export_trainings(program, asked.experiment, path, trials=asked.trials)
    else:
        rows = export_features(program, asked.domain, path, asked.version, asked.set_name)
    return {"file": asked.file, "rows": rows}


def _vacuum(program: Program, run: Run) -> dict[str, Any]:
    from morningline.wiring.featuring import vacuum_features

    asked = _read(run, Tidying)
    return vacuum_features(
        program, asked.domain, keep_days=asked.keep_days, dry_run=asked.dry_run, set_name=asked.set_name
    )


def _report(program: Program, run: Run) -> dict[str, Any]:
    from morningline.kit.errors import InputError
    from morningline.wiring import acts
    from morningline.wiring.model_card import write_model_card
    from morningline.wiring.quality import write_quality_report
    from morningline.wiring.training_page import write_training_page

    asked = _read(run, Report)
    if asked.about == "model":
        return {"file": acts.report(program, asked.domain, asked.model, None).name}
    if asked.about == "card":
        return {"file": write_model_card(program, asked.domain, asked.model, None).name}
    if asked.about == "quality":
        return {"file": write_quality_report(program, asked.domain, asked.first, asked.last, None).name}
    if asked.about == "training":
        if asked.training is None:
            raise InputError("Of which training is not said.", do="Give `training`, the id of its run.")
        return {"file": write_training_page(program, asked.training, None).name}
    raise InputError(f"There is no report about {asked.about!r}.", allowed="model, card, training, quality")


def _fingerprint(program: Program, _run: Run) -> dict[str, Any]:
    from morningline.wiring import acts

    return acts.fingerprints(program)


def inside(folder: Path, name: str) -> Path:
    """A file of a folder by its bare name.

    Raises:
        InputError: The name is that of a file elsewhere, or hidden.
    """
    from morningline.kit.errors import InputError

    path = folder / name
    if path.parent != folder or name.startswith(".") or "\\" in name:
        raise InputError(f"{name!r} is no name of a file in {folder.name}/.", allowed="a bare name, such as rows.csv")
    return path


def _read(run: Run, kind: type[Asked]) -> Asked:
    import msgspec

    return msgspec.convert(dict(run.parameters), kind)
