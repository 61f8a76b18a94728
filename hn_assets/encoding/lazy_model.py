"""The life of an encoder: it is loaded when the first text needs it, and closed at the end."""

from collections.abc import Callable
from typing import Any

from hn_assets.closing import ClosedAtExit
from hn_assets.cluster.ray_cluster import RayCluster
from hn_assets.encoding.devices.card import give_back_memory
from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.models.model import identify_model, load_model
from hn_assets.encoding.models.vector_identity import Kind, describe_space
from hn_assets.hardware import choose_devices, choose_precision
from hn_assets.settings.compute import ComputeSettings
from hn_assets.settings.encoding import EncodingSettings


class LazyModel(ClosedAtExit):
    """A model that is loaded at its first use: never, if all vectors are there.

    Args:
        settings: Of encoding.
        compute: Its `device`, `precision`, `compile`, `max_tokens_per_batch` and engine are used.
        log: Takes a line when a model is loaded.

    Attributes:
        settings: As given.
        identity: Which model it is.
        devices: The torch devices that it computes on.
        device_choice: Why these.
        precision: What it computes in, and why.

    Raises:
        ModelError: There is no such folder, or nothing says how the model pools.
        HubError: The model is no folder, and the hub does not give it.
        SettingsError: This machine has no such device.
        ClusterError: The cluster of Ray that the settings name cannot be used.

    Example:
        >>> with LazyModel(EncodingSettings(), ComputeSettings(device="cpu"), print) as model:
        ...     model.identity.pooling
        'mean'
    """

    def __init__(
        self, settings: EncodingSettings, compute: ComputeSettings, log: Callable[[str], None]
    ) -> None:
        self.settings = settings
        self.identity = identify_model(settings)
        self._cluster: RayCluster | None = None
        if compute.engine == "ray":
            self._cluster = RayCluster(compute, log)
            self.device_choice = self._cluster.device_choice
            self.precision = self._cluster.choose_precision(compute.precision)
        else:
            self.device_choice = choose_devices(compute.device)
            self.precision = choose_precision(compute.precision, *self.device_choice.devices)
        self.devices = self.device_choice.devices
        self._compile = compute.compile
        self._max_tokens_per_batch = compute.max_tokens_per_batch
        self._log = log
        self._encoders: dict[str, Encoder] = {}

    def space(self, kind: Kind) -> dict[str, Any]:
        """All that a vector of this kind of text depends on beside the text."""
        return describe_space(
            self.identity, self.settings, self.precision.value, kind, compile=self._compile
        )

    def encoder(self) -> Encoder:
        """The encoder that vectors are made with, loaded now if it was not.

        Raises:
            ModelError: The model cannot be loaded.
        """
        return self._get(self.precision.value, self.devices, self.precision.reason, self._cluster)

    def exact_encoder(self) -> Encoder:
        """An encoder in float32, to measure the loss of a lower precision.

        Raises:
            ModelError: The model cannot be loaded.
        """
        if self.precision.value == "float32":
            return self.encoder()
        # One device of this machine is enough for a sample.
        devices = self.devices if self._cluster is None else choose_devices("auto").devices
        reason = f"to measure what {self.precision.value} loses"
        return self._get("float32", devices[:1], reason, None)

    def close(self) -> None:
        """End the processes of further devices, and forget the models."""
        while self._encoders:
            self._encoders.popitem()[1].close()
        give_back_memory(self.devices)
        if self._cluster is not None:
            self._cluster.close()

    def _get(
        self, precision: str, devices: list[str], reason: str, cluster: RayCluster | None
    ) -> Encoder:
        if precision not in self._encoders:
            where = f"{', '.join(devices)} ({self.device_choice.reason})"
            self._log(f"{self.identity.name} encodes on {where} in {precision} ({reason})")
            _silence_progress_bars()
            model = load_model(
                self.settings,
                # what a cluster computes with is loaded on its nodes
                devices=devices if cluster is None else ["cpu"],
                precision=precision,
                identity=self.identity,
            )
            self._encoders[precision] = Encoder(
                model,
                devices=devices,
                max_tokens_per_batch=self._max_tokens_per_batch,
                compile=self._compile,
                cluster=cluster,
            )
        return self._encoders[precision]


def _silence_progress_bars() -> None:
    """Bars fill a captured log with control characters; `Progress` writes lines instead."""
    from transformers.utils import logging

    logging.disable_progress_bar()
