"""The summary of rankings is that of a plain look at all of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hn_assets.encoding.vectors.vector_file import VectorTable, VectorWriter
from hn_assets.retrieval.ranking import Ranking
from hn_assets.retrieval.ranking_summary import RankingSummary

DOCUMENTS, QUERIES, DEPTH = 12, 7, 6


def named(path: Path, prefix: str, count: int) -> VectorTable:
    writer = VectorWriter(path)
    ids = [f"{prefix}{i}" for i in range(count)]
    writer.write(ids, [bytes(16)] * count, np.ones((count, 2), np.float32))
    writer.close()
    return VectorTable(path)


pairs = st.tuples(st.integers(0, QUERIES - 1), st.integers(0, DOCUMENTS - 1))


@settings(max_examples=40, deadline=None)
@given(judged=st.dictionaries(pairs, st.integers(0, 2), min_size=1), seed=st.integers(0, 99))
def test_recall_is_the_mean_over_queries_of_the_share_found(
    tmp_path_factory, judged: dict, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("summary")
    documents = named(folder / "d.arrow", "d", DOCUMENTS)
    queries = named(folder / "q.arrow", "q", QUERIES)
    qrels = pd.DataFrame(
        [
            {"query_id": f"q{q}", "doc_id": f"d{d}", "score": score, "split": f"s{q % 2}"}
            for (q, d), score in judged.items()
        ]
    )
    drawn = np.random.default_rng(seed)
    rows = np.stack([drawn.permutation(DOCUMENTS)[:DEPTH] for _ in range(QUERIES)])
    scores = -np.sort(drawn.random((QUERIES, DEPTH))).astype(np.float32)
    summary = RankingSummary(qrels, queries, documents, DEPTH)
    for first in range(0, QUERIES, 3):
        summary.add(Ranking(first, rows[first : first + 3], scores[first : first + 3]))
    found = summary.recall([1, 3, DEPTH])
    relevant = {pair for pair, score in judged.items() if score > 0}
    for split in ("s0", "s1"):
        asked = sorted({q for q, _ in relevant if f"s{q % 2}" == split})
        rows_of_split = found[found.split == split] if len(found) else found
        assert len(rows_of_split) == bool(asked)
        for k in (1, 3, DEPTH) if asked else ():
            shares = [
                np.mean([d in rows[q, :k] for d in range(DOCUMENTS) if (q, d) in relevant])
                for q in asked
            ]
            assert rows_of_split[f"recall@{k}"].iloc[0] == pytest.approx(np.mean(shares), abs=1e-4)
    assert len(summary) == QUERIES * DEPTH
    assert sorted(summary.scores()) == sorted(scores.ravel())
    by_rank = summary.scores_by_rank()
    assert list(by_rank) == [0, DEPTH - 1]
    assert np.array_equal(by_rank[0], scores[:, 0])


def test_what_an_approximate_index_did_not_find_is_not_counted(tmp_path: Path) -> None:
    documents = named(tmp_path / "d.arrow", "d", DOCUMENTS)
    queries = named(tmp_path / "q.arrow", "q", 1)
    qrels = pd.DataFrame([{"query_id": "q0", "doc_id": "d3", "score": 1, "split": "s"}])
    summary = RankingSummary(qrels, queries, documents, 3)
    scores = np.array([[0.5, 0.25, -np.inf]], np.float32)
    summary.add(Ranking(0, np.array([[3, 4, -1]]), scores))
    assert len(summary) == 2
    assert summary.scores().tolist() == [0.5, 0.25]
    assert summary.scores_by_rank()[2].tolist() == []
