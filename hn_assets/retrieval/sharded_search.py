"""An exact search of vectors that are spread over the nodes of a cluster, a shard on each worker.

Each worker finds the best documents of its shard, and those of all shards are merged by score and
id. So a ranking is, to the last bit, that of a search in one process.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.closing import ClosedAtExit
from hn_assets.cluster.ray_cluster import RayCluster, RayWorkers
from hn_assets.encoding.vectors.vector_file import Vectors, VectorTable
from hn_assets.ids import Ids
from hn_assets.retrieval.faiss_index import stored_vectors
from hn_assets.retrieval.ranking import queries_at_once, rank_order
from hn_assets.retrieval.searcher import Searcher

ROWS_AT_ONCE = 8192  # that are sent to a worker together
QUERIES_AT_ONCE = 1024  # so that a worker has the next ones while others are merged

Found = tuple[NDArray[np.int64], NDArray[np.float32]]  # rows and scores, as in a `Ranking`


@dataclass(frozen=True)
class TakeRows:
    """A worker is to take rows of a shard, which follow those that it has of it.

    Attributes:
        part: The number of the shard.
        first: The row of the first of them in the corpus.
        vectors: The vectors.
        id_order: The place of each document's id among all ids in order.
        is_first: Whether they are the first of the shard.
    """

    part: int
    first: int
    vectors: Vectors
    id_order: NDArray[np.int64]
    is_first: bool


@dataclass(frozen=True)
class SearchShard:
    """A worker is to search a shard that it has.

    Attributes:
        part: The number of the shard.
        start: The place of the first query among those that were asked for.
        queries: float32 of shape (queries, dimension).
        depth: How many documents are wanted for each.
        memory_mb: How many MiB the search may take.
    """

    part: int
    start: int
    queries: Vectors
    depth: int
    memory_mb: int


class IndexedVectors:
    """The vectors that an exact index in main memory holds; their ids are not known here.

    Args:
        index: The index.
    """

    def __init__(self, index: Any) -> None:
        self.ids = Ids([])
        self.dimension = int(index.d)
        found = stored_vectors(index, index.ntotal)
        assert found is not None, "the index is exact and not empty"
        self._vectors = found

    def __len__(self) -> int:
        return len(self._vectors)

    def blocks(self) -> Iterator[Vectors]:
        """The vectors block by block."""
        for start in range(0, len(self), ROWS_AT_ONCE):
            yield self._vectors[start : start + ROWS_AT_ONCE].astype(np.float32, copy=False)

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        """A copy of the vectors of `rows`, shape (len(rows), dimension)."""
        return self._vectors[rows].astype(np.float32, copy=False)


class Shard:
    """Some rows of the corpus, in the memory of a worker."""

    def __init__(self) -> None:
        self._index: Any = None
        self._first = 0
        self._id_orders: list[NDArray[np.int64]] = []
        self._searcher: Searcher | None = None

    def take(self, job: TakeRows) -> None:
        """Take the next rows."""
        import faiss

        if self._index is None:
            self._index, self._first = faiss.IndexFlatIP(job.vectors.shape[1]), job.first
        self._index.add(np.ascontiguousarray(job.vectors))
        self._id_orders.append(job.id_order)

    def search(self, job: SearchShard) -> Found:
        """The best documents of the shard, by their rows in the corpus."""
        if self._searcher is None:
            id_order = np.concatenate(self._id_orders)
            self._searcher = Searcher(self._index, IndexedVectors(self._index), id_order=id_order)
        depth = min(job.depth, self._index.ntotal)
        rows, scores = self._searcher.find(job.queries, depth, job.memory_mb)
        return rows + self._first, scores


class ShardSearch:
    """Takes shards and searches them; made on a node.

    Attributes:
        report: Nothing is to be said of how it computes.
    """

    report = None

    def __init__(self, device: str, folder: Path | None) -> None:
        self._shards: dict[int, Shard] = defaultdict(Shard)

    def compute(self, jobs: Iterable[TakeRows | SearchShard]) -> Iterator[tuple[Any, Any]]:
        """Each job with what was found, None for rows that were taken."""
        for job in jobs:
            if isinstance(job, SearchShard):
                yield job, self._shards[job.part].search(job)
                continue
            if job.is_first:  # of a shard that was never finished here, perhaps
                self._shards.pop(job.part, None)
            self._shards[job.part].take(job)
            yield job, None


def rows_of_shard(
    part: int, *, path: Path, bounds: list[int], id_order: NDArray[np.int64]
) -> Iterator[TakeRows]:
    """The jobs by which a worker takes a shard.

    Args:
        part: The number of the shard.
        path: The file of all vectors.
        bounds: The first row of each shard, and the number of all rows.
        id_order: The place of each document's id among all ids in order.
    """
    vectors = VectorTable(path)
    for first in range(bounds[part], bounds[part + 1], ROWS_AT_ONCE):
        rows = np.arange(first, min(first + ROWS_AT_ONCE, bounds[part + 1]), dtype=np.int64)
        is_first = first == bounds[part]
        yield TakeRows(part, first, vectors.take(rows), id_order[rows], is_first)


class ShardedSearcher(ClosedAtExit):
    """Searches vectors by the workers of a cluster, as a `Searcher` does.

    The cluster is connected to when something is searched.

    Args:
        path: The file of the vectors.
        documents: The same, opened.
        connect: Connects to the cluster.

    Attributes:
        documents: As given.
        id_order: The place of each document's id among all ids in order.
        searched_again: 0: what workers looked at twice is not counted.
        compared_with_all: 0, as no card is used.
    """

    searched_again = 0
    compared_with_all = 0

    def __init__(
        self, path: Path, documents: VectorTable, connect: Callable[[], RayCluster]
    ) -> None:
        self.documents = documents
        self.id_order = documents.ids.places()
        self._path, self._connect = path, connect
        self._bounds: list[int] = []
        self._workers: RayWorkers[Any] | None = None

    def find(self, queries: Vectors, depth: int, memory_mb: int) -> Found:
        """Rows and scores of the `depth` best documents of each query, as in a `Ranking`.

        Args:
            queries: float32 of shape (queries, dimension).
            depth: How many documents are wanted for each, at most as many as there are.
            memory_mb: How many MiB a search may take on a node, beside its shard.

        Returns:
            Rows (int64) and scores (float32), both of shape (queries, depth).

        Raises:
            ClusterError: The cluster cannot be used, or is lost.
            WorkerError: Workers die again and again.
        """
        workers = self._started()
        shards = len(self._bounds) - 1
        rows = np.empty((len(queries), depth), np.int64)
        scores = np.empty(rows.shape, np.float32)
        found: dict[int, list[Found]] = defaultdict(list)
        size = min(QUERIES_AT_ONCE, queries_at_once(depth, queries.shape[1], memory_mb))
        jobs = (
            SearchShard(part, start, queries[start : start + size], depth, memory_mb)
            for start in range(0, len(queries), size)
            for part in range(shards)
        )
        for job, answer in workers.compute(jobs):
            found[job.start].append(answer)
            if len(found[job.start]) == shards:
                part = slice(job.start, job.start + size)
                rows[part], scores[part] = self._merge(found.pop(job.start), depth)
        return rows, scores

    def close(self) -> None:
        """End the workers."""
        if self._workers is not None:
            self._workers.close()
            self._workers = None

    def _started(self) -> RayWorkers[Any]:
        if self._workers is None:
            cluster, count = self._connect(), len(self.documents)
            shards = min(len(cluster.device_choice.devices), count)
            self._bounds = [count * part // shards for part in range(shards + 1)]
            parts = partial(
                rows_of_shard, path=self._path, bounds=self._bounds, id_order=self.id_order
            )
            self._workers = RayWorkers(cluster, ShardSearch, None, "searches", parts)
        return self._workers

    def _merge(self, found: list[Found], depth: int) -> Found:
        rows = np.concatenate([one for one, _ in found], axis=1)
        scores = np.concatenate([one for _, one in found], axis=1)
        order = rank_order(scores, self.id_order[rows])[:, :depth]
        return np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1)
