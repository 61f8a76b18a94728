"""Of which other queries candidates are known positives, and how similar those queries are.

What answers a query very similar to this one probably answers this one too.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorSource
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery, ranges
from hn_assets.retrieval.scores import inner_products, pair_scores

# A query with so many pairs, as a share of all queries, is compared with every one of them; their
# vectors, of at most so many bytes, then stay in memory.
COMPARED_WITH_ALL = 0.25
MOST_BYTES = 128 << 20


@dataclass(frozen=True)
class CrossQueryMatches:
    """The other queries of which candidates are positives, one entry for each such query.

    Queries that are no more similar than two are on average have none.

    Attributes:
        cell: The place of the candidate in a flat (queries, depth) array; int64, ascending.
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
        if len(self.cell):
            counted = self.similarity if which is None else np.where(which, self.similarity, 0)
            out[self.cell[self._starts]] = np.maximum.reduceat(counted, self._starts)
        return out.reshape(shape)

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """Where the entries of each candidate begin."""
        return np.flatnonzero(np.diff(self.cell, prepend=-1))


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
        cosine = self._scores(own, other) / (self._norms[own] * self._norms[other])
        similarity = np.clip((cosine - self._mean_cosine) / (1 - self._mean_cosine), 0, 1)
        similarity = similarity.astype(np.float32)
        counts_at_all = similarity > 0
        return CrossQueryMatches(
            cell[counts_at_all], positive[counts_at_all], similarity[counts_at_all]
        )

    def _scores(self, own: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float32]:
        """The inner product of each pair of queries; those of one query stand together in `own`.

        With many positives a query meets the same other query again and again. Then it is compared
        with every query once, which gives the same numbers.
        """
        count = len(self._queries)
        starts = np.flatnonzero(np.diff(own, prepend=-1))
        sizes = np.diff(starts, append=len(own))
        fits = 4 * count * self._queries.dimension <= MOST_BYTES
        has_many = sizes >= (COMPARED_WITH_ALL * count if fits else np.inf)
        out = np.empty(len(own), np.float32)
        is_single = np.repeat(~has_many, sizes)
        out[is_single] = pair_scores(self._queries, own[is_single], self._queries, other[is_single])
        if not has_many.any():
            return out
        vectors = self._queries.take(np.arange(count))
        for start, size in zip(starts[has_many], sizes[has_many], strict=True):
            row = own[start]
            with_all = inner_products(vectors[row : row + 1], vectors[None])[0]
            out[start : start + size] = with_all[other[start : start + size]]
        return out
