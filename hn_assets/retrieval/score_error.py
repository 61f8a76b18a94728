"""How far the scores of an index can be from the exact ones, through rounding alone."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import Vectors, VectorSource

# The largest error of an inner product that is summed in float32, relative to the product of norms.
FLOAT32_ERROR = 1e-5


class ScoreError:
    """Bounds on the errors of inner products with `documents`.

    A card holds documents and queries in float16. What this takes from each vector is known
    exactly: q.d - q'.d' = (q - q').d + q'.(d - d'), if ' marks what float16 makes of a vector. So
    no error is larger than |q - q'| |d| + |q'| |d - d'| and what summing in float32 adds.

    Args:
        documents: The vectors in the index.
        in_float16: Whether the index holds them in float16.
    """

    def __init__(self, documents: VectorSource, *, in_float16: bool) -> None:
        self._in_float16 = in_float16
        self._largest_norm = self._largest_loss = 0.0
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            for blocks in _batched(documents.blocks(), os.cpu_count() or 1):
                for norm, loss in threads.map(self._sizes, blocks):
                    self._largest_norm = max(self._largest_norm, norm)
                    self._largest_loss = max(self._largest_loss, loss)

    def of_float32(self, queries: Vectors) -> NDArray[np.float64]:
        """The bound of each query's products in float32; shape (queries,)."""
        return FLOAT32_ERROR * self._largest_norm * _norms(queries)

    def of_index(self, queries: Vectors) -> NDArray[np.float64]:
        """The bound of the scores that the index gives to each query's documents.

        It is infinite if a component is beyond the range of float16.
        """
        bound = self.of_float32(queries)
        if self._in_float16:
            rounded = _in_float16(queries)
            bound += self._largest_norm * _norms(queries - rounded)
            bound += self._largest_loss * _norms(rounded)
        return bound

    def _sizes(self, block: Vectors) -> tuple[float, float]:
        loss = _norms(block - _in_float16(block)).max() if self._in_float16 else 0.0
        return float(_norms(block).max()), float(loss)


def _norms(vectors: Vectors) -> NDArray[np.float64]:
    return np.linalg.norm(vectors, axis=1).astype(np.float64)


def _in_float16(vectors: Vectors) -> Vectors:
    with np.errstate(over="ignore"):  # what float16 cannot hold is infinite, and so is its error
        return vectors.astype(np.float16).astype(np.float32)


def _batched(blocks: Iterator[Vectors], size: int) -> Iterator[list[Vectors]]:
    """As `itertools.batched`, which Python 3.10 lacks."""
    while batch := list(islice(blocks, size)):
        yield batch
