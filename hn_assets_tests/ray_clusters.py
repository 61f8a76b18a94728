"""Small clusters of Ray on this machine, each node with a core of its own."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from hn_assets.settings.compute import ComputeSettings, RaySettings

STORE = {"object_store_memory": 100 << 20}  # bytes, the least that Ray takes is 75 MiB


@contextmanager
def ray_nodes(cache: Path, count: int, **head: Any) -> Iterator[Any]:
    """A cluster with a head that has no cores, and nodes with one core each.

    Args:
        cache: The folder that files are sent to.
        count: The number of nodes.
        **head: What Ray is told of the head beside that.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")  # as tests have the machine to themselves
        patch.setenv("HN_WORK_DIR", str(cache))
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
        from ray.cluster_utils import Cluster

        head |= {"num_cpus": 0, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args={**head, **STORE})
        try:
            for _ in range(count):
                add_node(cluster)
            yield cluster
        finally:
            started = psutil.Process().children(recursive=True)
            cluster.shutdown()
            for process in started:  # Ray's agents wait for minutes for a head that was killed
                with suppress(psutil.NoSuchProcess):
                    if process.name().startswith("ray::"):
                        process.kill()


def add_node(cluster: Any) -> Any:
    """Start one more node."""
    return cluster.add_node(num_cpus=1, **STORE)


def on_ray(cluster: Any, **settings: Any) -> ComputeSettings:
    """The settings to compute on a cluster."""
    ray = RaySettings(address=cluster.address)
    return ComputeSettings(engine="ray", ray=ray, device="cpu", precision="float32", **settings)
