"""A query with very many positives is searched deeper, and no other query is."""

from pathlib import Path

import numpy as np
import pandas as pd

from hn_assets import mine_hard_negatives
from hn_assets.settings.search import MOST_POSITIVES


def test_one_query_with_many_positives_deepens_its_own_ranking_alone(
    tmp_path: Path, model: Path
) -> None:
    generator = np.random.default_rng(0)
    texts = [" ".join(f"w{i}" for i in generator.integers(0, 50, 8)) for _ in range(500)]
    documents = [{"id": f"d{i}", "text": f"{text} {i}"} for i, text in enumerate(texts)]
    queries = [{"id": f"q{i}", "text": texts[i]} for i in range(12)]
    qrels = [{"query_id": f"q{i}", "doc_id": f"d{i}"} for i in range(12)]
    many = 250
    qrels += [{"query_id": "q0", "doc_id": f"d{i}"} for i in range(1, many)]
    settings = {
        "encoding": {"model": str(model), "pooling": "mean"},
        "mining": {"range_min": 0, "range_max": 40, "num_negatives": 40, "sampling": "top"},
    }
    mined = mine_hard_negatives(documents, queries, qrels, settings)
    assert mined.report["candidates"]["depth"] == 40 + MOST_POSITIVES
    ranked = mined.ledger.query_id.astype(str).value_counts()
    assert ranked["q0"] == 40 + many
    assert set(ranked.drop("q0")) == {40 + MOST_POSITIVES}
    assert set(mined.negatives.groupby("query_id").size()) == {40}
    assert all(check.passed for check in mined.checks.values())
    # as if all rankings were so deep
    deep = mine_hard_negatives(
        documents, queries, qrels, {**settings, "search": {"depth": 40 + many}}
    )
    pd.testing.assert_frame_equal(mined.negatives, deep.negatives)
