"""Inner products of queries and documents, the same on every machine.

A sum of float32 numbers depends on the order in which they are added, and each CPU (SSE, AVX2,
AVX512, AMX), library and block size has an order of its own. The product of two float32 numbers
is exact in float64, and a float64 sum of a few hundred of them is off by about 1e-15 of their
size, whatever the order. Rounded once to float32, whose steps are 6e-8, it comes out differently
in about one case in ten million. Every score that is ranked, stored or compared is made here.
"""

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import Vectors, VectorSource

BLOCK_BYTES = 8 << 20  # of the float64 copies of documents, at once
PAIRS_AT_ONCE = 65_536


def inner_products(queries: Vectors, vectors: Vectors) -> NDArray[np.float32]:
    """The inner products of each query with documents of its own.

    They are accumulated in float64 and rounded once to float32. On one machine a product does not
    depend on what else is computed with it: each is a sum of its own, over the dimensions in one
    fixed order (a matrix product of a BLAS library would promise no order).

    Args:
        queries: float32 of shape (queries, dimension).
        vectors: of the documents; float32 of shape (queries, documents, dimension).

    Returns:
        float32 of shape (queries, documents).

    >>> inner_products(np.ones((1, 2), np.float32), np.float32([[[1, 2], [3, 4]]]))
    array([[3., 7.]], dtype=float32)
    """
    count, documents, dimension = vectors.shape
    out = np.empty((count, documents), np.float32)
    step = max(1, BLOCK_BYTES // max(1, 8 * documents * dimension))
    copy = np.empty((min(step, count), documents, dimension), np.float64)
    for start in range(0, count, step):
        part = slice(start, start + step)
        left = queries[part].astype(np.float64)
        right = copy[: len(left)]
        np.copyto(right, vectors[part])
        out[part] = np.einsum("qd,qkd->qk", left, right)
    return out


def pair_scores(
    queries: VectorSource,
    query_rows: NDArray[np.int64],
    documents: VectorSource,
    document_rows: NDArray[np.int64],
) -> NDArray[np.float32]:
    """The inner product of each (query, document) pair, as in a ranking.

    Args:
        queries: The vectors on the left.
        query_rows: The row in `queries` of each pair, shape (pairs,).
        documents: The vectors on the right.
        document_rows: The row in `documents` of each pair, shape (pairs,).

    Returns:
        float32 of shape (pairs,).
    """
    out = np.empty(len(query_rows), np.float32)
    for start in range(0, len(out), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        left, right = queries.take(query_rows[part]), documents.take(document_rows[part])
        out[part] = inner_products(left, right[:, None, :])[:, 0]
    return out
