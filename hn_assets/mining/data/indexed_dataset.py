"""A dataset's documents, queries and judgements as numbers, so that mining is array arithmetic.

A document is its row in `corpus_embeddings`, a query its row in `query_embeddings`. Equal
normalised texts have an equal number.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hn_assets.errors import MiningError, StoreError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class DocumentsByQuery:
    """Some documents for each query, in the order of their rows.

    Attributes:
        starts: where each query's documents begin, and where the last end; int64, (queries + 1,).
        documents: rows of documents, int64.
    """

    starts: NDArray[np.int64]
    documents: NDArray[np.int64]

    @classmethod
    def build(
        cls, queries: NDArray[np.int64], documents: NDArray[np.int64], count: int
    ) -> DocumentsByQuery:
        """Put (query, document) pairs in order, each once; `count` is of all queries."""
        import pandas as pd

        found = pd.DataFrame({"q": queries, "d": documents}).drop_duplicates()
        found = found.sort_values(["q", "d"])
        starts = np.searchsorted(found.q.to_numpy(), np.arange(count + 1))
        return cls(starts.astype(np.int64), found.d.to_numpy(np.int64))

    @classmethod
    def none(cls, count: int) -> DocumentsByQuery:
        """No documents for so many queries."""
        return cls(np.zeros(count + 1, np.int64), np.zeros(0, np.int64))

    def of(self, query: int) -> NDArray[np.int64]:
        """The documents of one query."""
        return self.documents[self.starts[query] : self.starts[query + 1]]

    def counts(self) -> NDArray[np.int64]:
        """How many documents each query has."""
        return np.diff(self.starts)

    def queries(self) -> NDArray[np.int64]:
        """The query of each document, of the shape of `documents`."""
        return np.repeat(np.arange(len(self.starts) - 1), self.counts())

    def padded(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        """The documents of some queries, one row each, filled up with -1."""
        counts = self.counts()[queries]
        out = np.full((len(queries), int(counts.max(initial=0))), -1, np.int64)
        inside = np.arange(out.shape[1]) < counts[:, None]
        starts = self.starts[queries]
        out[inside] = self.documents[(starts[:, None] + np.arange(out.shape[1]))[inside]]
        return out


@dataclass(frozen=True)
class Texts:
    """Texts as numbers: equal normalised text, equal number.

    Attributes:
        documents: int64, in the order of the documents' rows.
        queries: int64, in the order of the queries' rows.
        empty: the number of the empty text.
    """

    documents: NDArray[np.int64]
    queries: NDArray[np.int64]
    empty: int


@dataclass(frozen=True)
class IndexedDataset:
    """What is known of a dataset before anything is mined.

    Attributes:
        document_ids: strings, by row.
        query_ids: strings, by row.
        texts: of documents and queries, as numbers.
        relevant: documents with a score above 0 in any split, for the query itself or for one of
            the same text.
        positives: those of the mined split and of the query itself: what negatives are judged
            against.
        not_relevant: documents judged, and found not relevant (score <= 0).
        mined: whether a query is of the mined split and has a positive; bool, (queries,).
        without_positives: queries of the split that have none.
    """

    document_ids: pa.Array
    query_ids: pa.Array
    texts: Texts
    relevant: DocumentsByQuery
    positives: DocumentsByQuery
    not_relevant: DocumentsByQuery
    mined: NDArray[np.bool_]
    without_positives: int

    @classmethod
    def build(
        cls,
        document_ids: list[str],
        query_ids: list[str],
        texts: Texts,
        queries: pd.DataFrame,
        qrels: pd.DataFrame,
        split: str,
    ) -> IndexedDataset:
        """Number what the tables name.

        Args:
            document_ids: by row.
            query_ids: by row.
            texts: by row.
            queries: id, split.
            qrels: query_id, doc_id, score, split; relevant where score > 0.
            split: to be mined.

        Raises:
            StoreError: qrels name a document or a query that has no row.
            MiningError: no query of the split has a positive.
        """
        import pandas as pd

        count = len(query_ids)
        asked = _rows(qrels.query_id, query_ids, "query")
        answers = _rows(qrels.doc_id, document_ids, "document")
        positive = (qrels.score > 0).to_numpy()
        of_split = positive & (qrels.split == split).to_numpy()
        positives = DocumentsByQuery.build(asked[of_split], answers[of_split], count)
        in_split = pd.Index(query_ids, dtype=object).isin(queries.id[queries.split == split])
        mined = in_split & (positives.counts() > 0)
        if not mined.any():
            raise MiningError(
                f"no query of the split {split!r} has a positive: there is nothing to mine "
                f"against. The splits are {', '.join(sorted(set(queries.split)))}"
            )
        return cls(
            document_ids=pa.array(document_ids, pa.string()),
            query_ids=pa.array(query_ids, pa.string()),
            texts=texts,
            relevant=_share(asked[positive], answers[positive], texts.queries),
            positives=positives,
            not_relevant=DocumentsByQuery.build(asked[~positive], answers[~positive], count),
            mined=mined,
            without_positives=int(in_split.sum() - mined.sum()),
        )

    @cached_property
    def document_text_codes(self) -> NDArray[np.int64]:
        """The numbers of the documents' texts, made dense: 0 to n - 1."""
        return np.unique(self.texts.documents, return_inverse=True)[1].astype(np.int64)


def ranges(first: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers `first[i]` to `first[i] + counts[i] - 1`, one i after the other.

    >>> ranges(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    return np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())


def _share(
    asked: NDArray[np.int64], answers: NDArray[np.int64], query_texts: NDArray[np.int64]
) -> DocumentsByQuery:
    """Give each query the relevant documents of all queries of its text."""
    import pandas as pd

    relevant = pd.DataFrame({"text": query_texts[asked], "document": answers})
    queries = pd.DataFrame({"text": query_texts, "query": np.arange(len(query_texts))})
    shared = queries.merge(relevant, on="text")
    return DocumentsByQuery.build(
        shared["query"].to_numpy(np.int64), shared.document.to_numpy(np.int64), len(query_texts)
    )


def _rows(ids: pd.Series[str], known: list[str], what: str) -> NDArray[np.int64]:
    import pandas as pd

    rows = pd.Index(known, dtype=object).get_indexer(pd.Index(ids, dtype=object))
    if (rows < 0).any():
        raise StoreError(
            f"qrels name the {what} {ids.iloc[int(np.argmin(rows))]!r}, which has no vector: "
            f"materialize the embeddings, faiss_index and candidates again"
        )
    return rows.astype(np.int64)
