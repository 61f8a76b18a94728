"""Read the rankings of a file as rows of queries and documents, some queries at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.errors import StoreError
from hn_assets.ids import Ids
from hn_assets.store import schemas
from hn_assets.store.parquet_batches import parquet_batches

ROWS_AT_ONCE = 131_072


@dataclass(frozen=True)
class Finds:
    """What one retriever found for some queries; arrays have one entry for each candidate.

    Attributes:
        query: Of which query it is a candidate; int64.
        document: The row of the document; int64.
        rank: Its rank, from 0; int32.
        score: Its score, the retriever's own; float32.
    """

    query: NDArray[np.int64]
    document: NDArray[np.int64]
    rank: NDArray[np.int32]
    score: NDArray[np.float32]

    @classmethod
    def none(cls) -> Finds:
        """No candidates."""
        return cls(
            np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, "f4")
        )

    def __len__(self) -> int:
        return len(self.query)

    def take(self, which: slice) -> Finds:
        """Some of the candidates."""
        return Finds(self.query[which], self.document[which], self.rank[which], self.score[which])

    def then(self, others: Finds) -> Finds:
        """These candidates and others after them."""
        return Finds(
            np.concatenate([self.query, others.query]),
            np.concatenate([self.document, others.document]),
            np.concatenate([self.rank, others.rank]),
            np.concatenate([self.score, others.score]),
        )


class RankingsFile:
    """A file of rankings, read from its first query to its last.

    Args:
        path: A Parquet file with the columns of `schemas.CANDIDATES`, in which the rows of a query
            stand together and queries are in the order of `queries`.
        queries: The ids of the queries by row.
        documents: The ids of the documents by row.
    """

    def __init__(self, path: Path, queries: Ids, documents: Ids) -> None:
        self._path = path
        self._parts = self._read(queries, documents)
        self._left = Finds.none()

    def until(self, end: int) -> Finds:
        """The candidates of the next queries, up to the one whose row is `end`.

        Raises:
            StoreError: The file ranks what is not there, or its queries are in another order.
        """
        found = self._left
        while not len(found) or found.query[-1] < end:
            part = next(self._parts, None)
            if part is None:
                break
            found = found.then(part)
        cut = int(np.searchsorted(found.query, end))
        self._left = found.take(slice(cut, None))
        return found.take(slice(cut))

    def _read(self, queries: Ids, documents: Ids) -> Iterator[Finds]:
        last = 0
        with pq.ParquetFile(self._path, read_dictionary=["query_id", "doc_id"]) as file:
            for batch in parquet_batches(file, ROWS_AT_ONCE, schemas.CANDIDATES.names):
                if not len(batch):
                    continue
                rows = rows_of(batch["query_id"], queries, "query")
                if (np.diff(rows, prepend=last) < 0).any():
                    raise StoreError(
                        f"the queries of {self._path} are in another order than their vectors: "
                        f"materialize the embeddings and candidates again"
                    )
                last = int(rows[-1])
                yield Finds(
                    rows,
                    rows_of(batch["doc_id"], documents, "document"),
                    batch["rank"].to_numpy(),
                    batch["score"].to_numpy(),
                )


def rows_of(column: pa.DictionaryArray, known: Ids, kind: str) -> NDArray[np.int64]:
    """The rows of ids.

    Args:
        column: The ids.
        known: All ids by row.
        kind: What an id is of, for the message.

    Raises:
        StoreError: An id is not known.
    """
    found = known.rows_of(column)
    if (found < 0).any():
        missing = column[int(np.argmin(found))].as_py()
        others = len(set(column.indices.to_numpy()[found < 0].tolist())) - 1
        raise StoreError(
            f"{kind} {missing!r} and {others} more are ranked but no longer in the corpus and the "
            f"queries: materialize the embeddings, faiss_index and candidates again"
        )
    return found
