"""What every stage reads that trains: the model that training starts from, and the devices."""

from hn_assets.encoding.models.model import ModelIdentity, identify_model
from hn_assets.hardware import choose_devices, choose_precision
from hn_assets.pipeline.promotion import encoding_at_start
from hn_assets.pipeline.stage_context import StageContext


def starting_model(context: StageContext) -> ModelIdentity:
    """The model that training starts from."""
    return context.shared.get("start", lambda: identify_model(encoding_at_start(context.dataset)))


def training_device(context: StageContext) -> tuple[list[str], str]:
    """The torch devices that train, and the precision."""
    compute = context.settings.compute
    devices = choose_devices(compute.device).devices
    return devices, choose_precision(compute.precision, *devices).value
