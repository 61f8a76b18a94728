"""Write the rankings of a retriever, block by block."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.closing import ClosedAtExit
from hn_assets.retrievers.document_ids import DocumentIds
from hn_assets.retrievers.protocol import RetrieverReport, UsedVectors
from hn_assets.store import schemas


class CandidatesFile(ClosedAtExit):
    """A file of rankings while it is written, with the counts for the report.

    Args:
        target: The Parquet file to write.
        documents: The ids of the corpus.
        depth: How many candidates are wanted for each query.
    """

    def __init__(self, target: Path, documents: DocumentIds, depth: int) -> None:
        self.documents = documents
        self.depth = depth
        self.queries = 0
        self._candidates = 0
        self._without = 0
        self._start = time.perf_counter()
        self._writer = pq.ParquetWriter(target, schemas.CANDIDATES, compression="zstd")

    def close(self) -> None:
        """End the file, after which it can be read."""
        self._writer.close()

    def write(
        self,
        query_ids: pa.Array,
        rows: Sequence[NDArray[np.int64]],
        scores: Sequence[NDArray[np.float32]],
    ) -> None:
        """Write the rankings of some queries, which follow those that were written before.

        Args:
            query_ids: Their ids.
            rows: The rows of each query's documents, best first, as `DocumentIds.best` gives them.
            scores: The scores of these.
        """
        counts = np.array([len(of_query) for of_query in rows], np.int64)
        self.queries += len(counts)
        self._candidates += int(counts.sum())
        self._without += int((counts == 0).sum())
        if not counts.any():
            return
        ends = np.cumsum(counts)
        ranks = np.arange(ends[-1]) - np.repeat(ends - counts, counts)
        columns = [
            _take(query_ids, np.repeat(np.arange(len(counts)), counts)),
            _take(self.documents.ids, np.concatenate(rows)),
            pa.array(ranks.astype(np.int32)),
            pa.array(np.concatenate(scores)),
        ]
        self._writer.write_table(pa.table(columns, schema=schemas.CANDIDATES))

    def report(
        self,
        scores_are: str,
        details: Mapping[str, Any] | None = None,
        used_vectors: tuple[UsedVectors, ...] = (),
    ) -> RetrieverReport:
        """What was found, with the time since this was opened."""
        return RetrieverReport(
            depth=min(self.depth, len(self.documents)),
            depth_wanted=self.depth,
            queries=self.queries,
            queries_without_candidates=self._without,
            candidates=self._candidates,
            seconds=time.perf_counter() - self._start,
            scores_are=scores_are,
            details=details or {},
            used_vectors=used_vectors,
        )


def _take(ids: pa.Array, rows: NDArray[np.int64]) -> pa.Array:
    return pc.call_function("take", [ids, pa.array(rows)]).cast(pa.string())
