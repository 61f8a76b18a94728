"""Search all queries and rank what comes back, the same way on every machine.

FAISS proposes documents; their scores are then computed pair by pair from the stored vectors, and
equal scores are ordered by document id. So a ranking does not depend on how queries were cut into
blocks, on the order of the corpus, or on whether a GPU with float16 storage did the search.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import Vectors, VectorSource
from hn_assets.retrieval.exhaustive import best_of_all
from hn_assets.retrieval.faiss_index import FAISS_GPU_LIMIT, flat_index, stored_vectors
from hn_assets.retrieval.flat_search import FlatSearch
from hn_assets.retrieval.ranking import (
    SPARE,
    Ranking,
    queries_at_once,
    query_blocks,
    rank_order,
)
from hn_assets.retrieval.score_error import ScoreError
from hn_assets.retrieval.scores import inner_products
from hn_assets.settings.search import DEFAULT_MEMORY_MB

__all__ = ["Ranking", "Searcher", "query_blocks", "recall_against_exact"]

# Threads wait for one another at each call of NumPy. So there are not too many of them, and each
# takes the candidates of several queries in one call, up to so many bytes of their vectors.
MOST_THREADS = 8
MOST_BYTES = 4 << 20
RECALL_SAMPLE = 200  # queries


class Searcher:
    """Searches one index, block by block.

    Args:
        index: A FAISS index of inner products over the rows of `documents`, on `device`.
        documents: The vectors in the index.
        device: `cpu` or `gpu`, which decides how coarsely the index computes and how deep it goes.
        is_exact: Whether the index compares a query with every document.
        id_order: The place of each document's id among all ids in order; None to find it out.

    Attributes:
        searched_again: How many queries so far the rounding of the index left in doubt which
            documents are their last, so that more was looked at.
        compared_with_all: How many of these were compared with every document on the CPU, since a
            card finds no more.
    """

    def __init__(
        self,
        index: Any,
        documents: VectorSource,
        device: str = "cpu",
        *,
        is_exact: bool = True,
        id_order: NDArray[np.int64] | None = None,
    ) -> None:
        self.documents = documents
        self.device = device
        # Only an exact index promises the best documents, so only there a doubtful cut is widened.
        self.is_exact = is_exact
        self.id_order = documents.ids.places() if id_order is None else id_order
        self.searched_again = 0
        self.compared_with_all = 0
        is_flat = device == "cpu" and is_exact
        self._stored = stored_vectors(index, len(documents)) if is_flat else None
        self._held = index  # without it, the stored vectors are gone
        self._index = index if self._stored is None else FlatSearch(self._stored)
        self._error = ScoreError(documents, in_float16=device == "gpu" and is_exact)

    def find(
        self, queries: Vectors, depth: int, memory_mb: int = DEFAULT_MEMORY_MB
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows and scores of the `depth` best documents of each query, as in a `Ranking`.

        Args:
            queries: float32 of shape (queries, dimension), searched at once as far as the memory
                allows.
            depth: How many documents are wanted for each, at most as many as there are.
            memory_mb: How many MiB a search may take, beside the index and what is returned.

        Returns:
            Rows (int64) and scores (float32), both of shape (queries, depth).
        """
        fetch = self._first_fetch(depth)
        slack = self._error.of_index(queries)
        rows = np.full((len(queries), depth), -1, np.int64)
        scores = np.full((len(queries), depth), -np.inf, np.float32)
        asked = np.flatnonzero(np.isfinite(slack))
        # of the others, vectors are longer than float16 can hold
        self._compare_with_all(
            queries, np.flatnonzero(~np.isfinite(slack)), rows, scores, memory_mb
        )
        while len(asked):
            in_doubt: list[NDArray[np.int64]] = []
            # Equal documents at the cut widen a search to all of them, which is far more memory
            # for each query than the depth takes.
            size = queries_at_once(fetch - SPARE, self.documents.dimension, memory_mb)
            for start in range(0, len(asked), size):
                part = asked[start : start + size]
                proposed_scores, proposed = self._index.search(queries[part], fetch)
                counts = self._how_many_matter(proposed_scores, slack[part], depth)
                ranked, exact = self._rescore(queries[part], proposed, counts, depth, memory_mb)
                rows[part], scores[part] = ranked, exact
                # A document that FAISS left out scores at most what the last one of its list does.
                in_doubt.append(part[proposed_scores[:, -1] + slack[part] >= exact[:, depth - 1]])
            if not self.is_exact or fetch == len(self.documents):
                break
            if fetch == self._first_fetch(depth):
                self.searched_again += sum(map(len, in_doubt))
            asked = np.concatenate(in_doubt)
            fetch = min(fetch * 2, len(self.documents))
            if self.device == "gpu" and fetch > FAISS_GPU_LIMIT:
                self._compare_with_all(queries, asked, rows, scores, memory_mb)
                break
        return rows, scores

    def _first_fetch(self, depth: int) -> int:
        """How many documents to ask the index for at first.

        A card's index is as fast for any number up to the next power of two.
        """
        fetch = depth + SPARE
        if self.device == "gpu" and self.is_exact:
            fetch = max(fetch, min(1 << (fetch - 1).bit_length(), FAISS_GPU_LIMIT))
        return min(fetch, len(self.documents))

    def _how_many_matter(
        self, proposed_scores: NDArray[np.float32], slack: NDArray[np.float64], depth: int
    ) -> NDArray[np.int64]:
        """How many of each query's proposed documents may be among its `depth` best."""
        if not self.is_exact:
            return np.full(len(slack), proposed_scores.shape[1])
        lowest = proposed_scores[:, depth - 1] - 2 * slack
        return np.maximum((proposed_scores >= lowest[:, None]).sum(axis=1), depth)

    def _compare_with_all(
        self,
        queries: Vectors,
        asked: NDArray[np.int64],
        rows: NDArray[np.int64],
        scores: NDArray[np.float32],
        memory_mb: int,
    ) -> None:
        """Rank every document for the queries of `asked`, of which a card cannot find enough."""
        if not len(asked):
            return
        depth = rows.shape[1]
        self.compared_with_all += len(asked)
        rows[asked], scores[asked] = best_of_all(
            queries[asked],
            self.documents,
            self.id_order,
            floors=scores[asked, depth - 1],
            slack=self._error.of_float32(queries[asked]),
            depth=depth,
            memory_mb=memory_mb,
        )

    def _rescore(
        self,
        queries: Vectors,
        proposed: NDArray[np.int64],
        counts: NDArray[np.int64],
        depth: int,
        memory_mb: int,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows and exact scores, best first; both of shape (queries, depth).

        Of each query's proposed documents only so many are looked at as `counts` says, `depth` or
        more.
        """
        rows = np.empty((len(queries), depth), np.int64)
        scores = np.empty(rows.shape, np.float32)
        threads = min(os.cpu_count() or 1, MOST_THREADS)
        # A quarter of the memory is for vectors: each of them in float32 and in float64.
        size = min(MOST_BYTES, (memory_mb << 20) // 4 // 3 // threads)
        step = max(1, size // (4 * int(counts.max()) * self.documents.dimension))

        def rescore(start: int) -> None:
            part = slice(start, start + step)
            ranked, exact = self._rank(queries[part], proposed[part, : counts[part].max()], size)
            rows[part], scores[part] = ranked[:, :depth], exact[:, :depth]

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(rescore, range(0, len(queries), step)))
        return rows, scores

    def _rank(
        self, queries: Vectors, proposed: NDArray[np.int64], size: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows and exact scores of all proposed documents, best first."""
        scores = np.empty(proposed.shape, np.float32)
        # All of them, unless a single query has more than a thread takes at once.
        step = max(1, size // (4 * len(queries) * self.documents.dimension))
        for start in range(0, proposed.shape[1], step):
            part = np.maximum(proposed[:, start : start + step], 0)
            vectors = self._take(part.reshape(-1)).reshape(*part.shape, -1)
            scores[:, start : start + step] = inner_products(queries, vectors)
        scores[proposed < 0] = -np.inf
        order = rank_order(scores, self.id_order[proposed])
        return np.take_along_axis(proposed, order, 1), np.take_along_axis(scores, order, 1)

    def _take(self, rows: NDArray[np.int64]) -> Vectors:
        if self._stored is None:
            return self.documents.take(rows)
        # A mapped file need not align its numbers, and NumPy would first copy all of them.
        items = self._stored.view(np.dtype((np.void, self._stored.strides[0])))[:, 0]
        taken = items.take(rows).view(self._stored.dtype).reshape(len(rows), -1)
        return taken.astype(np.float32, copy=False)


def recall_against_exact(
    ranking: Ranking, queries: VectorSource, documents: VectorSource, sample: int = RECALL_SAMPLE
) -> float:
    """The share of the exactly best documents that `ranking` holds, over a sample of its queries.

    Args:
        ranking: From an approximate index.
        queries: The queries it ranks, from row `ranking.first` on.
        documents: The vectors that were searched.
        sample: At most so many queries, evenly spread over the ranking.
    """
    picked = np.unique(np.linspace(0, len(ranking.rows) - 1, sample).astype(np.int64))
    best, _ = Searcher(flat_index(documents), documents).find(
        queries.take(picked + ranking.first), ranking.rows.shape[1]
    )
    shares = [
        len(np.intersect1d(ranking.rows[q], rows)) / len(rows)
        for q, rows in zip(picked, best, strict=True)
    ]
    return float(np.mean(shares))
