"""Put each query together with the texts of its positives and negatives."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from hn_assets.errors import StoreError
from hn_assets.text import passage_text


@dataclass(frozen=True)
class Passage:
    """A positive or a negative of one query.

    Attributes:
        id: of the document.
        text: as the model reads it.
        score: inner product with the query; None for a positive nothing was judged against.
        rank: of a negative, from 0; None for a positive.
        grade: of a positive, from the qrels; None for a negative.
    """

    id: str
    text: str
    score: float | None
    rank: int | None
    grade: int | None


@dataclass(frozen=True)
class Example:
    """One query with at least one positive and one negative, both with text."""

    query_id: str
    query: str
    prompt: str | None
    positives: list[Passage]
    negatives: list[Passage]


@dataclass
class LeftOut:
    """What did not become an example: counts of queries, and of positives without text."""

    queries_without_negatives: int = 0
    queries_without_positives: int = 0
    blank_positives: int = 0


def read_examples(
    *,
    corpus: Path,
    queries: Path,
    qrels: Path,
    hard_negatives: Path,
    split: str,
    with_title: bool,
    left_out: LeftOut,
) -> Iterator[Example]:
    """The training examples of a split, by query id.

    Positives come best grade first, negatives by rank. Only the texts that are needed are kept in
    memory. What is left out is counted in `left_out`.

    Raises:
        StoreError: a document or query is named that the corpus or the queries do not have.
    """
    negatives = pd.read_parquet(hard_negatives).sort_values(["query_id", "rank", "doc_id"])
    judged = pd.read_parquet(qrels)
    positives = judged[(judged.split == split) & (judged.score > 0)]
    positives = positives.sort_values(
        ["query_id", "score", "doc_id"], ascending=[True, False, True], kind="stable"
    )
    mined = {str(query): rows for query, rows in negatives.groupby("query_id")}
    answered = {str(query): rows for query, rows in positives.groupby("query_id")}
    left_out.queries_without_negatives = len(answered.keys() - mined.keys())

    wanted = {*negatives.doc_id, *positives.doc_id[positives.query_id.isin(mined.keys())]}
    texts = _read_texts(corpus, wanted, with_title=with_title)
    asked = pd.read_parquet(queries).set_index("id")
    for query_id in sorted(mined):
        if query_id not in asked.index:
            raise StoreError(
                f"hard_negatives names the query {query_id!r}, which queries no longer has; "
                f"materialize everything from queries on"
            )
        rows = mined[query_id]
        first = rows.iloc[0]
        scores = dict(zip(first.positive_ids, first.positive_scores, strict=True))
        pos = [
            Passage(
                row.doc_id, texts[row.doc_id], _as_float(scores.get(row.doc_id)), None, row.score
            )
            for row in answered.get(query_id, positives[:0]).itertuples()
            if texts[row.doc_id].strip()
        ]
        left_out.blank_positives += len(answered.get(query_id, ())) - len(pos)
        if not pos:
            left_out.queries_without_positives += 1
            continue
        ranks = rows["rank"].tolist()
        neg = [
            Passage(doc, texts[doc], float(score), rank, None)
            for doc, score, rank in zip(rows.doc_id, rows.score, ranks, strict=True)
        ]
        prompt = asked.at[query_id, "prompt"]
        yield Example(
            query_id, asked.at[query_id, "text"], None if pd.isna(prompt) else prompt, pos, neg
        )


def _pairs(positives: pd.DataFrame | None) -> list[tuple[str, int]]:
    if positives is None:
        return []
    return list(zip(positives.doc_id, positives.score, strict=True))


def _as_float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _read_texts(corpus: Path, wanted: set[str], *, with_title: bool) -> dict[str, str]:
    texts: dict[str, str] = {}
    for batch in pq.ParquetFile(corpus).iter_batches():
        for row in batch.to_pylist():
            if row["id"] in wanted:
                texts[row["id"]] = passage_text(row["title"], row["text"], with_title=with_title)
    missing = wanted - texts.keys()
    if missing:
        raise StoreError(
            f"document {min(missing)!r} and {len(missing) - 1} more are named as positives or "
            f"negatives but are no longer in the corpus; materialize everything from corpus on"
        )
    return texts
