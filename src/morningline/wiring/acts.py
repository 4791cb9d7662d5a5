"""Every act of the program by the words a user says: names become objects here, and one act is called.

The command line and the HTTP service call the same functions, so neither can do what the other cannot.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from morningline.kit.errors import InputError
from morningline.wiring.program import domain_named, domains, mapping_path
from morningline.wiring.tasks import domain_of_task, task_meant

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime
    from pathlib import Path

    import polars as pl

    from morningline.domains.contract import Domain
    from morningline.monitoring.report_building import Subject
    from morningline.predictions.predicting import DayPredictions, Predictor
    from morningline.predictions.replaying import Replay
    from morningline.predictions.scoring import ScoreReport
    from morningline.sources.reconciliation import Reconciliation
    from morningline.sources.report import ImportReport
    from morningline.training.models.win_model import WinModel
    from morningline.training.registry import RegisteredModel
    from morningline.training.task import Task
    from morningline.wiring.program import Program

    Progress = Callable[[str, float], None]


def import_folder(program: Program, mapping: str, folder: Path, progress: Progress) -> ImportReport:
    """Import the files of a folder through a mapping: a path, or the name of one that ships."""
    from morningline.sources.importing import import_files
    from morningline.sources.mapping import read_mapping

    read = read_mapping(mapping_path(mapping))
    return import_files(read, folder, domain_named(read.domain), program.database, progress)


def reconciliation(program: Program, mapping: str | None) -> tuple[Reconciliation, datetime]:
    """The newest report of a second source, and when it was made (UTC)."""
    from morningline.sources.reconciling import newest

    with program.database.connect(read_only=True) as connection:
        return newest(connection, mapping)


def list_models(program: Program, domain_name: str) -> list[RegisteredModel]:
    """The models of a domain's usual task, newest first."""
    from morningline.training.registry import list_models as rows

    with program.database.connect(read_only=True) as connection:
        return rows(connection, domain_named(domain_name).task.name)


def predict(
    program: Program, domain_name: str, day: date, model_id: str | None, *, accept_quality: bool = False
) -> DayPredictions:
    """Predict a local day and lock the rows; refused where its cards are broken, or the facts of the week before."""
    from morningline.predictions.predicting import predict_day
    from morningline.wiring.quality import require_sound_day

    domain = domain_named(domain_name)
    predictor = _predictor(program, domain, model_id)
    require_sound_day(program, domain, day, accept=accept_quality)
    with program.database.connect() as connection:
        return predict_day(connection, predictor, day)


def show_predictions(program: Program, day: date | None, event_id: str | None) -> pl.DataFrame:
    """Locked predictions of a day or an event, beside what came of them where that is known."""
    from morningline.predictions.predicting import with_scores

    with program.database.connect(read_only=True) as connection:
        return with_scores(connection, day=day, event_id=event_id)


def score(program: Program, domain_name: str, first: date | None, last: date | None) -> ScoreReport:
    """Join outcomes and market to locked predictions."""
    from morningline.predictions.scoring import score_predictions

    with program.database.connect() as connection:
        return score_predictions(connection, domain_named(domain_name).task, first=first, last=last)


def replay(program: Program, prediction_id: str) -> Replay:
    """Compute a locked prediction again and compare every bit."""
    from morningline.predictions.replaying import find_prediction
    from morningline.predictions.replaying import replay as again

    with program.database.connect(read_only=True) as connection:
        locked = find_prediction(connection, prediction_id)
        return again(connection, locked, _predictor(program, domain_of_task(locked["task"]), locked["model_id"]))


def report(program: Program, domain_name: str, model_id: str | None, out: Path | None) -> Path:
    """Write the report of a model's backtest as one HTML page; returns its path."""
    from morningline.monitoring.report import render_report
    from morningline.monitoring.report_building import build_report
    from morningline.training.registry import find

    domain = domain_named(domain_name)
    with program.database.connect(read_only=True) as connection:
        registered = find(connection, _of_winning(domain, model_id, "report").name, model_id)
        subject = subject_of(program, domain, registered)
        data = build_report(connection, registered, subject, root=program.workspace.root, threads=program.threads)
    path = out or program.workspace.reports / f"{registered.id}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_report(data), encoding="utf-8")
    return path


def subject_of(program: Program, domain: Domain, registered: RegisteredModel) -> Subject:
    """What a report or a card of a model is about, in the words of its domain."""
    from morningline.monitoring.report_building import Subject

    return Subject(
        event_noun=domain.event_noun,
        entrant_noun=domain.entrant_noun,
        features=program.feature_set(domain, registered.feature_set),
        tables=domain.catalog.tables,
        seasons=domain.task.seasons,
    )


def fingerprints(program: Program) -> dict[str, Any]:
    """Rows and content hash of every fact table, and one hash over all."""
    from morningline.facts.fingerprint import combined, fingerprint

    tables = [table for domain in domains() for table in domain.catalog.tables]
    with program.database.connect(read_only=True) as connection:
        prints = fingerprint(connection, tables)
    return {
        "fingerprint": combined(prints),
        "tables": {p.table: {"rows": p.rows, "content": p.content} for p in prints},
    }


def database_url(program: Program, hold_seconds: int) -> str:
    """The database's address; an embedded server stays up until nobody was connected for so many seconds."""
    from morningline.kit.postgres_hold import hold

    address = program.database.url
    if program.settings.database_url is None and hold_seconds:
        hold(program.workspace.database, hold_seconds)
    return address


def query(program: Program, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Run a user's query in a read-only session; returns column names and rows.

    Raises:
        InputError: The database refuses it.
    """
    import psycopg

    try:
        with program.database.connect(read_only=True) as connection:
            # Prepared, it can be one statement only: none can leave the read-only transaction before another.
            cursor = connection.execute(sql.encode(), prepare=True)
            names = [column.name for column in cursor.description or ()]
            return names, cursor.fetchall() if names else []
    except psycopg.Error as error:
        raise InputError(
            f"The database refuses the query: {str(error).strip()}", allowed="one query that only reads"
        ) from error


def _predictor(program: Program, domain: Domain, model_id: str | None) -> Predictor:
    from morningline.predictions.predicting import Predictor
    from morningline.training.registry import find

    task = _of_winning(domain, model_id, "predict")
    with program.database.connect(read_only=True) as connection:
        registered = find(connection, task.name, model_id)
    model = cast("WinModel", registered.load(program.workspace.root, threads=program.threads))
    return Predictor(task, program.feature_set(domain, registered.feature_set), registered, model)


def _of_winning(domain: Domain, model: str | None, act: str) -> Task:
    """The task of a model, refused where its kind has no such act yet.

    Raises:
        InputError: The task is not of who wins.
    """
    task = task_meant(domain.name, None, model)
    if task.kind == "group":
        return task
    others = {
        "predict": "Locked predictions are of who wins, for now; `models compare` judges this one on later days.",
        "report": "Use `morningline models show --html`, which writes its model card.",
    }
    raise InputError(
        f"{model or 'The champion'} is of {task.name}, a task of kind {task.kind!r}: there is no `{act}` of it.",
        allowed="models of tasks of kind 'group'",
        do=others[act],
    )


def as_plain(value: Any) -> Any:  # noqa: ANN401 - a report of any act
    """A report as plain values, ready for JSON."""
    import msgspec

    return msgspec.to_builtins(asdict(value))
