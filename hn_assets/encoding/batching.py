"""Cut tokenised texts into batches that waste little padding.

A text is padded to a length that depends on the text alone (its own tokens, rounded up), and
shares a batch only with texts of that length. So the batch size and the order of the corpus
change nothing that the model computes for a text, but the number of rows in its matrix products:
its float32 vector differs by rounding at most (about 1e-7 of its length), and by that only on
CPUs whose libraries choose another kernel for another number of rows.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GOLDEN = 0.6180339887  # multiples of it spread evenly over [0, 1)
# tokens computed at once on a device, padding counted, if no setting says otherwise
DEFAULT_MAX_TOKENS = {"cpu": 4096, "gpu": 65536}
LENGTH_STEP = 8  # a batch is padded to a multiple of this many tokens

TokenIds = NDArray[np.int32]


@dataclass(frozen=True)
class Batch:
    """Texts to compute together.

    Attributes:
        rows: The places of the texts in their window.
        tokens: int64 of shape (texts, length), padded on the right.
        lengths: How many tokens each text has, int64.
    """

    rows: list[int]
    tokens: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @property
    def is_padded(self) -> bool:
        """Whether any place holds padding; without, attention needs no mask and is faster."""
        return bool((self.lengths < self.tokens.shape[1]).any())


def cut_batches(
    texts: Sequence[TokenIds], *, max_length: int, max_tokens_per_batch: int, pad: int
) -> list[Batch]:
    """Cut batches of at most `max_tokens_per_batch` tokens (or of one text), padding counted.

    The longest texts come first, so that too little memory shows at once; then long and short
    ones mixed, so that the speed so far predicts the rest.
    """
    groups: dict[tuple[int, bool], list[int]] = defaultdict(list)
    for row, tokens in enumerate(texts):
        # Not beyond the limit, which may be all that the model has positions for.
        length = min(-(-len(tokens) // LENGTH_STEP) * LENGTH_STEP, max_length)
        # Attention with a mask rounds differently from attention without one, so whether there is
        # one depends on the text alone, too.
        groups[length, len(tokens) == length].append(row)
    cuts: list[tuple[int, list[int]]] = []
    for length, exact in sorted(groups, reverse=True):
        rows, size = groups[length, exact], max(1, max_tokens_per_batch // max(length, 1))
        cuts += [(length, rows[i : i + size]) for i in range(0, len(rows), size)]
    cuts = [cuts[i] for i in sorted(range(len(cuts)), key=lambda i: i * GOLDEN % 1)]
    return [_pad(texts, rows, length, pad) for length, rows in cuts]


def _pad(texts: Sequence[TokenIds], rows: list[int], length: int, pad: int) -> Batch:
    tokens = np.full((len(rows), length), pad, np.int64)
    for place, row in enumerate(rows):
        tokens[place, : len(texts[row])] = texts[row]
    return Batch(rows, tokens, np.array([len(texts[row]) for row in rows], np.int64))
