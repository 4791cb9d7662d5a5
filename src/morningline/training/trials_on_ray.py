"""Trials of a tuning judged by a Ray cluster: each fold of each is a task, on whichever machine has room for it."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from morningline.kit.ray_cluster import RETRIES, Cluster, require_equal
from morningline.training.models.learner import Fitting
from morningline.training.on_ray import POLL_SECONDS, code
from morningline.training.tuning.tuning import fold_loss, folds_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morningline.training.tuning.tuning import Question


class RayJudges:
    """The machines of a cluster as judges of one question, whose events are shipped once.

    A task whose worker or node dies is done again. No machine needs the database or the workspace. Tasks that nobody
    waits for any more end with the connection to the cluster, which a training that fails or is cancelled leaves at
    once. They are not cancelled: where a task just ends, that aborts this process (Ray 2.60, "Tried to complete task
    that was not pending").

    Args:
        cluster: The cluster.
        question: What is tuned, on what.
    """

    def __init__(self, cluster: Cluster, question: Question) -> None:
        self._cluster, self._threads = cluster, question.fitting.threads
        # Whoever is told of progress is here.
        fitting = Fitting(seed=question.fitting.seed, threads=self._threads, progress=_unheard)
        self._question = cluster.ray.put(replace(question, fitting=fitting, judges=None, tried=_unseen))
        self._task = cluster.ray.remote(num_cpus=self._threads, max_retries=RETRIES)(_judge)

    def room(self) -> int:
        """How many folds the living machines can judge at once."""
        return self._cluster.room(self._threads)

    def begin(self, chosen: dict[str, float], fold: int) -> Any:  # noqa: ANN401 - Ray's reference
        """Have a fold judged."""
        return self._task.remote(code(), self._question, chosen, fold)

    def decided(self, tickets: Sequence[Any]) -> Sequence[Any]:
        """What is judged by now."""
        done, _ = self._cluster.ray.wait(list(tickets), num_returns=len(tickets), timeout=POLL_SECONDS)
        return list(done)

    def verdict(self, ticket: Any) -> tuple[float, int]:  # noqa: ANN401 - Ray's reference
        """What came of it; a task that was lost too often is a `ClusterError`."""
        found: tuple[float, int] = self._cluster.result(ticket)
        return found


def _judge(theirs: str, question: Question, chosen: dict[str, float], fold: int) -> tuple[float, int]:
    """Judge a fold on a node."""
    require_equal(socket.gethostname(), code(), theirs)
    return fold_loss(question, folds_of(question)[fold], chosen, question.fitting)


def _unheard(_doing: str, _done: float) -> None: ...


def _unseen(_trials: object) -> None: ...
