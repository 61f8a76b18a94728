"""Definitions that start a Ray cluster on Kubernetes for each step that computes.

They are merged with those of your datasets, whose settings say

    compute: {engine: ray, ray: {address: dagster}}

It needs KubeRay's operator and `pip install 'dagster-ray[kuberay]'`. The operator ends the
cluster five minutes after the step, and after a day in any case; `ttl_seconds_after_finished` and
`active_deadline_seconds` of `InteractiveRayJobSpec` are other limits.
"""

import dagster as dg
from dagster_ray.kuberay import KubeRayInteractiveJob
from dagster_ray.kuberay.configs import RayClusterSpec
from dagster_ray.kuberay.resources.rayjob import InteractiveRayJobConfig, InteractiveRayJobSpec

IMAGE = "hn_assets:0.1.0-gpu"  # of your registry, the same as that of the runs


def _pods(name: str, limits: dict[str, str]) -> dict[str, object]:
    container = {"name": name, "image": IMAGE, "resources": {"limits": limits}}
    return {"spec": {"containers": [container]}}


CLUSTER = RayClusterSpec(
    ray_version="2.60.0",
    head_group_spec={
        "rayStartParams": {"num-cpus": "0"},
        "template": _pods("head", {"cpu": "2", "memory": "8Gi"}),
    },
    worker_group_specs=[
        {
            "groupName": "cards",
            "replicas": 2,
            "minReplicas": 2,
            "maxReplicas": 2,
            "rayStartParams": {},
            "template": _pods("worker", {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "1"}),
        }
    ],
)

defs = dg.Definitions(
    resources={
        "ray": KubeRayInteractiveJob(
            ray_job=InteractiveRayJobConfig(spec=InteractiveRayJobSpec(ray_cluster_spec=CLUSTER))
        )
    }
)
