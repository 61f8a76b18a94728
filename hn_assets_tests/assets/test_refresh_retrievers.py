"""A refresh with two retrievers after a change of the data gives what a first run would give."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hn_assets import mine_hard_negatives
from hn_assets.api import MinedNegatives
from hn_assets_tests.small_models import make_bag_of_words_model

DOCUMENTS, QUERIES, CHANGED = 300, 20, 3


def texts(count: int, words: int, seed: int) -> list[str]:
    """Texts of a small vocabulary, in which many words and scores are shared."""
    rng = np.random.default_rng(seed)
    return [" ".join(f"w{word}" for word in rng.integers(0, 60, words)) for _ in range(count)]


def settings_with(model: Path) -> dict[str, Any]:
    return {
        # its vectors do not depend on the batch
        "encoding": {"model": str(model), "pooling": "mean", "normalize": False},
        "compute": {"device": "cpu", "precision": "float32"},
        "retrievers": [{"type": "dense"}, {"type": "bm25"}],
        "search": {"depth": 20},
        "mining": {
            "range_min": 0,
            "range_max": 20,
            "num_negatives": 6,
            "quotas": {"bm25": 2, "dense": 2},
        },
    }


def test_one_percent_of_changed_documents_costs_as_much_and_gives_the_same(tmp_path: Path) -> None:
    settings = settings_with(make_bag_of_words_model(tmp_path / "model"))
    corpus = [{"id": f"d{i}", "text": text} for i, text in enumerate(texts(DOCUMENTS, 12, 0))]
    queries = [{"id": f"q{i}", "text": text} for i, text in enumerate(texts(QUERIES, 4, 1))]
    qrels = [{"query_id": f"q{i}", "doc_id": f"d{i}"} for i in range(QUERIES)]

    def mine(folder: str) -> MinedNegatives:
        return mine_hard_negatives(corpus, queries, qrels, settings, folder=tmp_path / folder)

    mine("kept")
    for place, text in enumerate(texts(CHANGED, 12, 2)):
        corpus[100 + place] = {"id": f"d{100 + place}", "text": text}
    again, anew = mine("kept"), mine("new")
    for stage in ("candidates_dense", "candidates_bm25", "candidates"):
        one, other = (
            pd.read_parquet(tmp_path / folder / "mined" / stage / "latest" / "candidates.parquet")
            for folder in ("kept", "new")
        )
        pd.testing.assert_frame_equal(one, other)
    pd.testing.assert_frame_equal(again.negatives, anew.negatives)
    pd.testing.assert_frame_equal(again.ledger.astype(str), anew.ledger.astype(str))
    assert set(again.negatives.source) > {"bm25"}
    # of the encoder's part only what is new is done
    dense = again.report["candidates_dense"]
    assert (dense["documents_new"], dense["documents_gone"]) == (CHANGED, CHANGED)
    assert dense["queries_searched"] + dense["queries_kept_and_merged"] == QUERIES
    assert dense["queries_kept_and_merged"] > QUERIES / 2
    embedded = again.report["corpus_embeddings"]
    assert embedded["texts_encoded"] == CHANGED
    unchanged = mine("kept")
    assert all(one["unchanged"] for one in unchanged.report.values())
