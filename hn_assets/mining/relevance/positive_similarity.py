"""How close candidates lie to the known positives of their query, and to one another.

A passage that lies close to a known positive is probably relevant too. How much a cosine says
depends on the local density: around some queries all passages lie close together.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import Vectors, VectorSource
from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery
from hn_assets.retrieval.scores import pair_scores

BYTES_AT_ONCE = 16 << 20  # of candidates' vectors in a thread
# of the best candidates, whose mean direction says what all candidates have in common
DENSITY_NEIGHBOURS = 200


@dataclass(frozen=True)
class PositiveSimilarity:
    """Cosines of candidates; float32 of shape (rankings, depth).

    Attributes:
        closest: The cosine to the nearest positive of the query, -1 without positives.
        mean: The mean cosine to the positives of the query, -1 without positives.
        local_density: The cosine to the mean direction of the query's best candidates.
    """

    closest: NDArray[np.float32]
    mean: NDArray[np.float32]
    local_density: NDArray[np.float32]


def positive_similarity(
    block: CandidateBlock, positives: DocumentsByQuery, documents: VectorSource
) -> PositiveSimilarity:
    """Compare candidates with the positives of their query, and with the other candidates.

    Args:
        block: The candidates.
        positives: The positives of every query.
        documents: The vectors of all documents.
    """
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
            found.closest[rows], found.mean[rows] = closest_and_mean(cosines, known)

    # NumPy releases the interpreter lock while it gathers and multiplies
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(fill, range(0, len(block.queries), step)))
    return found


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


def _to_local_mean(vectors: Vectors, there: NDArray[np.bool_]) -> NDArray[np.float32]:
    best = vectors[:, :DENSITY_NEIGHBOURS].sum(axis=1, where=there[:, :DENSITY_NEIGHBOURS, None])
    best /= np.maximum(np.linalg.norm(best, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return np.matmul(vectors, best[:, :, None])[:, :, 0]


def _directions(rows: NDArray[np.int64], documents: VectorSource) -> Vectors:
    vectors = documents.take(np.maximum(rows, 0).reshape(-1))
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.maximum(length, np.finfo(np.float32).tiny)
    return vectors.reshape(*rows.shape, -1)
