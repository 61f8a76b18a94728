"""One copy of a model on one device: batches of token ids in, pooled vectors out."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hn_assets.encoding.batches.batching import Batch, Layout
from hn_assets.encoding.devices.batch_computer import BatchComputer
from hn_assets.encoding.devices.onednn_linear import (
    onednn_has_bfloat16,
    use_onednn_linear_layers,
)
from hn_assets.encoding.devices.unpadded_attention import POOLINGS, to_device, try_unpadded
from hn_assets.encoding.models.model import LoadedModel, ModelIdentity, load_model
from hn_assets.settings.encoding import EncodingSettings

if TYPE_CHECKING:
    import torch


class DeviceModel(BatchComputer[Batch]):
    """Computes the vectors of batches on `device`.

    Args:
        model: The model to compute with.
        device: The torch device.
        compile: Whether to run it through `torch.compile`. If that fails, it runs without.
        max_tokens_per_batch: The most tokens of a batch, padding counted; None for the default.
    """

    def __init__(
        self,
        model: LoadedModel,
        device: str,
        *,
        compile: bool = False,
        max_tokens_per_batch: int | None = None,
    ) -> None:
        on_card = device.startswith("cuda")
        embedder: Any = model.embedder
        super().__init__(
            model.identity.name,
            embedder.model.config,
            device,
            model.precision,
            max_tokens_per_batch,
            "lower encoding.passage_max_length or query_max_length",
        )
        self._pooling = model.identity.pooling
        self._usage = model.identity.usage
        self._heads = model.heads.to(device)
        self._plain: Any = embedder.model.eval().to(device)
        self._compiled: Any = None
        self._unpadded: Any = None
        # A model that brings its own code may not know what no mask means.
        self._may_leave_mask_out = type(self._plain).__module__.startswith("transformers.")
        if compile:
            import torch

            self._compiled = torch.compile(self._plain, dynamic=True)
            self.report.compile = "used, as asked for"
            self.may_compile = True
        elif on_card:
            self._use_unpadded_attention("end_to_end")
        elif model.precision == "bfloat16" and device == "cpu":
            self.report.linear_layers = use_onednn_linear_layers(self._plain)
            if onednn_has_bfloat16():
                self._use_unpadded_attention("runs_of_length")

    def _use_unpadded_attention(self, layout: Layout) -> None:
        if self._pooling not in POOLINGS or not self._may_leave_mask_out:
            return
        self._unpadded, self.report.attention = try_unpadded(self._plain, self.device)
        if self._unpadded is not None:
            self.report.layout = layout

    def _adopt(self, batch: Batch) -> Batch:
        return batch

    def _forward(self, batch: Batch) -> "torch.Tensor":
        import torch

        # inference_mode would be no faster, and compiled code does not take its tensors.
        with torch.no_grad():
            if batch.is_end_to_end and self._unpadded is not None:
                pooled = self._unpadded.pooled(batch.tokens, batch.lengths, self._pooling)
            else:
                # of a cluster, other devices may take texts without padding
                pooled = self._forward_padded(batch.padded())
            vectors = self._heads(pooled.float())[..., : self._usage.dimensions]
            if self._usage.normalize:
                vectors = torch.nn.functional.normalize(vectors, dim=-1)
        return vectors

    def _forward_padded(self, batch: Batch) -> "torch.Tensor":
        tokens = to_device(batch.tokens, self.device).long()
        places = np.arange(batch.tokens.shape[1])
        mask = to_device(places < batch.lengths[:, None], self.device).long()
        needs_mask = batch.is_padded or not self._may_leave_mask_out
        arguments = {"input_ids": tokens, "attention_mask": mask if needs_mask else None}
        return pool(self._call(arguments).last_hidden_state, mask, self._pooling)

    def _call(self, arguments: dict[str, Any]) -> Any:
        import torch

        if self._compiled is not None:
            try:
                return self._compiled(**arguments)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # as where there is no C compiler
                reason = (str(error).splitlines() or [""])[0][:200]
                self._compiled = None
                self.report.compile = f"failed, and given up: {type(error).__name__}: {reason}"
        return self._plain(**arguments)


def pool(hidden: "torch.Tensor", mask: "torch.Tensor", pooling: str) -> "torch.Tensor":
    """The vectors of texts that are padded on the right.

    Args:
        hidden: The last hidden states, of shape (texts, length, size).
        mask: 1 for each token that is no padding, of shape (texts, length).
        pooling: cls, mean or last_token.
    """
    import torch

    if pooling == "cls":
        return hidden[:, 0]
    if pooling == "last_token":
        return hidden[torch.arange(len(hidden), device=hidden.device), mask.sum(dim=1) - 1]
    # in the order of FlagEmbedding, so that its vectors are met to the last bit
    total = torch.sum(hidden * mask.unsqueeze(-1).float(), dim=1)
    return total / mask.sum(dim=1, keepdim=True).float()


def load_on_device(
    device: str,
    *,
    settings: EncodingSettings,
    identity: ModelIdentity,
    precision: str,
    compile: bool,
    max_tokens_per_batch: int | None,
) -> DeviceModel:
    """Load a copy of a model and put it on a device, as a process of its own does.

    Raises:
        ModelError: The model cannot be loaded.
    """
    model = load_model(settings, devices=[device], precision=precision, identity=identity)
    return DeviceModel(model, device, compile=compile, max_tokens_per_batch=max_tokens_per_batch)


def loader_of(
    model: LoadedModel, *, compile: bool, max_tokens_per_batch: int | None = None
) -> "partial[DeviceModel]":
    """`load_on_device` for the same model as `model`, to be called in another process."""
    return partial(
        load_on_device,
        settings=model.settings,
        identity=model.identity,
        precision=model.precision,
        compile=compile,
        max_tokens_per_batch=max_tokens_per_batch,
    )
