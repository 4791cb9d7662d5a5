"""Trainings on a Ray cluster: the connection, and what every node of it has to have."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from morningline.kit import ray_cluster as kit

if TYPE_CHECKING:
    from collections.abc import Iterator

POLL_SECONDS = 0.5
"""How long nobody is told that the work goes on, and so how long a cancelled training goes on there."""


@contextmanager
def ray_cluster(address: str | None = None) -> Iterator[kit.Cluster]:
    """Connect to a Ray cluster for trainings; arguments and errors as `morningline.kit.ray_cluster.ray_cluster`."""
    with kit.ray_cluster(address, __name__) as cluster:
        yield cluster


@cache
def code() -> str:
    """What decides the bits of a model, besides data, seed, threads and machines: equal texts, equal models."""
    from morningline.training.registry import code_version

    libraries = [f"{name} {version(name)}" for name in ("numpy", "scipy", "lightgbm")]
    # Processors may round exponentials differently.
    rounding = sha256(np.exp(np.linspace(-60, 0, 10_001)).tobytes()).hexdigest()[:6]
    return ", ".join((f"morningline {code_version()}", *libraries, f"rounding {rounding}"))
