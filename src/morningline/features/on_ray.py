"""Histories answered by a Ray cluster: each part of a question is a task, on whichever machine has room for it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections import deque
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from functools import cache, partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import numpy as np

from morningline import __version__
from morningline.features.feature_set import ENGINE
from morningline.features.listings import Listing, Moments
from morningline.features.sorting import numbered
from morningline.kit.errors import ClusterError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from morningline.features.asking import Answerer, Question
    from morningline.features.columns import Singles

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


@contextmanager
def ray_cluster(address: str | None = None) -> Iterator[Answerer]:
    """Connect to a Ray cluster, and have questions answered there.

    Each question is shipped with only the rows it refers to. As many are under way at once as the cluster has
    processors, for each who asks. Tasks whose worker or node died are taken again, and answers come in the order of
    their questions: their bits are those of an answer in this process.

    Args:
        address: `host:port` of the cluster's head, or `auto` for the cluster that this machine is a node of. If not
            given, `RAY_ADDRESS` counts; without that, a cluster is started on this machine, and ended with the context.

    Yields:
        What answers questions.

    Raises:
        InputError: Ray is not installed, the address is none, or a node has another version of the program or of Ray.
        ClusterError: The cluster does not answer, or a task was lost again and again.
    """
    address = address or os.environ.get("RAY_ADDRESS") or LOCAL
    if address == LOCAL:
        for name, value in {**ALONE, "RAY_AUTH_TOKEN": token_hex(32)}.items():
            os.environ.setdefault(name, value)
    elif address != "auto":
        _knock(address)
    # Some of the environment is read when Ray is imported.
    ray = _ray()
    # Ray prints what it has to tell of its nodes; standard output is for results.
    with _one_at_a_time, redirect_stdout(sys.stderr):
        ours = not ray.is_initialized()
        if ours:
            _connect(ray, address)
        try:
            _require_same_code(ray)
            yield partial(_answers, ray)
        finally:
            if ours:
                ray.shutdown()


@cache
def code() -> str:
    """What decides the bits of an answer, besides the question: equal texts, equal answers."""
    digest = sha256()
    for name in sorted({*ENGINE, Path(__file__).name}):
        digest.update(Path(__file__).with_name(name).read_bytes())
    # Powers of two are the one function that processors may round differently.
    rounding = sha256(np.exp2(np.linspace(-60, 0, 10_001)).tobytes())
    parts = (
        f"morningline {__version__}",
        f"code {digest.hexdigest()[:12]}",
        f"numpy {np.__version__}",
        f"numba {version('numba')}",
    )
    return ", ".join((*parts, f"rounding {rounding.hexdigest()[:6]}"))


def compact(question: Question) -> Question:
    """The question with only the rows and instants it refers to, numbered anew in the order they were in."""
    listing, listed = question.listing, len(question.listing.row)
    both = listing.row if listing.rival is None else np.append(listing.row, listing.rival)
    rows, place = numbered(both)
    rival = None if listing.rival is None else place[listed:]
    return replace(
        question,
        cutoffs=_compact_moments(question.cutoffs),
        listing=Listing(listing.code, place[:listed], _compact_moments(listing.usable), listing.until, rival),
        values={name: values[rows] for name, values in question.values.items()},
    )


def _compact_moments(moments: Moments) -> Moments:
    places, place = numbered(moments.place)
    return Moments(moments.instants[places], place)


def _ray() -> ModuleType:
    try:
        import ray
        import ray.exceptions
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise InputError(
            "The engine `ray` needs Ray, which is not installed.",
            allowed="the engine `here`, which needs nothing",
            do='Install it with `pip install "morningline[ray]"`.',
        ) from error
    return ray


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


def _require_same_code(ray: ModuleType) -> None:
    """Ask every node before any work; a node that joins later is asked with each task."""

    # As it is local, it is shipped itself: a node need not have our program to say that it has not.
    def their_code() -> str:
        try:
            from morningline.features.on_ray import code
        except ImportError as error:
            return f"no such program ({error})"
        return code()

    nodes = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    # Softly: a node that dies in this moment is not waited for, another one answers.
    on = partial(ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy, soft=True)
    task = ray.remote(num_cpus=0, max_retries=RETRIES)(their_code)
    asked = [task.options(scheduling_strategy=on(node)).remote() for node in nodes]
    for host, theirs in zip(nodes.values(), asked, strict=True):
        _require_equal(host, _result(ray, theirs), code())


def _require_equal(host: str, theirs: str, ours: str) -> None:
    if theirs != ours:
        raise InputError(
            f"The node {host} would compute with other code: {theirs}.",
            allowed=ours,
            do="Install the same version of the program on every machine, and use machines of one kind.",
        )


def _answer(ours: str, question: Question) -> list[Singles]:
    """Answer a question on a node."""
    _require_equal(socket.gethostname(), code(), ours)
    return question.answer()


def _answers(ray: ModuleType, questions: Iterable[Question]) -> Iterator[list[Singles]]:
    task = ray.remote(max_retries=RETRIES)(_answer)
    at_once = max(int(ray.cluster_resources().get("CPU", 1)), 1)
    under_way: deque[object] = deque()
    for question in questions:
        under_way.append(task.remote(code(), compact(question)))
        if len(under_way) >= at_once:
            yield _result(ray, under_way.popleft())
    while under_way:
        yield _result(ray, under_way.popleft())


def _result(ray: ModuleType, reference: object) -> Any:  # noqa: ANN401  # what the task returned
    """What a task gave; an error of ours as it was raised there."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        if isinstance(error, ray.exceptions.RayTaskError):
            raise error.cause from error
        raise ClusterError(
            f"The Ray cluster lost a task {RETRIES + 1} times, the last time so: {error}",
            do="See that its nodes have memory enough, then try again.",
        ) from error
