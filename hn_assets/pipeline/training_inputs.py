"""What every stage reads that trains: the model that training starts from, and the devices."""

from collections.abc import Mapping
from typing import Any

from hn_assets.cluster.ray_cluster import RayCluster
from hn_assets.encoding.models.model import ModelIdentity, identify_model
from hn_assets.hardware import choose_devices, choose_precision
from hn_assets.pipeline.promotion import encoding_at_start
from hn_assets.pipeline.stage_context import StageContext


def starting_model(context: StageContext) -> ModelIdentity:
    """The model that training starts from."""
    return context.shared.get("start", lambda: identify_model(encoding_at_start(context.dataset)))


def identify_start(context: StageContext) -> Mapping[str, Any]:
    """What a trained model depends on of the one that it starts from.

    Of how it is used, which the trained one states too, only what is unlike a plain model's.
    """
    start = starting_model(context)
    usage = start.usage
    prompts = (usage.query_prompt.join(""), usage.passage_prompt.join(""))
    stated = {
        "prompts": prompts if any(prompts) else None,
        "heads": [head.path for head in usage.heads],
        "dimensions": usage.dimensions,
        "not_normalized": not usage.normalize,
        "lower_case": usage.lower_case,
        "query_max_length": start.other_query_length,
    }
    return {"start": start.weights, **{name: value for name, value in stated.items() if value}}


def training_cluster(context: StageContext) -> RayCluster | None:
    """The cluster of which a node trains; None if this machine does."""
    compute = context.settings.compute
    if compute.engine != "ray":
        return None
    return context.shared.get("training cluster", lambda: RayCluster(compute, context.log.info))


def training_device(context: StageContext) -> tuple[list[str], str]:
    """The torch devices that train, one of a cluster if there is one, and the precision."""
    compute = context.settings.compute
    cluster = training_cluster(context)
    if cluster is not None:
        precision = cluster.choose_precision(compute.precision).value
        return cluster.device_choice.devices[:1], precision
    devices = choose_devices(compute.device).devices
    return devices, choose_precision(compute.precision, *devices).value
