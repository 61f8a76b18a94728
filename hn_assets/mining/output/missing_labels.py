"""Rejected candidates that look most like positives: passages that somebody should label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.mining.rules.reasons import ALWAYS_EXCLUDED, CHOSEN
from hn_assets.store import layout, schemas
from hn_assets.store.parquet_batches import parquet_batches
from hn_assets.store.schemas import read_query_texts, read_rows, read_texts
from hn_assets.text import first_line, to_cell

if TYPE_CHECKING:
    import pandas as pd

ROWS_AT_ONCE = 500_000
MAX_ROWS = 1000  # in the file: more than a person reviews in a week
MAX_PER_QUERY = 5
MAX_CHARACTERS = 5_000  # of a text in the CSV: a spreadsheet cell holds 32,767
LEDGER_COLUMNS = [
    "query_id",
    "doc_id",
    "rank",
    "score",
    "outcome",
    "margin",
    "positive_similarity",
    "probability",
]


def likely_missing(ledger: Path, most: int = MAX_ROWS) -> pd.DataFrame:
    """The candidates that most probably are relevant and not labelled, the likeliest first.

    They are ordered by the calibrated probability; if none was fitted, by the sum of the margin to
    the positives and the cosine to the nearest of them.

    Args:
        ledger: A Parquet file with the columns of `schemas.LEDGER`.
        most: How many rows are wanted; at most `MAX_PER_QUERY` are of one query.

    Returns:
        A table with the columns `LEDGER_COLUMNS`, and relevance_estimate (what it is ordered by).
    """
    import pandas as pd

    excluded = pa.array([*(reason.label for reason in ALWAYS_EXCLUDED), CHOSEN])
    best = pd.DataFrame(columns=[*LEDGER_COLUMNS, "relevance_estimate"])
    with pq.ParquetFile(ledger) as file:
        for batch in parquet_batches(file, ROWS_AT_ONCE, LEDGER_COLUMNS):
            estimate = _relevance_estimate(batch)
            # what has no rank was drawn at random, for a query that was dropped afterwards
            is_left = ~_are_among(batch["outcome"], excluded) & np.asarray(batch["rank"].is_valid())
            if len(best) == most:  # nothing below the last of them can be among the best of all
                is_left &= estimate >= best.relevance_estimate.iloc[-1]
            if not is_left.any():
                continue
            block = batch.filter(pa.array(is_left)).to_pandas()
            block = block.astype({"query_id": str, "doc_id": str, "outcome": str})
            block = _best(block.assign(relevance_estimate=estimate[is_left]), most)
            best = _best(pd.concat([best, block], ignore_index=True) if len(best) else block, most)
    return best.reset_index(drop=True)


def _relevance_estimate(batch: pa.RecordBatch) -> NDArray[np.float64]:
    probability, margin, similarity = (
        batch[name].to_numpy(zero_copy_only=False)
        for name in ("probability", "margin", "positive_similarity")
    )
    return np.where(np.isnan(probability), margin + similarity, probability.astype(np.float64))


def _are_among(outcome: pa.DictionaryArray, labels: pa.Array) -> NDArray[np.bool_]:
    options = pc.SetLookupOptions(value_set=labels)
    is_one = pc.call_function("is_in", [outcome.dictionary.cast(pa.string())], options)
    return is_one.to_numpy(zero_copy_only=False)[outcome.indices.to_numpy()]


def _best(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    ordered = rows.sort_values(
        ["relevance_estimate", "query_id", "doc_id"], ascending=[False, True, True], kind="stable"
    )
    return ordered.groupby("query_id", sort=False).head(MAX_PER_QUERY).head(most)


@dataclass(frozen=True)
class ReviewTexts:
    """The texts that a reviewer reads.

    Attributes:
        queries: The text of each query by its id.
        passages: The text of each passage by its id, title and text joined.
        positives: The text of a known positive by the query's id, to compare with.
    """

    queries: Mapping[str, str]
    passages: Mapping[str, str]
    positives: Mapping[str, str]


def read_review_texts(
    found: pd.DataFrame, *, corpus: Path, queries: Path, qrels: Path
) -> ReviewTexts:
    """Read the texts of the queries and passages to review, and a positive of each query.

    Args:
        found: From `likely_missing`.
        corpus: The Parquet file of the corpus.
        queries: The Parquet file of the queries.
        qrels: The Parquet file of the qrels.
    """
    wanted = set(found.query_id)
    positives: dict[str, str] = {}
    for row in read_rows(qrels, ["query_id", "doc_id", "score"]):
        if row["query_id"] in wanted and row["score"] > 0:
            positives.setdefault(row["query_id"], row["doc_id"])
    documents = {*found.doc_id, *positives.values()}
    passages = read_texts(corpus, documents)
    return ReviewTexts(
        queries=read_query_texts(queries, wanted),
        passages=passages,
        positives={query: passages[document] for query, document in positives.items()},
    )


def write_for_review(found: pd.DataFrame, folder: Path, texts: ReviewTexts) -> None:
    """Write the likely missing labels as Parquet, and as a CSV with a column `verdict` to fill in.

    In the CSV a text is one line, and cut if it is very long. What a spreadsheet would take for a
    formula begins with an apostrophe.

    Args:
        found: From `likely_missing`.
        folder: The folder to write to.
        texts: The texts to show.
    """
    rows = found.assign(
        query=[texts.queries[i] for i in found.query_id],
        passage=[texts.passages[i] for i in found.doc_id],
        positive=[texts.positives.get(i, "") for i in found.query_id],
    )
    table = pa.Table.from_pandas(rows, schema=schemas.LIKELY_MISSING, preserve_index=False)
    path = folder / layout.LIKELY_MISSING_LABELS.name
    pq.write_table(table.replace_schema_metadata(None), path, compression="zstd")
    names = ["query_id", "doc_id", "relevance_estimate", "outcome", "query", "passage", "positive"]
    shown = rows[names].assign(
        relevance_estimate=np.round(rows.relevance_estimate.astype(float), 4),
        **{name: rows[name].map(to_cell) for name in ("query_id", "doc_id")},
        **{name: rows[name].map(_one_line) for name in ("query", "passage", "positive")},
    )
    shown.insert(2, "verdict", "")
    shown.to_csv(folder / layout.LIKELY_MISSING_LABELS_CSV.name, index=False, lineterminator="\n")


def _one_line(text: str) -> str:
    line = to_cell(first_line(text, MAX_CHARACTERS))
    return line if len(line) <= MAX_CHARACTERS else f"{line[:MAX_CHARACTERS]} …"
