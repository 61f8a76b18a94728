"""The measures of two models for each query of the evaluation split, and what changed most."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.evaluation.retrieval_quality import MEASURES
from hn_assets.store.schemas import read_query_texts
from hn_assets.text import shorten

if TYPE_CHECKING:
    import pandas as pd

DECIDES = "ndcg_at_10"  # the measure that decides about a promotion
SHOWN_QUERIES, SHOWN_CHARACTERS = 10, 120


def write_by_query(path: Path, before: pd.DataFrame, after: pd.DataFrame) -> None:
    """Write a row for each query: its id, and each measure before and after.

    Args:
        path: The Parquet file to write.
        before: From `measure_each_query`, for the model before.
        after: The same for the new model, with the same queries in the same order.
    """
    columns = {"query_id": pa.array(before.query_id, pa.string())}
    for name in MEASURES:
        columns[f"{name}_before"] = pa.array(before[name], pa.float64())
        columns[f"{name}_after"] = pa.array(after[name], pa.float64())
    pq.write_table(pa.table(columns), path, compression="zstd")


def greatest_changes(by_query: Path, queries: Path, *, falls: bool) -> list[dict[str, Any]]:
    """The queries whose nDCG@10 rose most, or fell most, to be read.

    Args:
        by_query: What `write_by_query` wrote.
        queries: The Parquet file of the queries.
        falls: Whether those that fell are wanted.

    Returns:
        A row for each: before, after, and query (id and text); the greatest change first.
    """
    import pandas as pd

    each = pd.read_parquet(by_query)
    before, after = each[f"{DECIDES}_before"], each[f"{DECIDES}_after"]
    changes = pd.DataFrame({"id": each.query_id, "before": before, "after": after})
    changes["change"] = after - before
    changes = changes[changes.change < 0] if falls else changes[changes.change > 0]
    most = changes.sort_values(["change", "id"], ascending=[falls, True]).head(SHOWN_QUERIES)
    texts = read_query_texts(queries, set(most.id))
    return [
        {
            "before": round(float(row["before"]), 4),
            "after": round(float(row["after"]), 4),
            # last, since it is long
            "query": shorten(f"[{row['id']}] {texts[row['id']]}", SHOWN_CHARACTERS),
        }
        for row in most.to_dict("records")
    ]
