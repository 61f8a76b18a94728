"""Search some queries again, deeper than their candidates go."""

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.mining.data.candidate_block import ROWS_PER_BLOCK, CandidateBlock
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery
from hn_assets.retrieval.faiss_index import apply_search_parameters, is_flat, open_index
from hn_assets.retrieval.searcher import Searcher, query_blocks
from hn_assets.settings.search import MOST_POSITIVES, SearchSettings

MAX_DEPTH = 10_000  # to which the positives of a query deepen its search


class DeeperSearch:
    """Searches queries to any depth; the index is opened when it is first needed.

    Args:
        index: The file of the FAISS index.
        index_ids: The file of the ids of the documents in the index.
        queries: The vectors of the queries.
        documents: The vectors of the documents.
        settings: How the index is searched.
    """

    def __init__(
        self,
        index: Path,
        index_ids: Path,
        queries: VectorTable,
        documents: VectorTable,
        settings: SearchSettings,
    ) -> None:
        self._files = index, index_ids
        self._queries = queries
        self._documents = documents
        self._settings = settings

    def __call__(self, queries: NDArray[np.int64], depth: int) -> CandidateBlock:
        """The rankings of some queries.

        Args:
            queries: Rows of queries; int64, (queries,).
            depth: The number of ranks; fewer if there are fewer documents.

        Raises:
            SearchError: The index does not belong to the vectors.
        """
        memory = self._settings.memory_mb
        depth = min(depth, len(self._documents))
        found = [
            self._searcher.find(self._queries.take(queries[part]), depth, memory)
            for part in query_blocks(len(queries), depth, self._queries.dimension, memory)
        ]
        rows, scores = (np.concatenate(part) for part in zip(*found, strict=True))
        return CandidateBlock(queries, rows, scores)

    @cached_property
    def _searcher(self) -> Searcher:
        index = open_index(*self._files, self._documents)
        apply_search_parameters(index, self._settings.search_parameters)
        return Searcher(index, self._documents, is_exact=is_flat(index, self._documents))


def deepen_for_positives(
    blocks: Iterator[CandidateBlock],
    positives: DocumentsByQuery,
    end: int,
    search: Callable[[NDArray[np.int64], int], CandidateBlock],
) -> Iterator[CandidateBlock]:
    """Search queries with more positives than the rankings allow for, and only these, deeper.

    Args:
        blocks: The candidates.
        positives: The positives of every query.
        end: The end of the mining range, in which positives do not count.
        search: Searches queries to a depth.
    """
    counts = positives.counts()
    for block in blocks:
        deep = np.flatnonzero(counts[block.queries] > MOST_POSITIVES)
        wanted = np.minimum(end + counts[block.queries[deep]], MAX_DEPTH)
        deep, wanted = deep[wanted > block.depth], wanted[wanted > block.depth]
        others = np.setdiff1d(np.arange(len(block.queries)), deep)
        if len(others):
            yield block.take(others)
        # Those of like depth together; a block has so many candidates as any other.
        order = np.argsort(wanted, kind="stable")
        while len(order):
            depth = int(wanted[order[0]])
            together = np.cumsum(wanted[order] <= 2 * depth)[-1]
            together = max(1, min(int(together), ROWS_PER_BLOCK // (2 * depth)))
            part, order = order[:together], order[together:]
            yield search(block.queries[deep[part]], int(wanted[part[-1]]))
