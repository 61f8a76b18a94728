"""The compute resource: which device, which precision, and where FAISS searches."""

from typing import Literal

import dagster as dg
from pydantic import Field

from hn_assets.hardware import Choice, choose_devices, choose_faiss_device
from hn_assets.hardware import choose_precision as choose
from hn_assets.settings.compute import ComputeSettings


class Compute(dg.ConfigurableResource):
    """Where a dataset's encoding and search run; can be changed for one run in the Launchpad.

    The fields are those of the `compute` section of the dataset's YAML file.

    Example:
        >>> Compute(device="cpu", precision="float32").precision
        'float32'
    """

    device: str = Field(
        default="auto", description=ComputeSettings.model_fields["device"].description
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description=ComputeSettings.model_fields["precision"].description
    )
    compile: Literal["auto", "always", "never"] = Field(
        default="auto", description=ComputeSettings.model_fields["compile"].description
    )
    faiss_device: Literal["auto", "cpu", "gpu"] = Field(
        default="auto", description=ComputeSettings.model_fields["faiss_device"].description
    )

    def choose_devices(self) -> list[str]:
        """The torch devices to encode on.

        Raises:
            SettingsError: a device is asked for that this machine does not have.
        """
        return choose_devices(self.device)

    def choose_precision(self, device: str) -> Choice:
        """The precision to encode in, and why."""
        return choose(self.precision, device)

    def choose_faiss_device(self) -> Choice:
        """`gpu` or `cpu` for FAISS, and why."""
        return choose_faiss_device(self.faiss_device)
