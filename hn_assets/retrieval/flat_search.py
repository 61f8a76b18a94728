"""Exact search of vectors that lie in files, which takes memory for a few of them at a time."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import StoredVectors, Vectors, VectorSource

# Of vectors in float32, a slice is only looked at; of others, it is a copy in float32.
SLICE_BYTES = 256 << 20
COPY_BYTES = 32 << 20
# FAISS searches fewer queries one by one. So slices are then small enough for the CPU's cache, and
# are read from the file once for all of them.
FEW_QUERIES = 20
FEW_QUERIES_BYTES = 8 << 20


class FlatSearch:
    """Searches all vectors as a flat FAISS index does, slice by slice.

    Every vector is read once for all queries that are searched together.

    Args:
        vectors: The vectors in one array, which may be mapped from a file; or block by block.
    """

    def __init__(self, vectors: StoredVectors | VectorSource) -> None:
        self._slices: Callable[[bool], Iterator[Vectors]]
        if isinstance(vectors, np.ndarray):
            self._slices = partial(_slices, vectors)
        else:
            self._slices = partial(_joined_blocks, vectors)

    def search(self, queries: Vectors, count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores in float32 and rows of the best vectors, best first, as from a FAISS index.

        Args:
            queries: float32 of shape (queries, dimension).
            count: How many vectors are wanted for each, at most as many as there are.

        Returns:
            Scores and rows, both of shape (queries, count).
        """
        import faiss

        best = faiss.ResultHeap(len(queries), count, keep_max=True)
        first = 0
        for part in self._slices(len(queries) < FEW_QUERIES):
            scores, rows = faiss.knn(
                queries, part, min(count, len(part)), metric=faiss.METRIC_INNER_PRODUCT
            )
            best.add_result(scores, rows + first)
            first += len(part)
        best.finalize()
        return best.D, best.I


def _slices(vectors: StoredVectors, are_small: bool) -> Iterator[Vectors]:
    size = SLICE_BYTES if vectors.dtype == np.float32 else COPY_BYTES
    size = min(size, FEW_QUERIES_BYTES) if are_small else size
    step = max(1, size // (4 * vectors.shape[1]))
    for start in range(0, len(vectors), step):
        yield np.ascontiguousarray(vectors[start : start + step], dtype=np.float32)


def _joined_blocks(vectors: VectorSource, are_small: bool) -> Iterator[Vectors]:
    """Blocks put together, as it costs FAISS more to search many small ones."""
    size = FEW_QUERIES_BYTES if are_small else COPY_BYTES
    wanted = max(1, size // (4 * vectors.dimension))
    held: list[Vectors] = []
    for block in vectors.blocks():
        held.append(block)
        if sum(map(len, held)) >= wanted:
            yield np.concatenate(held)
            held.clear()
    if held:
        yield np.concatenate(held)
