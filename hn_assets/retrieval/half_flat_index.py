"""An exact index over vectors that are stored in float16, in half the memory of one in float32."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import Vectors

ROWS = 16_384  # of vectors, which are in float32 at once


class HalfFlatIndex:
    """FAISS's `IndexScalarQuantizer` in float16, searched block by block in float32.

    FAISS itself compares one query after another with one vector after another, which takes
    several times as long as products of matrices. `search` is FAISS's.

    Args:
        index: The index as FAISS reads it; inner products.

    Attributes:
        faiss_index: As given.
        d: The dimension of the vectors.
        ntotal: How many vectors there are.
        vectors: The vectors, not copied; float16 of shape (ntotal, d).
    """

    def __init__(self, index: Any) -> None:
        import faiss

        self.faiss_index = index
        self.d, self.ntotal = int(index.d), int(index.ntotal)
        codes = faiss.rev_swig_ptr(index.codes.data(), 2 * self.ntotal * self.d)
        self.vectors: NDArray[np.float16] = codes.view(np.float16).reshape(self.ntotal, self.d)

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores and rows of the `k` best vectors for each query, best first."""
        import faiss

        best = faiss.ResultHeap(len(queries), k, keep_max=True)
        for first in range(0, self.ntotal, ROWS):
            block = self.vectors[first : first + ROWS].astype(np.float32)
            found = min(k, len(block))
            metric = faiss.METRIC_INNER_PRODUCT
            scores, rows = faiss.knn(queries, block, found, metric=metric)
            best.add_result(scores, rows + first)
        best.finalize()
        return best.D, best.I

    def reconstruct_batch(self, rows: NDArray[np.int64]) -> Vectors:
        """The vectors of `rows` in float32."""
        return self.vectors[rows].astype(np.float32)


def is_half_flat(index: Any) -> bool:
    """Whether this is FAISS's index that holds float16 vectors as they are."""
    import faiss

    kind = faiss.IndexScalarQuantizer
    return isinstance(index, kind) and index.sq.qtype == faiss.ScalarQuantizer.QT_fp16
