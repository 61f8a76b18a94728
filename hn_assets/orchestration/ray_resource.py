"""The resource `ray` of Dagster's definitions, if it names the cluster that a dataset computes on.

Any of dagster-ray's resources may be it, such as `KubeRayInteractiveJob`, which starts a cluster
for a step and ends it afterwards.
"""

from dataclasses import replace
from typing import Any

from hn_assets.errors import ClusterError
from hn_assets.pipeline.dataset import Dataset
from hn_assets.pipeline.stage import Operation
from hn_assets.settings.compute import DAGSTER, ComputeSettings

RAY_KEY = "ray"


def ray_keys(compute: ComputeSettings, operation: Operation) -> set[str]:
    """The key of the resource, if an operation computes on its cluster.

    One that mines does so only if the settings say from how many queries on: the resource may start
    a cluster before it is known how many there are.
    """
    if compute.engine != "ray" or compute.ray.address != DAGSTER:
        return set()
    mines_there = operation.mines and "mining_from_queries" in compute.ray.model_fields_set
    return {RAY_KEY} if operation.uses_device or mines_there else set()


def with_ray_resource(dataset: Dataset, resource: Any) -> Dataset:
    """The dataset with the address of the resource's cluster.

    Args:
        dataset: The dataset.
        resource: A `RayResource` of dagster-ray, whose cluster is ready.

    Raises:
        ClusterError: It names no cluster.
    """
    address = resource.ray_address
    if address is None:  # LocalRay, which has started its cluster in this process
        import ray

        if not ray.is_initialized():
            raise ClusterError(
                "the resource ray of the definitions has not connected to a cluster: leave its "
                "lifecycle.connect true"
            )
        address = ray.get_runtime_context().gcs_address
    compute = dataset.settings.compute
    named = compute.model_copy(update={"ray": compute.ray.model_copy(update={"address": address})})
    return replace(dataset, settings=dataset.settings.model_copy(update={"compute": named}))
