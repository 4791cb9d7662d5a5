"""Where a training is done: in this process, or its trials and trees on a Ray cluster."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from morningline.training.models.machines import spreads

if TYPE_CHECKING:
    from collections.abc import Iterator

    import msgspec

    from morningline.kit.ray_cluster import Cluster
    from morningline.training.models.learner import Fitting, Learner
    from morningline.training.request import TrainRequest
    from morningline.training.trees_on_ray import RayMachines
    from morningline.training.tuning.tuning import Question
    from morningline.wiring.program import Program


@dataclass
class Engine:
    """Where a training is done.

    Attributes:
        cluster: The cluster; None does all in this process.
        machines: Where its trees grew; None where they grew in this process.
    """

    cluster: Cluster | None = None
    machines: RayMachines | None = None

    def tuning(self, question: Question) -> Question:
        """The same question with its trials judged there."""
        if self.cluster is None:
            return question
        from morningline.training.trials_on_ray import RayJudges

        return replace(question, judges=partial(RayJudges, self.cluster))

    def growing(self, fitting: Fitting, learner: Learner, chosen: msgspec.Struct) -> Fitting:
        """The same fitting with trees that grow there, if the learner's can."""
        if self.cluster is None or not spreads(learner, chosen):
            return fitting
        from morningline.training.trees_on_ray import RayMachines

        self.machines = RayMachines(self.cluster)
        return replace(fitting, machines=self.machines)

    @property
    def record(self) -> str | None:
        """By how many machines the trees were grown, leg by leg; None where they grew in this process."""
        return None if self.machines is None else self.machines.record


@contextmanager
def engine_of(program: Program, request: TrainRequest) -> Iterator[Engine]:
    """Where a training was asked to be done.

    Raises:
        InputError: Ray is not installed, the address is none, or a node has other code.
        ClusterError: The cluster does not answer.
    """
    if request.engine == "here":
        yield Engine()
        return
    from morningline.training.on_ray import ray_cluster

    with ray_cluster(program.settings.ray_address) as cluster:
        yield Engine(cluster)
