"""Cut tokenised texts into batches that waste little padding.

There are four layouts:

- `same_length`, on CPUs: a text is padded to a length that depends on the text alone (its own
  tokens, rounded up), and shares a batch only with texts of that length. So the batch size and the
  order of the corpus change nothing that the model computes for a text, but the number of rows in
  its matrix products: its float32 vector differs by rounding at most (about 1e-7 of its length),
  and by that only on CPUs whose libraries choose another kernel for another number of rows.
- `runs_of_length`, on CPUs in bfloat16: texts follow one another without padding, those of one
  length side by side, so that every batch is full and attention needs no mask. For a text nothing
  changes here either but the number of rows.
- `end_to_end`, on cards whose attention needs no padding: texts follow one another without any, so
  that every batch is full.
- `sorted`, on cards with other models: texts in the order of their lengths, padded to the longest
  of their batch, so that there are few batches and all but the last are full.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.batches.tokenizing import TokenIds

Layout = Literal["same_length", "runs_of_length", "end_to_end", "sorted"]
END_TO_END: tuple[Layout, ...] = ("runs_of_length", "end_to_end")  # those without padding

Part = TypeVar("Part")

GOLDEN = 0.6180339887  # multiples of it spread evenly over [0, 1)
LENGTH_STEP = 8  # a batch is padded to a multiple of this many tokens


@dataclass(frozen=True)
class Batch:
    """Texts to compute together.

    Attributes:
        rows: The places of the texts in their window.
        tokens: int32 of shape (texts, length), padded on the right; or of shape (tokens,) if the
            texts follow one another without padding.
        lengths: How many tokens each text has, int64.
    """

    rows: list[int]
    tokens: NDArray[np.int32]
    lengths: NDArray[np.int64]

    @property
    def is_end_to_end(self) -> bool:
        """Whether the texts follow one another without padding."""
        return self.tokens.ndim == 1

    @property
    def is_padded(self) -> bool:
        """Whether any place holds padding; without, attention needs no mask and is faster."""
        return not self.is_end_to_end and bool((self.lengths < self.tokens.shape[1]).any())

    def padded(self) -> "Batch":
        """The same texts padded on the right to the longest, by token 0, which a mask hides.

        >>> texts = Batch([0, 1], np.int32([7, 8, 9]), np.int64([1, 2]))
        >>> texts.padded().tokens.tolist()
        [[7, 0], [8, 9]]
        """
        if not self.is_end_to_end:
            return self
        tokens = np.zeros((len(self.rows), int(self.lengths.max())), np.int32)
        tokens[np.arange(tokens.shape[1]) < self.lengths[:, None]] = self.tokens
        return Batch(self.rows, tokens, self.lengths)

    def halves(self) -> "tuple[Batch, Batch]":
        """The same texts in two batches; there must be two texts at least."""
        middle = len(self.rows) // 2
        place = int(self.lengths[:middle].sum()) if self.is_end_to_end else middle
        return (
            Batch(self.rows[:middle], self.tokens[:place], self.lengths[:middle]),
            Batch(self.rows[middle:], self.tokens[place:], self.lengths[middle:]),
        )


def default_max_tokens(device: str) -> int:
    """How many tokens a device computes at once, padding counted, if no setting says otherwise.

    >>> default_max_tokens("cpu"), default_max_tokens("cuda:1")
    (4096, 65536)
    """
    return 4096 if device == "cpu" else 65536


def padded_layout(device: str) -> Layout:
    """How texts share a batch on a device, if they have to be padded.

    >>> padded_layout("cpu"), padded_layout("cuda:1")
    ('same_length', 'sorted')
    """
    return "sorted" if device.startswith("cuda") else "same_length"


def cut_batches(
    texts: Sequence[TokenIds],
    *,
    max_length: int,
    max_tokens_per_batch: int,
    pad: int,
    layout: Layout = "same_length",
) -> list[Batch]:
    """Cut batches of at most `max_tokens_per_batch` tokens (or of one text), padding counted.

    Args:
        texts: The token ids of each text.
        max_length: The model's limit; nothing is padded beyond it.
        max_tokens_per_batch: The most tokens in a batch.
        pad: The id that padding has.
        layout: How texts share a batch.
    """
    if layout == "end_to_end":
        return _cut_end_to_end(texts, range(len(texts)), max_tokens_per_batch)
    if layout == "runs_of_length":
        return _mix(_cut_end_to_end(texts, _longest_first(texts), max_tokens_per_batch))
    if layout == "sorted":
        return _cut_sorted(texts, max_length, max_tokens_per_batch, pad)
    return _cut_by_length(texts, max_length, max_tokens_per_batch, pad)


def _cut_by_length(
    texts: Sequence[TokenIds], max_length: int, max_tokens: int, pad: int
) -> list[Batch]:
    groups: dict[tuple[int, bool], list[int]] = defaultdict(list)
    for row, tokens in enumerate(texts):
        length = _padded_length(len(tokens), max_length)
        # Attention with a mask rounds differently from attention without one, so whether there is
        # one depends on the text alone, too.
        groups[length, len(tokens) == length].append(row)
    cuts: list[tuple[int, list[int]]] = []
    for length, exact in sorted(groups, reverse=True):
        rows, size = groups[length, exact], max(1, max_tokens // max(length, 1))
        cuts += [(length, rows[i : i + size]) for i in range(0, len(rows), size)]
    return [_pad(texts, rows, length, pad) for length, rows in _mix(cuts)]


def _cut_sorted(
    texts: Sequence[TokenIds], max_length: int, max_tokens: int, pad: int
) -> list[Batch]:
    order = _longest_first(texts)
    batches, start = [], 0
    while start < len(order):
        length = _padded_length(len(texts[order[start]]), max_length)
        end = start + max(1, max_tokens // max(length, 1))
        batches.append(_pad(texts, order[start:end], length, pad))
        start = end
    return batches


def _cut_end_to_end(
    texts: Sequence[TokenIds], order: Sequence[int], max_tokens: int
) -> list[Batch]:
    batches: list[Batch] = []
    start = tokens = 0
    for place, row in enumerate(order):
        length = len(texts[row])
        if place > start and tokens + length > max_tokens:
            batches.append(_join(texts, order[start:place]))
            start, tokens = place, 0
        tokens += length
    if start < len(order):
        batches.append(_join(texts, order[start:]))
    return batches


def _longest_first(texts: Sequence[TokenIds]) -> list[int]:
    """So that too little memory shows at once."""
    return sorted(range(len(texts)), key=lambda row: -len(texts[row]))


def _mix(longest_first: Sequence[Part]) -> list[Part]:
    """The first one stays, then long and short ones alternate: the speed so far predicts the rest.

    >>> _mix(["256 tokens", "128 tokens", "64 tokens", "32 tokens"])
    ['256 tokens', '64 tokens', '128 tokens', '32 tokens']
    """
    order = sorted(range(len(longest_first)), key=lambda i: i * GOLDEN % 1)
    return [longest_first[i] for i in order]


def _padded_length(length: int, max_length: int) -> int:
    # Not beyond the limit, which may be all that the model has positions for.
    return min(-(-length // LENGTH_STEP) * LENGTH_STEP, max_length)


def _join(texts: Sequence[TokenIds], rows: Sequence[int]) -> Batch:
    lengths = np.array([len(texts[row]) for row in rows], np.int64)
    return Batch(list(rows), np.concatenate([texts[row] for row in rows]), lengths)


def _pad(texts: Sequence[TokenIds], rows: list[int], length: int, pad: int) -> Batch:
    tokens = np.full((len(rows), length), pad, np.int32)
    for place, row in enumerate(rows):
        tokens[place, : len(texts[row])] = texts[row]
    return Batch(rows, tokens, np.array([len(texts[row]) for row in rows], np.int64))
