"""How well the rankings answer the queries of a split, by the field's usual measures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pyarrow.parquet as pq

if TYPE_CHECKING:
    import pandas as pd

# as `ir_measures` spells them; "depth" stands for that of the rankings
MEASURES = {
    "ndcg_at_10": "nDCG@10",
    "recall_at_10": "R@10",
    "recall_at_100": "R@100",
    "recall_at_depth": "R@{depth}",
    "mrr_at_10": "RR@10",
    "map": "AP",
}


def measure_quality(
    candidates: Path, qrels: pd.DataFrame, split: str, depth: int
) -> tuple[dict[str, float], int]:
    """Mean measures over the queries of a split that have a positive.

    Args:
        candidates: Parquet file with the columns of `tables.CANDIDATES`.
        qrels: query_id, doc_id, score, split; the score is the gain, 0 or less is not relevant.
        split: of the queries.
        depth: of the rankings.

    Returns:
        The measures by the names of `MEASURES`, and how many queries they are of; no measures
        where the split has no query with a positive.
    """
    import ir_measures
    import pandas as pd

    judged = qrels[qrels.split == split]
    answered = judged[judged.score > 0].query_id.unique()
    if not len(answered):
        return {}, 0
    judged = judged[judged.query_id.isin(answered)]
    table = pq.read_table(
        candidates,
        columns=["query_id", "doc_id", "rank"],
        filters=pc.field("query_id").isin(list(answered)),
    )
    # the rank decides, so that ties stay in the order that ids gave them
    run = pd.DataFrame(
        {
            "query_id": table["query_id"].to_pylist(),
            "doc_id": table["doc_id"].to_pylist(),
            "score": -table["rank"].to_numpy().astype(float),
        }
    )
    wanted = {
        name: ir_measures.parse_measure(text.format(depth=depth)) for name, text in MEASURES.items()
    }
    gains = pd.DataFrame(
        {
            "query_id": judged.query_id,
            "doc_id": judged.doc_id,
            "relevance": judged.score.clip(lower=0),
        }
    )
    found = ir_measures.calc_aggregate(wanted.values(), gains, run)
    return {name: float(found[measure]) for name, measure in wanted.items()}, len(answered)
