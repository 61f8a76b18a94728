"""Other queries of which candidates are positives, and what they lend where none can be hidden.

Of a query with one known positive none can be hidden. But what answers another query that asks
nearly the same often answers this one, too, and stands in for a second positive: the model of
relevance is fitted on it. It is no label of this query, so nothing is measured on it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorSource
from hn_assets.mining.data.indexed_dataset import IndexedDataset
from hn_assets.mining.holdout.splits import HoldoutSplit
from hn_assets.mining.relevance.cross_query import CrossQueryFinder

# Both were found on six collections with one positive of each query visible: what five of them
# chose did no harm on the sixth. Half of the way from the mean cosine of two queries to 1:
NEARLY_THE_SAME = 0.5
# the retriever has to agree; of what a similar query lends from further down, most is irrelevant
AMONG_BEST = 100


class OtherQueries:
    """The other queries of which the candidates of some queries are positives.

    Args:
        rows: The rows of the queries; int64, (queries,).
        candidates: Rows of documents; int64, (queries, depth), -1 beyond the end.
        dataset: The dataset.
        queries: The vectors of all its queries.
    """

    def __init__(
        self,
        rows: NDArray[np.int64],
        candidates: NDArray[np.int64],
        dataset: IndexedDataset,
        queries: VectorSource,
    ) -> None:
        finder = CrossQueryFinder(dataset.positives, queries, len(dataset.document_ids))
        self._matches = finder.find(rows, candidates)
        self._shape = candidates.shape
        counts = dataset.positives.counts()[rows]
        first_of = np.full(len(dataset.query_ids), -1, np.int64)
        first_of[rows] = np.cumsum(counts) - counts
        # the place of each match among the positives of all queries of `rows`; those of a query
        # that is not there stand behind them
        positive = self._matches.positive
        other = dataset.positives.queries()[positive]
        place = first_of[other] + positive - dataset.positives.starts[other]
        self._place = np.where(first_of[other] < 0, counts.sum(), place).astype(np.int32)

    def similarity(self, splits: Sequence[HoldoutSplit]) -> NDArray[np.float32]:
        """The similarity of the nearest other query whose positive is visible; (queries, depth).

        Args:
            splits: What is visible of every query: one split each, in their order.
        """
        return self._matches.highest(self._shape, self._visible(splits))

    def lend(self, splits: Sequence[HoldoutSplit]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """What queries that ask nearly the same have as visible positives.

        Args:
            splits: What is visible of every query: one split each, in their order.

        Returns:
            Which candidates are lent, and the similarity of the nearest query of those that lend
            nothing, since the lender would give away what it lends; both (queries, depth).
        """
        visible = self._visible(splits)
        lends = self._matches.similarity >= NEARLY_THE_SAME
        lent = self._matches.highest(self._shape, visible & lends) > 0
        return lent, self._matches.highest(self._shape, visible & ~lends)

    def _visible(self, splits: Sequence[HoldoutSplit]) -> NDArray[np.bool_]:
        """Which matches are with a visible positive; those of queries that are not here are."""
        return np.concatenate([*(split.visible for split in splits), [True]])[self._place]
