"""Write a sample for people: as the page on which they judge, and as a CSV file to fill in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hn_assets.review.page import PageItem, PageWords, render_page
from hn_assets.store import layout
from hn_assets.store.schemas import read_query_texts, read_texts
from hn_assets.text import first_line, to_cell

if TYPE_CHECKING:
    import pandas as pd

MAX_CHARACTERS = 5_000  # of a text in the CSV: a spreadsheet cell holds 32,767
BESIDE = "A passage that is known to be relevant"
QUESTION = "Does this passage answer the query?"
INTRO = (
    "You see a query and a passage. Say of each passage whether it answers the query, even if only "
    "in part; a passage that is about the same topic and answers nothing is not relevant.",
    "The order is random, and nothing of it says what the model thinks. Some passages are known to "
    "be relevant, some have nothing to do with their query, and a few come twice: they show how "
    "sure verdicts are. For some queries no relevant passage is shown for comparison.",
)


@dataclass(frozen=True)
class SampleTexts:
    """The texts of a sample, as long as people read.

    Attributes:
        queries: The text of each query by its id.
        documents: Title and text of each document by its id.
    """

    queries: Mapping[str, str]
    documents: Mapping[str, str]


def read_sample_texts(sample: pd.DataFrame, corpus: Path, queries: Path) -> SampleTexts:
    """Read the texts of the queries and documents of a sample.

    Args:
        sample: One sample, with the columns of `schemas.REVIEW_SAMPLE`.
        corpus: The Parquet file of the corpus.
        queries: The Parquet file of the queries.
    """
    texts = read_query_texts(queries, set(sample.query_id))
    documents = {*sample.doc_id, *sample.positive_id.dropna()}
    return SampleTexts(texts, read_texts(corpus, documents))


def write_sample(dataset: str, sample: pd.DataFrame, texts: SampleTexts, folder: Path) -> None:
    """Write the page and the CSV file; neither says what an item is, or what the model thinks.

    In the CSV a text is one line, and cut if it is very long. What a spreadsheet would take for a
    formula begins with an apostrophe.

    Args:
        dataset: The name of the dataset.
        sample: One sample, with the columns of `schemas.REVIEW_SAMPLE`.
        texts: The texts to show.
        folder: The folder to write to.
    """
    name = str(sample["sample"].iloc[0]) if len(sample) else ""
    words = PageWords(
        title=f"{dataset}: are these negatives relevant?",
        question=QUESTION,
        intro=INTRO,
        file_name=f"verdicts-{dataset}-{name}.csv",
    )
    page = render_page(name, [_item(row, texts) for row in sample.to_dict("records")], words)
    (folder / layout.REVIEW_PAGE.name).write_text(page, encoding="utf-8")
    positives = [texts.documents.get(str(i), "") for i in sample.positive_id]
    shown = sample[["sample", "item", "query_id", "doc_id"]].assign(
        verdict="",
        query=[one_line(texts.queries[i]) for i in sample.query_id],
        passage=[one_line(texts.documents[i]) for i in sample.doc_id],
        positive=[one_line(text) for text in positives],
        **{key: sample[key].map(to_cell) for key in ("query_id", "doc_id")},
    )
    shown.to_csv(folder / layout.REVIEW_SAMPLE_CSV.name, index=False, lineterminator="\n")


def one_line(text: str) -> str:
    """A text as a cell of a table that people read: one line, cut if it is very long."""
    line = to_cell(first_line(text, MAX_CHARACTERS))
    return line if len(line) <= MAX_CHARACTERS else f"{line[:MAX_CHARACTERS]} …"


def _item(row: Mapping[Any, Any], texts: SampleTexts) -> PageItem:
    query, document = str(row["query_id"]), str(row["doc_id"])
    beside = texts.documents.get(str(row["positive_id"]))
    return PageItem(
        item=int(str(row["item"])),
        query_id=query,
        doc_id=document,
        query=texts.queries[query],
        passage=texts.documents[document],
        beside=[(BESIDE, beside)] if beside else [],
    )
