"""What is promised of vectors and rankings that other batches or another CPU computed."""

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-5  # of a component of a vector of length 1, and of a score


def assert_vectors_differ_by_rounding_only(vectors: np.ndarray, others: np.ndarray) -> None:
    """Vectors of length 1 of the same texts, encoded twice: equal to within `TOLERANCE`."""
    assert vectors.shape == others.shape
    np.testing.assert_allclose(vectors, others, rtol=0, atol=TOLERANCE)
    cosines = (vectors.astype(np.float64) * others).sum(axis=1)
    np.testing.assert_allclose(cosines, 1, rtol=0, atol=TOLERANCE)


def assert_rankings_differ_by_rounding_only(
    rows: NDArray[np.int64],
    scores: NDArray[np.float32],
    other_rows: NDArray[np.int64],
    other_scores: NDArray[np.float32],
) -> None:
    """Two rankings of the same documents: only documents of nearly equal scores change places.

    All arrays have the shape (queries, depth), best document first.
    """
    np.testing.assert_allclose(scores, other_scores, rtol=0, atol=TOLERANCE)
    for query, (ours, theirs) in enumerate(zip(rows.tolist(), other_rows.tolist(), strict=True)):
        rank_of = {row: rank for rank, row in enumerate(theirs)}
        for rank, row in enumerate(ours):
            # A document that is not in the other ranking stood at its end.
            other = rank_of.get(row, len(theirs) - 1)
            difference = abs(float(scores[query, rank]) - float(scores[query, other]))
            assert difference <= 2 * TOLERANCE, f"query {query}: ranks {rank} and {other}"
