"""The candidates of some queries, as arrays, and reading them from the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.errors import StoreError
from hn_assets.mining.data.indexed_dataset import IndexedDataset

if TYPE_CHECKING:
    import pandas as pd

ROWS_PER_BLOCK = 500_000


@dataclass(frozen=True)
class CandidateBlock:
    """The rankings of some queries, one row for each, best first.

    Attributes:
        queries: Rows of the queries; int64, (queries,).
        documents: Rows of the candidates; int64, (queries, depth), -1 beyond the end.
        scores: Inner products; float32, (queries, depth), -inf beyond the end.
    """

    queries: NDArray[np.int64]
    documents: NDArray[np.int64]
    scores: NDArray[np.float32]

    @property
    def depth(self) -> int:
        """The number of ranks."""
        return self.documents.shape[1]

    def take(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> CandidateBlock:
        """The rankings of some of the queries."""
        return CandidateBlock(self.queries[which], self.documents[which], self.scores[which])


def read_candidate_blocks(
    path: Path, dataset: IndexedDataset, rows: int = ROWS_PER_BLOCK
) -> Iterator[CandidateBlock]:
    """The candidates of the mined queries, block by block; no query is cut in two.

    Args:
        path: A Parquet file with the columns of `schemas.CANDIDATES`, in which the rows of a query
            stand together.
        dataset: The dataset whose mined queries are wanted.
        rows: About how many rows are read at once.

    Raises:
        StoreError: A document or a query is ranked that the dataset does not have.
    """
    import pandas as pd

    documents = pd.Index(dataset.document_ids.to_pylist(), dtype=object)
    queries = pd.Index(dataset.query_ids.to_pylist(), dtype=object)
    left = np.zeros((0, 4))
    with pq.ParquetFile(path, read_dictionary=["query_id", "doc_id"]) as file:
        for batch in file.iter_batches(batch_size=rows):
            block: NDArray[np.float64] = np.stack(
                [
                    _rows(batch["query_id"], queries, "query"),
                    _rows(batch["doc_id"], documents, "document"),
                    batch["rank"].to_numpy(),
                    batch["score"].to_numpy(),
                ],
                axis=1,
                dtype=np.float64,
            )
            block = np.concatenate([left, block])
            end = int(np.argmax(block[:, 0] == block[-1, 0]))
            left = block[end:]
            if end:
                yield from _to_block(block[:end], dataset)
    if len(left):
        yield from _to_block(left, dataset)


def _to_block(block: NDArray[np.float64], dataset: IndexedDataset) -> Iterator[CandidateBlock]:
    query_rows = block[:, 0].astype(np.int64)
    block = block[dataset.mined[query_rows]]
    if not len(block):
        return
    query_rows, candidates, rank = (block[:, i].astype(np.int64) for i in range(3))
    starts = np.flatnonzero(np.diff(query_rows, prepend=-1))
    query = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(query_rows)))
    documents = np.full((len(starts), int(rank.max()) + 1), -1, np.int64)
    scores = np.full(documents.shape, -np.inf, np.float32)
    documents[query, rank] = candidates
    scores[query, rank] = block[:, 3]
    yield CandidateBlock(query_rows[starts], documents, scores)


def _rows(column: pa.DictionaryArray, known: pd.Index, kind: str) -> NDArray[np.int64]:
    import pandas as pd

    values = column.dictionary.to_pylist()
    rows = known.get_indexer(pd.Index(values, dtype=object))
    found = rows[column.indices.to_numpy()]
    if (found < 0).any():
        missing = values[int(column.indices.to_numpy()[int(np.argmin(found))])]
        others = len(set(column.indices.to_numpy()[found < 0].tolist())) - 1
        raise StoreError(
            f"{kind} {missing!r} and {others} more are ranked but no longer in the corpus and the "
            f"queries: materialize the embeddings, faiss_index and candidates again"
        )
    return found.astype(np.int64)


def join_blocks(blocks: Sequence[CandidateBlock]) -> CandidateBlock:
    """The rankings of several blocks in one, filled up to the greatest depth."""
    depth = max((block.depth for block in blocks), default=0)
    queries = [block.queries for block in blocks]
    documents = [_pad(block.documents, depth, -1) for block in blocks]
    scores = [_pad(block.scores, depth, -np.inf) for block in blocks]
    return CandidateBlock(
        np.concatenate([np.zeros(0, np.int64), *queries]),
        np.concatenate([np.zeros((0, depth), np.int64), *documents]),
        np.concatenate([np.zeros((0, depth), np.float32), *scores]),
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
    return np.pad(values, ((0, 0), (0, depth - values.shape[1])), constant_values=fill)
