"""Put each query together with the texts of its positives and negatives."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hn_assets.errors import StoreError
from hn_assets.export.base import inputs
from hn_assets.export.base.documents import Documents, DocumentText
from hn_assets.text import has_text, passage_text

QUERIES_PER_BLOCK = 1_000


@dataclass(frozen=True)
class Passage:
    """A positive or a negative of one query.

    Attributes:
        id: The id of the document.
        title: The title of the document, which may be empty.
        body: The text of the document without its title.
        text: The text as the model reads it, which begins with the title if the dataset's setting
            `include_title` says so.
        score: Inner product of the vectors of query and passage. None for a positive that no
            negative was compared with.
        rank: Place of a negative among the candidates of its query, from 0. None for a positive,
            and for a negative that was drawn at random and is none of them.
        grade: Grade of a positive in the qrels. None for a negative.
        teacher_score: The teacher's score. None if there is no teacher.
    """

    id: str
    title: str
    body: str
    text: str
    score: float | None
    rank: int | None
    grade: int | None
    teacher_score: float | None


@dataclass(frozen=True)
class Example:
    """One query with at least one positive and one negative; its positives all have text.

    Attributes:
        query_id: The id of the query.
        query: The text of the query.
        prompt: FlagEmbedding's instruction for this one query, or None.
        positives: The best grade first, then by document id.
        negatives: By rank; those without one come last.
    """

    query_id: str
    query: str
    prompt: str | None
    positives: list[Passage]
    negatives: list[Passage]


class Examples:
    """The training examples of a split, by query id; they can be iterated over again and again.

    In memory are the texts that the examples need and compact tables of ids. The examples
    themselves are made in blocks of queries.

    Attributes:
        queries_without_negatives: Number of queries with positives that have no hard negative.
        queries_without_positives: Number of queries with hard negatives that have no positive with
            text in the split.
        blank_positives: Number of positives that were left out since they have no text.
        suspect_positives: Number of positives that were left out as too suspicious.
        relabelled: Number of negatives that a judge's verdict made positives.
        dropped: Number of negatives that a judge's verdict left out.
        positives: Number of positives in all examples.
        negatives: Number of negatives in all examples.
        has_teacher: Whether every passage has a score of the teacher.
        include_title: Whether a passage's text begins with its title.
    """

    def __init__(
        self,
        *,
        corpus: Path,
        queries: Path,
        qrels: Path,
        hard_negatives: Path,
        split: str,
        include_title: bool,
        teacher_scores: Path | None = None,
        suspects: Path | None = None,
        judged: Path | None = None,
    ) -> None:
        """Read the Parquet files, which have the columns of `hn_assets.store.schemas`.

        Raises:
            StoreError: A document or a query is named that the corpus or the queries do not have,
                or a passage has no score of the teacher.
        """
        self.include_title = include_title
        negatives, relevant, self.relabelled, self.dropped = inputs.apply_judge(
            inputs.read_negatives(hard_negatives), inputs.read_positives(qrels, split), judged
        )
        queries_with_negatives = inputs.distinct(negatives, "query_id")
        labelled = inputs.keep_rows(relevant, "query_id", queries_with_negatives)
        positives = inputs.leave_out(labelled, suspects)

        self._documents = Documents(corpus, inputs.distinct_in_all("doc_id", negatives, positives))
        self._queries = inputs.read_queries(queries, set(queries_with_negatives))
        texts = self._texts(inputs.distinct_in_all("doc_id", positives))
        with_text = [doc_id for doc_id, text in texts if has_text(text)]
        self._positives = inputs.keep_rows(positives, "doc_id", with_text)
        self._ids = inputs.distinct(self._positives, "query_id")
        self._negatives = inputs.keep_rows(negatives, "query_id", self._ids)
        # both tables have the same queries in the same order, so starts in one fit the other
        self._positive_starts = inputs.query_starts(self._positives)
        self._negative_starts = inputs.query_starts(self._negatives)

        queries_with_positives = set(inputs.distinct(relevant, "query_id"))
        self.queries_without_negatives = len(
            queries_with_positives.difference(queries_with_negatives)
        )
        self.queries_without_positives = len(queries_with_negatives) - len(self._ids)
        self.blank_positives = positives.num_rows - self._positives.num_rows
        self.suspect_positives = labelled.num_rows - positives.num_rows
        self.positives = self._positives.num_rows
        self.negatives = self._negatives.num_rows
        self.has_teacher = teacher_scores is not None
        if teacher_scores is not None:
            self._positives = inputs.add_teacher_scores(self._positives, teacher_scores)
            if self._negatives["teacher_score"].null_count:
                raise StoreError(
                    "some negatives have no score of the teacher; materialize everything from "
                    "teacher_scores on"
                )

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[Example]:
        for first in range(0, len(self), QUERIES_PER_BLOCK):
            yield from self._make(first, min(first + QUERIES_PER_BLOCK, len(self)))

    def count_short(self, num_negatives: int) -> int:
        """Count the examples that have fewer than `num_negatives` negatives."""
        return int((np.diff(self._negative_starts) < num_negatives).sum())

    def passages(self) -> Iterator[tuple[str, str]]:
        """Id and text, as the model reads it, of every document in the examples, once, by id."""
        return self._texts(inputs.distinct_in_all("doc_id", self._positives, self._negatives))

    def _make(self, first: int, last: int) -> Iterator[Example]:
        """The examples of the queries from `first` to before `last`."""
        pos_starts = self._positive_starts[first : last + 1] - self._positive_starts[first]
        neg_starts = self._negative_starts[first : last + 1] - self._negative_starts[first]
        pos = self._positives.slice(int(self._positive_starts[first]), int(pos_starts[-1]))
        neg = self._negatives.slice(int(self._negative_starts[first]), int(neg_starts[-1]))
        # every row of a query repeats its positives' scores: the first is enough
        compared = neg.select(["positive_ids", "positive_scores"]).take(neg_starts[:-1])
        neg = neg.drop_columns(["positive_ids", "positive_scores"])
        pos_rows, neg_rows = (
            list(zip(part.to_pylist(), self._documents.take(part["doc_id"]), strict=True))
            for part in (pos, neg)
        )
        for place, row in enumerate(compared.to_pylist()):
            scores = dict(zip(row["positive_ids"], row["positive_scores"], strict=True))
            query_id = self._ids[first + place]
            query = self._queries[query_id]
            yield Example(
                query_id,
                query.text,
                query.prompt,
                [
                    self._passage(*row, score=scores.get(row[0]["doc_id"]), grade=row[0]["score"])
                    for row in pos_rows[pos_starts[place] : pos_starts[place + 1]]
                ],
                [
                    self._passage(*row, score=row[0]["score"], rank=row[0]["rank"])
                    for row in neg_rows[neg_starts[place] : neg_starts[place + 1]]
                ],
            )

    def _passage(
        self,
        row: Mapping[str, Any],
        document: DocumentText,
        *,
        score: float | None,
        rank: int | None = None,
        grade: int | None = None,
    ) -> Passage:
        return Passage(
            id=row["doc_id"],
            title=document.title,
            body=document.text,
            text=passage_text(*document, include_title=self.include_title),
            score=score,
            rank=rank,
            grade=grade,
            teacher_score=row.get("teacher_score"),
        )

    def _texts(self, ids: pa.Array) -> Iterator[tuple[str, str]]:
        """Id and text, as the model reads it, of some documents."""
        for doc_id, document in self._documents.each(ids):
            yield doc_id, passage_text(*document, include_title=self.include_title)
