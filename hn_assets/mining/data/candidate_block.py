"""The candidates of some queries, as arrays, and reading them from the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.mining.data.indexed_dataset import IndexedDataset
from hn_assets.retrieval.read_rankings import rows_of
from hn_assets.store import schemas
from hn_assets.store.parquet_batches import parquet_batches

ROWS_PER_BLOCK = 500_000


@dataclass(frozen=True)
class CandidateBlock:
    """The rankings of some queries, one row for each, best first.

    Attributes:
        queries: Rows of the queries; int64, (queries,).
        documents: Rows of the candidates; int64, (queries, depth), -1 beyond the end.
        scores: Inner products; float32, (queries, depth), -inf beyond the end.
        retrievers: The names of the retrievers whose finds were joined; none if the encoder alone
            has ranked.
        ranks: The rank of each candidate for each of these, -1 if it did not find it; int32,
            (queries, depth, retrievers). None if the encoder alone has ranked: then ranks are
            places, and scores fall along them.
    """

    queries: NDArray[np.int64]
    documents: NDArray[np.int64]
    scores: NDArray[np.float32]
    retrievers: tuple[str, ...] = ()
    ranks: NDArray[np.int32] | None = None

    @property
    def depth(self) -> int:
        """The number of ranks."""
        return self.documents.shape[1]

    def take(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> CandidateBlock:
        """The rankings of some of the queries."""
        return CandidateBlock(
            self.queries[which],
            self.documents[which],
            self.scores[which],
            self.retrievers,
            None if self.ranks is None else self.ranks[which],
        )

    def counts(self) -> NDArray[np.int64]:
        """How many candidates each query has; int64, (queries,)."""
        return (self.documents >= 0).sum(axis=1)


def read_candidate_blocks(
    path: Path,
    dataset: IndexedDataset,
    rows: int = ROWS_PER_BLOCK,
    *,
    wanted: NDArray[np.bool_] | None = None,
    all_mined: bool = False,
) -> Iterator[CandidateBlock]:
    """The candidates of the mined queries, block by block; no query is cut in two.

    Args:
        path: A Parquet file with the columns of `schemas.CANDIDATES` or of
            `schemas.joined_candidates`, in which the rows of a query stand together.
        dataset: The dataset whose mined queries are wanted.
        rows: About how many rows are read at once.
        wanted: Which of the mined queries are wanted; bool, (queries,). None for all of them.
        all_mined: Whether mined queries for which none of several retrievers found anything come
            last, with no candidates: documents can be drawn at random for them.

    Raises:
        StoreError: A query is ranked that the dataset does not have, or a document for one of the
            wanted queries.
    """
    wanted = dataset.mined if wanted is None else dataset.mined & wanted
    documents, queries = dataset.document_ids, dataset.query_ids
    with pq.ParquetFile(path, read_dictionary=["query_id", "doc_id"]) as file:
        ranks = schemas.rank_columns(file.schema_arrow.names)
        columns = [*schemas.CANDIDATES.names, *ranks.values()]
        left = np.zeros((0, len(columns)))
        seen = np.zeros(len(dataset.mined), bool)
        for batch in parquet_batches(file, rows, columns):
            query_rows = rows_of(batch["query_id"], queries, "query")
            seen[query_rows] = True
            # the last one may go on in the next batch
            is_read = wanted[query_rows] | (query_rows == query_rows[-1])
            if not is_read.all():
                batch, query_rows = batch.filter(pa.array(is_read)), query_rows[is_read]
            block: NDArray[np.float64] = np.stack(
                [
                    query_rows,
                    rows_of(batch["doc_id"], documents, "document"),
                    batch["rank"].to_numpy(),
                    batch["score"].to_numpy(),
                    *(batch[name].fill_null(-1).to_numpy() for name in ranks.values()),
                ],
                axis=1,
                dtype=np.float64,
            )
            block = np.concatenate([left, block])
            end = int(np.argmax(block[:, 0] == block[-1, 0]))
            left = block[end:]
            if end:
                yield from _to_block(block[:end], wanted, tuple(ranks))
    if len(left):
        yield from _to_block(left, wanted, tuple(ranks))
    queries = np.flatnonzero(dataset.mined & ~seen)
    if all_mined and ranks and len(queries):
        none = np.full((len(queries), 1, len(ranks)), -1)
        scores = np.full((len(queries), 1), -np.inf, np.float32)
        documents = none[:, :, 0].astype(np.int64)
        yield CandidateBlock(queries, documents, scores, tuple(ranks), none.astype(np.int32))


def _to_block(
    block: NDArray[np.float64], wanted: NDArray[np.bool_], retrievers: tuple[str, ...]
) -> Iterator[CandidateBlock]:
    query_rows = block[:, 0].astype(np.int64)
    block = block[wanted[query_rows]]
    if not len(block):
        return
    query_rows, candidates, rank = (block[:, i].astype(np.int64) for i in range(3))
    ranks = block[:, 4:] if retrievers else None
    yield block_of(query_rows, candidates, rank, block[:, 3], retrievers, ranks)


def block_of(
    query_rows: NDArray[np.int64],
    documents: NDArray[np.int64],
    rank: NDArray[np.integer],
    scores: NDArray[np.floating],
    retrievers: tuple[str, ...] = (),
    ranks: NDArray[np.integer | np.floating] | None = None,
    depth: int = 0,
) -> CandidateBlock:
    """A block from one entry for each candidate, those of a query together.

    Args:
        query_rows: The row of its query.
        documents: The row of the document.
        rank: Its place in the ranking of the query.
        scores: Its score.
        retrievers: As in `CandidateBlock`.
        ranks: Its rank for each of these, (candidates, retrievers); None without them.
        depth: How many ranks the block has at least.
    """
    starts = np.flatnonzero(np.diff(query_rows, prepend=-1))
    query = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(query_rows)))
    shape = (len(starts), max(int(rank.max()) + 1, depth))
    of_block = np.full(shape, -1, np.int64), np.full(shape, -np.inf, np.float32)
    of_block[0][query, rank] = documents
    of_block[1][query, rank] = scores
    by_retriever = None
    if ranks is not None:
        by_retriever = np.full((*shape, len(retrievers)), -1, np.int32)
        by_retriever[query, rank] = ranks
    return CandidateBlock(query_rows[starts], *of_block, retrievers, by_retriever)


def join_blocks(blocks: Sequence[CandidateBlock]) -> CandidateBlock:
    """The rankings of several blocks in one, filled up to the greatest depth."""
    depth = max((block.depth for block in blocks), default=0)
    queries = [block.queries for block in blocks]
    documents = [_pad(block.documents, depth, -1) for block in blocks]
    scores = [_pad(block.scores, depth, -np.inf) for block in blocks]
    ranks = [_pad(block.ranks, depth, -1) for block in blocks if block.ranks is not None]
    return CandidateBlock(
        np.concatenate([np.zeros(0, np.int64), *queries]),
        np.concatenate([np.zeros((0, depth), np.int64), *documents]),
        np.concatenate([np.zeros((0, depth), np.float32), *scores]),
        next((block.retrievers for block in blocks), ()),
        np.concatenate(ranks) if ranks else None,
    )


def find_places(candidates: NDArray[np.int64], documents: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each document among the candidates of its row, -1 if it is none of them.

    Args:
        candidates: Rows of documents; int64, (queries, depth), -1 beyond the end.
        documents: Rows of documents; int64, (queries, n).

    >>> find_places(np.array([[5, 7], [7, -1]]), np.array([[7, 8], [5, 7]])).tolist()
    [[1, -1], [-1, 0]]
    """
    width = max(int(candidates.max(initial=0)), int(documents.max(initial=0))) + 1
    rows = np.arange(len(candidates))[:, None]
    known = np.where(candidates < 0, -1, rows * width + candidates).ravel()
    if not len(known):
        return np.full(documents.shape, -1, np.int64)
    order = np.argsort(known, kind="stable")
    wanted = rows * width + documents
    found = order[np.minimum(np.searchsorted(known, wanted, sorter=order), len(order) - 1)]
    return np.where(known[found] == wanted, found % candidates.shape[1], -1)


def _pad(values: NDArray, depth: int, fill: float) -> NDArray:
    beyond = [(0, 0)] * values.ndim
    beyond[1] = (0, depth - values.shape[1])
    return np.pad(values, beyond, constant_values=fill)
