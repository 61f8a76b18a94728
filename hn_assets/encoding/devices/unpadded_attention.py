"""Forward passes over texts laid end to end, with no padding and no mask.

A padded batch computes what nobody reads, and attention with a mask takes a slower kernel. Laid end
to end, the texts of a batch are one long row; each token attends to those of its own text alone,
which PyTorch's attention for sequences of variable length does at the speed of flash attention.

Which models can do it is not guessed from their names alone: the way of a small batch is compared
with the padded one when a model is loaded, and a model that differs keeps the padded way.
"""

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

IMPLEMENTATION = "hn_assets_unpadded"
# Position of the first token. These models take every position from `position_ids`, and nothing
# in them reaches over the row but attention.
FIRST_POSITION = {"bert": 0, "roberta": "after padding", "xlm-roberta": "after padding"}
LOWEST_COSINE = 0.99  # of a token's two vectors in the trial; half precision gives above 0.999
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
        first = FIRST_POSITION[model.config.model_type]
        self._first_position = (
            (model.config.pad_token_id or 0) + 1 if isinstance(first, str) else first
        )

    def forward(self, tokens: "torch.Tensor", lengths: list[int]) -> Any:
        """The model's output for texts laid end to end; its batch holds one row.

        Args:
            tokens: The token ids of all texts, int64 of shape (tokens,), on the device.
            lengths: How many tokens each text has, in their order.
        """
        import torch

        ends = torch.tensor([0, *lengths]).cumsum(0)
        starts = torch.repeat_interleave(ends[:-1], torch.tensor(lengths))
        positions = torch.arange(len(tokens)) - starts + self._first_position
        # The names that transformers gives to what its own unpadded attention needs.
        return _with_attention(
            self._model,
            input_ids=tokens[None],
            position_ids=positions.to(self._device, non_blocking=True)[None],
            cu_seq_lens_q=ends.to(torch.int32).to(self._device, non_blocking=True),
            max_length_q=max(lengths),
        )


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
    if kind not in FIRST_POSITION:
        return None, f"padded: models of type {kind} are not known to work without"
    try:
        _register()
        unpadded = UnpaddedModel(model, device)
        rng = np.random.default_rng(0)
        most = min(model.config.vocab_size, 1000)
        rows = [rng.integers(5, most, length) for length in TRIAL_LENGTHS]
        longest = max(TRIAL_LENGTHS)
        padded = np.full((len(rows), longest), model.config.pad_token_id or 0)
        mask = np.zeros((len(rows), longest), np.int64)
        for row, ids in enumerate(rows):
            padded[row, : len(ids)], mask[row, : len(ids)] = ids, 1
        with torch.no_grad():
            end_to_end = torch.from_numpy(np.concatenate(rows)).to(device)
            ours = unpadded.forward(end_to_end, list(TRIAL_LENGTHS))[0][0].float()
            theirs = model(
                input_ids=torch.from_numpy(padded).to(device),
                attention_mask=torch.from_numpy(mask).to(device),
            )[0]
        theirs = theirs[torch.from_numpy(mask).to(device).bool()].float()
        cosines = torch.nn.functional.cosine_similarity(ours, theirs, dim=-1)
    except Exception as error:  # another PyTorch or transformers may lack or change any of it
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return None, f"padded: attention without padding cannot be used here ({reason[:200]})"
    if not bool((cosines > LOWEST_COSINE).all()):
        return None, "padded: without padding this model computes something else"
    return unpadded, "unpadded: texts are laid end to end"


def _with_attention(model: Any, **arguments: Any) -> Any:
    """Call the model with our attention, then give it its own back."""
    config = model.config
    before = config._attn_implementation
    config._attn_implementation = IMPLEMENTATION
    try:
        return model(**arguments)
    finally:
        config._attn_implementation = before


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
    import torch

    if query.device.type == "cpu":
        # PyTorch has no such kernel for CPUs. This is for trying the way out without a card.
        ends = cu_seq_lens_q.tolist()
        parts = [
            torch.nn.functional.scaled_dot_product_attention(
                query[:, :, a:b], key[:, :, a:b], value[:, :, a:b], scale=scaling
            )
            for a, b in itertools.pairwise(ends)
        ]
        return torch.cat(parts, dim=2).transpose(1, 2), None
    from torch.nn.attention.varlen import varlen_attn

    # Older releases scale by the size of a head alone, and take no other scale.
    usual = query.shape[-1] ** -0.5
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
