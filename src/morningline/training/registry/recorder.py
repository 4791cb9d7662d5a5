"""The recorder: what a training says of itself, written in batches while it goes on."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Self

import msgspec

from morningline.kit.clock import utc_now
from morningline.kit.errors import DatabaseError, InputError
from morningline.training.registry.artefacts import file_sha256
from morningline.training.registry.batch import Batch, write
from morningline.training.registry.trials import TrialRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import psycopg

    from morningline.kit.database import Database
    from morningline.training.registry.mirror import MlflowMirror
    from morningline.training.tuning.study import Trial

LOG = logging.getLogger(__name__)

BATCH = 500
"""So many things that wait are written at once; fewer after `FLUSH_SECONDS`."""

FLUSH_SECONDS = 1.0
LONGEST_NAME, LONGEST_VALUE = 200, 20_000


class Recorder:
    """Takes down what a training says of itself; any thread may use it, and none waits for the database.

    What is said is written once a second, or when 500 things wait, and at the end. If the process dies, what it said
    since the last writing is lost and nothing else. While the database is away it is kept until it is back.

    Args:
        database: Where the experiments are.
        run_id: Id of the run, which has begun (`begin`).
        attempt: What `begin` gave.
        root: The workspace, to which paths of artefacts are relative.
        mirror: Where it is said once more.

    Example:
        >>> with recording(database, start, root=root) as recorder:  # doctest: +SKIP
        ...     recorder.parameter("l2", 20)
        ...     recorder.metric("validation_loss", step=10, value=1.93)
    """

    def __init__(
        self,
        database: Database,
        run_id: str,
        *,
        attempt: int = 1,
        root: Path | None = None,
        mirror: MlflowMirror | None = None,
    ) -> None:
        self.run_id, self.attempt = run_id, attempt
        self.database, self._root, self._mirror = database, root, mirror
        self._waiting = Batch()
        self._tried: tuple[Trial, ...] = ()
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._closed = False
        self._connection: psycopg.Connection[Any] | None = None
        self._thread: threading.Thread | None = None

    def parameter(self, name: str, value: object) -> None:
        """Take down a parameter; a value that is no text is kept as JSON.

        Raises:
            InputError: The name or the value is too long or cannot be kept.
        """
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        if len(text) > LONGEST_VALUE or not _can_be_kept(text):
            raise InputError(
                f"The parameter {name!r} has {len(text):,} characters.",
                allowed=f"up to {LONGEST_VALUE:,}, none of them NUL",
                do="Write it to a file and record that as an artefact.",
            )
        self._take(Batch(parameters={_name(name): text}))

    def parameters(self, values: Mapping[str, Any]) -> None:
        """Take down many; of one that holds others each is named by both names, such as `booster.num_leaves`."""
        for name, value in values.items():
            if isinstance(value, dict) and value:
                self.parameters({f"{name}.{inner}": one for inner, one in value.items()})
            else:
                self.parameter(name, value)

    def metric(self, name: str, step: int, value: float) -> None:
        """Take down a metric at a step, from 0; of two at one step the later counts. NaN says that it had no value.

        Raises:
            InputError: The step is below 0, or the name is too long.
        """
        if step < 0:
            raise InputError(f"The metric {name!r} has step {step}.", allowed="whole numbers from 0")
        self._take(Batch(metrics={(_name(name), int(step)): (float(value), utc_now())}))

    def artefact(self, path: Path) -> None:
        """Take down a file by its path, hash and size; the file itself stays where it is.

        Raises:
            FileNotFoundError: There is no such file.
        """
        place = path if path.is_absolute() or self._root is None else self._root / path
        inside = self._root is not None and place.is_relative_to(self._root)
        shown = place.relative_to(self._root).as_posix() if inside and self._root else place.as_posix()
        self._take(Batch(artefacts={shown: (file_sha256(place), place.stat().st_size)}))

    def dataset(self, *, dataset_hash: str, feature_set: str, feature_version: str, delta_version: int) -> None:
        """Take down what the training reads."""
        facts = {"dataset_hash": dataset_hash, "feature_set": feature_set, "feature_version": feature_version}
        self._take(Batch(facts={**facts, "delta_version": delta_version}))

    def model(self, model_id: str) -> None:
        """Take down which model the training registered, whose row is committed."""
        self._take(Batch(facts={"model_id": model_id}))

    def tried(self, trials: Sequence[Trial]) -> None:
        """Take down the trials of a tuning, as they stand: each is a training of its own, a child of this one."""
        now = utc_now()
        news = {trial.number: TrialRecord(trial=trial, seen_at=now) for trial in trials if trial not in self._tried}
        if news:
            self._tried = tuple(trials)
            self._take(Batch(trials=news))

    def flush(self) -> None:
        """Write what waits now.

        Raises:
            DatabaseError: The database does not take it; it is kept.
        """
        import psycopg

        with self._writing:
            with self._changed:
                batch, self._waiting = self._waiting, Batch()
            if not len(batch):
                return
            try:
                if self._connection is None:
                    self._connection = self.database.connect()
                write(self._connection, self.run_id, self.attempt, batch)
            except (psycopg.Error, DatabaseError) as error:
                with self._changed:
                    self._waiting = batch.then(self._waiting)
                if self._connection is not None:
                    self._connection.close()
                    self._connection = None
                raise DatabaseError(f"What run {self.run_id} recorded could not be written: {error}") from error
        if self._mirror is not None:
            self._mirror.send(batch)

    def close(self) -> None:
        """Write what waits and take no more.

        Raises:
            DatabaseError: The database does not take it.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        try:
            self.flush()
        finally:
            if self._connection is not None:
                self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, said: Batch) -> None:
        with self._changed:
            if self._closed:
                raise InputError(f"Run {self.run_id} has ended.", allowed="records while it goes on")
            for own, new in zip(vars(self._waiting).values(), vars(said).values(), strict=True):
                own.update(new)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_on, name="morningline-recorder", daemon=True)
                self._thread.start()
            if len(self._waiting) >= BATCH:
                self._changed.notify_all()

    def _write_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or len(self._waiting) >= BATCH, FLUSH_SECONDS)
                if self._closed:
                    return
            try:
                self.flush()
            except DatabaseError as error:
                LOG.warning("%s It is tried again.", error.message)
                # Not at once: what waits may be more than a batch by now.
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, FLUSH_SECONDS)


def _name(name: str) -> str:
    if not name.strip() or len(name) > LONGEST_NAME or not _can_be_kept(name):
        raise InputError(f"{name!r} is no name to record under.", allowed=f"1 to {LONGEST_NAME} characters, no NUL")
    return name


def _can_be_kept(text: str) -> bool:
    """Whether the database takes a text: it has no NUL and no half of a character."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False
