"""Attention on a CPU for texts that lie end to end, those of one length together.

PyTorch's own attention on CPUs goes through a text in small tiles, which leaves the matrix units of
a processor idle where heads are small. Two batched matrix products with a softmax between them keep
them busy, as long as the scores of what is computed at once stay in the cache.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

MOST_SCORES = 1_500_000  # computed at once: 3 MB in bfloat16
LONGEST = 1024  # tokens; of longer texts the scores of a single one are too many


def attend_by_length(
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    ends: Sequence[int],
    scaling: float,
) -> "torch.Tensor":
    """What each token takes from those of its own text.

    Args:
        query: Of shape (heads, tokens, size).
        key: The same.
        value: The same.
        ends: Where each text begins and the last one ends; of texts + 1.
        scaling: What scores are multiplied with.

    Returns:
        Of shape (tokens, heads, size).
    """
    import torch

    found = torch.empty_like(query.transpose(0, 1), memory_format=torch.contiguous_format)
    heads, _, size = query.shape
    scaled = query * scaling
    for start, texts, length in _same_length(ends, heads):
        end = start + texts * length
        # the scores of a head stand side by side, whatever the text
        parts = [
            part[:, start:end].unflatten(1, (texts, length)).transpose(0, 1)
            for part in (scaled, key, value)
        ]
        if length > LONGEST:
            queries, keys, values = parts
            of_texts = torch.nn.functional.scaled_dot_product_attention(
                queries, keys, values, scale=1.0
            )
        else:
            queries, keys, values = (part.reshape(-1, length, size) for part in parts)
            weights = torch.softmax(torch.bmm(queries, keys.transpose(1, 2)), dim=-1)
            of_texts = torch.bmm(weights, values).view(texts, heads, length, size)
        found[start:end].view(texts, length, heads, size).copy_(of_texts.transpose(1, 2))
    return found


def _same_length(ends: Sequence[int], heads: int) -> Iterator[tuple[int, int, int]]:
    """Neighbours of one length: where they begin, how many they are, and their length."""
    lengths = np.diff(ends)
    firsts = np.flatnonzero(np.diff(lengths, prepend=-1))
    for first, after in zip(firsts, [*firsts[1:], len(lengths)], strict=True):
        length = int(lengths[first])
        at_once = max(1, MOST_SCORES // (heads * length * length))
        for text in range(first, after, at_once):
            yield int(ends[text]), min(at_once, after - text), length
