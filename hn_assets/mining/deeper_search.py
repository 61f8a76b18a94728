"""Search some queries again, deeper than their candidates go."""

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.mining.data.candidate_block import ROWS_PER_BLOCK, CandidateBlock, block_of
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery
from hn_assets.mining.data.mining_files import MiningFiles
from hn_assets.retrieval.faiss_index import apply_search_parameters, is_flat, open_index
from hn_assets.retrieval.joined_order import Joiner
from hn_assets.retrieval.read_rankings import Finds
from hn_assets.retrieval.searcher import Searcher, query_blocks
from hn_assets.settings.search import MOST_POSITIVES, SearchSettings

SearchDeeper = Callable[[CandidateBlock, int], CandidateBlock]

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

    def deepen(self, block: CandidateBlock, depth: int) -> CandidateBlock:
        """The rankings of the queries of a block."""
        return self(block.queries, depth)

    @cached_property
    def _searcher(self) -> Searcher:
        index = open_index(*self._files, self._documents)
        apply_search_parameters(index, self._settings.search_parameters)
        return Searcher(index, self._documents, is_exact=is_flat(index, self._documents))


class JoinedDeeperSearch:
    """Searches deeper with the dataset's own encoder, and joins what others found with it anew.

    The other retrievers are not asked again: of them, what they found stays as it is.

    Args:
        search: The search with the encoder.
        retrievers: The names of all retrievers.
        own: The name of the encoder among them.
        order: `search.order`, resolved.
        queries: The vectors of the queries.
        documents: The vectors of the documents.
    """

    def __init__(
        self,
        search: DeeperSearch,
        retrievers: tuple[str, ...],
        own: str,
        order: str,
        queries: VectorTable,
        documents: VectorTable,
    ) -> None:
        self._search = search
        self._retrievers = retrievers
        self._own = own
        self._joiner = Joiner(retrievers, own, order, queries, documents)

    def __call__(self, block: CandidateBlock, depth: int) -> CandidateBlock:
        """The candidates of the queries of a block, with more of the encoder's.

        Args:
            block: The candidates that there are.
            depth: The number of ranks of the encoder; fewer if there are fewer documents.

        Raises:
            SearchError: The index does not belong to the vectors.
        """
        deeper = self._search(block.queries, depth)
        finds = [
            _finds_of_encoder(deeper) if name == self._own else _finds_of_other(block, number)
            for number, name in enumerate(self._retrievers)
        ]
        joined = self._joiner.join(finds)
        return block_of(
            joined.query,
            joined.document,
            joined.rank,
            joined.score,
            self._retrievers,
            joined.ranks,
            # as deep as was asked for, whatever an approximate index found
            deeper.depth,
        )


def _finds_of_encoder(block: CandidateBlock) -> Finds:
    row, rank = np.nonzero(block.documents >= 0)
    found = row, rank
    return Finds(
        block.queries[row], block.documents[found], rank.astype(np.int32), block.scores[found]
    )


def _finds_of_other(block: CandidateBlock, number: int) -> Finds:
    assert block.ranks is not None, "the candidates must say who found them"
    ranks = block.ranks[:, :, number]
    found = np.nonzero(ranks >= 0)
    # its own scores are written down with its own rankings
    unknown = np.full(len(found[0]), np.nan, np.float32)
    return Finds(block.queries[found[0]], block.documents[found], ranks[found], unknown)


def deeper_search(
    files: MiningFiles,
    queries: VectorTable,
    documents: VectorTable,
    settings: SearchSettings,
    *,
    retrievers: tuple[str, ...],
    own: str | None,
) -> SearchDeeper | None:
    """What searches the queries of a block deeper; None if the encoder is no retriever.

    Args:
        files: The files of the dataset.
        queries: The vectors of the queries.
        documents: The vectors of the documents.
        settings: How the index is searched, and the order of joined candidates.
        retrievers: The retrievers whose finds were joined; none if the encoder alone has ranked.
        own: What the dataset's own encoder is called among them; None if it is none of them.
    """
    if own is None:
        return None
    search = DeeperSearch(files.faiss_index, files.faiss_index_ids, queries, documents, settings)
    if not retrievers:
        return search.deepen
    order = settings.joined_order(own)
    return JoinedDeeperSearch(search, retrievers, own, order, queries, documents)


def deepen_for_positives(
    blocks: Iterator[CandidateBlock],
    positives: DocumentsByQuery,
    end: int,
    search: SearchDeeper,
) -> Iterator[CandidateBlock]:
    """Search queries with more positives than the rankings allow for, and only these, deeper.

    Args:
        blocks: The candidates.
        positives: The positives of every query.
        end: The end of the mining range, in which positives do not count.
        search: Searches the queries of a block to a depth.
    """
    counts = positives.counts()
    for block in blocks:
        deep = np.flatnonzero(counts[block.queries] > MOST_POSITIVES)
        wanted = np.minimum(end + counts[block.queries[deep]], MAX_DEPTH)
        # joined candidates are more for one query than for another
        there = np.full(len(block.queries), block.depth) if block.ranks is None else block.counts()
        is_deeper = wanted > there[deep]
        deep, wanted = deep[is_deeper], wanted[is_deeper]
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
            yield search(block.take(deep[part]), int(wanted[part[-1]]))
