"""The life of a teacher: it is loaded when the first pair needs it, and closed at the end."""

from collections.abc import Callable
from typing import Any

from hn_assets.closing import ClosedAtExit
from hn_assets.cluster.ray_cluster import RayCluster
from hn_assets.hardware import choose_devices
from hn_assets.reranking.model import (
    choose_precision,
    describe_space,
    identify_reranker,
)
from hn_assets.reranking.reranker import Reranker
from hn_assets.settings.compute import ComputeSettings
from hn_assets.settings.teacher import TeacherSettings


class LazyReranker(ClosedAtExit):
    """A reranker that is loaded at its first use: never, if all scores are there.

    Args:
        settings: Of the teacher.
        compute: Its `device`, `precision`, `max_tokens_per_batch` and engine are used.
        log: Takes a line when the model is loaded.

    Attributes:
        settings: As given.
        identity: Which model it is.
        devices: The torch devices that it computes on.
        device_reason: Why these.
        precision: What it computes in.
        precision_reason: Why.

    Raises:
        ModelError: There is no such folder, or what it holds is no reranker.
        HubError: The model is no folder, and the hub does not give it.
        SettingsError: This machine has no such device.
        ClusterError: The cluster of Ray that the settings name cannot be used.
    """

    def __init__(
        self, settings: TeacherSettings, compute: ComputeSettings, log: Callable[[str], None]
    ) -> None:
        self.settings = settings
        self._cluster: RayCluster | None = None
        if compute.engine == "ray":
            self._cluster = RayCluster(compute, log)
            chosen = self._cluster.device_choice
        else:
            chosen = choose_devices(compute.device)
        self.devices, self.device_reason = chosen.devices, chosen.reason
        choose = self._cluster.choose_precision if self._cluster is not None else None
        choice = choose_precision(compute.precision, *self.devices, choose=choose)
        self.precision, self.precision_reason = choice.value, choice.reason
        self._max_tokens_per_batch = compute.max_tokens_per_batch
        self.identity = identify_reranker(settings)
        self._log = log
        self._reranker: Reranker | None = None

    def space(self) -> dict[str, Any]:
        """All that a score depends on beside its pair."""
        return describe_space(self.identity, self.settings, self.precision)

    def get(self) -> Reranker:
        """The model, loaded now if it was not.

        Raises:
            ModelError: The model cannot be loaded.
        """
        if self._reranker is None:
            self._log(
                f"{self.identity.name} scores on {', '.join(self.devices)} ({self.device_reason}) "
                f"in {self.precision} ({self.precision_reason})"
            )
            self._reranker = Reranker(
                self.identity,
                self.settings,
                devices=self.devices,
                precision=self.precision,
                max_tokens_per_batch=self._max_tokens_per_batch,
                cluster=self._cluster,
            )
        return self._reranker

    def close(self) -> None:
        """End the processes of further devices."""
        if self._reranker is not None:
            self._reranker.close()
            self._reranker = None
        if self._cluster is not None:
            self._cluster.close()
