"""What several retrievers found, as one ranking, beside the same written down in plain Python."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hn_assets.errors import StoreError
from hn_assets.retrieval import read_rankings
from hn_assets.retrieval.join_report import JOINED
from hn_assets.settings.search import RECIPROCAL_RANK_FUSION
from hn_assets.store import schemas
from hn_assets_tests.retrieval.three_retrievers import ThreeRetrievers, write_rankings


@pytest.mark.parametrize("order", [RECIPROCAL_RANK_FUSION, "dense", "bm25", "run"])
@settings(max_examples=5)
@given(seed=st.integers(0, 50))
def test_the_union_is_ordered_as_the_definition_says(
    tmp_path_factory: pytest.TempPathFactory, order: str, seed: int
) -> None:
    three = ThreeRetrievers(tmp_path_factory.mktemp("three"), seed)
    found, _ = three.join(order=order)
    names = list(three.ranked)
    assert list(zip(found.query_id, found.doc_id, strict=True)) == three.expected(names, order)
    for _, rows in found.groupby("query_id"):
        assert rows["rank"].tolist() == list(range(len(rows)))
    for name in names:
        seen = found[found[f"{name}_rank"].notna()]
        kept = {
            query: rows.sort_values(f"{name}_rank").doc_id.tolist()
            for query, rows in seen.groupby("query_id")
        }
        assert kept == {query: list(docs) for query, docs in three.ranked[name].items() if docs}
        assert (found[f"{name}_rank"].notna() == found[f"{name}_score"].notna()).all()


def test_the_score_of_every_candidate_is_what_the_search_gives_to_the_last_bit(
    tmp_path: Path,
) -> None:
    three = ThreeRetrievers(tmp_path)
    for names in (("dense", "bm25", "run"), ("bm25", "run")):
        found, report = three.join(names)
        pairs = zip(found.query_id, found.doc_id, strict=True)
        assert found.score.tolist() == [three.score[pair] for pair in pairs]
        computed = found.dense_rank.isna().sum() if "dense" in names else len(found)
        assert report.scored == computed > 0


def test_a_single_other_retriever_keeps_its_own_order(tmp_path: Path) -> None:
    three = ThreeRetrievers(tmp_path)
    found, _ = three.join(["bm25"])
    assert list(found.columns) == schemas.joined_candidates(["bm25"]).names
    assert (found["rank"] == found.bm25_rank).all()


def test_how_rankings_are_cut_for_reading_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    three = ThreeRetrievers(tmp_path)
    found, _ = three.join()
    monkeypatch.setattr(read_rankings, "ROWS_AT_ONCE", 3)
    # a query at a time
    monkeypatch.setattr("hn_assets.retrieval.ranking.MOST_QUERIES", 1)
    again, _ = three.join()
    pd.testing.assert_frame_equal(found, again)


def test_the_report_says_what_each_retriever_found_and_the_others_did_not(tmp_path: Path) -> None:
    three = ThreeRetrievers(tmp_path)
    positives = [("q1", doc) for doc in three.ranked["run"]["q1"]] + [("q0", "d0")]
    qrels = pd.DataFrame(positives, columns=["query_id", "doc_id"]).assign(score=1, split="train")
    found, report = three.join(qrels=qrels)
    by_name = {row["retriever"]: row for row in report.by_retriever()}
    ranks = found[[f"{name}_rank" for name in three.ranked]].notna()
    for name in three.ranked:
        own = ranks[f"{name}_rank"]
        assert by_name[name]["candidates"] == own.sum()
        assert by_name[name]["found by it alone"] == (own & (ranks.sum(axis=1) == 1)).sum()
    assert by_name["run"]["queries without candidates"] == 3
    recall = {row["retriever"]: row for row in report.recall()}
    # all three of q1, and none of q0
    assert recall["run"]["recall"] == 0.5 and recall["run"]["queries"] == 2
    assert report.recall_of_split("train") == recall[JOINED]["recall"] >= 0.5
    assert report.recall_of_split("test") is None
    assert report.figures()["dagster/row_count"] == len(found)


def test_rankings_of_other_queries_are_refused(tmp_path: Path) -> None:
    three = ThreeRetrievers(tmp_path)
    write_rankings(three.path("run"), {"q3": ["d1"], "q1": ["d2"]}, {})
    with pytest.raises(StoreError, match="run.parquet are in another order"):
        three.join()
    write_rankings(three.path("run"), {"q3": ["d99"]}, {})
    with pytest.raises(StoreError, match="document 'd99'"):
        three.join()
