"""Trials of a tuning in MLflow: runs nested under that of the training, each there once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from morningline.training.registry.mlflow_words import TAG, key, tags
from morningline.training.registry.trials import LOSS, trial_id

if TYPE_CHECKING:
    from morningline.training.registry.experiments import TrainingStart
    from morningline.training.registry.trials import TrialRecord

PARENT = "mlflow.parentRunId"
STATUSES = {"succeeded": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}


@dataclass
class _There:
    """A trial's run as MLflow has it."""

    run: str
    told: int = 0
    ended: bool = False


class NestedRuns:
    """The trials of one training as MLflow has them; those of an earlier attempt go on.

    Args:
        client: MLflow's.
        experiment: The experiment's id there.
        parent: The id of the training's run there.
        start: The training.
    """

    def __init__(
        self,
        client: Any,  # noqa: ANN401 - the library has no types
        experiment: str,
        parent: str,
        start: TrainingStart,
    ) -> None:
        self._client, self._experiment, self._parent, self._start = client, experiment, parent, start
        self._there: dict[str, _There] = {}

    def adopt(self, run: Any, own_id: str) -> None:  # noqa: ANN401 - MLflow's run
        """Take over the run of a trial that an earlier attempt mirrored."""
        known = run.info.run_id
        losses = self._client.get_metric_history(known, LOSS)
        self._client.set_tag(known, PARENT, self._parent)
        there = _There(known, len({one.step for one in losses}), f"{TAG}.status" in run.data.tags)
        if not there.ended:
            self._client.update_run(known, status="RUNNING")
        self._there[own_id] = there

    def tell(self, record: TrialRecord) -> None:
        """Say how a trial stands."""
        own_id = trial_id(self._start.run_id, record.trial.number)
        there = self._there.get(own_id)
        if there is None:
            there = self._there[own_id] = _There(self._open(record, own_id))
        if there.ended:
            return
        self._log(there, record)
        if record.status in STATUSES:
            self._client.set_tag(there.run, f"{TAG}.status", record.status)
            self._client.set_terminated(
                there.run, STATUSES[record.status], int((record.ended_at or record.seen_at).timestamp() * 1000)
            )
            there.ended = True

    def end(self) -> None:
        """Close what is still open: it comes too late for the training."""
        for there in self._there.values():
            if not there.ended:
                self._client.set_terminated(there.run, "KILLED")
                there.ended = True

    def _open(self, record: TrialRecord, own_id: str) -> str:
        from mlflow.entities import Param

        trial, start = record.trial, self._start
        facts = {
            PARENT: self._parent,
            "mlflow.runName": f"{start.run_id} trial {trial.number}",
            "mlflow.user": start.asked_by,
            **tags(run_id=own_id, parent=start.run_id, task=start.task, trial=trial.number),
        }
        begun = int(record.started_at.timestamp() * 1000)
        run = str(self._client.create_run(self._experiment, start_time=begun, tags=facts).info.run_id)
        chosen = [Param(key(name), msgspec.json.encode(value).decode()) for name, value in trial.parameters.items()]
        self._client.log_batch(run, params=chosen)
        return run

    def _log(self, there: _There, record: TrialRecord) -> None:
        from mlflow.entities import Metric

        at, losses = int(record.seen_at.timestamp() * 1000), record.trial.losses
        news = [Metric(LOSS, loss, at, fold) for fold, loss in enumerate(losses) if fold >= there.told]
        if news:
            self._client.log_batch(there.run, metrics=news)
            there.told = len(losses)
