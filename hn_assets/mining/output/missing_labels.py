"""Rejected candidates that look most like positives: passages that somebody should label."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.mining.rules.reasons import CHOSEN, NAMES, NEVER
from hn_assets.store import tables

if TYPE_CHECKING:
    import pandas as pd

MOST = 1000  # in the file: more than a person reviews in a week
PER_QUERY = 5
SHOWN = 5_000  # characters of a text in the CSV: a spreadsheet cell holds 32,767
COLUMNS = [
    "query_id",
    "doc_id",
    "rank",
    "score",
    "outcome",
    "margin",
    "positive_similarity",
    "probability",
]


def likely_missing(ledger: Path, most: int = MOST) -> pd.DataFrame:
    """The candidates that most probably are relevant and not labelled, the likeliest first.

    Ordered by the calibrated probability; where none was fitted, by the sum of the margin to the
    positives and the cosine to the nearest of them.

    Args:
        ledger: Parquet file with the columns of `tables.LEDGER`.
        most: rows wanted; at most `PER_QUERY` are of one query.

    Returns:
        query_id, doc_id, rank, score, outcome, margin, positive_similarity, probability, relevance_estimate (what it
        is ordered by).
    """
    import pandas as pd

    never = [NAMES[reason] for reason in NEVER]
    left = [pd.DataFrame(columns=[*COLUMNS, "relevance_estimate"])]
    with pq.ParquetFile(ledger) as file:
        for batch in file.iter_batches(batch_size=500_000, columns=COLUMNS):
            block = batch.to_pandas()
            block = block[~block.outcome.isin([*never, CHOSEN])].astype(
                {"query_id": str, "doc_id": str, "outcome": str}
            )
            probability = block.probability.astype(float)
            relevance_estimate = probability.where(
                probability.notna(), block.margin + block.positive_similarity
            )
            left.append(_best(block.assign(relevance_estimate=relevance_estimate), most))
    found = pd.concat([block for block in left if len(block)] or left[:1], ignore_index=True)
    return _best(found, most).reset_index(drop=True)


def _best(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    ordered = rows.sort_values(
        ["relevance_estimate", "query_id", "doc_id"], ascending=[False, True, True], kind="stable"
    )
    return ordered.groupby("query_id", sort=False).head(PER_QUERY).head(most)


def write_for_review(
    found: pd.DataFrame,
    folder: Path,
    *,
    queries: Mapping[str, str],
    passages: Mapping[str, str],
    positives: Mapping[str, str],
) -> None:
    """Write `likely_missing_labels.parquet` and a CSV of it with a column `verdict` to fill in.

    In the CSV a text is one line, and cut where it is very long.

    Args:
        found: from `likely_missing`.
        folder: to write to.
        queries: text by query id.
        passages: text by document id.
        positives: text of a known positive by query id, to compare with.
    """
    rows = found.assign(
        query=[queries[i] for i in found.query_id],
        passage=[passages[i] for i in found.doc_id],
        positive=[positives.get(i, "") for i in found.query_id],
    )
    table = pa.Table.from_pandas(rows, schema=tables.LIKELY_MISSING, preserve_index=False)
    path = folder / "likely_missing_labels.parquet"
    pq.write_table(table.replace_schema_metadata(None), path, compression="zstd")
    names = ["query_id", "doc_id", "relevance_estimate", "outcome", "query", "passage", "positive"]
    shown = rows[names].assign(
        relevance_estimate=np.round(rows.relevance_estimate.astype(float), 4),
        **{name: rows[name].map(_one_line) for name in ("query", "passage", "positive")},
    )
    shown.insert(2, "verdict", "")
    shown.to_csv(folder / "likely_missing_labels.csv", index=False, lineterminator="\n")


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[:SHOWN]} …"
