"""Write suspect positives for people: as the page on which they judge, and as a CSV to fill in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hn_assets.hashing import hash_of_text
from hn_assets.review.page import PageItem, PageWords, render_page
from hn_assets.review.write_sample import one_line
from hn_assets.store import layout
from hn_assets.store.schemas import read_query_texts, read_rows, read_texts
from hn_assets.text import to_cell

if TYPE_CHECKING:
    import pandas as pd

MAX_BESIDE = 3  # other positives that are shown with each
INTRO = (
    "Each passage is labelled as relevant to its query, and looks like a passage that is not. Many "
    "of them are relevant all the same: those that a model finds hard are among them.",
    "Name the saved file in filters.reviewed_labels: what is not relevant is then no positive any "
    "more, and what is relevant stays one.",
)


@dataclass(frozen=True)
class SuspectTexts:
    """What people read of suspects.

    Attributes:
        queries: The text of each query by its id.
        documents: Title and text of each document by its id.
        beside: The ids of a query's other positives that are shown, by query and suspect.
    """

    queries: Mapping[str, str]
    documents: Mapping[str, str]
    beside: Mapping[tuple[str, str], list[str]]


def read_suspect_texts(
    suspects: pd.DataFrame, *, corpus: Path, queries: Path, qrels: Path
) -> SuspectTexts:
    """Read the texts of suspects, and of other positives of their queries.

    Args:
        suspects: From `find_suspects`, those to show.
        corpus: The Parquet file of the corpus.
        queries: The Parquet file of the queries.
        qrels: The Parquet file of the qrels.
    """
    asked = set(suspects.query_id)
    # what is suspect itself is no help
    pairs = list(zip(suspects.query_id, suspects.doc_id, strict=True))
    shown = set(pairs)
    others: dict[str, list[str]] = {}
    for row in read_rows(qrels, ["query_id", "doc_id", "score"]):
        query, document = row["query_id"], row["doc_id"]
        if row["score"] > 0 and query in asked and (query, document) not in shown:
            others.setdefault(query, []).append(document)
    beside = {(query, document): others.get(query, [])[:MAX_BESIDE] for query, document in pairs}
    wanted = {*suspects.doc_id, *(i for ids in beside.values() for i in ids)}
    texts = read_query_texts(queries, asked)
    return SuspectTexts(texts, read_texts(corpus, wanted), beside)


def write_suspects(dataset: str, suspects: pd.DataFrame, texts: SuspectTexts, folder: Path) -> None:
    """Write the page and the CSV file.

    Args:
        dataset: The name of the dataset.
        suspects: From `find_suspects`, those to show.
        texts: The texts to show.
        folder: The folder to write to.
    """
    pairs = list(zip(suspects.query_id, suspects.doc_id, strict=True))
    name = hash_of_text("\n".join(map(repr, pairs)), 6).hex()
    words = PageWords(
        title=f"{dataset}: are these positives relevant?",
        question="Does this passage answer the query?",
        intro=INTRO,
        file_name=f"positives-{dataset}-{name}.csv",
    )
    items = [
        PageItem(
            item=number,
            query_id=query,
            doc_id=document,
            query=texts.queries[query],
            passage=texts.documents[document],
            beside=[
                ("Another positive of the query", texts.documents[other])
                for other in texts.beside[query, document]
            ],
        )
        for number, (query, document) in enumerate(pairs, 1)
    ]
    page = render_page(name, items, words)
    (folder / layout.SUSPECT_POSITIVES_PAGE.name).write_text(page, encoding="utf-8")
    others: list[Any] = [
        texts.documents[ids[0]] if (ids := texts.beside[pair]) else "" for pair in pairs
    ]
    rows = suspects[["query_id", "doc_id", "suspicion", "rank"]].assign(
        suspicion=suspects.suspicion.astype(float).round(4),
        query=[one_line(texts.queries[query]) for query, _ in pairs],
        passage=[one_line(texts.documents[document]) for _, document in pairs],
        other_positive=[one_line(text) for text in others],
        **{key: suspects[key].map(to_cell) for key in ("query_id", "doc_id")},
    )
    rows.insert(2, "verdict", "")
    path = folder / layout.SUSPECT_POSITIVES_CSV.name
    rows.to_csv(path, index=False, lineterminator="\n")
