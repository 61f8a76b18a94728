"""Bring the rankings of an earlier run up to date at the cost of what changed.

Documents that are new, or have another vector, are searched alone and merged into the rankings.
A query is searched whole only if it is new, has another vector, or its ranking held a document
that is gone or changed. The result is, to the last bit, that of searching everything.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorSource, VectorSubset
from hn_assets.hardware import FaissChoice
from hn_assets.ids import Ids
from hn_assets.retrieval.faiss_index import place_flat_index
from hn_assets.retrieval.ranking import Ranking, query_blocks, rank_order
from hn_assets.retrieval.searcher import Searcher
from hn_assets.retrieval.sharded_search import ShardedSearcher

VECTOR_KEY = pa.binary(16)
ON_CPU = FaissChoice("cpu", "the default")
SEARCHED = pa.schema([("id", pa.string()), ("vector_key", VECTOR_KEY)])


def write_searched(vectors: VectorSource, path: Path) -> None:
    """Keep which vectors were searched: ids, with a hash of each vector's bytes."""
    columns = [vectors.ids.column.cast(pa.string()), _vector_keys(vectors)]
    pq.write_table(pa.table(columns, schema=SEARCHED), path, compression="zstd")


@dataclass(frozen=True)
class EarlierRankings:
    """Rankings of an earlier run.

    Attributes:
        depth: The depth that was wanted; the corpus may have been too small for it.
        documents: Columns id and vector_key of every document at that time.
        queries: Columns id and vector_key of every query at that time, in the order of `rows`.
        rows: Rows of `documents`, best first, -1 beyond the end; int32, (queries, depth).
        scores: The scores at the same places; float32 of the same shape.
    """

    depth: int
    documents: pa.Table
    queries: pa.Table
    rows: NDArray[np.int32]
    scores: NDArray[np.float32]

    @classmethod
    def read(
        cls, candidates: Path, documents: Path, queries: Path, depth: int
    ) -> "EarlierRankings":
        """Read what an earlier run left: its candidates, and two files of `write_searched`.

        Args:
            candidates: The file of rankings, with the columns of `schemas.CANDIDATES`.
            documents: Which document vectors were searched.
            queries: Which query vectors were searched.
            depth: The depth that was wanted.
        """
        searched, corpus = pq.read_table(queries), pq.read_table(documents)
        query_ids, document_ids = Ids(searched["id"]), Ids(corpus["id"])
        rows = np.full((len(searched), min(depth, len(corpus))), -1, np.int32)
        scores = np.full(rows.shape, -np.inf, np.float32)
        with pq.ParquetFile(candidates, read_dictionary=["query_id", "doc_id"]) as file:
            for number in range(file.num_row_groups):
                for ranked in file.read_row_group(number).to_batches():
                    at = query_ids.rows_of(ranked["query_id"]), ranked["rank"].to_numpy()
                    rows[at] = document_ids.rows_of(ranked["doc_id"])
                    scores[at] = ranked["score"].to_numpy()
        return cls(depth, corpus, searched, rows, scores)


@dataclass
class IncrementalReport:
    """What had to be done.

    Attributes:
        searched: How many queries were searched whole.
        merged: How many queries kept their ranking, with new documents merged in.
        new_documents: How many documents are new or have another vector.
        new_documents_device: Where these were searched, and why; None if they were not searched
            apart from the others.
        gone_documents: How many earlier documents are gone or have another vector.
    """

    searched: int = 0
    merged: int = 0
    new_documents: int = 0
    new_documents_device: FaissChoice | None = None
    gone_documents: int = 0


class IncrementalRanking:
    """The rankings of `queries` over `documents`, as far as possible from earlier ones.

    Args:
        searcher: Searches an exact index over `documents`.
        documents: The vectors that are ranked.
        queries: The vectors that they are ranked for.
        depth: How many documents are wanted for each query.
        earlier: Rankings by the same model; those of another depth are not used. None to search
            everything.
        device: Where the index of `searcher` is, and with it the one over new documents.

    Attributes:
        report: What has to be done; known before anything is searched.
    """

    def __init__(
        self,
        searcher: Searcher | ShardedSearcher,
        documents: VectorSource,
        queries: VectorSource,
        depth: int,
        earlier: EarlierRankings | None,
        device: FaissChoice = ON_CPU,
    ) -> None:
        self.report = IncrementalReport()
        self._searcher = searcher
        self._documents = documents
        self._queries = queries
        self._depth = min(depth, len(documents))
        self._earlier = earlier if earlier is not None and earlier.depth == depth else None
        # The place of each query among the earlier ones, -1 if it must be searched whole.
        self._kept = np.full(len(queries), -1, np.int64)
        self._new = np.arange(len(documents), dtype=np.int64)
        if self._earlier is not None:
            self._compare(self._earlier)
        self.report.merged = int((self._kept >= 0).sum())
        self.report.searched = len(queries) - self.report.merged
        self._searchers: list[Searcher | ShardedSearcher] = [searcher]
        self._new_searcher: Searcher | None = None
        if self.report.merged and len(self._new):
            self._new_searcher = self._search_new(device)
            self._searchers.append(self._new_searcher)

    @property
    def searched_again(self) -> int:
        """How many queries so far rounding left in doubt, so that more documents were looked at."""
        return sum(searcher.searched_again for searcher in self._searchers)

    @property
    def compared_with_all(self) -> int:
        """How many queries so far were compared with every document, old or new, on the CPU."""
        return sum(searcher.compared_with_all for searcher in self._searchers)

    def rank(self, memory_mb: int) -> Iterator[Ranking]:
        """The rankings in blocks of as many queries as the memory allows.

        Args:
            memory_mb: How many MiB a block may take, beside the index.
        """
        dimension = self._queries.dimension
        for places in query_blocks(len(self._queries), self._depth, dimension, memory_mb):
            rows = np.full((len(places), self._depth), -1, np.int64)
            scores = np.full(rows.shape, -np.inf, np.float32)
            kept = self._kept[places] >= 0
            for which, rank in ((~kept, self._search), (kept, self._merge)):
                if which.any():
                    rows[which], scores[which] = rank(places[which], memory_mb)
            yield Ranking(int(places[0]), rows, scores)

    def _compare(self, earlier: EarlierRankings) -> None:
        same = _same(earlier.documents, self._documents)
        self._row_now = same  # of each earlier document, -1 if its vector is another
        self._new = np.setdiff1d(self._new, same)
        self.report.new_documents = len(self._new)
        self.report.gone_documents = int((same < 0).sum())
        # -1, which stands beyond the end of a ranking, takes the last value: it is never gone.
        is_gone = np.append(same < 0, False)
        whole = ~is_gone[earlier.rows].any(axis=1)
        queries = _same(earlier.queries, self._queries)
        usable = (queries >= 0) & whole
        self._kept[queries[usable]] = np.flatnonzero(usable)

    def _search_new(self, device: FaissChoice) -> Searcher:
        new = VectorSubset(self._documents, self._new)
        index, device = place_flat_index(new, device)
        self.report.new_documents_device = device
        return Searcher(index, new, device.value)

    def _search(
        self, places: NDArray[np.int64], memory_mb: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        return self._searcher.find(self._queries.take(places), self._depth, memory_mb)

    def _merge(
        self, places: NDArray[np.int64], memory_mb: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        assert self._earlier is not None
        before = self._earlier.rows[self._kept[places]]
        scores = self._earlier.scores[self._kept[places]]
        rows = np.where(before >= 0, self._row_now[before], -1)
        if self._new_searcher is not None:
            depth = min(self._depth, len(self._new))
            new, new_scores = self._new_searcher.find(self._queries.take(places), depth, memory_mb)
            rows = np.concatenate([rows, self._new[new]], axis=1)
            scores = np.concatenate([scores, new_scores], axis=1)
            order = rank_order(scores, self._searcher.id_order[rows])
            rows = np.take_along_axis(rows, order, 1)
            scores = np.take_along_axis(scores, order, 1)
        return rows[:, : self._depth], scores[:, : self._depth]


def _same(earlier: pa.Table, now: VectorSource) -> NDArray[np.int64]:
    """The present row of each earlier id whose vector is still the same; -1 for the others."""
    rows = now.ids.rows_of(earlier["id"])
    keys = _vector_keys(now).take(pa.array(np.maximum(rows, 0)))
    equal = pc.call_function("equal", [keys, earlier["vector_key"].combine_chunks()])
    return np.where(equal.to_numpy(zero_copy_only=False), rows, -1)


def _vector_keys(vectors: VectorSource) -> pa.Array:
    found = [pa.array([], VECTOR_KEY)]
    for block in vectors.blocks():
        keys = b"".join(hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in block)
        buffers = [None, pa.py_buffer(keys)]
        found.append(pa.FixedSizeBinaryArray.from_buffers(VECTOR_KEY, len(block), buffers))
    return pa.concat_arrays(found)
