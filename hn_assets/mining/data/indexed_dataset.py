"""A dataset's documents, queries and judgements as numbers, so that mining is array arithmetic.

A document is its row in `corpus_embeddings`, a query its row in `query_embeddings`. Equal
normalised texts have an equal number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hn_assets.errors import MiningError, StoreError
from hn_assets.ids import Ids

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class DocumentsByQuery:
    """Some documents for each query, in the order of their rows.

    Attributes:
        starts: The place where the documents of each query begin, and the place after the last;
            int64, (queries + 1,).
        documents: Rows of documents; int64.
    """

    starts: NDArray[np.int64]
    documents: NDArray[np.int64]

    @classmethod
    def build(
        cls, queries: NDArray[np.int64], documents: NDArray[np.int64], count: int
    ) -> DocumentsByQuery:
        """Sort documents by their queries, and keep each once per query.

        Args:
            queries: Rows of queries; int64.
            documents: The document's row that belongs to each; int64.
            count: The number of all queries.
        """
        import pandas as pd

        found = pd.DataFrame({"q": queries, "d": documents}).drop_duplicates()
        found = found.sort_values(["q", "d"])
        starts = np.searchsorted(found.q.to_numpy(), np.arange(count + 1))
        return cls(starts.astype(np.int64), found.d.to_numpy(np.int64))

    @classmethod
    def none(cls, count: int) -> DocumentsByQuery:
        """No documents for `count` queries."""
        return cls(np.zeros(count + 1, np.int64), np.zeros(0, np.int64))

    def of(self, query: int) -> NDArray[np.int64]:
        """The documents of one query."""
        return self.documents[self.starts[query] : self.starts[query + 1]]

    def counts(self) -> NDArray[np.int64]:
        """How many documents each query has."""
        return np.diff(self.starts)

    def queries(self) -> NDArray[np.int64]:
        """The query's row of each document, of the shape of `documents`."""
        return np.repeat(np.arange(len(self.starts) - 1), self.counts())

    def padded(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        """The documents of some queries, one row for each query, filled up with -1."""
        counts = self.counts()[queries]
        out = np.full((len(queries), int(counts.max(initial=0))), -1, np.int64)
        inside = np.arange(out.shape[1]) < counts[:, None]
        starts = self.starts[queries]
        out[inside] = self.documents[(starts[:, None] + np.arange(out.shape[1]))[inside]]
        return out

    def contain(self, queries: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each value is among the documents of the query of its row.

        Args:
            queries: Rows of queries; int64, (n,).
            values: int64, (n, depth); negative values are never contained.
        """
        known, width = self._keys
        if not len(known):
            return np.zeros(values.shape, bool)
        keys = queries[:, None] * width + values
        place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        return (known[place] == keys) & (values >= 0) & (values < width)

    @cached_property
    def _keys(self) -> tuple[NDArray[np.int64], int]:
        """One number for each query and document, in ascending order, and the factor in them."""
        width = int(self.documents.max(initial=0)) + 1
        return np.unique(self.queries() * width + self.documents), width


@dataclass(frozen=True)
class Texts:
    """Texts as numbers: equal normalised texts have equal numbers.

    Attributes:
        documents: The numbers of the documents' texts by row; int64, (documents,).
        queries: The numbers of the queries' texts by row; int64, (queries,).
        empty: The number of the empty text.
    """

    documents: NDArray[np.int64]
    queries: NDArray[np.int64]
    empty: int

    @cached_property
    def query_codes(self) -> NDArray[np.int64]:
        """The numbers of the queries' texts, made dense: 0 to n - 1; int64, (queries,)."""
        return np.unique(self.queries, return_inverse=True)[1].astype(np.int64)

    @cached_property
    def document_codes(self) -> NDArray[np.int64]:
        """The numbers of the documents' texts, made dense: 0 to n - 1; int64, (documents,)."""
        return np.unique(self.documents, return_inverse=True)[1].astype(np.int64)


@dataclass(frozen=True)
class IndexedDataset:
    """What is known of a dataset before anything is mined.

    Attributes:
        document_ids: The ids of the documents by row; strings.
        query_ids: The ids of the queries by row; strings.
        texts: The texts of documents and queries, as numbers.
        relevant_by_text: The documents with a score above 0 in any split, by the dense number of
            their query's text, since queries of one text share them.
        positives: The documents with a score above 0 in the mined split, for the query itself:
            what negatives are judged against.
        judged_irrelevant: The documents that were judged not relevant (score <= 0).
        mined: Whether a query is of the mined split and has a positive; bool, (queries,).
        without_positives: The number of queries of the mined split that have no positive.
    """

    document_ids: Ids
    query_ids: Ids
    texts: Texts
    relevant_by_text: DocumentsByQuery
    positives: DocumentsByQuery
    judged_irrelevant: DocumentsByQuery
    mined: NDArray[np.bool_]
    without_positives: int

    @classmethod
    def build(
        cls,
        document_ids: Sequence[str],
        query_ids: Sequence[str],
        texts: Texts,
        queries: pd.DataFrame,
        qrels: pd.DataFrame,
        split: str,
    ) -> IndexedDataset:
        """Number what the tables name.

        Args:
            document_ids: The ids of the documents by row.
            query_ids: The ids of the queries by row.
            texts: The texts by row.
            queries: A table with the columns id and split.
            qrels: A table with the columns query_id, doc_id, score and split; a score above 0
                means relevant.
            split: The split to be mined.

        Raises:
            StoreError: The qrels name a document or a query that has no row.
            MiningError: No query of the split has a positive.
        """
        document_ids, query_ids = Ids(document_ids), Ids(query_ids)
        count = len(query_ids)
        query_rows = _rows(qrels.query_id, query_ids, "query")
        document_rows = _rows(qrels.doc_id, document_ids, "document")
        positive = (qrels.score > 0).to_numpy()
        in_mined_split = positive & (qrels.split == split).to_numpy()
        positives = DocumentsByQuery.build(
            query_rows[in_mined_split], document_rows[in_mined_split], count
        )
        in_split = np.zeros(count, bool)
        of_split = query_ids.rows_of(queries.id[queries.split == split])
        in_split[of_split[of_split >= 0]] = True
        mined = in_split & (positives.counts() > 0)
        if not mined.any():
            raise MiningError(
                f"no query of the split {split!r} has a positive: there is nothing to mine "
                f"against. The splits are {', '.join(sorted(set(queries.split)))}"
            )
        return cls(
            document_ids=document_ids,
            query_ids=query_ids,
            texts=texts,
            relevant_by_text=DocumentsByQuery.build(
                texts.query_codes[query_rows[positive]],
                document_rows[positive],
                int(texts.query_codes.max(initial=-1)) + 1,
            ),
            positives=positives,
            judged_irrelevant=DocumentsByQuery.build(
                query_rows[~positive], document_rows[~positive], count
            ),
            mined=mined,
            without_positives=int(in_split.sum() - mined.sum()),
        )

    def are_relevant(
        self, queries: NDArray[np.int64], documents: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Whether each document is relevant to the query of its row, or to one of the same text.

        Args:
            queries: Rows of queries; int64, (n,).
            documents: Rows of documents; int64, (n, depth), -1 beyond the end.
        """
        return self.relevant_by_text.contain(self.texts.query_codes[queries], documents)

    def have_relevant_text(
        self, queries: NDArray[np.int64], documents: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Whether each document has the text of one that `are_relevant` holds for.

        Args:
            queries: Rows of queries; int64, (n,).
            documents: Rows of documents; int64, (n, depth), -1 beyond the end.
        """
        codes = np.where(documents < 0, -1, self.texts.document_codes[documents])
        return self._relevant_text_codes.contain(self.texts.query_codes[queries], codes)

    @cached_property
    def _relevant_text_codes(self) -> DocumentsByQuery:
        """The dense text numbers of relevant documents, in the place of the documents."""
        codes = self.texts.document_codes[self.relevant_by_text.documents]
        return DocumentsByQuery(self.relevant_by_text.starts, codes)


def reference_scores(
    positives: DocumentsByQuery, scores: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The lowest, the mean and the highest score of each query's positives, 0 if it has none.

    Args:
        positives: The positives of the queries.
        scores: The score of each, of the shape of `positives.documents`; NaN if there is none.

    Returns:
        float32, (queries, 3).
    """
    import pandas as pd

    found = pd.Series(scores).groupby(positives.queries()).agg(["min", "mean", "max"])
    out = np.zeros((len(positives.starts) - 1, 3), np.float32)
    out[found.index] = found.to_numpy()
    return out


def ranges(first: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers `first[i]` to `first[i] + counts[i] - 1`, one i after the other; int64.

    >>> ranges(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    return np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())


def _rows(ids: pd.Series[str], known: Ids, kind: str) -> NDArray[np.int64]:
    rows = known.rows_of(ids)
    if (rows < 0).any():
        raise StoreError(
            f"qrels name the {kind} {ids.iloc[int(np.argmin(rows))]!r}, which has no vector: "
            f"materialize the embeddings, faiss_index and candidates again"
        )
    return rows
