"""A source over tables that are in memory already, such as those of a notebook."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hn_assets.sources.protocol import Document, Qrel, Query, Source
from hn_assets.sources.read_fields import read_id, read_optional_text, read_score, read_text
from hn_assets.sources.rows_in_memory import TableRows

# BEIR's name of a column comes before ours
_ID = ("_id", "id")
_QUERY_ID = ("query-id", "query_id")
_DOC_ID = ("corpus-id", "doc_id")


class InMemoryTables(Source):
    """A table each of the documents, the queries and the qrels.

    A table is a `pandas.DataFrame`, a `datasets.Dataset`, a `pyarrow.Table` or another table that
    exports Arrow (such as a polars DataFrame), or a list of dicts. Columns are named as in BEIR or
    as in the tables that hn_assets writes; further columns are ignored. Records are sorted by
    their ids, so the order of the rows does not matter; all records of the table that is being
    read are in memory.

    Args:
        corpus: The documents: `_id` or `id`, `text`, and optionally `title`.
        queries: The queries: `_id` or `id`, `text`, and optionally `prompt`.
        qrels: The relevance judgements: `query-id` or `query_id`, `corpus-id` or `doc_id`, and
            optionally `score` (a whole number, above 0 for a positive; without the column, every
            score is 1) and `split`.
        split: The name of the split if the qrels have no column `split`.

    Raises:
        SourceError: A table is of another type, or lacks a column.

    Example:
        >>> source = InMemoryTables(
        ...     corpus=[{"id": "d1", "text": "Cats purr."}, {"id": "d2", "text": "Dogs bark."}],
        ...     queries=[{"id": "q1", "text": "what do cats do"}],
        ...     qrels=[{"query_id": "q1", "doc_id": "d1"}],
        ... )
        >>> [(qrel.query_id, qrel.doc_id, qrel.score, qrel.split) for qrel in source.qrels()]
        [('q1', 'd1', 1, 'train')]
    """

    def __init__(self, corpus: Any, queries: Any, qrels: Any, *, split: str = "train") -> None:
        self._split = split
        table = self._corpus = TableRows(corpus, "corpus")
        self._corpus_columns = (
            table.required_column(*_ID),
            table.optional_column("title"),
            table.required_column("text"),
        )
        table = self._queries = TableRows(queries, "queries")
        self._queries_columns = (
            table.required_column(*_ID),
            table.required_column("text"),
            table.optional_column("prompt"),
        )
        table = self._qrels = TableRows(qrels, "qrels")
        self._qrels_columns = (
            table.required_column(*_QUERY_ID),
            table.required_column(*_DOC_ID),
            table.optional_column("score"),
            table.optional_column("split"),
        )

    def describe(self) -> dict[str, str]:
        """The type; tables in memory have no other location."""
        return {"type": "in_memory", "location": "memory"}

    def files(self) -> list[Path] | None:
        """None, because nothing is read from files."""
        return None

    def fingerprint(self) -> str:
        """A hash of all records, whatever the order of the rows and the type of the tables.

        Raises:
            SourceError: A row cannot be read.
        """
        digest = hashlib.sha256()
        for records in (self.documents(), self.queries(), self.qrels()):
            for record in records:
                digest.update(json.dumps(record[:-1]).encode())
            digest.update(b"\0")
        return f"sha256:{digest.hexdigest()}"

    def state(self) -> str:
        """The fingerprint, because the tables have to be read to notice a change."""
        return self.fingerprint()

    def documents(self) -> Iterator[Document]:
        """The rows of the corpus by their ids. A missing title counts as no title.

        Raises:
            SourceError: An id or a text is missing or is not text.
        """
        id_column, title_column, text_column = self._corpus_columns
        documents = [
            Document(
                read_id(doc_id, f"document id in the column {id_column}", where),
                read_optional_text(title, f"value of the column {title_column}", where),
                read_text(text, f"value of the column {text_column}", where),
                where,
            )
            for where, (doc_id, title, text) in self._corpus.read(self._corpus_columns)
        ]
        documents.sort(key=lambda document: document[:-1])
        yield from documents

    def queries(self) -> Iterator[Query]:
        """The rows of the queries by their ids. A missing or empty prompt counts as no prompt.

        Raises:
            SourceError: An id or a text is missing or is not text.
        """
        id_column, text_column, prompt_column = self._queries_columns
        queries = [
            Query(
                read_id(query_id, f"query id in the column {id_column}", where),
                read_text(text, f"value of the column {text_column}", where),
                read_optional_text(prompt, f"value of the column {prompt_column}", where) or None,
                where,
            )
            for where, (query_id, text, prompt) in self._queries.read(self._queries_columns)
        ]
        queries.sort(key=lambda query: (query.id, query.text, query.prompt or ""))
        yield from queries

    def qrels(self) -> Iterator[Qrel]:
        """The rows of the qrels by the ids of query and document.

        Raises:
            SourceError: An id, a score or a split is missing or invalid.
        """
        query_column, doc_column, score_column, split_column = self._qrels_columns
        qrels = [
            Qrel(
                read_id(query_id, f"query id in the column {query_column}", where),
                read_id(doc_id, f"document id in the column {doc_column}", where),
                read_score(score, where) if score_column else 1,
                read_text(split, f"value of the column {split_column}", where)
                if split_column
                else self._split,
                where,
            )
            for where, (query_id, doc_id, score, split) in self._qrels.read(self._qrels_columns)
        ]
        qrels.sort(key=lambda qrel: (qrel.query_id, qrel.doc_id, qrel.split, qrel.score))
        yield from qrels
