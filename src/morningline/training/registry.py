"""The registry: every model with what determined it, found again by its id, loaded only if it is unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from morningline import __version__
from morningline.kit.clock import utc_now
from morningline.kit.errors import NotFoundError
from morningline.training.models import win_model

if TYPE_CHECKING:
    from datetime import date, datetime

    import psycopg

    from morningline.training.backtest import Backtest
    from morningline.training.dataset import Dataset
    from morningline.training.models.win_model import WinModel

COLUMNS = (
    "id, task, created_at, train_until, test_from, test_to, feature_set, feature_version, delta_version, "
    "data_fingerprint, code_version, seed, parameters, metrics, artefact, artefact_sha256"
)


@dataclass(frozen=True)
class RegisteredModel:
    """A row of the table `models`."""

    id: str
    task: str
    created_at: datetime
    train_until: date
    test_from: date
    test_to: date
    feature_set: str
    feature_version: str
    delta_version: int
    data_fingerprint: str
    code_version: str
    seed: int
    parameters: dict[str, Any]
    metrics: dict[str, Any]
    artefact: str
    artefact_sha256: str

    def load(self, root: Path, *, threads: int) -> WinModel:
        """The model itself.

        Args:
            root: The workspace.
            threads: CPU threads.

        Raises:
            IntegrityError: Its files are not what was registered.
        """
        return win_model.load(root / self.artefact, self.artefact_sha256, threads=threads)


@cache
def code_version() -> str:
    """The program's version and a hash of its source, such as `0.1.0+3f2a9c1d7e40`."""
    root = Path(__file__).parents[1]
    digest = sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\x1f" + path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:12]}"


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a model came from, besides its rows.

    Args:
        task: What it predicts.
        feature_set: Name of the feature set.
        feature_version: Its version.
        delta_version: Version of the Delta table that was read.
        learner: Name of the learner of the model's first stage.
        parameters: What was chosen of it.
        seed: Seed of everything random.
        threads: CPU threads; another number may round otherwise.
        summary: The backtest's result, as plain values.
    """

    task: str
    feature_set: str
    feature_version: str
    delta_version: int
    learner: str
    parameters: msgspec.Struct
    seed: int
    threads: int
    summary: dict[str, Any]


def register(
    connection: psycopg.Connection[Any], backtest: Backtest, dataset: Dataset, provenance: Provenance, root: Path
) -> RegisteredModel:
    """Keep a model: its files in the workspace, its row in the caller's transaction.

    The id is a hash of everything that determines the model, so fitting the same again finds the same row.
    """
    task, split = provenance.task, backtest.split
    stored = {
        "learner": provenance.learner,
        **msgspec.to_builtins(provenance.parameters),
        "threads": provenance.threads,
    }
    periods = [split.train_until.isoformat(), split.test_from.isoformat(), split.test_to.isoformat()]
    inputs = [task, provenance.feature_version, dataset.fingerprint, code_version(), provenance.seed, stored, periods]
    identity = f"{task}-{sha256(msgspec.json.encode(inputs)).hexdigest()[:12]}"
    artefact = Path("models") / identity
    digest = win_model.save(backtest.model, root / artefact)
    row = RegisteredModel(
        id=identity,
        task=task,
        created_at=utc_now(),
        train_until=split.train_until,
        test_from=split.test_from,
        test_to=split.test_to,
        feature_set=provenance.feature_set,
        feature_version=provenance.feature_version,
        delta_version=provenance.delta_version,
        data_fingerprint=dataset.fingerprint,
        code_version=code_version(),
        seed=provenance.seed,
        parameters=stored,
        metrics=provenance.summary,
        artefact=artefact.as_posix(),
        artefact_sha256=digest,
    )
    manifest = msgspec.json.format(msgspec.json.encode(row), indent=2)
    (root / artefact / "manifest.json").write_bytes(manifest)
    backtest.outcomes.write_parquet(root / artefact / "backtest.parquet")
    values = [
        msgspec.json.encode(value).decode() if isinstance(value, dict) else value
        for value in (getattr(row, name) for name in COLUMNS.split(", "))
    ]
    marks = ", ".join(["%s"] * len(values))
    connection.execute(
        f"INSERT INTO models ({COLUMNS}) VALUES ({marks}) ON CONFLICT (id) DO NOTHING".encode(),  # noqa: S608 - our own names
        values,
    )
    return row


def list_models(connection: psycopg.Connection[Any], task: str) -> list[RegisteredModel]:
    """The models of a task, newest first."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM models WHERE task = %s ORDER BY created_at DESC, id".encode(),  # noqa: S608 - our own names
        (task,),
    ).fetchall()
    return [RegisteredModel(*row) for row in rows]


def find(connection: psycopg.Connection[Any], task: str, model_id: str | None = None) -> RegisteredModel:
    """A model by its id, or the newest of a task.

    Raises:
        NotFoundError: There is none.
    """
    models = list_models(connection, task)
    for model in models:
        if model_id in {None, model.id}:
            return model
    raise NotFoundError(
        f"There is no model {model_id!r} of {task}." if model_id else f"There is no model of {task} yet.",
        allowed=", ".join(model.id for model in models) or None,
        do="Run `morningline backtest` to train one." if not models else "Give one of these ids.",
    )
