"""A query for which no retriever finds anything is mined all the same."""

from pathlib import Path

import pytest

from hn_assets import mine_hard_negatives


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_query_without_candidates_gets_documents_at_random_and_is_counted(
    tmp_path: Path, model: Path
) -> None:
    documents = [{"id": f"d{i}", "text": f"alpha beta w{i}"} for i in range(30)]
    queries = [{"id": "q0", "text": "alpha w3"}, {"id": "q1", "text": "unheard"}]
    qrels = [{"query_id": "q0", "doc_id": "d3"}, {"query_id": "q1", "doc_id": "d4"}]
    settings = {
        "encoding": {"model": str(model), "pooling": "mean"},
        "retrievers": [{"type": "bm25"}],
        "mining": {"range_min": 0, "range_max": 20, "num_negatives": 4, "random_share": 0.5},
    }
    mined = mine_hard_negatives(documents, queries, qrels, settings)
    sources = mined.negatives.groupby("query_id").source.value_counts().to_dict()
    assert sources == {("q0", "bm25"): 2, ("q0", "random"): 2, ("q1", "random"): 2}
    said = mined.report["hard_negatives"]
    assert (said["queries"], said["queries_with_too_few"]) == (2, 1)
    assert all(check.passed for (stage, _), check in mined.checks.items() if stage == "candidates")
    assert mined.checks["hard_negatives", "every_candidate_is_accounted_for"].passed
