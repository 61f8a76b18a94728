"""How close candidates lie to the known positives of their query, to one another, and to queries.

A passage that lies close to a known positive is probably relevant too, and so is one that lies
close to the best candidates. How much a cosine says depends on the local density: around some
queries all passages lie close together.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import Vectors, VectorSource
from hn_assets.filters.base.candidate_features import inverse_of, order_by_score
from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery
from hn_assets.retrieval.scores import pair_scores

BYTES_AT_ONCE = 16 << 20  # of candidates' vectors in a thread
# The best candidates, beside which a candidate is judged: what all of them have in common says
# nothing of one. Numbers are brought to their mean and spread, which no deeper search changes.
WINDOW = 200
BEST = 20  # the very best, most of which are relevant if any are


@dataclass(frozen=True)
class Similarities:
    """Cosines of candidates; float32 of shape (rankings, depth).

    Attributes:
        closest: The cosine to the nearest positive of the query, -1 without positives.
        mean: The mean cosine to the positives of the query, -1 without positives.
        local_density: The mean cosine to the query's best candidates, without itself.
        best: The same of its very best candidates.
        queries: The cosine to the mean direction of all queries.
    """

    closest: NDArray[np.float32]
    mean: NDArray[np.float32]
    local_density: NDArray[np.float32]
    best: NDArray[np.float32]
    queries: NDArray[np.float32]

    def take(self, which: NDArray[np.int64]) -> Similarities:
        """Those of some of the rankings."""
        return Similarities(*(getattr(self, one.name)[which] for one in fields(self)))

    def ordered(self, order: NDArray[np.int64]) -> Similarities:
        """Those of the candidates in another order; its places are int64, (rankings, depth)."""
        parts = (getattr(self, one.name) for one in fields(self))
        return Similarities(*(np.take_along_axis(part, order, 1) for part in parts))


def similarities(
    block: CandidateBlock,
    positives: DocumentsByQuery,
    documents: VectorSource,
    query_direction: NDArray[np.float32],
) -> Similarities:
    """Compare candidates with the positives of their query, with one another, and with queries.

    Args:
        block: The candidates.
        positives: The positives of every query.
        documents: The vectors of all documents.
        query_direction: From `mean_direction`, of all queries.
    """
    if block.ranks is not None:
        # the best are those of the highest scores, whoever found them
        order = order_by_score(block.scores)
        documents_by_score = np.take_along_axis(block.documents, order, 1)
        scores = np.take_along_axis(block.scores, order, 1)
        by_score = CandidateBlock(block.queries, documents_by_score, scores)
        return similarities(by_score, positives, documents, query_direction).ordered(
            inverse_of(order)
        )
    shape = block.documents.shape
    found = Similarities(*(np.full(shape, -1, np.float32) for _ in fields(Similarities)))
    step = max(1, BYTES_AT_ONCE // (4 * max(block.depth, 1) * documents.dimension))

    def fill(start: int) -> None:
        rows = slice(start, start + step)
        wanted = positives.padded(block.queries[rows])
        vectors = _directions(block.documents[rows], documents)
        there = block.documents[rows] >= 0
        found.local_density[rows] = _mean_cosine(vectors, there, WINDOW)
        found.best[rows] = _mean_cosine(vectors, there, BEST)
        found.queries[rows] = vectors @ query_direction
        if wanted.shape[1]:
            cosines = np.matmul(vectors, _directions(wanted, documents).transpose(0, 2, 1))
            known = np.broadcast_to((wanted >= 0)[:, None, :], cosines.shape)
            found.closest[rows], found.mean[rows] = closest_and_mean(cosines, known)

    # NumPy releases the interpreter lock while it gathers and multiplies
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(fill, range(0, len(block.queries), step)))
    return found


def mean_direction(vectors: VectorSource) -> NDArray[np.float32]:
    """The mean direction of all vectors, of length 1 (0 if there is none); float32."""
    total = np.zeros(vectors.dimension)
    for block in vectors.blocks():
        length = np.linalg.norm(block, axis=1, keepdims=True)
        total += (block / np.maximum(length, np.finfo(np.float32).tiny)).sum(axis=0, dtype=float)
    return (total / max(float(np.linalg.norm(total)), 1e-12)).astype(np.float32)


def closest_and_mean(
    cosines: NDArray[np.float32], known: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The highest and the mean of the cosines to several positives, -1 if there is none.

    Args:
        cosines: float32; the last axis holds the positives.
        known: Which cosines count, of the same shape; all if it is None.

    Returns:
        Two float32 arrays without the last axis.
    """
    if known is None:
        if not cosines.shape[-1]:
            none = np.full(cosines.shape[:-1], -1, np.float32)
            return none, none
        return cosines.max(axis=-1), cosines.mean(axis=-1)
    count = known.sum(axis=-1)
    total = cosines.sum(axis=-1, where=known) / np.maximum(count, 1)
    closest = cosines.max(axis=-1, where=known, initial=-1)
    return closest, np.where(count > 0, total, -1).astype(np.float32)


def cosines_to(
    candidates: NDArray[np.int64], positives: NDArray[np.int64], documents: VectorSource
) -> NDArray[np.float32]:
    """The cosine of every candidate of one query to every positive; float32, (depth, positives).

    A row of candidates may be filled up with -1, whose cosines mean nothing.
    """
    return _directions(candidates, documents) @ _directions(positives, documents).T


def positive_scores(
    positives: DocumentsByQuery, queries: VectorSource, documents: VectorSource
) -> NDArray[np.float32]:
    """The score of each positive with its query; float32 of the shape of `positives.documents`."""
    return pair_scores(queries, positives.queries(), documents, positives.documents)


def _mean_cosine(vectors: Vectors, there: NDArray[np.bool_], count: int) -> NDArray[np.float32]:
    """The mean cosine of each candidate to the first `count` of its ranking, without itself."""
    best, counts = vectors[:, :count], there[:, :count]
    total = np.matmul(vectors, best.sum(axis=1, where=counts[:, :, None])[:, :, None])[:, :, 0]
    total[:, :count] -= np.where(counts, (best * best).sum(axis=2), 0)
    others = np.repeat(counts.sum(axis=1, keepdims=True), there.shape[1], axis=1)
    others[:, :count] -= counts
    return (total / np.maximum(others, 1)).astype(np.float32)


def _directions(rows: NDArray[np.int64], documents: VectorSource) -> Vectors:
    vectors = documents.take(np.maximum(rows, 0).reshape(-1))
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.maximum(length, np.finfo(np.float32).tiny)
    return vectors.reshape(*rows.shape, -1)
