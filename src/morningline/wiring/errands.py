"""Acts that read the whole history as kinds of runs: the service asks for them, the command line does them itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date  # noqa: TC003 - a run's parameters are read by the types
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from morningline.kit.errors import InputError
from morningline.runs.kinds import Kind
from morningline.wiring.checking import parameters_of, require_parameters
from morningline.wiring.drifting import Period

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from morningline.runs.run import Run
    from morningline.wiring.program import Program

    Work = Callable[[Program, Run], Any]

RACING = "racing"
"""The domain where none is named, as on the command line."""
REPORTS = ("model", "card", "training", "quality")
EXPORTS = "exports"
"""Folder of the workspace in which what is exported over the service lies."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A local day to predict, with which model; the newest where none is named."""

    day: date
    domain: str = RACING
    model: str | None = None
    accept_quality: bool = False


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """The local days whose predictions are scored; all where none are given."""

    domain: str = RACING
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, kw_only=True)
class Verification:
    """How many events of a set are computed again, and the seed of their draw."""

    domain: str = RACING
    events: Annotated[int, Meta(ge=1)] = 100
    seed: int = 20
    set_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Two periods of local days: what is held to be usual, and what is asked about."""

    reference_from: date
    reference_to: date
    first: date
    last: date
    domain: str = RACING

    def __post_init__(self) -> None:
        """Refuse a period that ends before it begins."""
        Period(self.reference_from, self.reference_to)
        Period(self.first, self.last)


@dataclass(frozen=True, kw_only=True)
class Export:
    """What of a set, or of which experiment, with its trials or without, is written to which file of the exports."""

    file: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.(csv|json|parquet)$")]
    domain: str = RACING
    experiment: str | None = None
    version: int | None = None
    set_name: str | None = None
    trials: bool = False


@dataclass(frozen=True, kw_only=True)
class Tidying:
    """What of a set is removed: files that only versions older than so many days need."""

    domain: str = RACING
    keep_days: Annotated[int, Meta(ge=0)] = 30
    dry_run: bool = False
    set_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """Which page is written: of a model's backtest, its card, of a training, or of the quality on some local days."""

    about: str
    domain: str = RACING
    model: str | None = None
    first: date | None = None
    last: date | None = None
    training: str | None = None

    def __post_init__(self) -> None:
        """Refuse a page that there is not."""
        if self.about not in REPORTS:
            raise InputError(f"There is no report about {self.about!r}.", allowed=", ".join(REPORTS))
        if self.about == "training" and self.training is None:
            raise InputError("A page about a training needs its run.", do="Give `training`, its id.")


@dataclass(frozen=True, kw_only=True)
class Replaying:
    """The id of a locked prediction."""

    prediction: str


@dataclass(frozen=True, kw_only=True)
class Nothing:
    """What has nothing to choose."""


def errands(program: Program) -> list[Kind]:
    """The kinds of runs that do what a command does in its own process."""
    works: dict[str, tuple[type[Any], Work]] = {
        "predict": (Prediction, _predict),
        "score": (Scoring, _score),
        "replay": (Replaying, _replay),
        "verify": (Verification, _verify),
        "drift": (Drift, _drift),
        "export": (Export, _export),
        "vacuum": (Tidying, _vacuum),
        "report": (Report, _report),
        "fingerprint": (Nothing, _fingerprint),
    }
    return [
        Kind(name, partial(_once, program, name, work), check=partial(require_parameters, program, asked))
        for name, (asked, work) in works.items()
    ]


def _once(program: Program, name: str, work: Work, run: Run) -> Any:  # noqa: ANN401 - what the act gave, as JSON
    return run.step(name, lambda: work(program, run))


def _predict(program: Program, run: Run) -> dict[str, Any]:
    from morningline.wiring import acts

    asked = parameters_of(run.parameters, Prediction)
    made = acts.predict(program, asked.domain, asked.day, asked.model, accept_quality=asked.accept_quality)
    rows = made.rows.drop("inputs").to_dicts()
    return {"made": made.made, "differing": made.differing, "predictions": rows}


def _score(program: Program, run: Run) -> Any:  # noqa: ANN401 - a ScoreReport
    from morningline.wiring import acts

    asked = parameters_of(run.parameters, Scoring)
    return acts.score(program, asked.domain, asked.first, asked.last)


def _replay(program: Program, run: Run) -> dict[str, Any]:
    from morningline.wiring import acts

    found = acts.replay(program, parameters_of(run.parameters, Replaying).prediction)
    return {"equal": found.equal, **acts.as_plain(found)}


def _verify(program: Program, run: Run) -> dict[str, Any]:
    from morningline.wiring import acts, featuring

    asked = parameters_of(run.parameters, Verification)
    found = featuring.verify_features(
        program, asked.domain, events=asked.events, seed=asked.seed, set_name=asked.set_name
    )
    return {"equal": found.equal, **acts.as_plain(found)}


def _drift(program: Program, run: Run) -> dict[str, Any]:
    from morningline.wiring.drifting import feature_drift, plain_drift

    asked = parameters_of(run.parameters, Drift)
    reference, current = Period(asked.reference_from, asked.reference_to), Period(asked.first, asked.last)
    return plain_drift(feature_drift(program, asked.domain, reference, current))


def _export(program: Program, run: Run) -> dict[str, Any]:
    from morningline.wiring.experiments import export_trainings
    from morningline.wiring.featuring import export_features

    asked = parameters_of(run.parameters, Export)
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

    asked = parameters_of(run.parameters, Tidying)
    return vacuum_features(
        program, asked.domain, keep_days=asked.keep_days, dry_run=asked.dry_run, set_name=asked.set_name
    )


def _report(program: Program, run: Run) -> dict[str, Any]:
    from morningline.wiring import acts
    from morningline.wiring.model_card import write_model_card
    from morningline.wiring.quality import write_quality_report
    from morningline.wiring.training_page import write_training_page

    asked = parameters_of(run.parameters, Report)
    if asked.about == "model":
        return {"file": acts.report(program, asked.domain, asked.model, None).name}
    if asked.about == "card":
        return {"file": write_model_card(program, asked.domain, asked.model, None).name}
    if asked.about == "training" and asked.training is not None:
        return {"file": write_training_page(program, asked.training, None).name}
    return {"file": write_quality_report(program, asked.domain, asked.first, asked.last, None).name}


def _fingerprint(program: Program, _run: Run) -> dict[str, Any]:
    from morningline.wiring import acts

    return acts.fingerprints(program)


def inside(folder: Path, name: str) -> Path:
    """A file of a folder by its bare name.

    Raises:
        InputError: The name is that of a file elsewhere, or hidden.
    """
    path = folder / name
    if path.parent != folder or name.startswith(".") or "\\" in name:
        raise InputError(f"{name!r} is no name of a file in {folder.name}/.", allowed="a bare name, such as rows.csv")
    return path
