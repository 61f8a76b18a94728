"""The chosen negatives of all blocks, kept as numbers until they are written.

Of millions of negatives, the names of documents and what each was compared with would take ten
times the memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.mining.data.indexed_dataset import IndexedDataset, ranges, reference_scores
from hn_assets.mining.output.mining_result import MiningResult
from hn_assets.mining.output.result_parts import ResultPart, numbers_of, parts_of
from hn_assets.store import schemas

ROWS_AT_ONCE = 200_000  # that are written together
_NO_RANK = np.iinfo(np.int32).max

NUMBERS = pa.schema(
    [
        # rows of the dataset
        ("query", pa.int32()),
        ("document", pa.int32()),
        ("source", pa.dictionary(pa.int8(), pa.string())),
        *(
            schemas.HARD_NEGATIVES.field(name)
            for name in (
                "rank",
                "score",
                "margin",
                "positive_similarity",
                "probability",
                "teacher_score",
            )
        ),
    ]
)


def number_negatives(result: MiningResult) -> pa.Table:
    """The negatives of some queries, with the columns of `NUMBERS`."""
    return pa.concat_tables([_numbers(part) for part in parts_of(result)])


class ChosenNegatives:
    """The negatives of a dataset, sorted by query id and rank, then by document id.

    Those that have no rank stand behind the others of their query.

    Args:
        blocks: From `number_negatives`.
        dataset: The dataset that was mined.
        positive_scores: The score of each positive, of the shape of `dataset.positives.documents`.

    Attributes:
        numbers: A row for each negative, with the columns of `NUMBERS`.
    """

    def __init__(
        self,
        blocks: Iterable[pa.Table],
        dataset: IndexedDataset,
        positive_scores: NDArray[np.float32],
    ) -> None:
        self._dataset = dataset
        self._positive_scores = positive_scores
        found = pa.concat_tables([NUMBERS.empty_table(), *blocks])
        found = found.unify_dictionaries().combine_chunks()
        rank = found["rank"].fill_null(_NO_RANK).to_numpy()
        document = dataset.document_ids.places()[found["document"].to_numpy()]
        query = dataset.query_ids.places()[found["query"].to_numpy()]
        self.numbers = found.take(pa.array(np.lexsort((document, rank, query))))

    def __len__(self) -> int:
        return len(self.numbers)

    def tables(self) -> Iterator[pa.Table]:
        """The negatives in parts, with the columns of `schemas.HARD_NEGATIVES`."""
        for start in range(0, len(self), ROWS_AT_ONCE):
            yield self._name(self.numbers.slice(start, ROWS_AT_ONCE))

    def table(self) -> pa.Table:
        """All of them, with the columns of `schemas.HARD_NEGATIVES`."""
        return pa.concat_tables([schemas.HARD_NEGATIVES.empty_table(), *self.tables()])

    def write(self, path: Path) -> None:
        """Write all of them to a Parquet file."""
        with pq.ParquetWriter(path, schemas.HARD_NEGATIVES, compression="zstd") as writer:
            for part in self.tables():
                writer.write_table(part)

    def counts_by_query(self) -> NDArray[np.int64]:
        """How many negatives each query has that has any; int64."""
        return np.diff(self._starts(), append=len(self))

    def margins_to_best_positive(self) -> NDArray[np.float32]:
        """The score of each minus that of the best positive of its query; float32."""
        best = reference_scores(self._dataset.positives, self._positive_scores)[:, 2]
        return self.numbers["score"].to_numpy() - best[self.numbers["query"].to_numpy()]

    def sample(self, queries: int, negatives: int) -> pa.Table:
        """The first negatives of a few queries that are spread over all.

        Args:
            queries: How many queries at most.
            negatives: How many negatives of each at most.

        Returns:
            With the columns of `schemas.HARD_NEGATIVES`.
        """
        starts = self._starts()
        counts = np.minimum(np.diff(starts, append=len(self)), negatives)
        picked = slice(None, None, max(1, len(starts) // queries))
        rows = ranges(starts[picked][:queries], counts[picked][:queries])
        return self._name(self.numbers.take(pa.array(rows)))

    def _starts(self) -> NDArray[np.int64]:
        """Where the negatives of each query begin."""
        return np.flatnonzero(np.diff(self.numbers["query"].to_numpy(), prepend=-1))

    def _name(self, numbers: pa.Table) -> pa.Table:
        """The ids that the rows stand for, and what each negative was judged against."""
        queries, positives = numbers["query"].to_numpy(), self._dataset.positives
        counts = positives.counts()[queries]
        places = ranges(positives.starts[queries], counts)
        offsets = pa.array(np.cumsum([0, *counts], dtype=np.int32))
        positive_ids = self._dataset.document_ids.take(positives.documents[places])
        columns = {
            **dict(zip(numbers.column_names, numbers.columns, strict=True)),
            "query_id": self._dataset.query_ids.take(queries),
            "doc_id": self._dataset.document_ids.take(numbers["document"].to_numpy()),
            "source": numbers["source"].cast(pa.string()),
            "positive_ids": pa.ListArray.from_arrays(offsets, positive_ids),
            "positive_scores": pa.ListArray.from_arrays(
                offsets, pa.array(self._positive_scores[places])
            ),
        }
        schema = schemas.HARD_NEGATIVES
        return pa.table([columns[name] for name in schema.names], schema=schema)


def _numbers(part: ResultPart) -> pa.Table:
    result = part.result
    chosen = result.chosen
    query, place = np.nonzero(chosen)
    columns = [
        pa.array(result.block.queries[query].astype(np.int32)),
        pa.array(result.block.documents[chosen].astype(np.int32)),
        part.sources(chosen),
        part.ranks(place),
        pa.array(result.block.scores[chosen]),
        pa.array(result.margin[chosen]),
        pa.array(result.features.positive_similarity[chosen]),
        numbers_of(result.features.probability, chosen),
        numbers_of(result.features.teacher_scores, chosen),
    ]
    return pa.table(columns, schema=NUMBERS)
