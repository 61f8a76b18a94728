"""How close candidates lie to the known positives of their query, and to one another.

A passage that lies close to a known positive is probably another one. How close is close depends on
how crowded the place is: in some queries' neighbourhood all passages are alike.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import Vectors, VectorSource
from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery
from hn_assets.retrieval.searcher import pair_scores

BYTES_AT_ONCE = 16 << 20  # of candidates' vectors in a thread
DENSITY_NEIGHBOURS = (
    200  # best candidates, whose mean direction says what all of them have in common
)


@dataclass(frozen=True)
class PositiveSimilarity:
    """Cosines of candidates; float32 of shape (queries, depth).

    Attributes:
        closest: to the nearest positive of the query; -1 without positives.
        mean: to its positives, on average; -1 without positives.
        local_density: to the mean direction of the query's best candidates.
    """

    closest: NDArray[np.float32]
    mean: NDArray[np.float32]
    local_density: NDArray[np.float32]


def positive_similarity(
    block: CandidateBlock, positives: DocumentsByQuery, documents: VectorSource
) -> PositiveSimilarity:
    """Compare every candidate with the positives of its query, and with the other candidates."""
    shape = block.documents.shape
    found = PositiveSimilarity(*(np.full(shape, -1, np.float32) for _ in range(3)))
    step = max(1, BYTES_AT_ONCE // (4 * max(block.depth, 1) * documents.dimension))

    def fill(start: int) -> None:
        rows = slice(start, start + step)
        wanted = positives.padded(block.queries[rows])
        vectors = _directions(block.documents[rows], documents)
        there = block.documents[rows] >= 0
        found.local_density[rows] = _to_local_mean(vectors, there)
        if wanted.shape[1]:
            cosines = np.matmul(vectors, _directions(wanted, documents).transpose(0, 2, 1))
            known = np.broadcast_to((wanted >= 0)[:, None, :], cosines.shape)
            some = known.any(axis=2)
            found.closest[rows] = cosines.max(axis=2, where=known, initial=-1)
            total = cosines.sum(axis=2, where=known) / np.maximum(known.sum(axis=2), 1)
            found.mean[rows] = np.where(some, total, -1)

    # NumPy lets go of the interpreter while it gathers and multiplies
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(fill, range(0, len(block.queries), step)))
    return found


def cosines_to(
    candidates: NDArray[np.int64], positives: NDArray[np.int64], documents: VectorSource
) -> NDArray[np.float32]:
    """The cosine of every candidate of one query to every positive; (depth, positives).

    A row of candidates may be filled up with -1, whose cosines mean nothing.
    """
    return _directions(candidates, documents) @ _directions(positives, documents).T


def positive_scores(
    positives: DocumentsByQuery, queries: VectorSource, documents: VectorSource
) -> NDArray[np.float32]:
    """The score of each positive with its query; float32 of the shape of `positives.documents`."""
    return pair_scores(queries, positives.queries(), documents, positives.documents)


def _to_local_mean(vectors: Vectors, there: NDArray[np.bool_]) -> NDArray[np.float32]:
    best = vectors[:, :DENSITY_NEIGHBOURS].sum(axis=1, where=there[:, :DENSITY_NEIGHBOURS, None])
    best /= np.maximum(np.linalg.norm(best, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return np.matmul(vectors, best[:, :, None])[:, :, 0]


def _directions(rows: NDArray[np.int64], documents: VectorSource) -> Vectors:
    vectors = documents.take(np.maximum(rows, 0).reshape(-1))
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.maximum(length, np.finfo(np.float32).tiny)
    return vectors.reshape(*rows.shape, -1)
