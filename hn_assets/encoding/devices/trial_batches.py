"""Batches of made-up texts in growing sizes, whose times say how long a batch may take."""

from collections.abc import Iterator

import numpy as np

from hn_assets.encoding.batches.batching import END_TO_END, Batch, Layout
from hn_assets.encoding.devices.worker_process import TRIAL_GROWTH

FIRST_TEXTS, TOKENS_PER_TEXT = 2, 8
TOKENS = (5, 1000)  # from and below which token ids are taken: words, not special tokens


def trial_sizes(most_tokens: int) -> Iterator[tuple[int, float]]:
    """Numbers of texts of 8 tokens, each with how many times more `most_tokens` are.

    >>> list(trial_sizes(256))
    [(2, 16.0), (8, 4.0), (32, 1.0)]
    """
    texts = FIRST_TEXTS
    while texts == FIRST_TEXTS or texts * TOKENS_PER_TEXT <= most_tokens:
        yield texts, most_tokens / (texts * TOKENS_PER_TEXT)
        texts *= TRIAL_GROWTH


def trial_batches(
    vocabulary: int, layout: Layout, most_tokens: int
) -> Iterator[tuple[Batch, float]]:
    """Batches of up to `most_tokens`, each with how many times larger one of so many is.

    Args:
        vocabulary: How many tokens the model knows.
        layout: How the device takes its batches.
        most_tokens: The most tokens that it computes at once.
    """
    first, end = min(TOKENS[0], vocabulary - 1), min(TOKENS[1], vocabulary)
    for texts, larger in trial_sizes(most_tokens):
        ids = np.random.default_rng(0).integers(first, end, (texts, TOKENS_PER_TEXT), np.int32)
        tokens = ids.reshape(-1) if layout in END_TO_END else ids
        lengths = np.full(texts, TOKENS_PER_TEXT, np.int64)
        yield Batch(list(range(texts)), tokens, lengths), larger
