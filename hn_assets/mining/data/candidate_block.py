"""The candidates of some queries, as arrays."""

from __future__ import annotations

from collections.abc import Iterator
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
    """Rankings of some queries, one row each, best first.

    Attributes:
        queries: rows of the queries, int64, (queries,).
        documents: rows of the candidates, int64, (queries, depth); -1 beyond the end.
        scores: float32 of the same shape; -inf beyond the end.
    """

    queries: NDArray[np.int64]
    documents: NDArray[np.int64]
    scores: NDArray[np.float32]

    @property
    def depth(self) -> int:
        """Of the max_search_depth ranking."""
        return self.documents.shape[1]

    def take(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> CandidateBlock:
        """The rankings of some of the queries."""
        return CandidateBlock(self.queries[which], self.documents[which], self.scores[which])


def read_candidate_blocks(
    path: Path, collection: IndexedDataset, rows: int = ROWS_PER_BLOCK
) -> Iterator[CandidateBlock]:
    """The candidates of the mined queries, about `rows` of them at a time, no query cut in two.

    Args:
        path: Parquet file with the columns of `tables.CANDIDATES`; a query's rows stand together.
        collection: whose mined queries are wanted.
        rows: read at once.

    Raises:
        StoreError: a document or query is ranked that the collection does not have.
    """
    import pandas as pd

    documents = pd.Index(collection.document_ids.to_pylist(), dtype=object)
    queries = pd.Index(collection.query_ids.to_pylist(), dtype=object)
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
                yield from _to_block(block[:end], collection)
    if len(left):
        yield from _to_block(left, collection)


def _to_block(block: NDArray[np.float64], collection: IndexedDataset) -> Iterator[CandidateBlock]:
    asked = block[:, 0].astype(np.int64)
    block = block[collection.mined[asked]]
    if not len(block):
        return
    asked, answers, rank = (block[:, i].astype(np.int64) for i in range(3))
    starts = np.flatnonzero(np.diff(asked, prepend=-1))
    query = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(asked)))
    documents = np.full((len(starts), int(rank.max()) + 1), -1, np.int64)
    scores = np.full(documents.shape, -np.inf, np.float32)
    documents[query, rank] = answers
    scores[query, rank] = block[:, 3]
    yield CandidateBlock(asked[starts], documents, scores)


def _rows(column: pa.DictionaryArray, known: pd.Index, what: str) -> NDArray[np.int64]:
    import pandas as pd

    values = column.dictionary.to_pylist()
    rows = known.get_indexer(pd.Index(values, dtype=object))
    found = rows[column.indices.to_numpy()]
    if (found < 0).any():
        missing = values[int(column.indices.to_numpy()[int(np.argmin(found))])]
        others = len(set(column.indices.to_numpy()[found < 0].tolist())) - 1
        raise StoreError(
            f"{what} {missing!r} and {others} more are ranked but no longer in the corpus and the "
            f"queries: materialize the embeddings, faiss_index and candidates again"
        )
    return found.astype(np.int64)
