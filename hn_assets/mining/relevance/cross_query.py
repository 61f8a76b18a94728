"""Whether a candidate answers another query, and how like that query is to this one.

What answers a query much like this one probably answers this one too.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorSource
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery, ranges
from hn_assets.retrieval.searcher import pair_scores


@dataclass(frozen=True)
class CrossQueryMatches:
    """The other queries that candidates are positives of; one entry for each such pair.

    Attributes:
        cell: place of the candidate in a flat (queries, depth) array; int64.
        pair: place of the other query's positive in `DocumentsByQuery.documents`; int64.
        relevance_estimate: cosine of the two queries; float32.
    """

    cell: NDArray[np.int64]
    pair: NDArray[np.int64]
    relevance_estimate: NDArray[np.float32]

    def highest(
        self, shape: tuple[int, ...], which: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float32]:
        """The relevance_estimate of the nearest other query, 0 where there is none; float32 of `shape`.

        Args:
            shape: of the candidates.
            which: entries that count; all where it is None.
        """
        out = np.zeros(shape[0] * shape[1], np.float32)
        cell, relevance_estimate = self.cell, self.relevance_estimate
        if which is not None:
            cell, relevance_estimate = cell[which], relevance_estimate[which]
        np.maximum.at(out, cell, relevance_estimate)
        return out.reshape(shape)


class CrossQueryFinder:
    """Finds the other queries of candidates.

    Args:
        positives: of every query.
        queries: their vectors.
        documents: how many there are.
    """

    def __init__(self, positives: DocumentsByQuery, queries: VectorSource, documents: int) -> None:
        order = np.argsort(positives.documents, kind="stable")
        self._pairs = order
        self._starts = np.searchsorted(positives.documents[order], np.arange(documents + 1))
        self._asked_by = positives.queries()
        self._queries = queries
        norms = [np.linalg.norm(block, axis=1) for block in queries.blocks()]
        self._norms = np.maximum(np.concatenate(norms), np.finfo(np.float32).tiny)

    def find(self, asked: NDArray[np.int64], candidates: NDArray[np.int64]) -> CrossQueryMatches:
        """The other queries of each candidate.

        Args:
            asked: rows of queries, (queries,).
            candidates: rows of documents, (queries, depth); -1 beyond the end.
        """
        flat = candidates.reshape(-1)
        first = np.where(flat >= 0, self._starts[flat], 0)
        counts = np.where(flat >= 0, self._starts[flat + 1] - first, 0)
        cell = np.repeat(np.arange(len(flat)), counts)
        pair = self._pairs[ranges(first, counts)]
        own, other = asked[cell // max(candidates.shape[1], 1)], self._asked_by[pair]
        differ = own != other
        cell, pair, own, other = cell[differ], pair[differ], own[differ], other[differ]
        scores = pair_scores(self._queries, own, self._queries, other)
        relevance_estimate = scores / (self._norms[own] * self._norms[other])
        return CrossQueryMatches(cell, pair, relevance_estimate.astype(np.float32))
