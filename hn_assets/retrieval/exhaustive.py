"""Compare queries with every document, where a card's index cannot settle which are the best."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import Vectors, VectorSource
from hn_assets.retrieval.scores import inner_products

ROWS_AT_ONCE = 8192  # of documents, with which queries are multiplied
PAIRS_AT_ONCE = 1024  # whose vectors are copied by a thread
BYTES_PER_PRODUCT = 32  # of a query with a document, if all of them come near the best
BYTES_PER_PAIR = 96  # of a query with a document near its best, while they are ordered

# Rows of queries, rows of documents, and the scores of these pairs.
Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]


def best_of_all(
    queries: Vectors,
    documents: VectorSource,
    id_order: NDArray[np.int64],
    *,
    floors: NDArray[np.float32],
    slack: NDArray[np.float64],
    depth: int,
    memory_mb: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rows and scores of the best documents of each query, as an exact search ranks them.

    All products are computed in float32, and again exactly where they come near the best.

    Args:
        queries: float32 of shape (queries, dimension).
        documents: All documents, of which there are `depth` or more.
        id_order: The place of each document's id among all ids in order.
        floors: A score that `depth` documents of each query have at least; shape (queries,).
        slack: How far a float32 product may be from the score, for each query.
        depth: How many documents are wanted for each query.
        memory_mb: How many MiB this may take, beside what is returned.

    Returns:
        Rows (int64) and scores (float32), both of shape (queries, depth).
    """
    rows = np.empty((len(queries), depth), np.int64)
    scores = np.empty(rows.shape, np.float32)
    memory = memory_mb << 20
    each = max(BYTES_PER_PRODUCT * ROWS_AT_ONCE, BYTES_PER_PAIR * 2 * depth)
    size = max(1, memory // 2 // each)
    for start in range(0, len(queries), size):
        part = slice(start, start + size)
        lowest = floors[part] - slack[part]
        held: list[Pairs] = []
        for pairs in _near(queries[part], documents, lowest):
            held.append(pairs)
            if sum(len(one[0]) for one in held) * BYTES_PER_PAIR > memory // 2:
                held = [_best(held, id_order, depth)]
        _, found, exact = _best(held, id_order, depth)
        rows[part], scores[part] = found.reshape(-1, depth), exact.reshape(-1, depth)
    return rows, scores


def _near(
    queries: Vectors, documents: VectorSource, lowest: NDArray[np.float64]
) -> Iterator[Pairs]:
    """The pairs whose float32 product is `lowest` of the query or more, with exact scores."""
    first = 0
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for block in documents.blocks():
            for begin in range(0, len(block), ROWS_AT_ONCE):
                some = block[begin : begin + ROWS_AT_ONCE]
                query, row = np.nonzero(queries @ some.T >= lowest[:, None])
                cuts = range(PAIRS_AT_ONCE, len(query), PAIRS_AT_ONCE)
                pairs = np.split(query, cuts), np.split(row, cuts)
                scores = list(threads.map(partial(_exact, queries, some), *pairs))
                yield query, row + first, np.concatenate(scores)
                first += len(some)


def _exact(
    queries: Vectors, documents: Vectors, query: NDArray[np.int64], row: NDArray[np.int64]
) -> NDArray[np.float32]:
    return inner_products(queries[query], documents[row][:, None, :])[:, 0]


def _best(pairs: list[Pairs], id_order: NDArray[np.int64], depth: int) -> Pairs:
    """The `depth` best documents of each query, best first, equal scores in the order of ids."""
    query, row, score = (np.concatenate(column) for column in zip(*pairs, strict=True))
    order = np.lexsort((id_order[row], -score, query))
    ordered = query[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    order = order[rank < depth]
    return query[order], row[order], score[order]
