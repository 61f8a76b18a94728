"""Whether negatives are positives of their query after all: what must never be.

Queries, documents and texts are numbers here, so that millions of negatives take little memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.ids import Ids
from hn_assets.mining.data.text_numbers import number_of_text, read_passages
from hn_assets.store.parquet_batches import parquet_batches

ROWS_AT_ONCE = 500_000
IDS = ["query_id", "doc_id"]

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class FoundPositives:
    """Which negatives are positives of their query.

    Attributes:
        negatives: How many negatives there are.
        by_id: How many of them are positives of their query.
        by_text: How many have the normalised text of one, those counted too.
        example: The ids of query and document of one, by id if there is such a one; None if no
            negative is a positive.
    """

    negatives: int
    by_id: int
    by_text: int
    example: tuple[str, str] | None


def find_positives(
    negatives: Path, qrels: Path, corpus: Path, *, include_title: bool
) -> FoundPositives:
    """Look for negatives that are positives of their query, by id or by text.

    Args:
        negatives: A Parquet file with the columns query_id and doc_id.
        qrels: The Parquet file of the qrels.
        corpus: The Parquet file of the corpus.
        include_title: Whether the text of a passage begins with its title.
    """
    judged = pq.read_table(qrels, columns=IDS, filters=pc.field("score") > 0)
    queries = Ids(judged["query_id"].unique())
    documents = Ids(pq.read_table(corpus, columns=["id"])["id"])
    positives = queries.rows_of(judged["query_id"]), documents.rows_of(judged["doc_id"])
    is_named = np.zeros(len(documents) + 1, bool)  # the last stands for what is not there
    is_named[positives[1]] = True
    for _, document in _pairs(negatives, queries, documents):
        is_named[document] = True
    texts = np.zeros(len(documents), np.int64)
    passages = read_passages(corpus, include_title=include_title)
    for row, (_, text) in enumerate(passages):
        if is_named[row]:
            texts[row] = number_of_text(text)
    by_id = _Known(positives, np.arange(len(documents)))
    by_text = _Known(positives, texts)
    count = 0
    counts = {by_id: 0, by_text: 0}
    examples: dict[_Known, tuple[int, int]] = {}
    for query, document in _pairs(negatives, queries, documents):
        count += len(query)
        for known in counts:
            hits = np.flatnonzero(known.hold(query, document))
            counts[known] += len(hits)
            if len(hits):
                examples.setdefault(known, (int(query[hits[0]]), int(document[hits[0]])))
    example = examples.get(by_id, examples.get(by_text))
    return FoundPositives(
        count,
        counts[by_id],
        counts[by_text],
        None if example is None else (queries[example[0]], documents[example[1]]),
    )


class _Known:
    """What the positives of each query have: their rows, or the numbers of their texts.

    Args:
        positives: The rows of query and document of each positive; -1 for a document that is not
            there.
        values: What each document has; int64, (documents,).
    """

    def __init__(self, positives: Pairs, values: NDArray[np.int64]) -> None:
        query, document = (rows[positives[1] >= 0] for rows in positives)
        self._values = values
        self._of_positives = np.unique(values[document])
        codes = np.searchsorted(self._of_positives, values[document])
        self._keys = np.unique(query * len(self._of_positives) + codes)

    def hold(self, query: NDArray[np.int64], document: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether a positive of the query has what the document has; -1 has nothing."""
        if not len(self._keys):
            return np.zeros(len(query), bool)
        wanted = self._values[document]
        last = len(self._of_positives) - 1
        code = np.minimum(np.searchsorted(self._of_positives, wanted), last)
        key = query * len(self._of_positives) + code
        place = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        is_known = (self._of_positives[code] == wanted) & (self._keys[place] == key)
        return is_known & (query >= 0) & (document >= 0)


def _pairs(path: Path, queries: Ids, documents: Ids) -> Iterator[Pairs]:
    """The rows of query and document of a file, -1 for what is not there."""
    with pq.ParquetFile(path, read_dictionary=IDS) as file:
        for batch in parquet_batches(file, ROWS_AT_ONCE, IDS):
            if len(batch):
                query, document = (
                    known.rows_of(batch[name])
                    for known, name in zip((queries, documents), IDS, strict=True)
                )
                yield query, document
