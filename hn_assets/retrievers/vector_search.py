"""Rank documents by the inner products of vectors, exactly."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import Vectors, VectorSource
from hn_assets.hardware import choose_faiss_device
from hn_assets.ids import Ids
from hn_assets.retrieval.faiss_index import place_flat_index, usable_choice
from hn_assets.retrieval.ranking import query_blocks
from hn_assets.retrieval.searcher import Searcher
from hn_assets.retrievers.candidates_file import CandidatesFile
from hn_assets.retrievers.protocol import RetrieverInputs

_ROWS_AT_ONCE = 8192


class ArrayVectors:
    """Vectors of texts in an array, which may be mapped from a file.

    Args:
        ids: The ids of the texts.
        vectors: float32 of shape (texts, dimension).
    """

    def __init__(self, ids: pa.Array, vectors: Vectors) -> None:
        self.ids = Ids(ids)
        self.dimension = vectors.shape[1]
        self._vectors = vectors

    def __len__(self) -> int:
        return len(self.ids)

    def blocks(self) -> Iterator[Vectors]:
        """The vectors block by block."""
        for first in range(0, len(self), _ROWS_AT_ONCE):
            yield np.asarray(self._vectors[first : first + _ROWS_AT_ONCE])

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        """A copy of the vectors of `rows`, shape (len(rows), dimension)."""
        return np.asarray(self._vectors[rows])


def write_nearest(
    documents: VectorSource,
    queries: VectorSource,
    file: CandidatesFile,
    inputs: RetrieverInputs,
) -> str:
    """Write for every query the documents with the highest inner products.

    Args:
        documents: The vectors of the corpus, in its order.
        queries: The vectors of the queries, in their order.
        file: Where the rankings go.
        inputs: The memory and the devices that may be used, and what takes messages.

    Returns:
        The device that FAISS searched on: `cpu` or `gpu`.
    """
    depth = min(file.depth, len(documents))
    choice = usable_choice(choose_faiss_device(inputs.compute), depth)
    index, device = place_flat_index(documents, choice)
    if device.fell_back:
        inputs.warn(f"FAISS searches on the CPU, not on a GPU: {device.reason}")
    searcher = Searcher(index, documents, device.value)
    ids = queries.ids.column
    for block in query_blocks(len(queries), depth, documents.dimension, inputs.memory_mb):
        rows, scores = searcher.find(queries.take(block), depth, inputs.memory_mb)
        file.write(ids.slice(int(block[0]), len(block)), list(rows), list(scores))
        inputs.log(f"ranked {file.queries:,} of {len(queries):,} queries")
    return device.value
