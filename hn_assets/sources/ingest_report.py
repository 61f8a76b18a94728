"""What `collect` found in a source: counts, what was left out and why, samples."""

from dataclasses import dataclass, field
from typing import Any

MOST_EXAMPLES = 20


@dataclass
class CorpusReport:
    """The documents.

    Attributes:
        documents: kept.
        empty: of these, with neither title nor text; `empty_ids` names up to 20.
        duplicate_texts: documents whose title and text, normalised, an earlier one has too.
        repeated_rows: the same document given twice, in the same words: kept once.
        words: quantiles of the number of words of title and text.
        sample: the first five documents.
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
    """The queries.

    Attributes:
        per_split: queries kept, by split.
        unlabelled: without any qrel: left out.
        empty: without text: left out.
        leaked: of another split, but with the text of an evaluation query: left out;
            `leaked_ids` names up to 20.
        sample: the first five queries.
    """

    per_split: dict[str, int] = field(default_factory=dict)
    unlabelled: int = 0
    empty: int = 0
    leaked: int = 0
    leaked_ids: list[str] = field(default_factory=list)
    sample: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class QrelsReport:
    """The judgements.

    Attributes:
        pairs: kept, by split.
        queries: kept, by split.
        positives_per_query: mean, median and max, by split; over queries with a positive.
        queries_without_positives: by split.
        judged_not_relevant: kept pairs with score <= 0.
        dropped: counts by reason; `dropped_examples` holds up to 20 (query id, document id,
            where, reason).
    """

    pairs: dict[str, int] = field(default_factory=dict)
    queries: dict[str, int] = field(default_factory=dict)
    positives_per_query: dict[str, dict[str, float]] = field(default_factory=dict)
    queries_without_positives: dict[str, int] = field(default_factory=dict)
    judged_not_relevant: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    dropped_examples: list[tuple[str, str, str, str]] = field(default_factory=list)

    def drop(self, query_id: str, doc_id: str, where: str, reason: str) -> None:
        """Count a judgement that is left out."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        if len(self.dropped_examples) < MOST_EXAMPLES:
            self.dropped_examples.append((query_id, doc_id, where, reason))


@dataclass
class SourceReport:
    """All three."""

    corpus: CorpusReport
    queries: QueriesReport
    qrels: QrelsReport
