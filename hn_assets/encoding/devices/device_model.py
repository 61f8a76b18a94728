"""One copy of a model on one device: token ids in, pooled vectors out."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from hn_assets.encoding.batching import Batch
from hn_assets.encoding.devices.onednn_linear import use_onednn_linear_layers
from hn_assets.encoding.models.model import LoadedModel
from hn_assets.encoding.vectors.vector_file import Vectors


class DeviceModel:
    """Computes batches on `device`.

    Attributes:
        linear_layers: What was done to the linear layers, as a phrase for reports.
    """

    def __init__(self, model: LoadedModel, device: str) -> None:
        self.device = device
        self._embedder: Any = model.embedder
        self._plain: Any = self._embedder.model.eval().to(device)
        self._compiled: Any = None
        # A model that brings its own code may not know what no mask means.
        self._may_leave_mask_out = type(self._plain).__module__.startswith("transformers.")
        self.linear_layers = "as loaded"
        if device == "cpu" and model.precision == "bfloat16":
            self.linear_layers = use_onednn_linear_layers(self._plain)

    def compute(
        self, batches: Iterable[Batch], *, compiled: bool = False
    ) -> Iterator[tuple[Batch, Vectors]]:
        """Each batch with its vectors, float32 of shape (texts, dimension), in their order.

        A GPU already works on the next batch while the vectors of one are fetched. The first
        batch that is computed `compiled` waits for `torch.compile`.
        """
        module = self._compile() if compiled else self._plain
        waiting: tuple[Batch, Any] | None = None
        for batch in batches:
            started = batch, self._forward(module, batch)
            if waiting is not None:
                yield waiting[0], waiting[1].cpu().numpy()
            waiting = started
        if waiting is not None:
            yield waiting[0], waiting[1].cpu().numpy()

    def _compile(self) -> Any:
        import torch

        if self._compiled is None:
            self._compiled = torch.compile(self._plain, dynamic=True)
        return self._compiled

    def _forward(self, module: Any, batch: Batch) -> Any:
        import torch

        tokens = torch.from_numpy(batch.tokens).to(self.device, non_blocking=True)
        places = np.arange(batch.tokens.shape[1])
        mask = torch.from_numpy((places < batch.lengths[:, None]).astype(np.int64))
        mask = mask.to(self.device, non_blocking=True)
        # inference_mode would be no faster, and compiled code does not take its tensors.
        with torch.no_grad():
            needs_mask = batch.is_padded or not self._may_leave_mask_out
            hidden = module(
                input_ids=tokens, attention_mask=mask if needs_mask else None
            ).last_hidden_state
            pooled = self._embedder.pooling(hidden, mask).float()
            if self._embedder.normalize_embeddings:
                pooled = torch.nn.functional.normalize(pooled, dim=-1)
        return pooled
