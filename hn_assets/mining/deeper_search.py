"""Search some queries again, deeper than their candidates go."""

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.retrieval.faiss_index import apply_search_parameters, is_flat, open_index
from hn_assets.retrieval.searcher import Searcher, query_blocks
from hn_assets.settings.search import SearchSettings


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
            depth: The number of ranks, at most as many as there are documents.

        Raises:
            SearchError: The index does not belong to the vectors.
        """
        memory = self._settings.memory_mb
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
        return Searcher(index, self._documents, is_exact=is_flat(index))
