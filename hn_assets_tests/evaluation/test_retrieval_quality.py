"""The usual measures, against figures worked out by hand."""

import math
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hn_assets.evaluation.retrieval_quality import (
    MAX_HISTORY,
    MEASURES,
    NDCG,
    append_measurement,
    compare_with_history,
    describe_quality,
    measure_quality,
    measure_retrievers,
    read_quality,
    write_quality,
)
from hn_assets.store import schemas


def write_rankings(path: Path, rankings: dict[str, str]) -> Path:
    rows = [
        {"query_id": query, "doc_id": doc, "rank": rank, "score": 1 - rank / 100}
        for query, docs in rankings.items()
        for rank, doc in enumerate(docs.split())
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=schemas.CANDIDATES), path)
    return path


def qrels(*rows: tuple[str, str, int, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["query_id", "doc_id", "score", "split"])


def test_measures_are_those_of_the_textbook(tmp_path: Path) -> None:
    path = write_rankings(tmp_path / "c.parquet", {"1": "a b c d", "2": "b a d c", "3": "a b c d"})
    judged = qrels(
        ("1", "b", 1, "test"),
        ("1", "x", 1, "test"),  # not in the ranking
        ("2", "b", 2, "test"),
        ("2", "c", 1, "test"),
        ("2", "a", 0, "test"),
        ("3", "d", 1, "train"),  # of another split
    )
    found, queries = measure_quality(path, judged, "test", depth=4)
    assert queries == 2
    first = (1 / math.log2(3)) / (1 + 1 / math.log2(3))
    second = (2 + 1 / math.log2(5)) / (2 + 1 / math.log2(3))
    assert found["ndcg_at_10"] == pytest.approx((first + second) / 2, abs=1e-4)
    assert found["recall_at_10"] == found["recall_at_depth"] == pytest.approx(0.75)
    assert found["mrr_at_10"] == pytest.approx((1 / 2 + 1) / 2)
    assert found["map"] == pytest.approx((1 / 4 + (1 + 2 / 4) / 2) / 2)


def test_each_retriever_is_measured_by_its_own_ranks(tmp_path: Path) -> None:
    names = ["dense", "bm25"]
    # dense ranks a before b and finds no c; bm25 ranks c before b; joined it is b, c, a
    rows = [("b", 0, 1, 1), ("c", 1, None, 0), ("a", 2, 0, None)]
    columns = [
        {"query_id": "1", "doc_id": doc, "rank": rank, "dense_rank": dense, "bm25_rank": words}
        for doc, rank, dense, words in rows
    ]
    path = tmp_path / "c.parquet"
    pq.write_table(pa.Table.from_pylist(columns, schema=schemas.joined_candidates(names)), path)
    judged = qrels(("1", "b", 1, "test"), ("1", "c", 1, "test"))
    found = measure_retrievers(path, judged, "test", depth=3)
    assert {name: one["recall_at_10"] for name, one in found.items()} == {"dense": 0.5, "bm25": 1.0}
    assert {name: one["mrr_at_10"] for name, one in found.items()} == {"dense": 0.5, "bm25": 1.0}
    joined, queries = measure_quality(path, judged, "test", depth=3)
    measured = {"queries": queries, "depth": 3, **joined, "retrievers": found}
    before = {**measured, "time": "then", "retrievers": {"bm25": {**found["bm25"], NDCG: 0.5}}}
    said = describe_quality(measured, [before], "test")
    assert said["bm25_ndcg_at_10"] == found["bm25"][NDCG]
    by_name = {row["retriever"]: row for row in said["by_retriever"]}
    assert list(by_name) == ["dense", "bm25", "all, joined"]
    assert by_name["bm25"]["ndcg_at_10_before"] == 0.5
    assert "ndcg_at_10_before" not in by_name["dense"]
    plain = write_rankings(tmp_path / "p.parquet", {"1": "a b"})
    assert measure_retrievers(plain, judged, "test", depth=2) == {}


def test_equal_scores_count_in_the_order_of_their_ranks(tmp_path: Path) -> None:
    rows = [
        {"query_id": "1", "doc_id": doc, "rank": rank, "score": 0.5}
        for rank, doc in enumerate("abc")
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=schemas.CANDIDATES), tmp_path / "c.parquet")
    found, _ = measure_quality(tmp_path / "c.parquet", qrels(("1", "a", 1, "test")), "test", 3)
    assert found["mrr_at_10"] == 1


def test_a_query_without_a_ranking_counts_as_nothing_found(tmp_path: Path) -> None:
    path = write_rankings(tmp_path / "c.parquet", {"1": "a"})
    judged = qrels(("1", "a", 1, "test"), ("2", "a", 1, "test"))
    found, queries = measure_quality(path, judged, "test", 1)
    assert (queries, found["ndcg_at_10"]) == (2, 0.5)


@pytest.mark.parametrize("split", ["dev", ""])
def test_without_a_positive_there_is_nothing_to_measure(tmp_path: Path, split: str) -> None:
    path = write_rankings(tmp_path / "c.parquet", {"1": "a"})
    assert measure_quality(path, qrels(("1", "a", 0, "dev")), split, 1) == ({}, 0)


MEASURED = {"queries": 2, "depth": 5, **dict.fromkeys(MEASURES, 0.5)}
NOTHING: dict[str, Any] = {"queries": 0, "depth": 5}
NOW = datetime(2025, 3, 1, 6, tzinfo=timezone.utc)


def test_a_measurement_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_quality(tmp_path / "q.json", MEASURED)
    assert read_quality(tmp_path / "q.json") == MEASURED


def test_the_history_grows_by_one_and_forgets_the_oldest() -> None:
    history: list[dict[str, Any]] = []
    for refresh in range(MAX_HISTORY + 2):
        history = append_measurement(history, {**MEASURED, "depth": refresh}, NOW)
    assert len(history) == MAX_HISTORY
    assert (history[0]["depth"], history[-1]["depth"]) == (2, MAX_HISTORY + 1)
    assert history[-1]["time"] == "2025-03-01T06:00:00+00:00"


def test_a_measurement_is_compared_with_the_latest_that_measured_anything() -> None:
    history = append_measurement([], {**MEASURED, "map": 0.25}, NOW)
    history = append_measurement(history, NOTHING, NOW)
    rows = {row["measure"]: row for row in compare_with_history(MEASURED, history)}
    assert rows["map"] == {"measure": "map", "now": 0.5, "before": 0.25, "change": 0.25}
    assert compare_with_history(MEASURED, [])[0] == {"measure": "ndcg_at_10", "now": 0.5}


def test_the_description_says_why_nothing_was_measured() -> None:
    assert "no query with a positive" in describe_quality(NOTHING, [], "dev")["not_measured"]
    assert "there is no split" in describe_quality(NOTHING, [], "")["not_measured"]
    assert describe_quality(MEASURED, [], "test")["measured_before"] == "never"
