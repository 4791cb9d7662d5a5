"""A Ray cluster of two nodes on loopback, for the tests of what is done there."""

from __future__ import annotations

import importlib.util
import secrets
import sys
import tempfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from morningline.kit.ray_cluster import ALONE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A node that is gone is noticed after one second instead of fifteen.
WATCHED = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 300, "health_check_failure_threshold": 3}
NODE = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False, "include_log_monitor": False}
# What speaks for a process is read once, so all its clusters take the same.
TOKEN = secrets.token_hex(32)
needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: morningline[ray]")


@contextmanager
def two_nodes(*modules: str) -> Iterator[Any]:
    """Two nodes of one processor each; what is defined in these modules of tests is shipped with its name."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="ray-") as folder:
        for name, value in {**ALONE, "RAY_AUTH_TOKEN": TOKEN, "RAY_TMPDIR": folder}.items():
            patch.setenv(name, value)
        from ray import cloudpickle
        from ray.cluster_utils import Cluster

        for module in modules:
            # Workers cannot import the tests.
            cloudpickle.register_pickle_by_value(sys.modules[module])
        cluster = Cluster(initialize_head=True, head_node_args={**NODE, "_system_config": WATCHED})
        cluster.add_node(**NODE)
        try:
            yield cluster
        finally:
            cluster.shutdown()


def wait_until(so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not so():
        assert time.monotonic() < until, "it never came to pass"
        time.sleep(0.02)


def living() -> list[dict]:
    import ray

    return [node for node in ray.nodes() if node["Alive"]]


def lose(cluster, node) -> None:
    cluster.remove_node(node, allow_graceful=False)
    wait_until(lambda: len(living()) == len(cluster.list_all_nodes()))
