"""The mirror: every training once more in MLflow, from a thread of its own that nothing waits for."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from queue import SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from morningline.kit.settings import mask_url
from morningline.training.registry.mlflow_words import TAG, key, tags
from morningline.training.registry.nested import NestedRuns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from morningline.training.registry.batch import Batch
    from morningline.training.registry.experiments import TrainingStart

LOG = logging.getLogger(__name__)

WAIT_SECONDS = 30.0
"""How long the end of a training waits for what is still to be mirrored."""

STATUSES = {"succeeded": "FINISHED", "failed": "FAILED", "cancelled": "KILLED"}
# What MLflow takes at most in one call, and of a parameter's value.
METRICS, PARAMETERS, LONGEST_PARAMETER = 1000, 100, 6000

QUIET = {
    # A training makes no call but to the server that was named.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Its own defaults wait for minutes, and a server that is away is told of at the end anyway.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


@dataclass(frozen=True)
class Mirrored:
    """What came of it.

    Args:
        failed: Whether MLflow lacks something.
        words: As which run it is there, or why not.
    """

    failed: bool
    words: str


class MlflowMirror:
    """Says to an MLflow server what a training says to its recorder.

    Nothing here raises and nothing waits but `end`: MLflow being away, slow or not installed fails no training.

    Args:
        uri: The tracking URI, such as `https://host:5000` or `sqlite:////srv/mlflow.db`; may carry a password.
        wait_seconds: How long `end` waits.
    """

    def __init__(self, uri: str, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._uri, self._wait_seconds = uri, wait_seconds
        self._todo: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._reason: str | None = None
        self._client: Any = None
        self._run = ""
        self._trials: NestedRuns | None = None
        self._thread = threading.Thread(target=self._work, name="morningline-mlflow", daemon=True)

    def begin(self, start: TrainingStart, attempt: int) -> None:
        """Open a run there; one that an earlier attempt left open is closed."""
        self._todo.put(lambda: self._open(start, attempt))
        self._thread.start()

    def send(self, batch: Batch) -> None:
        """Say what was recorded."""
        self._todo.put(lambda: self._log(batch))

    def end(self, status: str) -> Mirrored:
        """Close the run there, and tell what came of it."""
        self._todo.put(lambda: self._close(status))
        self._todo.put(None)
        deadline = monotonic() + self._wait_seconds
        self._thread.join(max(deadline - monotonic(), 0))
        if self._thread.is_alive():
            where = mask_url(self._uri)
            self._fail(f"{where} had not taken it {self._wait_seconds:g} s after the training ended.")
        return Mirrored(self._reason is not None, self._reason or f"run {self._run} of {mask_url(self._uri)}")

    def _work(self) -> None:
        while (task := self._todo.get()) is not None:
            if self._reason is None:
                try:
                    task()
                # Whatever goes wrong in there is told, and is no reason to fail a training.
                except Exception as error:  # noqa: BLE001
                    self._fail(_words(error, self._uri))

    def _fail(self, reason: str) -> None:
        self._reason = reason
        LOG.warning("MLflow does not take this training: %s", reason)

    def _open(self, start: TrainingStart, attempt: int) -> None:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient(tracking_uri=self._uri)
        experiment = self._experiment(start.experiment)
        earlier = self._earlier(experiment, start.run_id) if attempt > 1 else []
        facts = {
            "mlflow.runName": start.run_id,
            "mlflow.user": start.asked_by,
            "mlflow.source.name": TAG,
            **tags(
                run_id=start.run_id,
                attempt=attempt,
                task=start.task,
                seed=start.seed,
                parent=start.parent,
                configuration=msgspec.json.encode(dict(start.configuration)).decode(),
            ),
        }
        self._run = self._client.create_run(experiment, tags=facts).info.run_id
        self._trials = NestedRuns(self._client, experiment, self._run, start)
        for run in earlier:
            self._trials.adopt(run, run.data.tags[f"{TAG}.run_id"])

    def _experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self._client.create_experiment(name))
            except MlflowException:
                # Another training made it in this moment.
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _earlier(self, experiment: str, run_id: str) -> list[Any]:
        """Close what an earlier attempt left open; returns the trials it mirrored."""
        for run in self._client.search_runs([experiment], f"tags.`{TAG}.run_id` = '{run_id}'"):
            if run.info.status == "RUNNING":
                self._client.set_terminated(run.info.run_id, STATUSES["cancelled"])
        return list(self._client.search_runs([experiment], f"tags.`{TAG}.parent` = '{run_id}'"))

    def _close(self, status: str) -> None:
        if self._trials is not None:
            self._trials.end()
        self._client.set_terminated(self._run, STATUSES[status])

    def _log(self, batch: Batch) -> None:
        from mlflow.entities import Metric, Param, RunTag

        metrics = [
            Metric(key(name), value, int(at.timestamp() * 1000), step)
            for (name, step), (value, at) in batch.metrics.items()
        ]
        parameters = [Param(key(name), text[:LONGEST_PARAMETER]) for name, text in batch.parameters.items()]
        files = {
            f"artefact.{path}": f"sha256:{digest} {size} bytes" for path, (digest, size) in batch.artefacts.items()
        }
        facts = [RunTag(name, value) for name, value in tags(**batch.facts, **files).items()]
        for part in _parts(metrics, METRICS):
            self._client.log_batch(self._run, metrics=part)
        for part in _parts(parameters, PARAMETERS):
            self._client.log_batch(self._run, params=part)
        for part in _parts(facts, PARAMETERS):
            self._client.log_batch(self._run, tags=part)
        if self._trials is not None:
            for record in batch.trials.values():
                self._trials.tell(record)


def _parts(items: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
    for first in range(0, len(items), most):
        yield items[first : first + most]


def _words(error: Exception, uri: str) -> str:
    if isinstance(error, ModuleNotFoundError):
        return "MLflow's client is not installed. Install morningline[mlflow]."
    text = str(error).replace(uri, mask_url(uri)).strip() or type(error).__name__
    return text.splitlines()[0][:500]
