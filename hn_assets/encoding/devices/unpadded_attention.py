"""Forward passes over texts laid end to end, with no padding and no mask.

A padded batch computes what nobody reads, and attention with a mask takes a slower kernel. Laid end
to end, the texts of a batch are one long row; each token attends to those of its own text alone.
On a card PyTorch's attention for sequences of variable length does that at the speed of flash
attention; on a CPU, `batched_attention` does it for texts of one length at a time.

Which models can do it is not guessed from their names alone: the way of a small batch is compared
with the padded one when a model is loaded, and a model that differs keeps the padded way.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.devices.batched_attention import attend_by_length

if TYPE_CHECKING:
    import torch

IMPLEMENTATION = "hn_assets_unpadded"
# The kinds of models that take every position from `position_ids`, and in which nothing reaches
# over the row but attention; and whether their positions begin after that of padding.
BEGINS_AFTER_PADDING = {"bert": False, "roberta": True, "xlm-roberta": True}
POOLINGS = ("cls", "mean", "last_token")
LOWEST_COSINE = 0.99  # of a token's two vectors in the trial, which may differ by rounding
TRIAL_LENGTHS = (5, 3, 9)


class UnpaddedModel:
    """A model whose forward pass takes texts laid end to end.

    Args:
        model: A transformers model, in eval mode on `device`; its padded way still works.
        device: The torch device.
    """

    def __init__(self, model: Any, device: str) -> None:
        self._model = model
        self._device = device
        after_padding = BEGINS_AFTER_PADDING[model.config.model_type]
        self._first_position = (model.config.pad_token_id or 0) + 1 if after_padding else 0

    def forward(
        self, tokens: NDArray[np.int32], lengths: NDArray[np.int64]
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """The last hidden states of texts laid end to end.

        Args:
            tokens: The token ids of all texts, of shape (tokens,).
            lengths: How many tokens each text has, in their order; each has one at least.

        Returns:
            The hidden states, of shape (tokens, size), and where each text begins and the last one
            ends, int32 of shape (texts + 1,); both on the device.
        """
        ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        positions = np.arange(len(tokens)) - np.repeat(ends[:-1], lengths) + self._first_position
        both = to_device(np.stack([tokens, positions]).astype(np.int32), self._device)
        limits = to_device(ends, self._device)
        config = self._model.config
        before = config._attn_implementation
        config._attn_implementation = IMPLEMENTATION
        try:
            # The names that transformers gives to what its own unpadded attention needs.
            output = self._model(
                input_ids=both[:1].long(),
                position_ids=both[1:].long(),
                cu_seq_lens_q=limits,
                max_length_q=int(lengths.max()),
            )
        finally:
            config._attn_implementation = before
        return output[0][0], limits

    def pooled(
        self, tokens: NDArray[np.int32], lengths: NDArray[np.int64], pooling: str
    ) -> "torch.Tensor":
        """A vector for each text, of shape (texts, size); `pooling` is one of `POOLINGS`."""
        import torch

        hidden, limits = self.forward(tokens, lengths)
        if pooling == "cls":
            return hidden[limits[:-1].long()]
        if pooling == "last_token":
            return hidden[limits[1:].long() - 1]
        return torch.segment_reduce(hidden.float(), "mean", lengths=limits.diff().long(), axis=0)


def to_device(array: NDArray[Any], device: str) -> "torch.Tensor":
    """Copy an array to the device; the processor does not wait for the copy to a card."""
    import torch

    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if _is_card(device) else tensor


def try_unpadded(model: Any, device: str) -> tuple[UnpaddedModel | None, str]:
    """The model for texts laid end to end, if it gives what the padded way gives.

    Args:
        model: A transformers model in eval mode, on `device`.
        device: The torch device.

    Returns:
        The model, or None, and a phrase for reports that says why.
    """
    import torch

    kind = getattr(getattr(model, "config", None), "model_type", "unknown")
    if kind not in BEGINS_AFTER_PADDING:
        return None, f"padded: models of type {kind} are not known to work without padding"
    try:
        _register()
        unpadded = UnpaddedModel(model, device)
        rng = np.random.default_rng(0)
        most = min(model.config.vocab_size, 1000)
        rows = [rng.integers(5, most, length) for length in TRIAL_LENGTHS]
        padded = np.full((len(rows), max(TRIAL_LENGTHS)), model.config.pad_token_id or 0)
        mask = np.zeros(padded.shape, np.int64)
        for row, ids in enumerate(rows):
            padded[row, : len(ids)], mask[row, : len(ids)] = ids, 1
        with torch.no_grad():
            laid_out = np.concatenate(rows).astype(np.int32)
            ours, _ = unpadded.forward(laid_out, np.array(TRIAL_LENGTHS))
            on_device = torch.from_numpy(mask).to(device)
            theirs = model(input_ids=torch.from_numpy(padded).to(device), attention_mask=on_device)[
                0
            ][on_device.bool()]
        cosines = torch.nn.functional.cosine_similarity(ours.float(), theirs.float(), dim=-1)
    except Exception as error:  # another PyTorch or transformers may lack or change any of it
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return None, f"padded: attention without padding cannot be used here ({reason[:200]})"
    if not bool((cosines > LOWEST_COSINE).all()):
        return None, "padded: without padding this model computes something else"
    return unpadded, "unpadded: texts are laid end to end"


def _is_card(device: str) -> bool:
    return device.startswith("cuda")


def _register() -> None:
    from transformers import AttentionInterface

    AttentionInterface.register(IMPLEMENTATION, _attend)


def _attend(
    module: Any,
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    attention_mask: "torch.Tensor | None",
    *,
    cu_seq_lens_q: "torch.Tensor",
    max_length_q: int,
    scaling: float | None = None,
    **_: Any,
) -> "tuple[torch.Tensor, None]":
    """Attention within each text; query, key and value are of shape (1, heads, tokens, size)."""
    usual = query.shape[-1] ** -0.5
    if query.device.type == "cpu":
        ends = cu_seq_lens_q.tolist()
        scale = usual if scaling is None else scaling
        return attend_by_length(query[0], key[0], value[0], ends, scale)[None], None
    from torch.nn.attention.varlen import varlen_attn

    # Older releases scale by the size of a head alone, and take no other scale.
    if scaling is not None and scaling != usual:
        query = query * (scaling / usual)
    found = varlen_attn(
        query[0].transpose(0, 1),
        key[0].transpose(0, 1),
        value[0].transpose(0, 1),
        cu_seq_lens_q,
        cu_seq_lens_q,
        max_length_q,
        max_length_q,
    )
    assert isinstance(found, torch.Tensor)
    return found[None], None
