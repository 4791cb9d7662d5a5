"""A Ray cluster: how it is reached or started, that every node has the same code, and what a lost task means."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from morningline.kit.errors import ClusterError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

RETRIES = 5
"""How often a task is taken again because its worker or node died, before the cluster is given up."""

KNOCK_SECONDS = 5
"""How long the head of a cluster may take to open a connection; Ray itself would try for minutes."""

LOCAL = "local"
"""Address of a cluster that is started for the purpose, on this machine alone."""

ALONE = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Despite its name it is heard everywhere: without other machines, Ray listens on loopback only.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # Whoever may give Ray a task may run any code, and other users of this machine reach loopback too.
    "RAY_AUTH_MODE": "token",
}
"""What Ray reads from the environment when it starts a cluster of one machine."""

_one_at_a_time = threading.RLock()
"""A process has one connection to Ray: who connected may end it while nobody else is using it."""


@dataclass(frozen=True)
class Cluster:
    """A cluster whose nodes have the same code as this process.

    Attributes:
        ray: The library, connected.
        code_in: The module whose `code()` says what decides the bits of a result.
    """

    ray: ModuleType
    code_in: str

    @property
    def code(self) -> str:
        """What decides the bits of a result in this process."""
        return _code(self.code_in)

    def require_same_code(self, theirs: str) -> None:
        """Refuse to go on, on a node that would compute something else than who asked; raises `InputError`."""
        require_equal(socket.gethostname(), self.code, theirs)

    def room(self, processors: int = 1) -> int:
        """How many tasks of so many processors each the living nodes can do at once."""
        nodes = [node["Resources"].get("CPU", 0) for node in self.ray.nodes() if node["Alive"]]
        return sum(int(number // processors) for number in nodes)

    def result(self, reference: object) -> Any:  # noqa: ANN401  # what the task returned
        """What a task gave; an error of ours as it was raised there.

        Raises:
            ClusterError: It was lost again and again, or the cluster is gone.
        """
        try:
            return self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            if isinstance(error, self.ray.exceptions.RayTaskError):
                raise error.cause from error
            raise lost(error) from error


def lost(error: BaseException) -> ClusterError:
    """A task that was lost too often."""
    return ClusterError(
        f"The Ray cluster lost a task {RETRIES + 1} times, the last time so: {error}",
        do="See that its nodes have memory enough, then try again.",
    )


@contextmanager
def ray_cluster(address: str | None, code_in: str) -> Iterator[Cluster]:
    """Connect to a Ray cluster.

    Args:
        address: `host:port` of the cluster's head, or `auto` for the cluster that this machine is a node of. If not
            given, `RAY_ADDRESS` counts; without that, a cluster is started on this machine, and ended with the context.
        code_in: The module whose `code()` every node is asked for.

    Yields:
        The cluster.

    Raises:
        InputError: Ray is not installed, the address is none, or a node has another version of the program or of Ray.
        ClusterError: The cluster does not answer.
    """
    address = address or os.environ.get("RAY_ADDRESS") or LOCAL
    if address == LOCAL:
        for name, value in {**ALONE, "RAY_AUTH_TOKEN": token_hex(32)}.items():
            os.environ.setdefault(name, value)
    elif address != "auto":
        _knock(address)
    # Some of the environment is read when Ray is imported.
    ray = require_ray()
    # Ray prints what it has to tell of its nodes; standard output is for results.
    with _one_at_a_time, redirect_stdout(sys.stderr):
        ours = not ray.is_initialized()
        if ours:
            _connect(ray, address)
        try:
            cluster = Cluster(ray, code_in)
            _ask_every_node(cluster)
            yield cluster
        finally:
            if ours:
                ray.shutdown()


def require_installed() -> None:
    """Refuse the engine `ray` where its library is not; raises `InputError`."""
    # Not imported: what it reads from the environment then is set only when a cluster is asked for.
    if find_spec("ray") is None:
        raise _not_installed()


def require_ray() -> ModuleType:
    """The library.

    Raises:
        InputError: It is not installed.
    """
    try:
        import ray
        import ray.exceptions
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise _not_installed() from error
    return ray


def _not_installed() -> InputError:
    return InputError(
        "The engine `ray` needs Ray, which is not installed.",
        allowed="the engine `here`, which needs nothing",
        do='Install it with `pip install "morningline[ray]"`.',
    )


def require_equal(host: str, theirs: str, ours: str) -> None:
    """Refuse a node whose code is another; raises `InputError`."""
    if theirs != ours:
        raise InputError(
            f"The node {host} would compute with other code: {theirs}.",
            allowed=ours,
            do="Install the same version of the program on every machine, and use machines of one kind.",
        )


def _code(module: str) -> str:
    code: Callable[[], str] = import_module(module).code
    return code()


def _connect(ray: ModuleType, address: str) -> None:
    # What is told by workers and by Ray's own log is kept in its session folder.
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    logging.getLogger("ray").setLevel(logging.ERROR)
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address, **quiet, **({"include_dashboard": False} if address == LOCAL else {}))
    except ConnectionError as error:
        raise ClusterError(
            f"No Ray cluster could be joined at {address!r}: {error}",
            do="Start one with `ray start --head`, or name the token of this one in RAY_AUTH_TOKEN.",
        ) from error
    except (RuntimeError, ray.exceptions.AuthenticationError) as error:
        # It compares its own version and Python's, and may ask for a token.
        raise InputError(f"Ray refused the connection to {address!r}: {error}") from error
    finally:
        # Ray puts a handler of its own in the place of ours.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _knock(address: str) -> None:
    host, _, port = address.rpartition(":")
    if "/" in address or not host or not port.isdigit():
        raise InputError(
            f"{address!r} is no address of a Ray cluster.",
            allowed="host:port of its head, or auto on a machine that is a node of it",
            do="Correct ray_address or RAY_ADDRESS.",
        )
    try:
        socket.create_connection((host, int(port)), KNOCK_SECONDS).close()
    except OSError as error:
        raise ClusterError(
            f"No Ray cluster answers at {address!r}: {error}.",
            do="Start it, or correct ray_address or RAY_ADDRESS.",
        ) from error


def _ask_every_node(cluster: Cluster) -> None:
    """Ask every node for its code before any work; a node that joins later is asked with each task."""
    ray, module = cluster.ray, cluster.code_in

    # As it is local, it is shipped itself: a node need not have our program to say that it has not.
    def their_code() -> str:
        from importlib import import_module

        try:
            found: str = import_module(module).code()
        except ImportError as error:
            return f"no such program ({error})"
        return found

    nodes = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    # Softly: a node that dies in this moment is not waited for, another one answers.
    on = partial(ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy, soft=True)
    task = ray.remote(num_cpus=0, max_retries=RETRIES)(their_code)
    asked = [task.options(scheduling_strategy=on(node)).remote() for node in nodes]
    for host, theirs in zip(nodes.values(), asked, strict=True):
        require_equal(host, cluster.result(theirs), cluster.code)
