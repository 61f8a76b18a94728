"""Whether a ledger holds every candidate once, and what was chosen.

A pair of query and document is one number here, so that ledgers of a hundred million rows can be
compared: as texts in a join they would take thirty times the memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.ids import Ids
from hn_assets.mining.rules.reasons import CHOSEN
from hn_assets.store.parquet_batches import parquet_batches

ROWS_AT_ONCE = 500_000
IDS = ["query_id", "doc_id"]


@dataclass(frozen=True)
class LedgerCheck:
    """Whether a ledger is complete.

    Attributes:
        candidates: The number of rows of the ledger.
        chosen: How many of them were chosen.
        queries: Of how many queries they are.
        problems: What does not fit together, as clauses; empty if all is well.
    """

    candidates: int
    chosen: int
    queries: int
    problems: list[str]


def check_ledger(
    ledger: Path, negatives: Path, candidates: Path, corpus: Path, queries: Path
) -> LedgerCheck:
    """Whether every candidate of a mined query is in the ledger once, and every choice is there.

    Args:
        ledger: A Parquet file with the columns of `schemas.LEDGER`.
        negatives: A Parquet file with the columns of `schemas.HARD_NEGATIVES`.
        candidates: A Parquet file with the columns of `schemas.CANDIDATES`.
        corpus: A Parquet file with the ids of all documents.
        queries: A Parquet file with the ids of all queries.
    """
    numbers = _Pairs(
        *(Ids(pq.read_table(path, columns=["id"])["id"]) for path in (queries, corpus))
    )
    rows, chosen = numbers.of_ledger(ledger)
    known = rows[np.searchsorted(rows, 0) :]
    is_mined = np.zeros(len(numbers.queries), bool)
    for start in range(0, len(known), ROWS_AT_ONCE):
        is_mined[known[start : start + ROWS_AT_ONCE] // len(numbers.documents)] = True
    taken = np.sort(np.concatenate([numbers.none, *numbers.of_file(negatives)]))
    problems: list[str] = []
    if unknown := len(rows) - len(known):
        problems.append(f"{unknown} rows of the ledger name no query or no document that there is")
    if repeated := int((known[1:] == known[:-1]).sum()):
        problems.append(f"{repeated} candidates are in the ledger twice")
    if lost := sum(_count_missing(part, known) for part in numbers.of_file(candidates, is_mined)):
        problems.append(f"{lost} candidates of mined queries are not in the ledger")
    if not np.array_equal(chosen, taken):
        problems.append(
            f"the ledger chose {len(chosen)} candidates and hard_negatives has {len(taken)} rows, "
            f"which are not the same"
        )
    return LedgerCheck(len(rows), len(chosen), int(is_mined.sum()), problems)


class _Pairs:
    """Numbers the pairs of queries and documents.

    Args:
        queries: The ids of all queries.
        documents: The ids of all documents.
    """

    def __init__(self, queries: Ids, documents: Ids) -> None:
        self.queries, self.documents = queries, documents
        self.none = np.zeros(0, np.int64)

    def of_file(
        self, path: Path, is_wanted: NDArray[np.bool_] | None = None
    ) -> Iterator[NDArray[np.int64]]:
        """The pairs of a file; -1 for a document that there is not.

        Args:
            path: A Parquet file with the columns query_id and doc_id.
            is_wanted: Of which queries; by default of all, and then -1 for one that there is not.
        """
        for batch in _batches(path, IDS):
            query, document = self._rows(batch)
            if is_wanted is not None:
                wanted = (query >= 0) & is_wanted[query]
                query, document = query[wanted], document[wanted]
            yield self._numbers(query, document)

    def of_ledger(self, path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All pairs of a ledger, and those that were chosen, each in ascending order."""
        out = np.empty(pq.read_metadata(path).num_rows, np.int64)
        chosen = [self.none]
        end = 0
        for batch in _batches(path, [*IDS, "outcome"]):
            part = out[end : end + len(batch)]
            part[:] = self._numbers(*self._rows(batch))
            outcome = batch["outcome"]
            is_chosen = np.array([label == CHOSEN for label in outcome.dictionary.to_pylist()])
            chosen.append(part[is_chosen[outcome.indices.to_numpy()]])
            end += len(batch)
        out.sort()
        return out, np.sort(np.concatenate(chosen))

    def _rows(self, batch: pa.RecordBatch) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        query, document = (
            known.rows_of(batch[name])
            for known, name in zip((self.queries, self.documents), IDS, strict=True)
        )
        return query, document

    def _numbers(self, query: NDArray[np.int64], document: NDArray[np.int64]) -> NDArray[np.int64]:
        is_known = (query >= 0) & (document >= 0)
        return np.where(is_known, query * len(self.documents) + document, -1)


def _batches(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path, read_dictionary=columns) as file:
        for batch in parquet_batches(file, ROWS_AT_ONCE, columns):
            if len(batch):
                yield batch


def _count_missing(numbers: NDArray[np.int64], known: NDArray[np.int64]) -> int:
    """How many numbers are not among the known ones, which are in ascending order."""
    numbers = np.sort(numbers)  # so that all look-ups fall close together
    if not len(known):
        return len(numbers)
    place = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
    return int((known[place] != numbers).sum())
