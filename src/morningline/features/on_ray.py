"""Histories answered by a Ray cluster: each part of a question is a task, on whichever machine has room for it."""

from __future__ import annotations

import socket
from collections import deque
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from morningline import __version__
from morningline.features.feature_set import ENGINE
from morningline.features.listings import Listing, Moments
from morningline.features.sorting import numbered
from morningline.kit import ray_cluster as kit
from morningline.kit.ray_cluster import RETRIES, require_equal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from morningline.features.asking import Answerer, Question
    from morningline.features.columns import Singles


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
    with kit.ray_cluster(address, __name__) as cluster:
        yield partial(_answers, cluster)


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


def _answer(ours: str, question: Question) -> list[Singles]:
    """Answer a question on a node."""
    require_equal(socket.gethostname(), code(), ours)
    return question.answer()


def _answers(cluster: kit.Cluster, questions: Iterable[Question]) -> Iterator[list[Singles]]:
    task = cluster.ray.remote(max_retries=RETRIES)(_answer)
    at_once = max(int(cluster.ray.cluster_resources().get("CPU", 1)), 1)
    under_way: deque[object] = deque()
    for question in questions:
        under_way.append(task.remote(code(), compact(question)))
        if len(under_way) >= at_once:
            yield cluster.result(under_way.popleft())
    while under_way:
        yield cluster.result(under_way.popleft())
