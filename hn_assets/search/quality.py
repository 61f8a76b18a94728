"""What a set of rankings says about the known positives."""

from collections.abc import Sequence

import pandas as pd


def recall_of_positives(
    candidates: pd.DataFrame, qrels: pd.DataFrame, cutoffs: Sequence[int]
) -> pd.DataFrame:
    """Mean recall of the positives at each cutoff, per split.

    Args:
        candidates: query_id, doc_id, rank (from 0).
        qrels: query_id, doc_id, score, split; positives are those with score > 0.
        cutoffs: recall at k looks at ranks 0 to k - 1.

    Returns:
        One row per split: split, queries, and `recall@k` for each cutoff, averaged over queries.
    """
    positives = qrels[qrels.score > 0]
    ranked = positives.merge(
        candidates[["query_id", "doc_id", "rank"]], on=["query_id", "doc_id"], how="left"
    )
    rows: list[dict[str, object]] = []
    for split, group in ranked.groupby("split"):
        row: dict[str, object] = {"split": split, "queries": group.query_id.nunique()}
        for k in cutoffs:
            found = (group["rank"] < k).groupby(group.query_id).mean()
            row[f"recall@{k}"] = round(float(found.mean()), 4)
        rows.append(row)
    return pd.DataFrame(rows)
