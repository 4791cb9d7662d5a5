"""Trees that grow on a Ray cluster: each machine holds some of the events, and whoever dies is done without."""

from __future__ import annotations

import socket
from itertools import groupby
from typing import TYPE_CHECKING, Any, NoReturn

from morningline.kit.errors import ClusterError
from morningline.kit.ray_cluster import RETRIES, Cluster, lost, require_equal
from morningline.training.models.legs import Growth, Shard, parts_of
from morningline.training.models.machines import Grown
from morningline.training.on_ray import POLL_SECONDS, code

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from morningline.training.models.legs import Leg
    from morningline.training.models.machines import Plan
    from morningline.training.models.steps import Step
    from morningline.training.sample import Sample

GATHER_SECONDS = 30
"""How long a machine may take to begin; those that have not are done without."""


class _LostError(Exception):
    """Somebody of the team died, or could not reach another."""


class RayMachines:
    """The machines of a cluster, growing trees together.

    Each takes as many parts as it has processors for the threads of the fit. The trees depend on the number of parts,
    not on who grows them. When a machine dies, its events go to those that are left, and the leg that was under way is
    begun again.

    Args:
        cluster: The cluster.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._parts: list[int] = []

    @property
    def record(self) -> str:
        """By how many parts each leg was grown so far, such as `2 x 30`: equal records, equal bits."""
        return ", ".join(f"{parts} x {len(list(legs))}" for parts, legs in groupby(self._parts))

    def grow(
        self, plan: Plan, train: Sample, validation: Sample | None, told: Callable[[int], None], step: Step
    ) -> Grown:
        """Grow trees on all events together.

        Raises:
            ClusterError: The cluster has no room, or lost machines again and again.
        """
        growth, team, losses_in_a_row = Growth(plan.recipe, validation), None, 0
        try:
            while not growth.over:
                try:
                    team = team or _Team(self._cluster, plan, train, growth, told)
                    legs = team.grow(growth, told)
                except _LostError as error:
                    _disband(team)
                    team, losses_in_a_row = None, losses_in_a_row + 1
                    if losses_in_a_row > RETRIES:
                        raise lost(error) from error
                    continue
                losses_in_a_row = 0
                self._parts.append(len(legs))
                _tell(growth, legs, train.events, step)
                told(growth.trees)
        finally:
            _disband(team)
        return Grown(growth.best(), tuple(growth.losses))


def _tell(growth: Growth, legs: Sequence[Leg], events: int, step: Step) -> None:
    """Put the leg to the others, and tell the losses of all events: the sums over the machines."""
    before = growth.trees
    for number, sums in enumerate(zip(*(leg.losses for leg in legs), strict=True)):
        step("training_loss", before + number, sum(sums) / events)
    judged = len(growth.losses)
    growth.add(legs[0])
    for number, loss in enumerate(growth.losses[judged:]):
        step("validation_loss", before + number + 1, loss)


def _disband(team: _Team | None) -> None:
    if team is not None:
        team.disband()


class _Machine:
    """What runs on a machine."""

    def __init__(self) -> None:
        self._shard: Shard | None = None

    def begun(self) -> bool:
        return True

    def load(self, theirs: str, plan: Plan, part: Sample, before: str | None) -> None:
        require_equal(socket.gethostname(), code(), theirs)
        self._shard = Shard(plan, part, before)

    def address(self) -> str:
        """Where the others find this machine: a port that is free now."""
        import ray

        host: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        with socket.create_server((host, 0)) as taken:
            return f"{host}:{taken.getsockname()[1]}"

    def link(self, machines: list[str], number: int) -> None:
        self._mine.link(machines, number)

    def grow(self, leg: int, rounds: int) -> Leg:
        return self._mine.grow(leg, rounds)

    @property
    def _mine(self) -> Shard:
        if self._shard is None:
            raise RuntimeError("A machine has to load its part first.")
        return self._shard


class _Team:
    """Machines that hold all events between them, linked and ready to grow."""

    def __init__(
        self, cluster: Cluster, plan: Plan, train: Sample, growth: Growth, told: Callable[[int], None]
    ) -> None:
        self._cluster, self._members, self._trees = cluster, [], growth.trees
        self._told = told
        try:
            self._gather(plan.recipe.threads, train.events)
            self._load(plan, train, growth.text())
        except BaseException:
            self.disband()
            raise

    _members: list[Any]

    def grow(self, growth: Growth, told: Callable[[int], None]) -> list[Leg]:
        """Grow the next leg on every machine; raises `_LostError`."""
        self._trees, self._told = growth.trees, told
        legs: list[Leg] = self._all([one.grow.remote(growth.legs, growth.rounds) for one in self._members])
        return legs

    def disband(self) -> None:
        """End all machines: one that lost another waits for it, and hears nobody."""
        for member in self._members:
            self._cluster.ray.kill(member)
        self._members = []

    def _gather(self, threads: int, events: int) -> None:
        ray, room = self._cluster.ray, min(self._cluster.room(threads), events)
        if room < 1:
            raise ClusterError(f"No machine of the cluster has {threads} processors.", do="Train with fewer --threads.")
        machine = ray.remote(num_cpus=threads, scheduling_strategy="SPREAD")(_Machine)
        self._members = [machine.remote() for _ in range(room)]
        begun = {one.begun.remote(): one for one in self._members}
        waiting, waited = list(begun), 0.0
        while waiting and waited < GATHER_SECONDS:
            _, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=POLL_SECONDS)
            waited += POLL_SECONDS
            self._told(self._trees)
        here = [one for reference, one in begun.items() if reference not in waiting and _is_well(ray, reference)]
        for member in self._members:
            if member not in here:
                ray.kill(member)
        self._members = here
        if not here:
            raise _LostError(f"none of {room} machines began within {GATHER_SECONDS} seconds")

    def _load(self, plan: Plan, train: Sample, before: str | None) -> None:
        ray = self._cluster.ray
        shared, parts = ray.put(plan), parts_of(train, len(self._members))
        for spare in self._members[len(parts) :]:
            ray.kill(spare)
        self._members = self._members[: len(parts)]
        pairs = zip(self._members, parts, strict=True)
        self._all([one.load.remote(code(), shared, ray.put(part), before) for one, part in pairs])
        machines = self._all([one.address.remote() for one in self._members])
        self._all([one.link.remote(machines, number) for number, one in enumerate(self._members)])

    def _all(self, references: list[Any]) -> list[Any]:
        """What all of them gave; whoever waits is told now and then, and may end it."""
        ray, waiting = self._cluster.ray, list(references)
        while waiting:
            # Who is well may wait for who is dead, so the first one counts.
            done, waiting = ray.wait(waiting, num_returns=1, timeout=POLL_SECONDS)
            for reference in done:
                _require_well(ray, reference)
            self._told(self._trees)
        return [ray.get(reference) for reference in references]


def _require_well(ray: Any, reference: object) -> None:  # noqa: ANN401 - the library
    try:
        ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        _raise(error.cause)
    except ray.exceptions.RayError as error:
        raise _LostError(str(error)) from error


def _raise(cause: Exception) -> NoReturn:
    from lightgbm.basic import LightGBMError

    if isinstance(cause, LightGBMError):
        # It says in no other way that another machine is gone.
        raise _LostError(str(cause)) from cause
    raise cause


def _is_well(ray: Any, reference: object) -> bool:  # noqa: ANN401 - the library
    try:
        _require_well(ray, reference)
    except _LostError:
        return False
    return True
