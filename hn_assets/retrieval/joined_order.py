"""What several retrievers found, as one ranking of each query.

Whoever found a document, its score is the inner product of the dataset's own encoder: margins and
the model of relevance look at nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorSource
from hn_assets.retrieval.read_rankings import Finds
from hn_assets.retrieval.scores import pair_scores
from hn_assets.settings.search import RECIPROCAL_RANK_FUSION

# of reciprocal rank fusion, as in Cormack, Clarke and Buettcher, SIGIR 2009
FUSION_K = 60


@dataclass(frozen=True)
class JoinedFinds:
    """The candidates of some queries; arrays have one entry for each, best first by query.

    Attributes:
        query: Of which query it is a candidate; int64.
        document: The row of the document; int64.
        rank: Its place in the joined order, from 0; int32.
        score: The inner product of query and document; float32.
        ranks: Its rank for each retriever, -1 for those that did not find it; int32, (candidates,
            retrievers).
        scores: The score of each retriever, NaN for those that did not find it; float32, of the
            same shape.
    """

    query: NDArray[np.int64]
    document: NDArray[np.int64]
    rank: NDArray[np.int32]
    score: NDArray[np.float32]
    ranks: NDArray[np.int32]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.query)


class Joiner:
    """Joins what several retrievers found.

    Args:
        retrievers: Their names.
        own: The name of the one that is the dataset's own encoder; None if none is.
        order: `reciprocal_rank_fusion`, or the name of the retriever whose score decides.
        queries: The vectors of the queries.
        documents: The vectors of the documents.

    Attributes:
        scored: How many scores were computed, of documents that the encoder did not find itself.
    """

    def __init__(
        self,
        retrievers: Sequence[str],
        own: str | None,
        order: str,
        queries: VectorSource,
        documents: VectorSource,
    ) -> None:
        self._own = None if own is None else retrievers.index(own)
        self._first = None if order == RECIPROCAL_RANK_FUSION else retrievers.index(order)
        self._queries = queries
        self._documents = documents
        self._id_order = documents.ids.places()
        self.scored = 0

    def join(self, found: Sequence[Finds]) -> JoinedFinds:
        """The union of what each retriever found, in the order of the retrievers."""
        width = len(self._documents)
        keys = [part.query * width + part.document for part in found]
        union, places = np.unique(np.concatenate(keys), return_inverse=True)
        ranks = np.full((len(union), len(found)), -1, np.int32)
        scores = np.full(ranks.shape, np.nan, np.float32)
        ends = np.cumsum([len(part) for part in found])
        for number, (part, end) in enumerate(zip(found, ends, strict=True)):
            rows = places[end - len(part) : end]
            ranks[rows, number], scores[rows, number] = part.rank, part.score
        query, document = union // width, union % width
        score = self._score(query, document, scores)
        order = self._order(query, document, score, ranks)
        query = query[order]
        starts = np.flatnonzero(np.diff(query, prepend=-1))
        first = np.repeat(starts, np.diff(starts, append=len(query)))
        return JoinedFinds(
            query=query,
            document=document[order],
            rank=(np.arange(len(query)) - first).astype(np.int32),
            score=score[order],
            ranks=ranks[order],
            scores=scores[order],
        )

    def _score(
        self, query: NDArray[np.int64], document: NDArray[np.int64], scores: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The inner product of every pair; those that the encoder's ranking holds are known."""
        score = np.full(len(query), np.nan, np.float32)
        if self._own is not None:
            score = scores[:, self._own].copy()
        unknown = np.flatnonzero(np.isnan(score))
        self.scored += len(unknown)
        score[unknown] = pair_scores(
            self._queries, query[unknown], self._documents, document[unknown]
        )
        return score

    def _order(
        self,
        query: NDArray[np.int64],
        document: NDArray[np.int64],
        score: NDArray[np.float32],
        ranks: NDArray[np.int32],
    ) -> NDArray[np.int64]:
        """The places of the pairs in the joined order, query by query."""
        ids = self._id_order[document]
        if self._first is None:
            return np.lexsort((ids, -fused_scores(ranks), query))
        if self._first == self._own:
            # known of all of them, whoever found them
            return np.lexsort((ids, -score, query))
        rank = ranks[:, self._first]
        rank = np.where(rank >= 0, rank, np.iinfo(np.int32).max)
        return np.lexsort((ids, -fused_scores(ranks), rank, query))


def fused_scores(ranks: NDArray[np.int32]) -> NDArray[np.float64]:
    """The sum of 1 / (60 + rank from 1) over the retrievers that found a document.

    Args:
        ranks: From 0, -1 for a retriever that did not find it; int32, (candidates, retrievers).

    >>> fused_scores(np.array([[0, 1], [1, 0], [0, -1]], np.int32)).round(5).tolist()
    [0.03252, 0.03252, 0.01639]
    """
    parts = np.where(ranks >= 0, 1.0 / (FUSION_K + 1 + ranks), 0.0)
    # smallest first: a sum in another order could differ in its last bit where ranks are equal
    parts.sort(axis=1)
    return parts.sum(axis=1)
