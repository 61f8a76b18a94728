"""Put each query together with the texts of its positives and negatives."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hn_assets.errors import StoreError
from hn_assets.store.tables import read_rows
from hn_assets.text import passage_text

QUERIES_PER_BLOCK = 1_000


@dataclass(frozen=True)
class Passage:
    """A positive or a negative of one query.

    Attributes:
        id: of the document.
        text: as the model reads it.
        score: inner product with the query; None for a positive nothing was judged against.
        rank: of a negative, from 0; None for a positive.
        grade: of a positive, from the qrels; None for a negative.
        teacher: the teacher's score; None where there is no teacher.
    """

    id: str
    text: str
    score: float | None
    rank: int | None
    grade: int | None
    teacher: float | None = None


@dataclass(frozen=True)
class Example:
    """One query with at least one positive and one negative; its positives all have text."""

    query_id: str
    query: str
    prompt: str | None
    positives: list[Passage]
    negatives: list[Passage]


class Examples:
    """The training examples of a split, by query id; can be gone through again and again.

    Positives come best grade first, then by document id; negatives by rank. In memory are the
    texts that the examples need and compact tables of ids; the examples themselves are made in
    blocks of queries.

    Attributes:
        queries_without_negatives: queries with positives for which nothing was mined.
        queries_without_positives: mined queries that have no positive with text in the split.
        blank_positives: positives without text, left out.
        positives: in all examples.
        negatives: in all examples.
        has_teacher: whether every passage has a score of the teacher.
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
    ) -> None:
        """Read the Parquet files, with the columns of `hn_assets.tables`.

        Raises:
            StoreError: a document or query is named that the corpus or the queries do not have,
                or a passage has no score of the teacher.
        """
        mined = pq.read_table(hard_negatives).sort_by(
            [("query_id", "ascending"), ("rank", "ascending"), ("doc_id", "ascending")]
        )
        relevant = pq.read_table(
            qrels,
            columns=["query_id", "doc_id", "score"],
            filters=(pc.field("split") == split) & (pc.field("score") > 0),
        ).sort_by([("query_id", "ascending"), ("score", "descending"), ("doc_id", "ascending")])
        mined_queries = _distinct(mined, "query_id")
        positives = _keep(relevant, "query_id", mined_queries)

        wanted = {*_distinct(mined, "doc_id"), *_distinct(positives, "doc_id")}
        self._texts = _read_texts(corpus, wanted, include_title=include_title)
        self._asked = _read_queries(queries, set(mined_queries))

        with_text = [i for i in _distinct(positives, "doc_id") if self._texts[i].strip()]
        self._positives = _keep(positives, "doc_id", with_text)
        self._ids = _distinct(self._positives, "query_id")
        self._negatives = _keep(mined, "query_id", self._ids)
        # both tables have the same queries in the same order, so places in one fit the other
        self._positive_starts = _starts(self._positives)
        self._negative_starts = _starts(self._negatives)

        answered = set(_distinct(relevant, "query_id"))
        self.queries_without_negatives = len(answered.difference(mined_queries))
        self.queries_without_positives = len(mined_queries) - len(self._ids)
        self.blank_positives = positives.num_rows - self._positives.num_rows
        self.positives = self._positives.num_rows
        self.negatives = self._negatives.num_rows
        self.has_teacher = teacher_scores is not None
        if teacher_scores is not None:
            self._positives = _join_teacher(self._positives, teacher_scores)
            if self._negatives["teacher"].null_count:
                raise StoreError(
                    "some negatives have no score of the teacher; materialize everything from "
                    "teacher_scores on"
                )

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[Example]:
        for first in range(0, len(self), QUERIES_PER_BLOCK):
            yield from self._make(first, min(first + QUERIES_PER_BLOCK, len(self)))

    def count_short(self, negatives: int) -> int:
        """How many examples have fewer than `negatives` negatives."""
        return int((np.diff(self._negative_starts) < negatives).sum())

    def _make(self, first: int, last: int) -> Iterator[Example]:
        pos_starts = self._positive_starts[first : last + 1] - self._positive_starts[first]
        neg_starts = self._negative_starts[first : last + 1] - self._negative_starts[first]
        pos = self._positives.slice(int(self._positive_starts[first]), int(pos_starts[-1]))
        neg = self._negatives.slice(int(self._negative_starts[first]), int(neg_starts[-1]))
        # every row of a query repeats its positives' scores: the first is enough
        judged = neg.select(["positive_ids", "positive_scores"]).take(neg_starts[:-1]).to_pylist()
        pos_rows = pos.to_pylist()
        neg_rows = neg.drop_columns(["positive_ids", "positive_scores"]).to_pylist()
        for place, query_id in enumerate(self._ids[first:last]):
            scores = dict(
                zip(judged[place]["positive_ids"], judged[place]["positive_scores"], strict=True)
            )
            query, prompt = self._asked[query_id]
            yield Example(
                query_id,
                query,
                prompt,
                [
                    Passage(
                        i, self._texts[i], scores.get(i), None, row["score"], row.get("teacher")
                    )
                    for row in pos_rows[pos_starts[place] : pos_starts[place + 1]]
                    for i in [row["doc_id"]]
                ],
                [
                    Passage(i, self._texts[i], row["score"], row["rank"], None, row["teacher"])
                    for row in neg_rows[neg_starts[place] : neg_starts[place + 1]]
                    for i in [row["doc_id"]]
                ],
            )


def _join_teacher(positives: pa.Table, teacher_scores: Path) -> pa.Table:
    """Give every positive the teacher's score, in the same order."""
    scores = pq.read_table(teacher_scores, filters=pc.field("label") == 1)
    known = {
        (query, doc): score
        for query, doc, score in zip(
            *(scores[name].to_pylist() for name in ("query_id", "doc_id", "score")), strict=True
        )
    }
    pairs = zip(positives["query_id"].to_pylist(), positives["doc_id"].to_pylist(), strict=True)
    found = [known.get(pair) for pair in pairs]
    if None in found:
        row = found.index(None)
        raise StoreError(
            f"the positive {positives['doc_id'][row]} of query {positives['query_id'][row]} has no "
            f"score of the teacher; materialize everything from teacher_scores on"
        )
    return positives.append_column("teacher", pa.array(found, pa.float32()))


def _distinct(table: pa.Table, column: str) -> list[str]:
    """The values of a column, in the order in which they first appear."""
    return table[column].unique().to_pylist()


def _keep(table: pa.Table, column: str, values: Iterable[str]) -> pa.Table:
    return table.filter(pc.field(column).isin(pa.array(values, pa.string())))


def _starts(table: pa.Table) -> np.ndarray:
    """Where the rows of each query begin in a table sorted by query, and where the last end."""
    counts = table["query_id"].value_counts().field("counts").to_numpy()
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])


def _read_texts(corpus: Path, wanted: set[str], *, include_title: bool) -> dict[str, str]:
    texts: dict[str, str] = {}
    for row in read_rows(corpus, ["id", "title", "text"]):
        if row["id"] in wanted:
            texts[row["id"]] = passage_text(row["title"], row["text"], include_title=include_title)
    missing = wanted - texts.keys()
    if missing:
        raise StoreError(
            f"document {min(missing)!r} and {len(missing) - 1} more are named as positives or "
            f"negatives but are no longer in the corpus; materialize everything from corpus on"
        )
    return texts


def _read_queries(queries: Path, wanted: set[str]) -> dict[str, tuple[str, str | None]]:
    """Text and prompt of each wanted query, by id."""
    asked: dict[str, tuple[str, str | None]] = {}
    for row in read_rows(queries, ["id", "text", "prompt"]):
        if row["id"] in wanted:
            asked[row["id"]] = (row["text"], row["prompt"])
    missing = wanted - asked.keys()
    if missing:
        raise StoreError(
            f"hard_negatives names the query {min(missing)!r}, which queries no longer has; "
            f"materialize everything from queries on"
        )
    return asked
