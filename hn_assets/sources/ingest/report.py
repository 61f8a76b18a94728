"""What was kept of a source, what was left out and why, and samples."""

from dataclasses import dataclass, field
from typing import Any

DROPPED = "dropped"  # in the manifest of qrels: `QrelsReport.dropped`
UNKNOWN_QUERY = "unknown query"
UNKNOWN_DOCUMENT = "unknown document"
UNRESOLVED = (UNKNOWN_QUERY, UNKNOWN_DOCUMENT)
MAX_EXAMPLES = 20
SAMPLE = 5


@dataclass
class CorpusReport:
    """Counts of the documents.

    Attributes:
        documents: How many documents were kept.
        empty: How many of these have no character in title and text that can be seen.
        empty_ids: The ids of up to 20 of the empty documents.
        duplicate_texts: How many documents have a title and text that, normalised, an earlier
            document has too.
        repeated_rows: How many rows repeated a document with the same id and text. They were
            dropped.
        words: Quantiles of the number of words of title and text: min, p10, p50, p90, p99, max.
        sample: The first five documents.
    """

    documents: int = 0
    empty: int = 0
    empty_ids: list[str] = field(default_factory=list)
    duplicate_texts: int = 0
    repeated_rows: int = 0
    words: dict[str, float] = field(default_factory=dict)
    sample: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class QueriesReport:
    """Counts of the queries.

    Attributes:
        per_split: How many queries were kept, by split.
        unlabelled: How many queries without any qrel were left out.
        empty: How many queries without text were left out.
        equal_to_evaluation_query: How many queries of another split were left out because they
            have the text of an evaluation query.
        equal_to_evaluation_query_ids: The ids of up to 20 of these.
        sample: The first five queries that were kept.
    """

    per_split: dict[str, int] = field(default_factory=dict)
    unlabelled: int = 0
    empty: int = 0
    equal_to_evaluation_query: int = 0
    equal_to_evaluation_query_ids: list[str] = field(default_factory=list)
    sample: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class QrelsReport:
    """Counts of the qrels.

    Attributes:
        per_split: How many qrels were kept, at most one for a query and a document, by split.
        queries: How many queries were kept, by split.
        positives_per_query: Mean, median and max of the number of positives, over the queries
            that have one, by split.
        queries_without_positives: How many of the queries have no positive, by split.
        judged_not_relevant: How many of the qrels that were kept have a score of 0 or less.
        dropped: How many qrels were dropped, by reason.
        dropped_examples: Query id, document id, place and reason of up to 20 dropped qrels.
    """

    per_split: dict[str, int] = field(default_factory=dict)
    queries: dict[str, int] = field(default_factory=dict)
    positives_per_query: dict[str, dict[str, float]] = field(default_factory=dict)
    queries_without_positives: dict[str, int] = field(default_factory=dict)
    judged_not_relevant: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    dropped_examples: list[tuple[str, str, str, str]] = field(default_factory=list)

    def drop(self, query_id: str, doc_id: str, where: str, reason: str) -> None:
        """Count a qrel that is dropped."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        if len(self.dropped_examples) < MAX_EXAMPLES:
            self.dropped_examples.append((query_id, doc_id, where, reason))


@dataclass
class SourceReport:
    """The reports on the documents, the queries and the qrels of one source."""

    corpus: CorpusReport
    queries: QueriesReport
    qrels: QrelsReport


def add_example(examples: list[str], value: str) -> None:
    """Append an example unless there are `MAX_EXAMPLES` already."""
    if len(examples) < MAX_EXAMPLES:
        examples.append(value)
