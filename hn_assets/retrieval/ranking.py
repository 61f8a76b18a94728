"""What a ranking is, the one order that documents are ranked in, and blocks of queries."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SPARE = 16  # fetched beyond the depth, so that rounding at the cut can be put right
BYTES_PER_CANDIDATE = 96  # ids, scores, order and copies of them, in FAISS and here
MOST_QUERIES = 4096  # at once: FAISS itself takes no more, and progress is told in between


@dataclass(frozen=True)
class Ranking:
    """The candidates of a block of queries.

    Attributes:
        first: The row of the block's first query.
        rows: Corpus rows, int64 of shape (queries, depth), best first; -1 beyond the last one.
        scores: Inner products, float32 of the same shape; -inf beyond the last one.
    """

    first: int
    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


def rank_order(scores: NDArray[np.float32], id_order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places of each query's candidates, best first, equal scores in the order of their ids.

    Args:
        scores: The scores of the candidates, one row per query.
        id_order: From `Ids.places`, for each candidate; of the same shape.

    Returns:
        int64 of the same shape.
    """
    order = np.argsort(-scores, axis=1)
    ranked = np.take_along_axis(scores, order, 1)
    # Ids are looked at only if scores are equal, as that takes twice as long.
    tied = (ranked[:, 1:] == ranked[:, :-1]).any(axis=1)
    if tied.any():
        order[tied] = np.lexsort((id_order[tied], -scores[tied]), axis=1)
    return order


def queries_at_once(depth: int, dimension: int, memory_mb: int) -> int:
    """How many queries to search together within the memory.

    >>> queries_at_once(210, 384, 512), queries_at_once(2000, 384, 64)
    (4096, 344)
    """
    each = BYTES_PER_CANDIDATE * (depth + SPARE) + 4 * dimension
    return max(1, min(MOST_QUERIES, (memory_mb << 20) // each))


def query_blocks(
    count: int, depth: int, dimension: int, memory_mb: int
) -> Iterator[NDArray[np.int64]]:
    """The rows of `count` queries, as many at a time as are searched together.

    >>> [len(block) for block in query_blocks(10_000, 210, 384, 512)]
    [4096, 4096, 1808]
    """
    block = queries_at_once(depth, dimension, memory_mb)
    for first in range(0, count, block):
        yield np.arange(first, min(first + block, count), dtype=np.int64)
