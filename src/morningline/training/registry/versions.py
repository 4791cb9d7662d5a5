"""Model versions: every model with what determined it, found by id, alias or number, loaded only if unchanged."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from morningline import __version__
from morningline.kit.clock import utc_now
from morningline.kit.errors import NotFoundError
from morningline.training.models.reading import read_model
from morningline.training.registry.aliases import lock_task
from morningline.training.registry.artefacts import keep_model

if TYPE_CHECKING:
    from datetime import date, datetime

    import psycopg

    from morningline.training.dataset import Gathered
    from morningline.training.judging.judging import Result
    from morningline.training.models.reading import TrainedModel


@dataclass(frozen=True)
class RegisteredModel:
    """A row of the table `models`."""

    id: str
    task: str
    name: str
    number: int
    created_at: datetime
    registered_by: str
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
    outcomes_sha256: str
    pinned: bool = False

    @property
    def version(self) -> str:
        """Its name and number, such as `logit_and_trees:3`."""
        return f"{self.name}:{self.number}"

    def load(self, root: Path, *, threads: int) -> TrainedModel:
        """The model itself.

        Args:
            root: The workspace.
            threads: CPU threads.

        Raises:
            IntegrityError: Its files are not what was registered.
        """
        return read_model(root / self.artefact, self.artefact_sha256, threads=threads)


NAMES = tuple(field.name for field in fields(RegisteredModel))
COLUMNS = ", ".join(f"m.{name}" for name in NAMES)
FIND = f"""
    SELECT {COLUMNS} FROM models AS m LEFT JOIN model_aliases AS a ON a.model_id = m.id AND a.task = m.task
        AND a.alias = coalesce(%(wanted)s, 'champion')
    WHERE m.task = %(task)s AND (%(wanted)s::text IS NULL OR m.id = %(wanted)s OR a.alias IS NOT NULL
        OR m.name || ':' || m.number = %(wanted)s)
    ORDER BY a.alias IS NULL, m.created_at DESC, m.number DESC, m.id LIMIT 1
"""  # noqa: S608 - our own names
NEXT_NUMBER = "SELECT coalesce(max(number), 0) + 1 FROM models WHERE task = %s AND name = %s"
SHOWN = 20
"""How many models a message names."""


@cache
def code_version() -> str:
    """The program's version and a hash of its source, such as `0.1.0+3f2a9c1d7e40`."""
    root = Path(__file__).parents[2]
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
        machines: By how many machines trees were grown, leg by leg; None where they grew in one process.
        summary: The backtest's result, as plain values.
        name: Whose version the model is; the learner's where none is given.
        registered_by: Who had it trained.
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
    machines: str | None = None
    name: str | None = None
    registered_by: str = "somebody"


def register(
    connection: psycopg.Connection[Any], backtest: Result, dataset: Gathered, provenance: Provenance, root: Path
) -> RegisteredModel:
    """Keep a model: its files in the workspace, its row in the caller's transaction.

    The id is a hash of everything that determines the model, so fitting the same again finds the same row.

    Raises:
        IntegrityError: The same training gave another model than the first time.
    """
    task, split = provenance.task, backtest.periods[-1]
    stored = {
        "learner": provenance.learner,
        **msgspec.to_builtins(provenance.parameters),
        "threads": provenance.threads,
    }
    if provenance.machines is not None:
        stored["machines"] = provenance.machines
    periods = [asdict(period) for period in backtest.periods]
    inputs = [task, provenance.feature_version, dataset.fingerprint, code_version(), provenance.seed, stored, periods]
    identity = f"{task}-{sha256(msgspec.json.encode(inputs)).hexdigest()[:12]}"
    lock_task(connection, task)
    before = _by_id(connection, identity)
    artefact, name = Path("models") / identity, provenance.name or provenance.learner
    digests = keep_model(backtest, root / artefact, before.artefact_sha256 if before else None)
    row = RegisteredModel(
        id=identity,
        task=task,
        name=before.name if before else name,
        number=before.number if before else _next_number(connection, task, name),
        created_at=before.created_at if before else utc_now(),
        registered_by=before.registered_by if before else provenance.registered_by,
        train_until=split.train_until,
        test_from=split.test_from,
        test_to=split.test_to,
        feature_set=provenance.feature_set,
        feature_version=provenance.feature_version,
        delta_version=before.delta_version if before else provenance.delta_version,
        data_fingerprint=dataset.fingerprint,
        code_version=code_version(),
        seed=provenance.seed,
        parameters=stored,
        metrics=before.metrics if before else provenance.summary,
        artefact=artefact.as_posix(),
        artefact_sha256=digests.model,
        outcomes_sha256=digests.outcomes,
        pinned=before.pinned if before else False,
    )
    _insert(connection, row)
    manifest = msgspec.json.format(msgspec.json.encode(row), indent=2)
    (root / artefact / "manifest.json").write_bytes(manifest)
    return row


def _insert(connection: psycopg.Connection[Any], row: RegisteredModel) -> None:
    values = [
        msgspec.json.encode(value).decode() if isinstance(value, dict) else value
        for value in (getattr(row, name) for name in NAMES)
    ]
    marks = ", ".join(["%s"] * len(values))
    connection.execute(
        f"INSERT INTO models ({', '.join(NAMES)}) VALUES ({marks}) "  # noqa: S608 - our own names
        "ON CONFLICT (id) DO UPDATE SET outcomes_sha256 = excluded.outcomes_sha256".encode(),
        values,
    )


def _next_number(connection: psycopg.Connection[Any], task: str, name: str) -> int:
    row = connection.execute(NEXT_NUMBER, (task, name)).fetchone()
    return int(row[0]) if row else 1


def _by_id(connection: psycopg.Connection[Any], identity: str) -> RegisteredModel | None:
    sql = f"SELECT {COLUMNS} FROM models AS m WHERE m.id = %s"  # noqa: S608 - our own names
    row = connection.execute(sql.encode(), (identity,)).fetchone()
    return RegisteredModel(*row) if row else None


def list_models(connection: psycopg.Connection[Any], task: str) -> list[RegisteredModel]:
    """The models of a task, newest first."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM models AS m WHERE m.task = %s ORDER BY m.created_at DESC, m.number DESC, m.id".encode(),  # noqa: S608 - our own names
        (task,),
    ).fetchall()
    return [RegisteredModel(*row) for row in rows]


def find(connection: psycopg.Connection[Any], task: str, wanted: str | None = None) -> RegisteredModel:
    """A model of a task as it stands now: asked each time, so that a promotion holds from then on.

    Args:
        connection: An open connection.
        task: What it predicts.
        wanted: Its id, an alias such as `previous`, or name and number such as `logit_and_trees:3`; null is the
            champion, or the newest model while there is none.

    Raises:
        NotFoundError: There is none.
    """
    row = connection.execute(FIND.encode(), {"task": task, "wanted": wanted}).fetchone()
    if row is not None:
        return RegisteredModel(*row)
    known = [model.id for model in list_models(connection, task)[:SHOWN]]
    raise NotFoundError(
        f"There is no model {wanted!r} of {task}." if wanted else f"There is no model of {task} yet.",
        allowed=", ".join(known) or None,
        do="Run `morningline backtest` to train one." if not known else "Give one of these ids, an alias or a version.",
    )


def pin(connection: psycopg.Connection[Any], model_id: str, *, pinned: bool) -> None:
    """Keep a model however old it gets, or no longer, in the caller's transaction."""
    connection.execute("UPDATE models SET pinned = %s WHERE id = %s", (pinned, model_id))


def as_plain(model: RegisteredModel) -> dict[str, Any]:
    """A model's row as plain values, its version's name beside them."""
    return {"version": model.version, **asdict(model)}
