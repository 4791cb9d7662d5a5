"""Recording a training from its beginning to its end, however that comes."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from morningline.kit.errors import DatabaseError
from morningline.runs.run import RunCancelled, RunReleased, RunTaken
from morningline.training.registry.experiments import begin, finish
from morningline.training.registry.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from morningline.kit.database import Database
    from morningline.training.registry.experiments import TrainingStart
    from morningline.training.registry.mirror import MlflowMirror

LOG = logging.getLogger(__name__)


@contextmanager
def recording(
    database: Database,
    start: TrainingStart,
    *,
    root: Path,
    mirror: MlflowMirror | None = None,
    warn: Callable[[str], None] = LOG.warning,
) -> Iterator[Recorder]:
    """Record a training from its beginning to its end, however that comes.

    Where the worker stops or another has taken the run over, the record stays open for who goes on with it.

    Args:
        database: Where the experiments are.
        start: What is known of it.
        root: The workspace.
        mirror: Where it is said once more; its failing fails nothing.
        warn: Told where the mirror failed.

    Raises:
        InputError: The experiment is of another task.
        DatabaseError: What was recorded cannot be written.
    """
    with database.connect() as connection:
        attempt = begin(connection, start)
    recorder = Recorder(database, start.run_id, attempt=attempt, root=root, mirror=mirror)
    if mirror is not None:
        mirror.begin(start, attempt)
    try:
        yield recorder
    except (RunReleased, RunTaken):
        _let_go(recorder, mirror)
        raise
    except BaseException as error:
        status = "cancelled" if isinstance(error, RunCancelled) else "failed"
        said = str(error) or type(error).__name__
        try:
            _end(recorder, mirror, warn, status, said)
        except DatabaseError as lost:
            # The training's own error is the one to tell.
            warn(lost.message)
        raise
    _end(recorder, mirror, warn, "succeeded")


def _end(
    recorder: Recorder,
    mirror: MlflowMirror | None,
    warn: Callable[[str], None],
    status: str,
    error: str | None = None,
) -> None:
    import psycopg

    recorder.close()
    mirrored = mirror.end(status) if mirror is not None else None
    if mirrored is not None and mirrored.failed:
        warn(f"This training is not, or not wholly, mirrored to MLflow: {mirrored.words}")
    told = None if mirrored is None else f"{'failed: ' if mirrored.failed else ''}{mirrored.words}"
    try:
        with recorder.database.connect() as connection:
            failed = None if status == "succeeded" else error
            finish(connection, recorder.run_id, recorder.attempt, status, error=failed, mirror=told)
    except psycopg.Error as failure:
        raise DatabaseError(f"The end of run {recorder.run_id} could not be written: {failure}") from failure


def _let_go(recorder: Recorder, mirror: MlflowMirror | None) -> None:
    try:
        recorder.close()
    except DatabaseError as error:
        LOG.warning("%s", error.message)
    if mirror is not None:
        mirror.end("cancelled")
