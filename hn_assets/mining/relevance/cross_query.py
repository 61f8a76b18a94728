"""Of which other queries candidates are known positives, and how similar those queries are.

What answers a query very similar to this one probably answers this one too.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorSource
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery, ranges
from hn_assets.retrieval.scores import pair_scores


@dataclass(frozen=True)
class CrossQueryMatches:
    """The other queries of which candidates are positives, one entry for each such query.

    Attributes:
        cell: The place of the candidate in a flat (queries, depth) array; int64.
        positive: The place of the other query's positive in `DocumentsByQuery.documents`; int64.
        similarity: How similar the two queries are, from 0 for the mean cosine of two queries to 1
            for the same direction; float32.
    """

    cell: NDArray[np.int64]
    positive: NDArray[np.int64]
    similarity: NDArray[np.float32]

    def highest(
        self, shape: tuple[int, ...], which: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float32]:
        """The similarity of the nearest other query, 0 if there is none; float32 of `shape`.

        Args:
            shape: The shape of the candidates.
            which: The entries that count; all if it is None.
        """
        out = np.zeros(shape[0] * shape[1], np.float32)
        cell, similarity = self.cell, self.similarity
        if which is not None:
            cell, similarity = cell[which], similarity[which]
        np.maximum.at(out, cell, similarity)
        return out.reshape(shape)


class CrossQueryFinder:
    """Finds the other queries of candidates.

    Args:
        positives: The positives of every query.
        queries: The vectors of the queries.
        documents: The number of documents.
    """

    def __init__(self, positives: DocumentsByQuery, queries: VectorSource, documents: int) -> None:
        order = np.argsort(positives.documents, kind="stable")
        self._positives = order
        self._starts = np.searchsorted(positives.documents[order], np.arange(documents + 1))
        self._query_of = positives.queries()
        self._queries = queries
        norms: list[NDArray[np.float32]] = []
        total = np.zeros(queries.dimension)
        for block in queries.blocks():
            length = np.maximum(np.linalg.norm(block, axis=1), np.finfo(np.float32).tiny)
            norms.append(length)
            total += (block / length[:, None]).sum(axis=0, dtype=float)
        self._norms = np.concatenate(norms)
        # what two queries have in common anyway, which depends on the encoder
        count = len(queries)
        pairs = max(count * (count - 1), 1)
        self._mean_cosine = float(np.clip((total @ total - count) / pairs, 0, 0.99))

    def find(self, queries: NDArray[np.int64], candidates: NDArray[np.int64]) -> CrossQueryMatches:
        """The other queries of each candidate.

        Args:
            queries: Rows of queries; int64, (queries,).
            candidates: Rows of documents; int64, (queries, depth), -1 beyond the end.
        """
        flat = candidates.reshape(-1)
        first = np.where(flat >= 0, self._starts[flat], 0)
        counts = np.where(flat >= 0, self._starts[flat + 1] - first, 0)
        cell = np.repeat(np.arange(len(flat)), counts)
        positive = self._positives[ranges(first, counts)]
        own, other = queries[cell // max(candidates.shape[1], 1)], self._query_of[positive]
        differ = own != other
        cell, positive, own, other = cell[differ], positive[differ], own[differ], other[differ]
        scores = pair_scores(self._queries, own, self._queries, other)
        cosine = scores / (self._norms[own] * self._norms[other])
        similarity = np.clip((cosine - self._mean_cosine) / (1 - self._mean_cosine), 0, 1)
        return CrossQueryMatches(cell, positive, similarity.astype(np.float32))
